"""How far collecting runs ahead of learning, and how old the weights behind a turn are.

With `steps_ahead` = 0 the episodes of an optimizer step are collected with the weights that it
improves. Else the episodes of step s + steps_ahead are begun once step s has its own, so that no
turn's weights are more than `steps_ahead` steps older than those that are improved with it. Every
turn says which weights produced it (`PolicyOutput.weights_version`), and the loss corrects for the
rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np

from training.episode import Episode
from training.rollout_config import RolloutConfig

Batch = TypeVar("Batch")


class BatchesAhead(Generic[Batch]):
    """The batches of optimizer steps, each collected once.

    Args:
        collect: makes the batch of a step.
        config: how far ahead.
        num_steps: steps in all; nothing is collected for later ones.
        shares_weights: whether whatever acts uses the very weights that the learner changes. Then
            nothing is collected while the learner is at work: batches are as old as the
            configuration says, and no time is won.

    Raises:
        ValueError: see `check_asynchrony`.
    """

    def __init__(
        self,
        collect: Callable[[int], Batch],
        config: RolloutConfig,
        *,
        num_steps: int,
        shares_weights: bool,
    ) -> None:
        check_asynchrony(config, shares_weights=shares_weights)
        self._collect, self._config, self._num_steps = collect, config, num_steps
        self._batches: dict[int, Future[Batch]] = {}
        self._worker = None
        if config.steps_ahead and not shares_weights:
            self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches-ahead")

    def take(self, step: int) -> Batch:
        """The batch of a step, counted from 0; then those ahead of it are begun.

        Raises:
            Exception: what collecting it raised.
        """
        last = min(step + self._config.steps_ahead, self._num_steps - 1)
        for wanted in range(step, last + 1):
            if wanted not in self._batches:
                self._batches[wanted] = self._begin(wanted)
        return self._batches.pop(step).result()

    def settle(self) -> None:
        """Wait until the acting weights may be changed: at once where they may change in the middle
        of an episode, else when everything that was begun is collected.
        """
        if self._config.asynchrony == "async":
            return
        for batch in self._batches.values():
            batch.exception()  # raised when the batch is taken

    def __enter__(self) -> BatchesAhead[Batch]:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is being collected, and collect no more."""
        if self._worker is not None:
            self._worker.shutdown(wait=True, cancel_futures=True)

    def _begin(self, step: int) -> Future[Batch]:
        if self._worker is not None:
            return self._worker.submit(self._collect, step)
        batch: Future[Batch] = Future()
        batch.set_result(self._collect(step))
        return batch


def check_asynchrony(config: RolloutConfig, *, shares_weights: bool) -> None:
    """Raise `ValueError` where collecting cannot run ahead as it is asked to.

    Args:
        config: how far ahead, and where environments run.
        shares_weights: whether whatever acts uses the very weights that the learner changes.
    """
    if shares_weights and config.asynchrony == "async":
        raise ValueError(
            "rollout.asynchrony is 'async', which needs an engine with weights of its own, "
            "such as vLLM; with this engine, legal: sync, one_step_off"
        )
    if config.steps_ahead and not shares_weights and config.kind == "local":
        raise ValueError(
            f"rollout.asynchrony is {config.asynchrony!r} with rollout.kind=local, whose "
            "environments draw in the thread that made them and cannot work in the background; "
            "legal: rollout.kind=ray, or rollout.asynchrony=sync"
        )


def check_same_batches(*, num_ranks: int, is_whole: bool, repeats: bool) -> None:
    """Raise `ValueError` where processes that learn together would collect different batches, and
    take them for the same.

    Args:
        num_ranks: processes that learn.
        is_whole: whether each of them collects the whole batch, and then takes its share of it.
        repeats: whether what generates gives the same replies every time, whatever is answered
            beside them.
    """
    if num_ranks == 1 or not is_whole or repeats:
        return
    raise ValueError(
        "algorithm.learner.sharding.batches is 'whole', so that every process collects the whole "
        "batch, and these would differ: replies depend on what shares a batch; legal: share, or "
        "engine.backend=transformers with engine.deterministic=true"
    )


def check_version(held: int, wanted: int) -> None:
    """Raise `ValueError` where an engine that was sent weights does not hold them.

    Args:
        held: version that the engine says.
        wanted: the learner's.
    """
    if held != wanted:
        raise ValueError(
            f"the engine's weights are of version {held}, the learner's of version {wanted}: what "
            "is sent does not arrive; set engine.vllm.transfer=file with an engine.vllm.folder "
            "that both see, or engine.backend=transformers"
        )


def staleness(episodes: Sequence[Episode], weights_version: int) -> np.ndarray:
    """Optimizer steps between the weights behind each turn and those that are about to be improved.

    Args:
        episodes: any.
        weights_version: of the learner, before its step.

    Returns:
        int64 (turns of all episodes,), 0 for turns of these very weights.
    """
    versions = [turn.output.weights_version for episode in episodes for turn in episode.turns]
    return weights_version - np.asarray(versions, dtype=np.int64)


def staleness_metrics(episodes: Sequence[Episode], weights_version: int) -> dict[str, float]:
    """Mean and most of `staleness`, named as they are logged; nothing where there are no turns."""
    steps = staleness(episodes, weights_version)
    if not steps.size:
        return {}
    return {
        "rollout/staleness_mean": float(steps.mean()),
        "rollout/staleness_max": float(steps.max()),
    }
