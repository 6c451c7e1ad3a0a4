"""A saved episode, that is a seed and replies, gives the same pictures again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policies.scripted import ExpertPolicy
from sims import make_env
from sims.avr.config import AvrConfig
from sims.config import AvrEnvConfig
from training.episode import load_episode, save_episode
from training.replay import ReplayError, replay_episode
from training.rollout import EpisodeSpec, LocalPool, collect_episodes

CONFIG = AvrEnvConfig(
    id="AVR/Stack-v0", config=AvrConfig(image_height=56, image_width=56, shadows=False)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An episode of several turns, saved without its truth."""
    pool = LocalPool(lambda: make_env(CONFIG), 2)
    episodes = collect_episodes(pool, ExpertPolicy(), [EpisodeSpec(seed=s) for s in range(6)])
    longest = max(episodes, key=lambda episode: len(episode.turns))
    assert len(longest.turns) > 2
    saved = save_episode(tmp_path_factory.mktemp("episodes"), longest)
    (saved / "truth.json").unlink()
    return saved


def test_seed_and_replies_give_identical_frames(folder: Path) -> None:
    episode = load_episode(folder)
    pictures = replay_episode(make_env(CONFIG), episode)
    assert len(pictures) == len(episode.turns) + 1
    for picture, turn in zip(pictures, episode.turns, strict=False):
        np.testing.assert_array_equal(picture, turn.images()[0])


def test_another_world_or_another_reply_is_found_out(folder: Path) -> None:
    episode = load_episode(folder)
    with pytest.raises(ReplayError, match="turn 0"):
        replay_episode(make_env(CONFIG), replace(episode, seed=episode.seed + 1))
    first = episode.turns[0]
    changed = replace(first, output=replace(first.output, text="<answer>?</answer>"))
    with pytest.raises(ReplayError, match="turn 1"):
        replay_episode(make_env(CONFIG), replace(episode, turns=[changed, *episode.turns[1:]]))
    with pytest.raises(ReplayError, match="outcome"):
        replay_episode(make_env(CONFIG), replace(episode, success=not episode.success))
