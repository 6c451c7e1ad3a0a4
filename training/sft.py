"""Imitation: a cold start on the scripted expert's episodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from policies.interface import Sample
from policies.scripted import ExpertPolicy
from training.agent import Agent
from training.checks import check_at_least
from training.learner import Learner
from training.learner_config import LearnerConfig
from training.pool import Pool
from training.rollout import EpisodeSpec, check_failures, collect_episodes
from training.seeding import task_seeds

OnStep = Callable[[int, dict[str, float]], None]
BATCHES_PER_CHUNK = 8


@dataclass(kw_only=True)
class ImitationConfig:
    """Supervised training on expert traces.

    Attributes:
        num_steps: optimizer steps, at least 0.
        episodes_per_step: episodes in one step's batch, at least 1.
        num_worlds: how many worlds are demonstrated; when all have been shown, they are shown
            again, in another order, without being simulated again. Rounded up to whole chunks of
            `BATCHES_PER_CHUNK` batches. None: every episode is a new world.
        expert_style: how the demonstrator acts; what is legal is for the environment to say.
        learner: how the optimizer steps.
    """

    num_steps: int = 200
    episodes_per_step: int = 32
    num_worlds: int | None = None
    expert_style: str = "best"
    learner: LearnerConfig = field(default_factory=LearnerConfig)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "cold_start", num_steps=0, episodes_per_step=1)
        if self.num_worlds is not None:
            check_at_least(self, "cold_start", num_worlds=1)
        self.learner.check("cold_start.learner.")


class ExpertBatches:
    """Batches of expert episodes, a function of the step alone, made ahead in one background
    thread.

    Episodes come in chunks of several batches; within a chunk, episodes of like length share a
    batch, so that little is padded. Where every turn is a sample, those of a chunk are shuffled.

    Args:
        pool: environments for the background thread only (GL contexts belong to one thread).
        agent: tokenises.
        config: batch size and style.
        first_batch: batches of worlds to pass over, so that a later stage meets new ones.
    """

    def __init__(
        self, pool: Pool, agent: Agent, config: ImitationConfig, *, first_batch: int = 0
    ) -> None:
        self._pool, self._agent, self._config = pool, agent, config
        self._first_batch = first_batch
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="expert-batches")
        self._chunks: dict[int, Future[list[list[Sample]]]] = {}
        self._shown: dict[int, list[Sample]] = {}

    def batch(self, step: int) -> list[Sample]:
        """The samples of an optimizer step, counted from 0."""
        chunk, index = divmod(self._first_batch + step, BATCHES_PER_CHUNK)
        for wanted in (chunk, chunk + 1):
            if wanted not in self._chunks:
                self._chunks[wanted] = self._worker.submit(self._make_chunk, wanted)
        self._chunks = {key: value for key, value in self._chunks.items() if key >= chunk}
        return self._chunks[chunk].result()[index]

    def close(self) -> None:
        """Stop the background thread and close its environments."""
        self._worker.submit(self._pool.close)
        self._worker.shutdown(wait=True, cancel_futures=False)

    def _make_chunk(self, chunk: int) -> list[list[Sample]]:
        count = self._config.episodes_per_step * BATCHES_PER_CHUNK
        samples = self._samples(chunk, count)
        rng = np.random.default_rng([chunk])
        order = rng.permutation(BATCHES_PER_CHUNK)
        if len(samples) > count:  # the turns of an episode are too alike to fill a batch
            samples = [samples[i] for i in rng.permutation(len(samples))]
        else:
            samples.sort(key=lambda sample: len(sample.input_ids))
        cuts = [len(samples) * i // BATCHES_PER_CHUNK for i in range(BATCHES_PER_CHUNK + 1)]
        return [samples[cuts[i] : cuts[i + 1]] for i in order]

    def _samples(self, chunk: int, count: int) -> list[Sample]:
        """Those of a chunk of so many worlds: new ones, or some that were shown before."""
        num_worlds = self._config.num_worlds
        if num_worlds is None:
            return self._demonstrate(chunk, count)
        chunk %= math.ceil(num_worlds / count)
        if chunk not in self._shown:
            self._shown[chunk] = self._demonstrate(chunk, count)
        return list(self._shown[chunk])

    def _demonstrate(self, chunk: int, count: int) -> list[Sample]:
        specs = [EpisodeSpec(seed=s) for s in task_seeds("imitation", chunk * count, count)]
        episodes = collect_episodes(self._pool, ExpertPolicy(self._config.expert_style), specs)
        check_failures(episodes, max_failed_share=0.0)
        return [sample for episode in episodes for sample in self._agent.samples(episode)]


def imitate(
    learner: Learner,
    batches: ExpertBatches,
    *,
    first_step: int,
    num_steps: int,
    on_step: OnStep,
) -> None:
    """Train on expert batches from `first_step` up to `num_steps`.

    Args:
        learner: takes the steps.
        batches: gives the samples of each step.
        first_step: steps already taken.
        num_steps: steps to have taken at the end.
        on_step: called after every step with the number of steps taken and the step's metrics.
    """
    for step in range(first_step, num_steps):
        metrics = learner.imitate(batches.batch(step))
        on_step(step + 1, metrics)
