"""Seeds by purpose: training, validation and test never meet.

Every environment seed belongs to exactly one named range. Whoever draws seeds names the purpose,
and what comes back is checked, so that an evaluation on seen worlds is an error and not a result.
"""

from __future__ import annotations

SEED_RANGES: dict[str, range] = {
    "train": range(0, 1_000_000_000),
    "validation": range(1_000_000_000, 1_100_000_000),
    "test": range(1_100_000_000, 1_200_000_000),
}
"""Purpose -> environment seeds, disjoint."""

TRAIN_STREAMS: dict[str, range] = {
    "imitation": range(0, 400_000_000),
    "reinforcement": range(400_000_000, 800_000_000),
    "calibration": range(800_000_000, 1_000_000_000),
}
"""Parts of the training range: worlds to imitate, worlds to act in, worlds to fit baselines on."""


def task_seed(purpose: str, index: int) -> int:
    """The index-th environment seed of a purpose.

    Args:
        purpose: a key of `SEED_RANGES` or `TRAIN_STREAMS`.
        index: from 0.

    Raises:
        ValueError: for an unknown purpose, or an index outside its range.
    """
    ranges = SEED_RANGES | TRAIN_STREAMS
    if purpose not in ranges:
        raise ValueError(f"seed purpose {purpose!r} is unknown; legal: {', '.join(ranges)}")
    seeds = ranges[purpose]
    if not 0 <= index < len(seeds):
        raise ValueError(f"{purpose} seed index {index} is outside 0..{len(seeds) - 1}")
    return seeds[index]


def task_seeds(purpose: str, start: int, count: int) -> list[int]:
    """`count` seeds of a purpose, from index `start`."""
    return [task_seed(purpose, index) for index in range(start, start + count)]


def purpose_of(seed: int) -> str:
    """Which of `SEED_RANGES` a seed belongs to. Raises `ValueError` for none."""
    for purpose, seeds in SEED_RANGES.items():
        if seed in seeds:
            return purpose
    raise ValueError(f"seed {seed} is in none of {dict(SEED_RANGES)}")


def check_held_out(seeds: list[int]) -> None:
    """Raise `ValueError` where a seed is a training seed."""
    for seed in seeds:
        if purpose_of(seed) == "train":
            raise ValueError(f"seed {seed} is a training seed; evaluation uses validation or test")
