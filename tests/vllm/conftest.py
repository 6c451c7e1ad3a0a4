"""One vLLM for all tests of this folder: it takes half a minute to start on two cores."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest


@pytest.fixture(scope="session")
def vllm_agent() -> Iterator[object]:
    """A tiny agent whose engine is vLLM, in a process of its own."""
    from policies.engines.vllm_config import VllmConfig
    from policies.tiny import TinyConfig
    from training.agent import EngineConfig, make_tiny_agent

    config = EngineConfig(
        backend="vllm",
        max_batch_size=8,
        max_new_tokens=12,
        # Small blocks, so that a prompt as short as these fills some.
        vllm=VllmConfig(dtype="float32", enforce_eager=True, block_size=32, max_model_len=512),
    )
    config.check()
    agent = make_tiny_agent(TinyConfig(), config, ["turn left and look at the red cube"])
    yield agent
    if agent.vllm_engine is not None:
        agent.vllm_engine.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs vLLM where there is none."""
    if find_spec("vllm") is None:
        reason = "vLLM is not installed here; `make test-vllm` makes it an environment of its own"
        for item in items:
            if "tests/vllm/" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason=reason))
