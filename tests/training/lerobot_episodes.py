"""Episodes of each kind of environment, small, for exports; and what must come back of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from policies.interface import PolicyOutput
from policies.scripted import ExpertPolicy
from tests.fakes import FakeFilm, FakeScene
from training.episode import Episode, EpisodeTruth, Turn, encode_png
from training.lerobot.config import LerobotConfig
from training.lerobot.export import write_lerobot
from training.rollout import EpisodeSpec, LocalPool, collect_episodes


class StyledScene(FakeScene):
    """Its expert is asked for a style, as real ones are."""

    def expert_reply(self, style: str = "best") -> str:
        return super().expert_reply()


class StyledFilm(FakeFilm):
    """Likewise."""

    def expert_reply(self, style: str = "best") -> str:
        return super().expert_reply()


def scene_episodes(count: int) -> list[Episode]:
    """Questions with lettered options, a picture a turn."""
    return _collect(StyledScene, count)


def film_episodes(count: int) -> list[Episode]:
    """One to four pictures a turn."""
    return _collect(StyledFilm, count)


def _collect(make_env: type, count: int) -> list[Episode]:
    specs = [EpisodeSpec(seed=seed) for seed in range(count)]
    return collect_episodes(LocalPool(make_env, 2), ExpertPolicy(), specs)


def arm_episodes(
    count: int,
    *,
    chunk_length: int = 1,
    height: int = 12,
    width: int = 16,
    width_of_action: int = 7,
    labels: bool = False,
) -> list[Episode]:
    """A robot's: a picture that changes, 15 numbers of state, chunks of up to `chunk_length`."""
    return [
        _arm_episode(seed, chunk_length, (height, width), width_of_action, labels)
        for seed in range(count)
    ]


def _arm_episode(
    seed: int, chunk_length: int, edges: tuple[int, int], width: int, labels: bool
) -> Episode:
    rng = np.random.default_rng(seed)
    num_turns = 3 + seed
    turns = [_arm_turn(rng, k, num_turns, chunk_length, edges, width) for k in range(num_turns)]
    stages = ["approach"] * (num_turns - 1) + ["grasp"]
    words = {"subtask": stages, "rationale": [f"Now: {stage}." for stage in stages]}
    return Episode(
        task_id=f"arm/{seed}",
        env_id="Arm-v0",
        env_config_hash="0123456789ab",
        seed=seed,
        sample_index=seed % 2,
        turns=turns,
        success=seed % 3 != 0,
        terminated=seed % 3 != 0,
        truncated=seed % 3 == 0,
        truth=EpisodeTruth(initial={"secret": "the red cube"}),
        annotations=words if labels else {},
        suite_version="1.2.3",
    )


def _arm_turn(
    rng: np.random.Generator,
    number: int,
    num_turns: int,
    chunk_length: int,
    edges: tuple[int, int],
    width: int,
) -> Turn:
    height, across = edges
    picture = np.zeros((height, across, 3), dtype=np.uint8)
    picture[: height // 2] = rng.integers(256, size=3)
    picture[height // 2 :, : 1 + number] = 255
    rows = 1 if chunk_length == 1 else int(rng.integers(1, chunk_length + 1))
    return Turn(
        text="Push the red cube to the plate.",
        image_pngs=(encode_png(picture),),
        state=rng.normal(size=15).astype(np.float32),
        options={},
        output=PolicyOutput(action=rng.normal(size=(rows, width)).astype(np.float32)),
        reward=float(number == num_turns - 1),
    )


def check_equal(found: Episode, wanted: Episode, *, pictures: bool = True) -> None:
    """All that an export keeps, bit by bit."""
    for name in ("task_id", "env_id", "env_config_hash", "seed", "sample_index", "success"):
        assert getattr(found, name) == getattr(wanted, name), name
    for name in ("terminated", "truncated", "suite_version", "annotations"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert found.truth is None
    assert len(found.turns) == len(wanted.turns)
    for mine, theirs in zip(found.turns, wanted.turns, strict=True):
        assert (mine.text, mine.options, mine.reward) == (
            theirs.text,
            theirs.options,
            theirs.reward,
        )
        assert mine.output.text == theirs.output.text
        for one, other in (
            (mine.state, theirs.state),
            (mine.output.action, theirs.output.action),
        ):
            assert (one is None) == (other is None)
            if one is not None:
                assert (one.dtype, one.shape) == (other.dtype, other.shape)
                assert one.tobytes() == other.tobytes()
        if pictures:
            assert mine.image_pngs == theirs.image_pngs
        shapes = [[picture.shape for picture in turn.images()] for turn in (mine, theirs)]
        assert shapes[0] == shapes[1]


def export(root: Path, episodes: Sequence[Episode], **form: Any) -> Path:
    write_lerobot(root, episodes, LerobotConfig(**{"fps": 20, **form}))
    return root
