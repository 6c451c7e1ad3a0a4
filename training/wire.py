"""Answers on their way between processes: pictures travel as PNG, and are decoded when looked at.

PNG loses nothing, so what a policy sees is what the environment showed, bit for bit; it is what the
record keeps anyhow, and a fifth to a half of the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast, overload

import numpy as np

from training.episode import decode_png
from training.seat import Answer


class EncodedPictures(Sequence[np.ndarray]):
    """Pictures, each decoded when first looked at: uint8 (H, W, 3).

    Args:
        pngs: PNG bytes of each.
    """

    def __init__(self, pngs: Sequence[bytes]) -> None:
        self._pngs = tuple(pngs)
        self._decoded: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._pngs)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[np.ndarray, ...]: ...

    def __getitem__(self, index: Any) -> Any:
        places = range(len(self._pngs))[index]
        if isinstance(places, range):
            return tuple(self[place] for place in places)
        if places not in self._decoded:
            self._decoded[places] = decode_png(self._pngs[places])
        return self._decoded[places]


def pack(answer: Answer) -> Answer:
    """An answer without its raw pictures."""
    if answer.observation is None:
        return answer
    return replace(answer, observation=replace(answer.observation, images=()))


def unpack(answer: Answer) -> Answer:
    """The answer that was packed, with pictures that are decoded when looked at."""
    if answer.observation is None:
        return answer
    pictures = cast(tuple[np.ndarray, ...], EncodedPictures(answer.image_pngs))
    return replace(answer, observation=replace(answer.observation, images=pictures))
