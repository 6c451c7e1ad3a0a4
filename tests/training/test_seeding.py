"""Seeds by purpose: worlds of one purpose are never met in another."""

from __future__ import annotations

from itertools import combinations

import pytest

from training.seeding import (
    SEED_RANGES,
    TRAIN_STREAMS,
    check_held_out,
    purpose_of,
    task_seed,
    task_seeds,
)


@pytest.mark.parametrize("ranges", [SEED_RANGES, TRAIN_STREAMS], ids=["purposes", "streams"])
def test_ranges_are_disjoint(ranges: dict[str, range]) -> None:
    for one, other in combinations(ranges.values(), 2):
        assert one.step == other.step == 1
        assert one.stop <= other.start or other.stop <= one.start


@pytest.mark.parametrize("stream", TRAIN_STREAMS)
def test_the_streams_of_training_are_training_seeds(stream: str) -> None:
    seeds = TRAIN_STREAMS[stream]
    assert purpose_of(seeds[0]) == purpose_of(seeds[-1]) == "train"


@pytest.mark.parametrize("purpose", SEED_RANGES)
def test_seeds_of_a_purpose_belong_to_it(purpose: str) -> None:
    seeds = task_seeds(purpose, 10, 5)
    assert len(set(seeds)) == 5
    assert {purpose_of(seed) for seed in seeds} == {purpose}
    assert seeds == [task_seed(purpose, index) for index in range(10, 15)]
    last = len(SEED_RANGES[purpose]) - 1
    assert purpose_of(task_seed(purpose, last)) == purpose


@pytest.mark.parametrize("index", [-1, 100_000_000])
def test_an_index_beyond_the_range_is_an_error(index: int) -> None:
    with pytest.raises(ValueError, match=rf"test seed index {index} is outside 0\.\.99999999"):
        task_seed("test", index)


def test_an_unknown_purpose_lists_the_legal_ones() -> None:
    with pytest.raises(ValueError, match="'exam' is unknown; legal: train, validation, test, imit"):
        task_seed("exam", 0)


def test_held_out_means_no_training_seed() -> None:
    check_held_out([*task_seeds("test", 0, 3), *task_seeds("validation", 0, 3)])
    for stream in TRAIN_STREAMS:
        seed = task_seed(stream, 3)
        with pytest.raises(ValueError, match=f"seed {seed} is a training seed"):
            check_held_out([task_seed("test", 0), seed])


def test_a_seed_of_no_purpose_is_an_error() -> None:
    with pytest.raises(ValueError, match="seed 1200000000 is in none of"):
        purpose_of(1_200_000_000)
    with pytest.raises(ValueError, match="seed -1 is in none of"):
        check_held_out([-1])
