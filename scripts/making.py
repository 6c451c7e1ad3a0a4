"""Builds what the scripts need from plain configuration."""

from __future__ import annotations

from pathlib import Path

from configs.schemas import RunConfig
from configs.store import check_only_training_is_missing
from policies.config import PolicyConfig
from policies.interface import Policy
from policies.scripted import ExpertPolicy, RandomPolicy
from scripts.hydra_door import BadInputError
from training.run_directory import RunDirectory, open_run_directory


def make_policy(config: PolicyConfig) -> Policy:
    """A policy from its configuration. Imports PyTorch only for a model.

    Raises:
        FileNotFoundError: where `policy.path` holds no model.
    """
    if config.kind == "expert":
        return ExpertPolicy(config.style)
    if config.kind == "random":
        return RandomPolicy()
    try:
        from training.agent import EngineConfig, load_agent
    except ModuleNotFoundError as missing:
        raise BadInputError(check_only_training_is_missing(missing)) from missing
    assert config.path is not None  # checked with the configuration
    engine = EngineConfig(
        max_batch_size=config.max_batch_size,
        max_new_tokens=config.max_new_tokens,
        device=config.device,
    )
    engine.check()
    agent = load_agent(Path(config.path), engine)
    return agent.policy(temperature=config.temperature, blind=config.blind)


def open_run(config: RunConfig, config_yaml: str) -> RunDirectory:
    """The run's directory, with the configuration written before anything is built."""
    path = Path(config.root) / config.name
    run = open_run_directory(path, resume=config.resume, overwrite=config.overwrite)
    run.write_config(config_yaml)
    return run
