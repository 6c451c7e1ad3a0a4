"""An open film, and the pictures that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from video.frames import FrameSource
from video.spotlight.clock import format_clock
from video.spotlight.config import SpotlightConfig
from video.spotlight.looks import Box
from video.spotlight.pictures import cut_out, draw_stamp, fit_size, make_sheet, resize

Pictures = tuple[tuple[np.ndarray, ...], tuple[float, ...]]
"""Pictures, each uint8 (H, W, 3) with memory of its own: one a frame, or one grid of all; and when
each frame is first shown [s]."""
Size = tuple[int, int]
"""(height, width) [px]."""


class Screen:
    """Shows frames of a film at the size the configuration sets, and parts of frames enlarged.

    Frames are scaled down where they are decoded, so the film is opened once at each size that is
    shown, and at its own for parts of frames.

    Attributes:
        film: the film at the size of the scan.

    Args:
        open_film: opens the film at a size (height, width) [px]; None is its own.
        config: sets the largest sizes, and whether times are drawn in.

    Raises:
        VideoError: where the film cannot be opened.
    """

    def __init__(
        self, open_film: Callable[[Size | None], FrameSource], config: SpotlightConfig
    ) -> None:
        self._full = open_film(None)
        self._opened = {(self._full.height, self._full.width): self._full}
        self._scan_limits = config.picture_limits(self._full.duration_seconds)
        self._look_limits = config.look_limits(self._full.duration_seconds)
        self._stamps, self._grid_columns = config.draw_timestamps, config.grid_columns
        self.film = self._open(open_film, self._scan_limits)
        self._closer = self._open(open_film, self._look_limits)

    def show(self, indices: Sequence[int]) -> Pictures:
        """Frames at the size of the scan.

        Args:
            indices: which frames, in [0, num_frames).

        Raises:
            VideoError: where a frame cannot be read.
        """
        return self._show(self.film, indices, lambda picture: _fit(picture, self._scan_limits))

    def show_closer(self, indices: Sequence[int], box_xyxy_norm: Box | None = None) -> Pictures:
        """Frames at the size of what is shown after the scan, or the same part of each.

        Args:
            indices: which frames, in [0, num_frames).
            box_xyxy_norm: the part; None for the whole.

        Raises:
            VideoError: where a frame cannot be read.
        """
        height, width = limits = self._look_limits
        if box_xyxy_norm is None:
            return self._show(self._closer, indices, lambda picture: _fit(picture, limits))
        return self._show(
            self._full,
            indices,
            lambda picture: cut_out(picture, box_xyxy_norm, max_height=height, max_width=width),
        )

    def close(self) -> None:
        """Close what is open, where it can be closed."""
        for source in self._opened.values():
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _open(self, open_film: Callable[[Size | None], FrameSource], limits: Size) -> FrameSource:
        """The film at the size that fits; one of the same size is opened once."""
        size = fit_size(self._full.height, self._full.width, *limits)
        if size not in self._opened:
            self._opened[size] = open_film(size)
        return self._opened[size]

    def _show(
        self,
        source: FrameSource,
        indices: Sequence[int],
        prepare: Callable[[np.ndarray], np.ndarray],
    ) -> Pictures:
        if not indices:
            return (), ()
        batch = source.frames(list(indices))
        pictures = tuple(prepare(picture) for picture in batch.data)
        seconds = tuple(float(at) for at in batch.pts_seconds)
        if self._stamps:
            for picture, at in zip(pictures, seconds, strict=True):
                draw_stamp(picture, format_clock(at))
        if self._grid_columns:
            pictures = (make_sheet(pictures, self._grid_columns),)
        return pictures, seconds


def _fit(picture: np.ndarray, limits: Size) -> np.ndarray:
    """The picture, scaled down to fit; a source need not have the size that was asked for."""
    return resize(picture, *fit_size(picture.shape[0], picture.shape[1], *limits))
