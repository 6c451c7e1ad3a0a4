"""The measurements of `scripts/bench.py video`: what is asked for, and how figures are printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from video.bench_cases import measure_video

AT_LEAST = {
    **{
        f"ours.{case}_wall_best_peer_to_ours_ratio": 1.3
        for case in ("window_12", "uniform_12", "uniform_64")
    },
    **{
        f"ours.{case}_core_best_peer_to_ours_ratio": 1.0
        for case in ("window_12", "uniform_12", "uniform_64")
    },
    "ours.window_12_cold_to_warm_ratio": 20.0,
    "ours.uniform_12_cold_to_warm_ratio": 20.0,
    "ours.uniform_64_cold_to_warm_ratio": 20.0,
}
"""What is asked for of figures of which more is better."""
AT_MOST = {
    "ours.group_of_8_equal_to_one_ratio": 1.2,
    "ours.group_of_8_half_shared_by_all_to_one_ratio": 2.5,
    "ours.group_of_8_half_shared_by_next_to_one_ratio": 2.5,
    "ours.cache_10_minutes_mib": 256.0,
    "ours.cache_60_minutes_mib": 256.0,
}
"""What is asked for of figures of which less is better."""


def bench_video(directory: Path, *, rounds: int = 3, minutes: float = 20.0) -> dict[str, float]:
    """Measure and print every figure with its target. Arguments as of `measure_video`."""
    figures = measure_video(directory, rounds=rounds, minutes=minutes)
    print_figures(figures)
    return figures


def print_figures(figures: Mapping[str, float]) -> None:
    """One line a figure."""
    for name, figure in figures.items():
        print(f"{name:<66} {figure:9.3f}{describe_target(name)}")


def describe_target(name: str) -> str:
    """What is asked for, in words; nothing where nothing is."""
    if name in AT_LEAST:
        return f"   (target: at least {AT_LEAST[name]:g})"
    return f"   (target: at most {AT_MOST[name]:g})" if name in AT_MOST else ""
