"""Other readers of films, as their own users would call them, to be timed beside ours."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import numpy as np

Read = Callable[[str, Sequence[int]], np.ndarray]
"""Opens a film and gives frames of it, ascending, as uint8 (N, H, W, 3)."""

MODULES = {"decord": "decord", "torchcodec": "torchcodec", "opencv": "cv2"}
"""Peer -> what it is imported as."""
THREADS = {"1_thread": 1, "2_threads": 2, "auto_threads": 0}
SIDE_BY_SIDE = "2_decoders"


def peer_readers() -> dict[str, Read]:
    """Name -> reader, of every peer that is installed, in each of its ways."""
    ways: dict[str, Callable[..., np.ndarray]] = {
        "decord": read_with_decord,
        "torchcodec_exact": partial(read_with_torchcodec, seek_mode="exact"),
        "torchcodec_approximate": partial(read_with_torchcodec, seek_mode="approximate"),
        "opencv": read_with_opencv,
    }
    readers: dict[str, Read] = {}
    for name, read in ways.items():
        if importlib.util.find_spec(MODULES[name.partition("_")[0]]):
            for words, num_threads in THREADS.items():
                readers[f"{name}_{words}"] = partial(read, num_threads=num_threads)
            readers[f"{name}_{SIDE_BY_SIDE}"] = side_by_side(partial(read, num_threads=1))
    return readers


def read_with_decord(path: str, frames: Sequence[int], *, num_threads: int) -> np.ndarray:
    """Frames with decord."""
    import decord

    return decord.VideoReader(path, num_threads=num_threads).get_batch(list(frames)).asnumpy()


def read_with_torchcodec(
    path: str,
    frames: Sequence[int],
    *,
    num_threads: int,
    seek_mode: Literal["exact", "approximate"],
) -> np.ndarray:
    """Frames with torchcodec, which counts them (exact) or believes the header (approximate)."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(
        path, dimension_order="NHWC", num_ffmpeg_threads=num_threads, seek_mode=seek_mode
    )
    return decoder.get_frames_at(list(frames)).data.numpy()


def read_with_opencv(path: str, frames: Sequence[int], *, num_threads: int) -> np.ndarray:
    """Frames with OpenCV: set the position, read."""
    import cv2

    film = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, num_threads])
    pictures = []
    for frame in frames:
        film.set(cv2.CAP_PROP_POS_FRAMES, frame)
        pictures.append(cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2RGB))
    film.release()
    return np.stack(pictures)


def side_by_side(read: Read) -> Read:
    """Two readers in threads, each with half of the frames."""

    def read_halves(path: str, frames: Sequence[int]) -> np.ndarray:
        half = len(frames) // 2
        with ThreadPoolExecutor(2) as pool:
            parts = pool.map(lambda some: read(path, some), (frames[:half], frames[half:]))
            return np.concatenate(list(parts))

    return read_halves
