"""One connection of this process to Ray: a cluster that runs already, or one of its own."""

from __future__ import annotations

import logging
import math
import socket

import ray

from training.rollout_config import RolloutConfig

CONNECT_SECONDS = 10.0
"""How long the head of a cluster may take to take a connection [s]."""


def start_ray(config: RolloutConfig) -> None:
    """Connect to Ray, once for all pools of a process.

    Raises:
        ValueError: where the address does not answer, or the cluster is too small for the actors.
    """
    if not ray.is_initialized():
        if config.address is None:
            _start_here(config)
        else:
            _join(config.address)
    _check_size(config)


def stop_ray() -> None:
    """Leave the cluster; one that was started here ends. Harmless when there is none."""
    ray.shutdown()


def _start_here(config: RolloutConfig) -> None:
    """A Ray of this process alone, with logical cores for the actors and no more."""
    ray.init(
        address="local",
        num_cpus=max(1, math.ceil(config.num_actors * config.cpus_per_actor)),
        object_store_memory=config.object_store_mib * 2**20,
        include_dashboard=False,
        logging_level=logging.WARNING,
        log_to_driver=False,
    )


def _join(address: str) -> None:
    if address != "auto":
        _check_answers(address)
    try:
        ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False)
    except (ConnectionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(_no_answer(address, reason)) from error


def _check_answers(address: str) -> None:
    """Knock first: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise ValueError(_no_answer(address, str(error))) from error


def _no_answer(address: str, reason: str) -> str:
    return (
        f"rollout.address is {address!r}, where no Ray cluster answers ({reason}); start one with "
        "`ray start --head`, or set rollout.address=null for one of this run's own"
    )


def _check_size(config: RolloutConfig) -> None:
    """Raise `ValueError` for actors that could never all start."""
    needed, offered = config.num_actors * config.cpus_per_actor, ray.cluster_resources()
    if needed > offered.get("CPU", 0.0):
        raise ValueError(
            f"rollout.num_actors={config.num_actors} with rollout.cpus_per_actor="
            f"{config.cpus_per_actor:g} needs {needed:g} CPUs of Ray, which has "
            f"{offered.get('CPU', 0.0):g}: ask for fewer, or add nodes"
        )
