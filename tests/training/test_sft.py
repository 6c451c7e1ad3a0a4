"""Imitation: which worlds a step sees, and that they are a function of the step alone."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest

from tests.training.guessing import Envs, GuessEnv
from tests.training.small_agent import make_agent
from training.agent import Agent
from training.episode import Episode
from training.learner_config import LearnerConfig
from training.rollout import LocalPool, TooManyFailuresError
from training.seeding import TRAIN_STREAMS
from training.sft import BATCHES_PER_CHUNK, ExpertBatches, ImitationConfig, imitate

SIZE = 3


class Watching(Agent):
    """Notes the seed behind every sample."""

    def sample(self, episode: Episode):
        sample = super().sample(episode)
        SEEDS[sample.input_ids.tobytes() + b"".join(i.tobytes() for i in sample.images)] = (
            episode.seed
        )
        return sample


SEEDS: dict[bytes, int] = {}


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Watching(**vars(make_agent()))


@pytest.fixture
def open_batches(agent):
    opened: list[ExpertBatches] = []

    def make(
        make_env=GuessEnv,
        *,
        num_envs: int = 4,
        first_batch: int = 0,
        num_worlds: int | None = None,
    ) -> ExpertBatches:
        config = ImitationConfig(episodes_per_step=SIZE, num_worlds=num_worlds)
        pool = LocalPool(make_env, num_envs)
        opened.append(ExpertBatches(pool, agent, config, first_batch=first_batch))
        return opened[-1]

    yield make
    for batches in opened:
        batches.close()


def seeds_of(samples) -> list[int]:
    return [
        SEEDS[sample.input_ids.tobytes() + b"".join(i.tobytes() for i in sample.images)]
        for sample in samples
    ]


def test_no_world_comes_twice(open_batches) -> None:
    batches = open_batches()
    steps = 2 * BATCHES_PER_CHUNK + 3
    seeds = [seeds_of(batches.batch(step)) for step in range(steps)]
    assert {len(one) for one in seeds} == {SIZE}
    flat = [seed for one in seeds for seed in one]
    assert len(set(flat)) == steps * SIZE
    assert all(seed in TRAIN_STREAMS["imitation"] for seed in flat)


def test_a_limited_number_of_worlds_comes_again_in_another_order(open_batches) -> None:
    chunk = SIZE * BATCHES_PER_CHUNK
    batches = open_batches(num_worlds=chunk + 1)  # rounded up to two chunks
    seen = [seeds_of(batches.batch(step)) for step in range(4 * BATCHES_PER_CHUNK)]
    first, again = seen[: 2 * BATCHES_PER_CHUNK], seen[2 * BATCHES_PER_CHUNK :]
    worlds = [world for batch in first for world in batch]
    assert sorted(worlds) == sorted(world for batch in again for world in batch)
    assert len(set(worlds)) == 2 * chunk
    assert first != again


def test_a_batch_is_a_function_of_its_step(open_batches) -> None:
    straight, resumed = open_batches(), open_batches(num_envs=1)
    wanted = [seeds_of(straight.batch(step)) for step in range(2 * BATCHES_PER_CHUNK)]
    for step in range(5, 2 * BATCHES_PER_CHUNK):  # as after a resume at step 5
        assert seeds_of(resumed.batch(step)) == wanted[step]


def test_a_later_stage_meets_new_worlds(open_batches) -> None:
    first, later = open_batches(), open_batches(first_batch=11)
    assert seeds_of(later.batch(0)) == seeds_of(first.batch(11))
    assert seeds_of(later.batch(9)) == seeds_of(first.batch(20))


def test_a_batch_holds_episodes_of_like_length(open_batches) -> None:
    batches = open_batches()
    lengths = [
        [len(sample.input_ids) for sample in batches.batch(step)]
        for step in range(BATCHES_PER_CHUNK)
    ]
    ranges = sorted((min(one), max(one)) for one in lengths)
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))
    assert [min(one) for one in lengths] != sorted(min(one) for one in lengths), "not shuffled"


def test_samples_are_the_experts_words_and_nothing_sampled(open_batches, agent) -> None:
    for sample in open_batches().batch(0):
        assert sample.rollout_logprobs is None
        text = agent.chat.decode(sample.input_ids[sample.loss_mask])
        assert text.startswith("<think>best</think><answer>")


def test_closing_ends_the_thread_and_closes_the_environments_in_it(agent) -> None:
    envs, threads = Envs(), {}

    class Threaded(GuessEnv):
        def close(self) -> None:
            threads[id(self)] = threading.current_thread().name
            super().close()

    def make() -> GuessEnv:
        envs.made.append(Threaded())
        return envs.made[-1]

    batches = ExpertBatches(LocalPool(make, 4), agent, ImitationConfig(episodes_per_step=SIZE))
    batches.batch(0)
    assert any(t.name.startswith("expert-batches") for t in threading.enumerate())
    batches.close()
    assert not any(t.name.startswith("expert-batches") for t in threading.enumerate())
    assert all(env.closed for env in envs.made)
    assert {name.rpartition("_")[0] for name in threads.values()} == {"expert-batches"}
    with pytest.raises(RuntimeError, match="after shutdown"):
        batches.batch(3 * BATCHES_PER_CHUNK)


def test_a_demonstration_that_fails_stops_the_training(open_batches) -> None:
    batches = open_batches(lambda: GuessEnv(broken_resets=[1]))
    with pytest.raises(TooManyFailuresError, match="no world for 1"):
        batches.batch(0)


def test_imitation_goes_on_where_it_stopped() -> None:
    def train(*spans: tuple[int, int]) -> tuple[list, np.ndarray]:
        agent, steps = make_agent(), []
        learner = agent.learner(LearnerConfig(learning_rate=1e-2))
        for first, last in spans:
            pool = LocalPool(GuessEnv, 4)
            batches = ExpertBatches(pool, agent, ImitationConfig(episodes_per_step=SIZE))
            imitate(
                learner,
                batches,
                first_step=first,
                num_steps=last,
                on_step=lambda step, metrics: steps.append((step, metrics["nll"])),
            )
            batches.close()
        return steps, agent.model.lm_head.weight.detach().numpy()

    steps, weights = train((0, 6))
    assert [step for step, _ in steps] == [1, 2, 3, 4, 5, 6]
    assert steps[-1][1] < steps[0][1]
    again = train((0, 2), (2, 6))
    assert again[0] == steps
    np.testing.assert_array_equal(again[1], weights)


def test_settings_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"cold_start\.num_steps is -1; it must be at least 0"):
        ImitationConfig(num_steps=-1).check()
    with pytest.raises(ValueError, match=r"cold_start\.learner\.learning_rate = nan"):
        ImitationConfig(learner=LearnerConfig(learning_rate=float("nan"))).check()
