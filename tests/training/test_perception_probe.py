"""The perception probe learns what the pixels carry, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.perception_probe import ProbeConfig, read_attributes, train_probe

QUICK = ProbeConfig(num_steps=50, batch_size=24, num_channels=8, learning_rate=1e-2)
SIDE = 20


def two_squares(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Crops of two squares, one of them meant by the mask, and its colour (red, green, blue) and
    whether it is large.
    """
    rng = np.random.default_rng(seed)
    crops = np.full((count, 4, SIDE, SIDE), 120, dtype=np.uint8)
    crops[:, 3] = 0
    labels = np.stack([rng.integers(3, size=count), rng.integers(2, size=count)], axis=1)
    for crop, (color, large) in zip(crops, labels, strict=True):
        meant_on_top = bool(rng.integers(2))
        for is_meant in (True, False):
            edge = 8 if (large if is_meant else rng.integers(2)) else 4
            top, left = (1 if is_meant == meant_on_top else 11), int(rng.integers(2, 10))
            paint = np.zeros(3)
            paint[color if is_meant else rng.integers(3)] = 200
            crop[:3, top : top + edge, left : left + edge] = paint[:, None, None]
            if is_meant:
                crop[3, top : top + edge, left : left + edge] = 255
    return crops, labels


def test_it_reads_the_thing_that_the_mask_means() -> None:
    crops, labels = two_squares(600, seed=0)
    probe = train_probe(crops, labels, (3, 2), QUICK)
    unseen, truth = two_squares(300, seed=1)
    right = (read_attributes(probe, unseen) == truth).mean(axis=0)
    assert right.min() > 0.95
    unseen[:, 3] = 0  # not told which is meant, it can be right no more often than by chance
    assert (read_attributes(probe, unseen) == truth)[:, 0].mean() < 0.8


def test_what_the_pixels_do_not_carry_is_not_read() -> None:
    crops, labels = two_squares(600, seed=0)
    labels[:, 0] = np.random.default_rng(2).integers(3, size=len(labels))
    probe = train_probe(crops, labels, (3, 2), QUICK)
    unseen, truth = two_squares(600, seed=1)
    truth[:, 0] = np.random.default_rng(3).integers(3, size=len(truth))
    color, size = (read_attributes(probe, unseen) == truth).mean(axis=0)
    assert color == pytest.approx(1 / 3, abs=0.08)
    assert size > 0.9


def test_every_variant_is_learned_from() -> None:
    """The second variant alone shows the colour: whoever learned from the first cannot read it."""
    crops, labels = two_squares(600, seed=0)
    grey = crops.copy()
    grey[:, :3] = 120
    probe = train_probe(np.stack([grey, crops], axis=1), labels, (3, 2), QUICK)
    unseen, truth = two_squares(300, seed=1)
    assert (read_attributes(probe, unseen) == truth)[:, 0].mean() > 0.9


def test_equal_seeds_train_equal_probes_and_leave_the_random_state_alone() -> None:
    crops, labels = two_squares(64, seed=0)
    short = ProbeConfig(num_steps=3, batch_size=8, num_channels=4, seed=5)
    state, losses = torch.get_rng_state(), []
    probes = [
        train_probe(crops, labels, (3, 2), short, on_step=lambda m: losses.append(m["loss"]))
        for _ in range(2)
    ]
    assert torch.equal(state, torch.get_rng_state())
    assert losses[:3] == losses[3:]
    for first, second in zip(*(probe.parameters() for probe in probes), strict=True):
        assert torch.equal(first, second)


def test_training_leaves_the_crops_as_they_are() -> None:
    crops, labels = two_squares(32, seed=0)
    before = crops.copy()
    train_probe(crops, labels, (3, 2), ProbeConfig(num_steps=2, batch_size=8, num_channels=4))
    assert (crops == before).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((9, 2), dtype=np.int64), r"labels have the shape \(9, 2\); legal for 8 crops"),
        (np.full((8, 2), 2), r"labels must be at least 0 and below \(3, 2\)"),
        (np.full((8, 2), -1), r"labels must be at least 0 and below \(3, 2\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: np.ndarray, message: str) -> None:
    crops = np.zeros((8, 4, SIDE, SIDE), dtype=np.uint8)
    with pytest.raises(ValueError, match=message):
        train_probe(crops, labels, (3, 2), QUICK)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_steps": 0}, "probe.num_steps is 0; it must be at least 1"),
        ({"batch_size": 1}, "probe.batch_size is 1; it must be at least 2"),
        ({"learning_rate": float("nan")}, "probe.learning_rate is nan; it must be above 0"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProbeConfig(**settings).check("probe")
