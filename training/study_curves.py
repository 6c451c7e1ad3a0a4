"""Curves of a study: how each arm's reinforcement went, averaged over training seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

CURVES = ("success", "reward", "turns")


def mean_curves(metrics: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]) -> list[dict]:
    """Lines for a report's curves, one phase per arm.

    Args:
        metrics: arm -> per training seed the lines of its `metrics.jsonl`; those of its
            reinforcement are taken.

    Returns:
        Lines of `phase` (the arm), `step` and the means of `CURVES`, of every step that all
        training seeds have reached so far.
    """
    lines = []
    for arm, runs in metrics.items():
        by_step = [{line["step"]: line for line in run if line["phase"] == "grpo"} for run in runs]
        steps = sorted(set.intersection(*(set(found) for found in by_step))) if by_step else []
        for step in steps:
            found = [lines_of[step] for lines_of in by_step]
            shared = [name for name in CURVES if all(name in line for line in found)]
            means = {name: mean(float(line[name]) for line in found) for name in shared}
            lines.append({"phase": arm, "step": step, **means})
    return lines
