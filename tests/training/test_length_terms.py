"""The reward term on how much was said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.training.records import make_episode, make_turn
from training.episode import Episode
from training.rewards.length_terms import overlong
from training.rewards.terms import REWARD_TERMS


def saying(*lengths: int) -> Episode:
    turns = [make_turn(reply_ids=np.zeros(n, np.int64)) for n in lengths]
    return dataclasses.replace(make_episode(), turns=turns)


def test_tokens_of_all_turns_count() -> None:
    group = [saying(30, 30), saying(50, 45), saying(200)]
    assert overlong(group, limit=100, margin=20).tolist() == [0.0, -0.75, -1.0]
    assert REWARD_TERMS["overlong"] is overlong


def test_a_policy_without_tokens_is_refused() -> None:
    episode = dataclasses.replace(saying(3), turns=[make_turn()])
    with pytest.raises(ValueError, match="'overlong' counts tokens"):
        overlong([episode])
