"""How far collecting runs ahead of learning, and how old the weights behind turns are."""

from __future__ import annotations

import threading

import pytest

from policies.interface import PolicyOutput
from training.asynchrony import (
    BatchesAhead,
    check_asynchrony,
    check_same_batches,
    check_version,
    staleness,
    staleness_metrics,
)
from training.episode import Episode, Turn
from training.rollout_config import RolloutConfig


class Learning:
    """Six steps of a learner whose weights' version is the number of steps taken."""

    def __init__(self, *, shares_weights: bool, **settings: object) -> None:
        self.version, self.in_update = 0, False
        self.collected: dict[int, int] = {}
        self.ages: list[int] = []
        config = RolloutConfig(kind="ray", **settings)
        batches = BatchesAhead(self.collect, config, num_steps=6, shares_weights=shares_weights)
        for step in range(6):
            batch = batches.take(step)
            assert batch == step
            self.ages.append(step - self.collected[step])
            batches.settle()
            self.in_update = True
            self.version += 1
            self.in_update = False
        batches.close()

    def collect(self, step: int) -> int:
        assert step not in self.collected, "collected twice"
        assert not self.in_update
        self.collected[step] = self.version
        return step


@pytest.mark.parametrize("shares_weights", [True, False])
def test_in_step_every_batch_has_the_weights_that_it_improves(shares_weights: bool) -> None:
    assert Learning(shares_weights=shares_weights).ages == [0] * 6


@pytest.mark.parametrize("shares_weights", [True, False])
def test_one_step_off_is_off_by_one_step_after_the_first(shares_weights: bool) -> None:
    learning = Learning(shares_weights=shares_weights, asynchrony="one_step_off")
    assert learning.ages == [0, 1, 1, 1, 1, 1]


def test_no_batch_is_older_than_the_bound() -> None:
    learning = Learning(shares_weights=False, asynchrony="async", max_staleness=3)
    assert max(learning.ages) <= 3
    assert sorted(learning.collected) == list(range(6))


def test_the_bound_is_reached_where_learning_is_slow() -> None:
    done = threading.Event()

    def collect(step: int) -> int:
        if step == 3:
            done.set()
        return step

    config = RolloutConfig(kind="ray", asynchrony="async", max_staleness=3)
    batches = BatchesAhead(collect, config, num_steps=9, shares_weights=False)
    batches.take(0)
    assert done.wait(10), "three more were not collected meanwhile"
    batches.close()


def test_what_fails_in_the_background_is_raised_when_it_is_taken() -> None:
    def collect(step: int) -> int:
        if step == 1:
            raise RuntimeError("no worlds left")
        return step

    config = RolloutConfig(kind="ray", asynchrony="one_step_off")
    batches = BatchesAhead(collect, config, num_steps=3, shares_weights=False)
    assert batches.take(0) == 0
    batches.settle()
    with pytest.raises(RuntimeError, match="no worlds left"):
        batches.take(1)
    batches.close()


def test_weights_that_are_shared_can_not_change_in_the_middle() -> None:
    config = RolloutConfig(asynchrony="async")
    with pytest.raises(ValueError, match="rollout.asynchrony is 'async', which needs an engine"):
        BatchesAhead(lambda step: step, config, num_steps=1, shares_weights=True)


def test_staleness_counts_steps_turn_by_turn() -> None:
    def episode(*versions: int) -> Episode:
        turns = [
            Turn(
                text="",
                image_pngs=(),
                state=None,
                options={},
                output=PolicyOutput(text="x", weights_version=version),
                reward=0.0,
            )
            for version in versions
        ]
        return Episode(task_id="t", env_id="e", env_config_hash="", seed=0, turns=turns)

    episodes = [episode(5, 6), episode(), episode(7)]
    assert staleness(episodes, 7).tolist() == [2, 1, 0]
    assert staleness_metrics(episodes, 7) == {
        "rollout/staleness_mean": 1.0,
        "rollout/staleness_max": 2.0,
    }
    assert staleness_metrics([episode()], 7) == {}


def test_settings_under_which_nothing_can_be_collected_ahead() -> None:
    ahead = RolloutConfig(asynchrony="one_step_off")
    with pytest.raises(ValueError, match=r"rollout\.asynchrony is 'one_step_off' with rollout.kin"):
        check_asynchrony(ahead, shares_weights=False)
    check_asynchrony(ahead, shares_weights=True)  # nothing is done in the background then
    check_asynchrony(RolloutConfig(kind="ray", asynchrony="async"), shares_weights=False)
    check_asynchrony(RolloutConfig(), shares_weights=False)


def test_an_engine_that_does_not_take_the_weights() -> None:
    check_version(3, 3)
    with pytest.raises(ValueError, match=r"version 2, the learner's of version 3.*vllm\.transfer"):
        check_version(2, 3)


def test_processes_that_would_collect_different_batches_and_not_know() -> None:
    check_same_batches(num_ranks=1, is_whole=True, repeats=False)
    check_same_batches(num_ranks=4, is_whole=False, repeats=False)
    check_same_batches(num_ranks=4, is_whole=True, repeats=True)
    with pytest.raises(ValueError, match=r"sharding\.batches is 'whole'.*legal: share"):
        check_same_batches(num_ranks=4, is_whole=True, repeats=False)
