"""Watching an arm for films changes nothing about its episode."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from scripts.watching import Watched
from sims import make_env
from sims.config import ManipulationEnvConfig
from sims.manipulation.config import ManipulationConfig
from tests.scripts.real_scripts import call
from training.film_hand_layout import PREDICTED
from training.film_motion import Motion


def play(config: ManipulationConfig, motions: dict[int, Motion] | None) -> list[str]:
    """The truths of an episode of two of the expert's actions, watched or not."""
    env = make_env(ManipulationEnvConfig(id="Manipulation/PickPlace-v0", config=config))
    world: Any = env.unwrapped
    if motions is not None:
        env = Watched(env, motions)
    _, info = env.reset(seed=5)
    truths = [repr(info["truth"])]
    for _ in range(2):
        obs, _, terminated, truncated, info = env.step(world.expert_reply())
        truths += [repr(info["truth"]), repr(obs["state"])]
        if terminated or truncated:
            break
    env.close()
    return truths


@pytest.mark.parametrize(
    ("control", "chunk_length"), [("ee_delta", 4), ("waypoint", 1), ("text", 1)]
)
def test_episodes_run_as_they_would_unwatched(control: str, chunk_length: int) -> None:
    config = ManipulationConfig(
        control=control, chunk_length=chunk_length, cameras=["wrist", "front"], height=32, width=32
    )
    motions: dict[int, Motion] = {}
    assert play(config, motions) == play(config, None)
    motion = motions[5]
    shots = motion.shots[0]
    if control == "ee_delta":
        assert [shot.row for shot in shots] == [0, 1, 2]
    else:
        assert len(shots) > 5
    assert [picture.shape for picture in shots[0].pictures] == [(32, 32, 3)] * 2
    assert not np.array_equal(shots[0].pictures[0], shots[-1].pictures[0])
    assert 0 <= shots[-1].truth["progress"] <= 1
    assert [picture.shape for picture in motion.last] == [(32, 32, 3)] * 2


def test_a_new_episode_has_a_motion_of_its_own() -> None:
    motions: dict[int, Motion] = {}
    config = ManipulationConfig(height=16, width=16)
    env = Watched(make_env(ManipulationEnvConfig(config=config)), motions)
    for seed in (1, 2):
        env.reset(seed=seed)
        env.step(np.zeros(7, dtype=np.float32))
    env.close()
    assert {seed: len(motion.shots) for seed, motion in motions.items()} == {1: 1, 2: 1}


def test_a_film_of_a_reply_shows_the_prediction_and_the_motion(tmp_path: Path) -> None:
    settings = ("env.config.control=text", "env.config.max_steps=1", "num_episodes=1")
    assert call("record", "env=manipulation/reach", *settings, f"run.root={tmp_path}") == 0
    (film,) = (tmp_path / "record" / "films").glob("*.mp4")
    with av.open(str(film)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    # The start, the reply, five shots at least and the outcome, each held as at 12 frames a second.
    assert {frame.shape for frame in frames} == {(720, 1280, 3)} and len(frames) > 10 + 30 + 5 + 30
    near = np.abs(frames[30].astype(int) - np.array(PREDICTED)).max(axis=2) < 40
    assert near.sum() > 100
    moving = [frame[60:660, 40:640].astype(int) for frame in frames[41:46]]
    assert all((abs(a - b) > 30).any() for a, b in pairwise(moving))
