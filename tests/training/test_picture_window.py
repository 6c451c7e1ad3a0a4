"""A policy with a window of memory sees the newest pictures, and learns from just what it saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policies.interface import Observation
from policies.memory import FORGOTTEN, remember
from policies.vlm import VLMPolicy
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.training.small_agent import make_agent
from training.rollout import EpisodeSpec, LocalPool, collect_episodes

WORLD = AvrEnvConfig(config=replace(nursery_config(), max_turns=5))


def seen(turn: int, num_images: int = 1, text: str | None = None) -> Observation:
    image = np.full((28, 28, 3), turn, dtype=np.uint8)
    return Observation(text=text or f"turn {turn}", images=(image,) * num_images)


def shown(observations) -> list[list[int]]:
    return [[int(image[0, 0, 0]) for image in o.images] for o in observations]


def test_the_first_and_the_newest_pictures_stay():
    five = [seen(turn) for turn in range(5)]
    assert shown(remember(five, 2)) == [[0], [], [], [3], [4]]
    assert shown(remember(five, 4)) == [[0], [1], [2], [3], [4]]
    assert shown(remember(five[:1], 1)) == [[0]]
    assert remember(five, None) == five


def test_words_stay_and_say_where_a_picture_was():
    told = [seen(0), seen(1, 2), seen(2, 2, "left <image> right <image>"), seen(3, 0), seen(4)]
    words = [o.text for o in remember(told, 1)]
    assert words == [
        "turn 0",
        f"{FORGOTTEN}{FORGOTTEN}turn 1",
        f"left {FORGOTTEN} right {FORGOTTEN}",
        "turn 3",
        "turn 4",
    ]


class Prompts:
    """Notes the prompts of a policy's engine."""

    def __init__(self, engine) -> None:
        self.engine, self.prompts = engine, {}

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def generate(self, requests):
        for request in requests:
            self.prompts.setdefault(request.cache_key, []).append(request)
        return self.engine.generate(requests)


@pytest.mark.parametrize("window", [None, 1, 2, 9])
def test_what_is_learned_from_is_what_was_seen(window):
    agent = make_agent(max_new_tokens=4, picture_window=window)
    policy = agent.policy(temperature=1.0)
    assert isinstance(policy, VLMPolicy)
    policy.engine = engine = Prompts(policy.engine)
    pool = LocalPool(lambda: make_env(WORLD), 4)
    episodes = collect_episodes(pool, policy, [EpisodeSpec(seed=seed) for seed in range(3)])
    assert all(len(episode.turns) == 5 for episode in episodes)  # an untrained model says nothing
    prompts = sorted((r for r in engine.prompts.values()), key=lambda r: r[0].prompt_ids.tolist())
    by_first = {tuple(r[0].prompt_ids.tolist()): r for r in prompts}
    for episode in episodes:
        samples = agent.samples(episode)
        assert len(samples) == (1 if window in (None, 9) else 5 - window)
        turns = [t for s in samples for t in sorted(set(s.turn_index[s.loss_mask].tolist()))]
        assert turns == [0, 1, 2, 3, 4]
        first = np.argmax(samples[0].loss_mask)
        requests = by_first[tuple(samples[0].input_ids[:first].tolist())]
        for sample in samples:
            for turn in sorted(set(sample.turn_index[sample.loss_mask].tolist())):
                start = int(np.argmax(sample.turn_index == turn))
                np.testing.assert_array_equal(sample.input_ids[:start], requests[turn].prompt_ids)
                images = requests[turn].images
                assert all((a == b).all() for a, b in zip(images, sample.images, strict=False))
        counts = [len(request.images) for request in requests]
        assert counts == [min(1 + turn, 1 + (window or 99)) for turn in range(5)]


def test_a_window_must_show_something():
    with pytest.raises(ValueError, match=r"engine\.picture_window is 0"):
        make_agent(picture_window=0).engine_config.check()
