"""What may stand in a place, before anyone has looked."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TypeVar

import numpy as np

from sims.avr.selection import ATTRIBUTE_NAMES
from sims.avr.things import Thing

_Choice = TypeVar("_Choice", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What may stand in a place.

    Attributes:
        fill: the probability that a small thing does, in [0, 1].
        vocabulary: "color", "shape" and "material" -> the values in use.
    """

    fill: float
    vocabulary: Mapping[str, Sequence[str]] = field(hash=False)

    def __post_init__(self) -> None:
        if not 0 <= self.fill <= 1:
            raise ValueError(f"fill={self.fill}; legal: 0 to 1")
        if bare := [name for name in ATTRIBUTE_NAMES if not self.vocabulary.get(name)]:
            raise ValueError(f"vocabulary has no values for {bare}; each needs one or more")
        # A copy: what is cached by prior must not change with the caller's lists.
        words = {name: tuple(values) for name, values in self.vocabulary.items()}
        object.__setattr__(self, "vocabulary", words)

    def outcomes(self) -> Iterator[tuple[Thing | None, float]]:
        """Everything that a place may hold, with its probability where that is not 0."""
        values = [self.vocabulary[name] for name in ATTRIBUTE_NAMES]
        share = self.fill / math.prod(map(len, values))
        if self.fill < 1:
            yield None, 1 - self.fill
        for chosen in product(*values) if share else ():
            yield Thing(size="small", **dict(zip(ATTRIBUTE_NAMES, chosen, strict=True))), share

    def draw(self, rng: np.random.Generator) -> Thing | None:
        """What one place holds."""
        if rng.random() >= self.fill:
            return None
        values = [self.vocabulary[name] for name in ATTRIBUTE_NAMES]
        chosen = [names[int(rng.integers(len(names)))] for names in values]
        return Thing(size="small", **dict(zip(ATTRIBUTE_NAMES, chosen, strict=True)))


def draw_from(odds: Mapping[_Choice, float], rng: np.random.Generator) -> _Choice:
    """Draw a key with probability proportional to its odds, not all of which are 0."""
    left = rng.random() * sum(odds.values())
    for choice, share in odds.items():
        left -= share
        if left < 0:
            return choice
    return max(odds, key=lambda choice: odds[choice])  # rounding left nothing over
