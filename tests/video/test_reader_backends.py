"""decord and torchcodec behind the same interface: exact, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.video.films import FILMS, find_expected, find_film, needs_ffmpeg
from video.cache import FilmCache
from video.frames import VideoError
from video.reader import VideoReader

pytestmark = needs_ffmpeg
TOLERANCE = 2

REFUSED = {
    "decord": {
        "h264-mp4-refresh": "open groups",
        "h264-mp4-cut": "counts 40 frames where there are 34",
        "h264-mp4-cut-open": "counts 40 frames where there are 34",
        "hevc-mp4-cut-open": "open groups|counts",
        "hevc-mkv-cut-open": "open groups|counts",
        "hevc-mp4-open": "open groups",
        "hevc-mkv-open": "open groups",
        "h264-avi": "format avi",
        "h264-avi-no-b": "format avi",
        "mpeg4-avi": "format avi",
        "h264-ts": "format mpegts",
        "av1-mp4": "cannot open it",
        "av1-mkv": "cannot open it",
        "av1-webm": "cannot open it",
    },
    "torchcodec": {
        "h264-mp4-refresh": "gives another picture for frame",
        "h264-avi": "cannot decode frames|gives another picture",
        "mpeg4-avi": "cannot decode frames|gives another picture",
        "h264-ts": "cannot decode frames|gives another picture",
        "hevc-mp4-cut-open": "cannot decode frames|gives another picture",
        "hevc-mkv-cut-open": "counts 43 frames where there are 40",
    },
}
"""Film -> what the error says. Other versions of the peers may do better."""


def film_of(name: str, backend: str, **options) -> VideoReader:
    module = pytest.importorskip(backend, exc_type=ImportError)
    assert module
    return VideoReader(find_film(name), backend, cache=FilmCache(1 << 28), **options)


@pytest.mark.parametrize(
    ("backend", "name"),
    [(backend, name) for backend in REFUSED for name in FILMS if name not in REFUSED[backend]],
)
def test_what_is_not_refused_is_exact(backend, name):
    expected = find_expected(name)
    wanted = [*np.random.default_rng(1).integers(0, len(expected), 6).tolist(), 0, 0]
    ours = film_of(name, backend).frames(wanted).data.astype(int)
    assert ours.shape == expected[wanted].shape
    assert np.abs(ours - expected[wanted]).max() <= TOLERANCE


@pytest.mark.parametrize(
    ("backend", "name"), [(b, n) for b, films in REFUSED.items() for n in films]
)
def test_what_is_refused_is_refused_with_a_reason(backend, name):
    def ask() -> None:
        film_of(name, backend).frames([55 % len(find_expected(name)), 33, 0])
        film_of(name, backend).frames(range(len(find_expected(name))))

    with pytest.raises(VideoError, match=REFUSED[backend][name]) as caught:
        ask()
    assert str(find_film(name)) in str(caught.value)


@pytest.mark.parametrize("backend", REFUSED)
@pytest.mark.parametrize("name", ["h264-mp4", "h264-mp4-90"])
def test_sizes_are_honoured(backend, name):
    if (backend, name) == ("decord", "h264-mp4-90"):
        with pytest.raises(VideoError, match="cannot scale a film that is shown on its side"):
            film_of(name, backend, size=64)
        return
    reader = film_of(name, backend, size=64)
    ours = reader.frames([5, 20])
    assert ours.data.shape[1:3] == (reader.height, reader.width)
    assert max(ours.data.shape[1:3]) == 64
    pyav = VideoReader(find_film(name), size=64, cache=FilmCache(1 << 28)).frames([5, 20])
    assert np.abs(ours.data.astype(int) - pyav.data).mean() < 16  # each has its own way to scale


@pytest.mark.parametrize("backend", REFUSED)
def test_times_are_the_same_for_every_back_end(backend):
    reader = film_of("h264-mp4-variable", backend)
    pyav = VideoReader(find_film("h264-mp4-variable"), cache=FilmCache(1 << 28))
    assert reader.num_frames == pyav.num_frames
    assert reader.duration_seconds == pyav.duration_seconds
    assert np.array_equal(reader.pts_seconds, pyav.pts_seconds)


def test_an_unknown_back_end_is_named():
    with pytest.raises(ValueError, match="backend is 'opencv'; legal: pyav, decord, torchcodec"):
        VideoReader(find_film("h264-mp4"), "opencv")
