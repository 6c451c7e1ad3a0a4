"""Settings, learning rates and the cut into micro-batches, against numbers worked out by hand."""

import dataclasses
import math

import pytest

from tests.training.toy import ToyModel, make_learner, make_samples
from training.batching import split_micro_batches
from training.learner_config import LearnerConfig, learning_rate_at


def test_micro_batches_stay_within_their_budget():
    lengths = [5, 9, 3, 9, 30, 1, 4]
    # 30 is beyond the budget and goes alone; 9 + 9 = 18 fit, 3 * 9 do not; 5 + 4 + 3 + 1 pad to 20.
    assert split_micro_batches(lengths, max_tokens=20) == [[4], [1, 3], [0, 6, 2, 5]]
    assert split_micro_batches(lengths, max_size=3) == [[4, 1, 3], [0, 6, 2], [5]]
    assert split_micro_batches(lengths) == [[4, 1, 3, 0, 6, 2, 5]]
    assert split_micro_batches([]) == []


def test_learning_rates_by_hand():
    config = LearnerConfig(learning_rate=4.0, warmup_steps=2, total_steps=10, schedule="linear")
    rates = [learning_rate_at(config, step) for step in (0, 1, 2, 6, 10, 11)]
    assert rates == [2.0, 4.0, 4.0, 2.0, 0.0, 0.0]
    cosine = dataclasses.replace(config, schedule="cosine")
    # A quarter of the way: 4 * (1 + cos(pi / 4)) / 2 = 3.41421.
    rates = [learning_rate_at(cosine, step) for step in (2, 4, 6, 10)]
    assert rates == pytest.approx([4.0, 3.414213562, 2.0, 0.0])
    constant = dataclasses.replace(config, schedule="constant")
    assert learning_rate_at(constant, 1000) == 4.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": math.nan}, "learning_rate = nan is not legal.*finite"),
        ({"learning_rate": -1e-3}, "learning_rate = -0.001 is not legal.*>= 0"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] = 1.0"),
        ({"max_grad_norm": 0.0}, "max_grad_norm = 0.0"),
        ({"temperature": 0.0}, "temperature = 0.0"),
        ({"micro_batch_size": 0}, "micro_batch_size = 0 is not legal.*>= 1"),
        ({"num_epochs": 0}, "num_epochs = 0"),
        ({"optimizer": "sgd"}, "optimizer = 'sgd' is not legal; legal.*muon"),
        ({"momentum": 1.0}, "momentum = 1.0"),
        ({"schedule": "step"}, "'step' is not legal.*cosine"),
        ({"schedule": "cosine"}, "total_steps = None is not legal"),
        ({"schedule": "linear", "total_steps": 5, "warmup_steps": 5}, "total_steps = 5.*= 5"),
    ],
)
def test_illegal_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        LearnerConfig(**settings).check()


def test_schedule_reaches_the_optimizer():
    learner = make_learner(ToyModel(), learning_rate=0.02, warmup_steps=4)
    samples = make_samples(seed=1)
    assert [learner.imitate(samples)["learning_rate"] for _ in range(5)] == pytest.approx(
        [0.005, 0.01, 0.015, 0.02, 0.02]
    )
