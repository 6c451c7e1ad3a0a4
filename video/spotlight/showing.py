"""An open film, and the pictures that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from video.frames import FrameSource
from video.spotlight.clock import format_clock
from video.spotlight.config import SpotlightConfig
from video.spotlight.looks import Box
from video.spotlight.pictures import cut_out, draw_stamp, fit_size, resize


class Screen:
    """Shows frames of a film at the size the configuration sets, and parts of frames enlarged.

    Frames are scaled down where they are decoded; only for parts of frames is the film opened at
    its own size too.

    Attributes:
        film: the film at the size at which it is shown.

    Args:
        open_film: opens the film at a size (height, width) [px]; None is its own.
        config: sets the largest size, and whether times are drawn in.

    Raises:
        VideoError: where the film cannot be opened.
    """

    def __init__(
        self, open_film: Callable[[tuple[int, int] | None], FrameSource], config: SpotlightConfig
    ) -> None:
        self._full = self.film = open_film(None)
        self._limits = config.picture_limits(self._full.duration_seconds)
        self._stamps = config.draw_timestamps
        size = fit_size(self._full.height, self._full.width, *self._limits)
        if size != (self._full.height, self._full.width):
            self.film = open_film(size)

    def show(
        self, indices: Sequence[int], box_xyxy_norm: Box | None = None
    ) -> tuple[tuple[np.ndarray, ...], tuple[float, ...]]:
        """Frames, or the same part of each.

        Args:
            indices: which frames, in [0, num_frames).
            box_xyxy_norm: the part; None for the whole.

        Returns:
            Pictures, each uint8 (H, W, 3) with memory of its own, and when each is first shown [s].

        Raises:
            VideoError: where a frame cannot be read.
        """
        if not indices:
            return (), ()
        source = self.film if box_xyxy_norm is None else self._full
        batch = source.frames(list(indices))
        pictures = tuple(self._fit(picture, box_xyxy_norm) for picture in batch.data)
        seconds = tuple(float(at) for at in batch.pts_seconds)
        if self._stamps:
            for picture, at in zip(pictures, seconds, strict=True):
                draw_stamp(picture, format_clock(at))
        return pictures, seconds

    def close(self) -> None:
        """Close what is open, where it can be closed."""
        for source in {id(s): s for s in (self.film, self._full)}.values():
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _fit(self, picture: np.ndarray, box_xyxy_norm: Box | None) -> np.ndarray:
        height, width = self._limits
        if box_xyxy_norm is not None:
            return cut_out(picture, box_xyxy_norm, max_height=height, max_width=width)
        return resize(picture, *fit_size(picture.shape[0], picture.shape[1], height, width))
