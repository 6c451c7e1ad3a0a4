"""An agent small enough to train within a test."""

from __future__ import annotations

import pytest
import torch

from policies.tiny import TinyConfig
from training.agent import Agent, EngineConfig, make_tiny_agent

SIZE = TinyConfig(
    hidden_size=64,
    num_layers=2,
    num_heads=2,
    num_key_value_heads=1,
    intermediate_size=96,
    vision_hidden_size=32,
    vision_num_heads=2,
    vision_intermediate_size=48,
)
CORPUS = (
    "Look 1.\nA. red\nB. blue\nC. green\nQuestion: what color is the small cube?",
    *(f"<think>best</think><answer>{letter}</answer>" for letter in "ABC"),
)


def make_agent(*, seed: int = 0, max_new_tokens: int = 8, **engine: object) -> Agent:
    """Same arguments, same bits."""
    config = EngineConfig(max_new_tokens=max_new_tokens, **engine)
    size = TinyConfig(**{**vars(SIZE), "seed": seed})
    return make_tiny_agent(size, config, CORPUS, vocab_size=320)


def weights_of(agent: Agent) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in agent.model.state_dict().items()}


def num_changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> int:
    return sum(not torch.equal(before[name], after[name]) for name in before)


def num_chars(group) -> object:
    """A reward that even an untrained model's replies differ in: their length, over 100."""
    import numpy as np

    return np.array([sum(len(t.output.text or "") for t in e.turns) / 100 for e in group])


def offer_num_chars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add `num_chars` to the reward terms that configuration may name."""
    from training.rewards.terms import REWARD_TERMS

    monkeypatch.setitem(REWARD_TERMS, "num_chars", num_chars)
