"""A scorer that a user might name in the configuration, and what cannot be one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CALLS: list[tuple[str, int]] = []
"""(text, number of pictures) of everything that was scored."""
NOT_A_FUNCTION = 3


class ToyScorer:
    """Finds texts near to pictures that are bright: needs no weights."""

    def __call__(self, text: str, pictures: Sequence[np.ndarray]) -> float:
        CALLS.append((text, len(pictures)))
        return float(np.mean([picture.mean() for picture in pictures])) / 255


def make_scorer() -> ToyScorer:
    return ToyScorer()


def make_nothing() -> None:
    """Forgets to return."""


def make_of_size(size: int) -> ToyScorer:
    return ToyScorer()
