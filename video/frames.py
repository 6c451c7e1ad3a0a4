"""What every source of frames gives, whether a file or a film that is rendered when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class VideoError(ValueError):
    """A film, or a place in it, that cannot be read.

    Args:
        source: name of the film: its path.
        problem: what is wrong.
        seconds: where in the film [s]; None where it is not about a place.
    """

    def __init__(self, source: str, problem: str, *, seconds: float | None = None) -> None:
        self.source, self.problem, self.seconds = source, problem, seconds
        place = "" if seconds is None else f" at {seconds:.3f} s"
        super().__init__(f"{source}{place}: {problem}")


@dataclass(frozen=True, kw_only=True)
class FrameBatch:
    """Frames of one film, in the order in which they were asked for.

    Attributes:
        data: uint8 (N, H, W, 3), RGB.
        frame_index: int64 (N,), which frames, counted in the order in which they are shown.
        pts_seconds: float64 (N,), when each is first shown, from the start of the film [s].
    """

    data: np.ndarray
    frame_index: np.ndarray
    pts_seconds: np.ndarray

    def __post_init__(self) -> None:
        if self.data.dtype != np.uint8 or self.data.ndim != 4 or self.data.shape[3] != 3:
            raise ValueError(
                f"data must be uint8 (N, H, W, 3), not {self.data.dtype} {self.data.shape}"
            )
        for name, kind in (("frame_index", np.int64), ("pts_seconds", np.float64)):
            values = getattr(self, name)
            if values.dtype != kind or values.shape != self.data.shape[:1]:
                raise ValueError(
                    f"{name} must be {np.dtype(kind)} ({len(self.data)},), "
                    f"not {values.dtype} {values.shape}"
                )

    def __len__(self) -> int:
        return len(self.data)


class FrameSource(Protocol):
    """A film whose frames can be had in any order.

    Attributes:
        name: names the film in messages.
        num_frames: at least 1.
        duration_seconds: until the last frame stops being shown [s].
        average_fps: num_frames / duration_seconds [1/s].
        height, width: of its frames as they are given [px].
    """

    @property
    def name(self) -> str: ...
    @property
    def num_frames(self) -> int: ...
    @property
    def duration_seconds(self) -> float: ...
    @property
    def average_fps(self) -> float: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...

    def frames(self, indices: Sequence[int]) -> FrameBatch:
        """Frames by index, each in [0, num_frames), in any order, repeats included.

        Raises:
            VideoError: where an index is outside, or a frame cannot be read.
        """
        ...

    def frames_at(self, seconds: Sequence[float]) -> FrameBatch:
        """The frame that is on show at each time in [0, duration_seconds): half-open.

        Raises:
            VideoError: where a time is outside, or a frame cannot be read.
        """
        ...

    def indices_at(self, seconds: Sequence[float]) -> np.ndarray:
        """int64 (N,): which frame is on show at each time in [0, duration_seconds).

        Raises:
            VideoError: where a time is outside.
        """
        ...
