"""The settings of rollouts, and the addresses that are no cluster's."""

from __future__ import annotations

import socket

import pytest

from training.rollout_config import RolloutConfig


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kind": "threads"}, "rollout.kind is 'threads'; legal: local, ray"),
        (
            {"asynchrony": "often"},
            "rollout.asynchrony is 'often'; legal: sync, one_step_off",
        ),
        ({"num_actors": 0}, "rollout.num_actors is 0; it must be at least 1"),
        ({"max_wait_ms": float("nan")}, "rollout.max_wait_ms is nan; it must be at least 0"),
        ({"step_timeout_seconds": 0.0}, "rollout.step_timeout_seconds is 0.0; it must be above 0"),
        ({"render_devices": [0, -1]}, r"rollout.render_devices is \[0, -1\]; each must be 0 or"),
        (
            {"address": "ray://head:10001"},
            "rollout.address is 'ray://head:10001'; legal: host",
        ),
        ({"address": "head"}, "rollout.address is 'head'; legal: host:port, auto, or null"),
    ],
)
def test_what_is_out_of_range_is_named(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RolloutConfig(**settings).check()


@pytest.mark.parametrize("address", ["auto", "head:6379", "10.0.0.1:6379", "[fe80::1]:6379", None])
def test_addresses(address: str | None) -> None:
    RolloutConfig(address=address).check()


def test_only_ray_shares_environments_out() -> None:
    RolloutConfig(num_actors=3).check_num_envs(4)
    RolloutConfig(kind="ray", num_actors=2).check_num_envs(4)
    with pytest.raises(ValueError, match=r"num_envs is 4; .* multiple of rollout.num_actors, 3"):
        RolloutConfig(kind="ray", num_actors=3).check_num_envs(4)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, 0),
        ({"asynchrony": "one_step_off", "max_staleness": 4}, 1),
        ({"asynchrony": "async", "max_staleness": 4}, 4),
    ],
)
def test_how_far_collecting_may_be_ahead(settings: dict, steps: int) -> None:
    assert RolloutConfig(**settings).steps_ahead == steps


@pytest.mark.filterwarnings("default")
def test_an_address_that_does_not_answer_is_one_sentence() -> None:
    session = pytest.importorskip("training.ray_session", reason="needs ray", exc_type=ImportError)
    with socket.socket() as unused:  # bound, but nobody listens
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ValueError, match="no Ray cluster answers") as caught:
            session._join(address)
    assert str(caught.value).startswith(f"rollout.address is '{address}', where no")
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("default")
def test_actors_know_where_to_draw_and_to_leave_cuda_alone() -> None:
    pytest.importorskip("ray")
    from training.ray_actor import is_software, process_variables

    devices = [process_variables(n, [2, 3]).get("MUJOCO_EGL_DEVICE_ID") for n in range(4)]
    assert devices == ["2", "3", "2", "3"]
    plain = process_variables(0, [])
    assert "MUJOCO_EGL_DEVICE_ID" not in plain
    assert (plain["LP_NUM_THREADS"], plain["CUDA_VISIBLE_DEVICES"]) == ("0", "")
    assert is_software("llvmpipe (LLVM 15.0.6, 256 bits)")
    assert not is_software("NVIDIA H200/PCIe/SSE2")
