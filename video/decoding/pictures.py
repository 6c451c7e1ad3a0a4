"""Turns decoded frames into pictures: upright, in RGB, at the size that is asked for."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from video.decoding.turning import Turn


def make_picture(
    frame: av.VideoFrame, scaler: VideoReformatter, turn: Turn, *, height: int, width: int
) -> np.ndarray:
    """A frame as ffmpeg would extract it: uint8 (height, width, 3), RGB.

    Args:
        scaler: that no other thread uses at the time.
        turn: from the stored picture to the one shown.
        height, width: of the picture, upright [px].
    """
    rows, columns = turn.shape(height, width)
    rgb = scaler.reformat(
        _as_whole_picture(frame) if frame.interlaced_frame else frame,
        width=columns,
        height=rows,
        format="rgb24",
        interpolation=Interpolation.BICUBIC,
        threads=1,
    )
    plane = rgb.planes[0]
    data = np.frombuffer(memoryview(plane), np.uint8).reshape(rows, plane.line_size)
    return turn.apply(data[:, : 3 * columns].reshape(rows, columns, 3)).copy()


def _as_whole_picture(frame: av.VideoFrame) -> av.VideoFrame:
    """An interlaced frame without its mark, by which it would be scaled field by field, which
    ffmpeg does not do by itself.
    """
    whole = av.VideoFrame(frame.width, frame.height, frame.format.name)
    whole.colorspace, whole.color_range = frame.colorspace, frame.color_range
    for theirs, ours in zip(frame.planes, whole.planes, strict=True):
        rows, num = ours.height, min(theirs.line_size, ours.line_size)
        source = np.frombuffer(memoryview(theirs), np.uint8)[: rows * theirs.line_size]
        target = np.frombuffer(memoryview(ours), np.uint8)[: rows * ours.line_size]
        target.reshape(rows, -1)[:, :num] = source.reshape(rows, -1)[:, :num]
    return whole
