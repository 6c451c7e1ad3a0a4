"""The environment over synthetic films: contract, expert, pools, what is kept between episodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import video  # noqa: F401  (registers the id)
from sims.conformance import check_environment
from sims.conformance.case import same
from video.spotlight.config import SpotlightConfig
from video.spotlight.env import SpotlightEnv
from video.spotlight.synthetic_tasks import POOL_SPAN, SyntheticTasks
from video.synthetic.config import FilmConfig, nursery_film_config
from video.synthetic.source import FilmSource

pytestmark = pytest.mark.render
NURSERY = {
    "tools": ["choose_frames"],
    "scan_frames": 6,
    "frames_per_look": 6,
    "max_height": 56,
    "max_width": 84,
    "max_turns": 4,
    "frame_budget": 24,
    "show_times": False,
    "brief": True,
    "verification": "none",
    "film": nursery_film_config(),
}
SHORT = FilmConfig(
    height=60, width=96, min_seconds=400.0, max_seconds=600.0, min_chapters=2, max_chapters=3
)
CASES = {
    "nursery": NURSERY,
    "default": {"film": SHORT, "max_turns": 10},
    "budget": {"film": SHORT, "frame_budget": 96, "max_turns": 10, "subtitles": True},
    "frame_thinker": {
        "film": SHORT,
        "contract": "frame_thinker",
        "verification": "frame_thinker",
        "show_times": False,
    },
}


def play(env: SpotlightEnv, seed: int, style: str = "best") -> Iterator[dict]:
    """The truth at every turn of an episode of the expert."""
    _, info = env.reset(seed=seed)
    yield info["truth"] | {"success": False}
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step(env.expert_reply(style))
        over = terminated or truncated
        yield info["truth"] | {"success": info["success"]}


@pytest.mark.parametrize("case", CASES)
def test_the_contract_is_kept_and_the_expert_solves_it(case):
    make_env = partial(
        gymnasium.make,
        "Video/Spotlight-v0",
        config=SpotlightConfig(**CASES[case]),
        disable_env_checker=True,
    )
    check_environment(make_env, seeds=(0, 1), num_steps=4, min_expert_success=0.95)


@pytest.mark.parametrize("case", CASES)
def test_the_expert_asks_for_nothing_that_is_refused_and_nearly_always_is_consistent(case):
    env = SpotlightEnv(SpotlightConfig(**CASES[case]))
    episodes = [list(play(env, seed)) for seed in range(12)]
    assert [t for truths in episodes for t in truths if t["kind"] == "invalid"] == []
    assert sum(truths[-1]["consistent"] for truths in episodes) >= 11


def test_looking_pays_at_equal_budget():
    """The scan alone finds what it happens to hit and guesses the rest, one of four."""
    looking = SpotlightEnv(SpotlightConfig(**NURSERY))
    scanning = SpotlightEnv(SpotlightConfig(**{**NURSERY, "scan_only": True}))
    right = {True: 0, False: 0}
    for seed in range(40):
        last = list(play(looking, seed))[-1]
        assert last["num_frames_used"] <= 24
        right[True] += last["success"]
        scan = list(play(scanning, seed))
        assert (scan[0]["num_frames_used"], len(scan)) == (24, 2)
        right[False] += scan[-1]["success"]
    assert right[True] >= 38
    assert right[False] <= 28


def test_wandering_is_the_same_expert_with_worse_looks():
    """It finds less where frames are few."""
    env = SpotlightEnv(SpotlightConfig(**{**NURSERY, "frame_budget": 16}))
    best, wander = (
        np.mean([list(play(env, seed, style))[-1]["sufficient"] for seed in range(40)])
        for style in ("best", "wander")
    )
    assert best > wander + 0.1


def test_where_frames_cannot_be_chosen_there_is_no_expert():
    env = SpotlightEnv(SpotlightConfig(tools=["rewatch"], film=SHORT))
    assert not hasattr(env, "expert_reply")


def test_every_seed_has_a_film_of_its_own_unless_there_is_a_pool():
    own = SyntheticTasks(SpotlightConfig(film=nursery_film_config()))
    assert len({own.find(seed).question.video for seed in range(20)}) == 20
    pool = SyntheticTasks(SpotlightConfig(film=nursery_film_config(), num_films=3))
    films = {start: set() for start in (0, 400_000_000, 10 * POOL_SPAN, 11 * POOL_SPAN)}
    for start, names in films.items():
        names.update(pool.find(start + index).question.video for index in range(20))
        assert len(names) == 3
    assert len(set.union(*films.values())) == 12, "training, validation and test share none"


def test_episodes_of_a_group_share_pictures(monkeypatch):
    drawn = []
    picture = FilmSource.picture

    def counted(self, scene):
        drawn.append((id(self), scene in self._pictures))
        return picture(self, scene)

    monkeypatch.setattr(FilmSource, "picture", counted)
    first = [SpotlightEnv(SpotlightConfig(**NURSERY)).reset(seed=77_001) for _ in range(2)]
    assert same(*first)
    assert len({source for source, _ in drawn}) == 1
    assert all(was_there for _, was_there in drawn[6:])


def test_kinds_can_be_chosen_and_those_that_cannot_be_asked_are_left_out():
    chosen = SyntheticTasks(SpotlightConfig(film=SHORT, question_kinds=["when", "where"]))
    assert {chosen.find(seed).question.kind for seed in range(30)} == {"when", "where"}
    every = {SyntheticTasks(SpotlightConfig(film=SHORT)).find(n).question.kind for n in range(120)}
    assert "spoken" not in every
    assert "when" in every
    told = SyntheticTasks(SpotlightConfig(film=SHORT, subtitles=True, question_kinds=["spoken"]))
    assert told.find(3).captions
    published = SyntheticTasks(SpotlightConfig(**CASES["frame_thinker"]))
    assert "when" not in {published.find(number).question.kind for number in range(60)}
    none = SyntheticTasks(SpotlightConfig(film=SHORT, question_kinds=["spoken"]))
    with pytest.raises(ValueError, match=r"of the kinds asked for \(env.config.question_kinds\)"):
        none.find(0)


def test_synthetic_questions_are_not_found_by_an_id():
    env = SpotlightEnv(SpotlightConfig(**NURSERY))
    with pytest.raises(ValueError, match=r"options.question_id is 'q1'.* by the seed alone"):
        env.reset(options={"question_id": "q1"})


def first_texts_and_pictures(vector) -> list:
    with closing(vector):
        obs, _ = vector.reset(seed=[3, 4])
        pictures = [images[0] for images in obs["images"]]
        obs, _, terminated, _, _ = vector.step(["<answer>A</answer>", "no tag"])
        assert terminated.tolist() == [True, False]
        return [*pictures, *obs["text"]]


def test_vectors_of_environments_agree():
    """One after the other in this process, and each in a process of its own."""
    make_env = partial(
        gymnasium.make,
        "video:Video/Spotlight-v0",
        config=SpotlightConfig(**NURSERY),
        disable_env_checker=True,
    )
    in_turn = first_texts_and_pictures(SyncVectorEnv([make_env] * 2))
    apart = first_texts_and_pictures(
        AsyncVectorEnv([make_env] * 2, shared_memory=False, context="spawn")
    )
    assert same(in_turn, apart)
