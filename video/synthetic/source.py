"""A film whose frames are drawn when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from PIL import Image

from video.frames import FrameBatch, VideoError
from video.synthetic.drawing import draw_scene
from video.synthetic.record import Film
from video.synthetic.scene import Scene, scene_at


class FilmSource:
    """A `FrameSource` of a synthetic film. Frames with the same scene are drawn once.

    Args:
        film: the film.
        size: (height, width) that its frames are scaled to [px]; None for its own.
        cache_frames: most pictures that are kept.
    """

    def __init__(
        self, film: Film, size: tuple[int, int] | None = None, *, cache_frames: int = 128
    ) -> None:
        if cache_frames < 1:
            raise ValueError(f"cache_frames is {cache_frames}; legal: 1 or more")
        self.film = film
        self._size = size or (film.config.height, film.config.width)
        if min(self._size) < 1:
            raise ValueError(f"size is {size}; legal: two numbers of pixels, each 1 or more")
        self._pictures: OrderedDict[Scene, np.ndarray] = OrderedDict()
        self._cache_frames = cache_frames

    @property
    def name(self) -> str:
        """Of the film."""
        return self.film.name

    @property
    def num_frames(self) -> int:
        """Of the film, at least 1."""
        return self.film.num_frames

    @property
    def duration_seconds(self) -> float:
        """Until the last frame stops being shown [s]."""
        return self.film.duration_seconds

    @property
    def average_fps(self) -> float:
        """Frames per second; the same all through."""
        return float(self.film.fps)

    @property
    def height(self) -> int:
        """Of a frame as it is given [px]."""
        return self._size[0]

    @property
    def width(self) -> int:
        """Of a frame as it is given [px]."""
        return self._size[1]

    def frames(self, indices: Sequence[int]) -> FrameBatch:
        """Frames by index; see `FrameSource`."""
        wrong = [index for index in indices if not 0 <= index < self.num_frames]
        if wrong:
            raise VideoError(
                self.name, f"has no frame {wrong[0]}; legal: 0 to {self.num_frames - 1}"
            )
        index = np.array(indices, dtype=np.int64).reshape(-1)
        data = np.empty((len(index), self.height, self.width, 3), dtype=np.uint8)
        for row, frame in enumerate(index):
            data[row] = self.picture(scene_at(self.film, int(frame)))
        return FrameBatch(data=data, frame_index=index, pts_seconds=index / self.film.fps)

    def frames_at(self, seconds: Sequence[float]) -> FrameBatch:
        """Frames by time; see `FrameSource`."""
        return self.frames(self.indices_at(seconds).tolist())

    def indices_at(self, seconds: Sequence[float]) -> np.ndarray:
        """Which frame is on show at each time; see `FrameSource`."""
        times = np.array(seconds, dtype=np.float64).reshape(-1)
        inside = (times >= 0) & (times < self.duration_seconds)  # also false for NaN
        if not inside.all():
            outside = float(times[~inside][0])
            raise VideoError(
                self.name, f"has no time {outside:g} s; legal: 0 up to {self.duration_seconds:g} s"
            )
        shown = np.searchsorted(np.arange(self.num_frames) / self.film.fps, times, side="right")
        return shown.astype(np.int64) - 1

    def picture(self, scene: Scene) -> np.ndarray:
        """What a scene looks like: uint8 (height, width, 3). Not to be changed."""
        found = self._pictures.get(scene)
        if found is None:
            found = draw_scene(scene, self.film.config)
            if found.shape[:2] != self._size:
                resized = Image.fromarray(found).resize(self._size[::-1], Image.Resampling.BILINEAR)
                found = np.asarray(resized)
            self._pictures[scene] = found
            if len(self._pictures) > self._cache_frames:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(scene)
        return found

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_pictures": OrderedDict()}
