"""Every frame is the one that ffmpeg extracts, in every codec and container, in any order."""

from __future__ import annotations

import numpy as np
import pytest

from tests.video.films import (
    CLOSED,
    CLOSED_HEVC,
    FILMS,
    HEIGHT,
    WIDTH,
    extract_frames,
    find_expected,
    find_film,
    needs_ffmpeg,
    run_ffmpeg,
    show_times,
    write_film,
)
from video.cache import FilmCache
from video.reader import VideoReader

pytestmark = needs_ffmpeg

TOLERANCE = 2
"""Levels of 256: other versions of FFmpeg round the conversion to RGB otherwise. With one and the
same, all bits are equal."""
NO_TIMES = {"h264-avi", "mpeg4-avi", "hevc-mkv-cut-open"}
"""Of the first two the file tells no times; the last lost its first frames, and its times count
from the first that is left."""


def read(path, indices, **options):
    options = {"cache": FilmCache(1 << 28), **options}
    return VideoReader(path, **options).frames(indices)


def worst(ours, theirs) -> int:
    assert ours.shape == theirs.shape
    return int(np.abs(ours.astype(int) - theirs).max())


@pytest.mark.parametrize("name", FILMS)
def test_all_frames_are_those_that_ffmpeg_extracts(name):
    path, expected = find_film(name), find_expected(name)
    changes = np.abs(np.diff(expected.astype(int), axis=0)).max(axis=(1, 2, 3))
    assert changes.min() > 10 * TOLERANCE  # a neighbour would not pass for the frame itself
    reader = VideoReader(path, cache=FilmCache(1 << 28))
    assert (reader.num_frames, reader.height, reader.width) == expected.shape[:3]
    batch = reader.frames(range(reader.num_frames))
    assert worst(batch.data, expected) <= TOLERANCE
    assert batch.frame_index.tolist() == list(range(len(expected)))
    if name not in NO_TIMES:
        assert batch.pts_seconds == pytest.approx(show_times(path), abs=4e-3)


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("keep_between", [False, True])
def test_few_frames_in_any_order_are_exact(name, keep_between):
    path, expected = find_film(name), find_expected(name)
    rng = np.random.default_rng(0)
    shared = FilmCache(1 << 28)
    for count in (1, 5):
        wanted = rng.integers(0, len(expected), count).tolist()
        for cache in (FilmCache(0), shared):
            ours = read(path, wanted, cache=cache, num_decoders=2, keep_between=keep_between)
            assert worst(ours.data, expected[wanted]) <= TOLERANCE
            assert ours.frame_index.tolist() == wanted


@pytest.mark.parametrize(
    ("options", "pix_fmt", "most_mean"),
    [
        ((*CLOSED, "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
         "yuv420p", 0.1),
        (CLOSED, "yuvj420p", 0.1),
        (CLOSED, "yuv444p", 0.1),
        (CLOSED, "yuv422p", 0.1),
        (CLOSED_HEVC, "yuv420p10le", 4.0),  # versions of FFmpeg differ at sharp edges of color
    ],
)  # fmt: skip
def test_colors_are_those_of_ffmpeg(options, pix_fmt, most_mean, tmp_path):
    path = write_film(tmp_path / "f.mp4", *options, pix_fmt=pix_fmt, num_frames=5)
    ours, theirs = read(path, range(5)).data, extract_frames(path)
    assert np.abs(ours.astype(int) - theirs).mean() <= most_mean


@pytest.mark.parametrize(
    ("size", "shape"),
    [((48, 40), (48, 40)), (64, (48, 64)), (1000, (HEIGHT, WIDTH)), (1, (1, 1)), (None, (96, 128))],
)
def test_frames_come_at_the_size_that_is_asked_for(size, shape):
    reader = VideoReader(find_film("h264-mp4"), size=size, cache=FilmCache(1 << 28))
    batch = reader.frames([0, 31])
    assert batch.data.shape[1:3] == (reader.height, reader.width) == shape
    whole = read(find_film("h264-mp4"), [0, 31]).data.mean(axis=(1, 2))
    assert np.abs(batch.data.mean(axis=(1, 2)) - whole).max() < (3 if min(shape) > 9 else 60)


def test_small_frames_are_those_that_ffmpeg_scales():
    path, size = find_film("h264-mp4"), (HEIGHT // 4, WIDTH // 4)
    scale = ("-vf", f"scale={size[1]}:{size[0]}:flags=bicubic,format=rgb24")
    expected = extract_frames(path, *size, options=scale)
    ours = read(path, range(60), size=size).data
    assert np.abs(ours.astype(int) - expected).mean() < 4  # versions of FFmpeg differ in chroma


def test_a_turned_film_is_turned_before_it_fits_a_size():
    reader = VideoReader(find_film("h264-mp4-90"), size=64, cache=FilmCache(1 << 28))
    assert reader.frames([3]).data.shape == (1, 64, 48, 3)


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
def test_a_film_that_changes_resolution_keeps_its_first(suffix, tmp_path):
    first = write_film(tmp_path / "1.ts", *CLOSED, num_frames=20)
    offset = ("-output_ts_offset", "2")
    second = write_film(tmp_path / "2.ts", *CLOSED, *offset, num_frames=20, size="160x120")
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    path = tmp_path / f"film{suffix}"
    run_ffmpeg("-i", both, "-c", "copy", path)
    theirs, ours = extract_frames(path), read(path, range(40)).data
    assert ours.shape == theirs.shape == (40, HEIGHT, WIDTH, 3)
    assert worst(ours[:20], theirs[:20]) <= TOLERANCE
    assert np.abs(ours[20:].astype(int) - theirs[20:]).mean() < 6  # ffmpeg scales in two steps
    alone = read(path, [25]).data[0]
    assert np.array_equal(alone, ours[25])


def test_times_are_half_open():
    reader = VideoReader(find_film("h264-mp4-variable"), cache=FilmCache(1 << 28))
    starts = reader.pts_seconds
    assert len(set(np.diff(starts).round(3))) > 1  # the rate varies
    assert reader.indices_at(starts).tolist() == list(range(reader.num_frames))
    before = [np.nextafter(time - 1e-6, 0) for time in starts[1:]]
    assert reader.indices_at(before).tolist() == list(range(reader.num_frames - 1))
    last = np.nextafter(reader.duration_seconds, 0)
    assert reader.indices_at([last]).tolist() == [reader.num_frames - 1]
    batch = reader.frames_at([starts[9], starts[3] + 0.05, starts[3]])
    assert batch.frame_index.tolist() == [9, 3, 3]
    assert batch.pts_seconds.tolist() == [starts[9], starts[3], starts[3]]


def test_times_computed_from_the_rate_meet_their_frame():
    reader = VideoReader(find_film("h264-mp4"), cache=FilmCache(1 << 28))
    assert reader.duration_seconds == 6.0
    assert reader.average_fps == 10.0
    sums = np.cumsum([0.1] * 59)  # 0.1 + 0.1 + ... falls a little short of the multiples
    assert reader.indices_at(sums).tolist() == list(range(1, 60))


def test_a_late_film_shows_its_first_frame_before_it_starts():
    reader = VideoReader(find_film("h264-mp4-late"), cache=FilmCache(1 << 28))
    assert reader.pts_seconds[0] == pytest.approx(1.5, abs=0.01)
    assert reader.indices_at([0.0, 1.0, 1.55, 1.65]).tolist() == [0, 0, 0, 1]
    assert reader.duration_seconds == pytest.approx(7.5, abs=0.01)


def test_stretches_are_half_open():
    reader = VideoReader(find_film("h264-mp4"), cache=FilmCache(1 << 28))
    assert reader.indices_between(1.0, 1.5).tolist() == [10, 11, 12, 13, 14]
    assert reader.indices_between(1.05, 1.1).tolist() == []
    assert reader.indices_between(0.0, 6.0).tolist() == list(range(60))
