"""Films as files: H.264 in MP4, with the log and the subtitles beside it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from video.synthetic.narration import srt_text
from video.synthetic.record import Film
from video.synthetic.scene import Scene, scene_at
from video.synthetic.source import FilmSource


def write_film(
    film: Film,
    path: Path,
    *,
    keyframe_interval: int = 250,
    crf: int = 20,
    preset: str = "veryfast",
) -> Path:
    """Write a film as MP4: H.264, yuv420p, B-frames, index at the front. The same film gives the
    same bytes with the same versions of the encoder and of the renderer.

    Args:
        film: the film.
        path: of the file, which appears only when it is complete.
        keyframe_interval: frames from one keyframe to the next.
        crf: quality, 0 (lossless) to 51 (x264).
        preset: of x264; "ultrafast" has no B-frames.

    Raises:
        OSError: where it cannot be written.
    """
    options = {
        "preset": preset,
        "crf": str(crf),
        "g": str(keyframe_interval),
        "keyint_min": str(keyframe_interval),
        "sc_threshold": "0",  # no keyframes of its own choice
        "bf": "3",
        # Its fast paths for this CPU read past the edge where a side is no multiple of 16, so that
        # the same pictures gave other bytes from run to run.
        "x264-params": "cpu-independent=1",
    }
    with written_whole(Path(path)) as draft:
        container = av.open(str(draft), "w", format="mp4", options={"movflags": "+faststart"})
        with container:
            stream = container.add_stream("libx264", rate=film.fps, options=options)
            stream.height, stream.width = film.config.height, film.config.width
            stream.pix_fmt, stream.thread_count = "yuv420p", 1
            stream.time_base = stream.codec_context.time_base = Fraction(1, film.fps)
            for picture in _pictures(film):
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    return Path(path)


def _pictures(film: Film) -> Iterator[av.VideoFrame]:
    """Every frame in turn; a picture that does not change is converted once."""
    source, planes = FilmSource(film), np.empty(0, dtype=np.uint8)
    last: Scene | None = None
    for frame in range(film.num_frames):
        scene = scene_at(film, frame)
        if scene != last:
            rgb = av.VideoFrame.from_ndarray(source.picture(scene), format="rgb24")
            planes, last = np.asarray(rgb.reformat(format="yuv420p").to_ndarray()), scene
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts, picture.time_base = frame, Fraction(1, film.fps)
        yield picture


def write_log(film: Film, path: Path, **more: object) -> Path:
    """Write what happens in a film as JSON, with further entries after it."""
    with written_whole(Path(path)) as draft:
        draft.write_text(json.dumps({**film.log(), **more}, indent=1) + "\n", encoding="utf-8")
    return Path(path)


def write_subtitles(film: Film, path: Path) -> Path:
    """Write a film's lines as a SubRip file; an empty one where nothing is said."""
    with written_whole(Path(path)) as draft:
        draft.write_text(srt_text(film.subtitles), encoding="utf-8")
    return Path(path)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write a file that appears under its name only when the block is left without an
    error, and then at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
