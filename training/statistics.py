"""Means with their uncertainty, in the form that `summary.json` uses everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np


def mean_stderr(values: Iterable[float]) -> dict[str, float | int | None]:
    """Mean of independent values and the standard error of that mean.

    Args:
        values: at least one finite number; booleans count as 0 and 1.

    Returns:
        `mean`; `stderr` = s / sqrt(n) with Bessel's correction (s divides by n - 1); `n`, the
        number of values. One value tells nothing about its spread, so `stderr` is None for n = 1,
        never 0.

    Raises:
        ValueError: for no values, or for NaN or infinity among them.
    """
    array = np.asarray(list(values), dtype=np.float64).reshape(-1)
    if array.size == 0:
        raise ValueError("mean_stderr needs at least one value, got none")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(
            f"mean_stderr needs finite values, got {array[bad[0]]} at position {bad[0]}"
        )
    stderr = float(array.std(ddof=1) / math.sqrt(array.size)) if array.size > 1 else None
    return {"mean": float(array.mean()), "stderr": stderr, "n": int(array.size)}
