"""Bad films and bad requests each give one clear error that names the film, and never a frame."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from tests.video.films import (
    AV1,
    CLOSED,
    CLOSED_HEVC,
    VP9,
    extract_frames,
    find_film,
    needs_ffmpeg,
    run_ffmpeg,
    write_film,
)
from video.cache import FilmCache
from video.frames import VideoError
from video.reader import VideoReader


def read(path, **options):
    return VideoReader(path, cache=FilmCache(1 << 26), **options)


@pytest.fixture
def reader():
    return read(find_film("h264-mp4"))


@needs_ffmpeg
@pytest.mark.parametrize("backend", ["pyav", "decord", "torchcodec"])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("h264-mp4", "mdat box"),
        ("h264-mp4-fragmented", "box"),
        ("h264-mkv", "segment"),
        ("vp9-webm", "segment"),
        ("h264-avi-no-b", "RIFF chunk"),
    ],
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_film_that_is_cut_short_is_refused(name, part, share, backend, tmp_path):
    if backend != "pyav":
        pytest.importorskip(backend, exc_type=ImportError)
    whole = find_film(name).read_bytes()
    path = tmp_path / f"cut{find_film(name).suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(VideoError, match=r"cut\.\w+: (is cut short: its .* ends at byte|has no m)"):
        read(path, backend=backend)


@needs_ffmpeg
def test_tables_in_front_do_not_hide_that_a_film_is_cut_short(tmp_path):
    path = write_film(tmp_path / "f.mp4", *CLOSED, "-movflags", "+faststart")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VideoError, match="mdat box ends at byte"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.mp4", b"", "is empty: 0 bytes"),
        ("noise.mp4", np.random.default_rng(0).bytes(50_000), "is no film that can be read"),
        ("text.txt", b"hello world\n" * 999, "its format is tty; legal: MP4"),
        ("text.mp4", b"hello world\n" * 999, "is no film that can be read"),
        ("list.txt", b"ffconcat version 1.0\nfile other.mp4\n", "is no film"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:2,\nother.mp4\n", "is no film"),
        ("words.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhi\n", "its format is srt"),
    ],
)
def test_what_is_no_film_is_refused(name, content, problem, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=problem) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))


@needs_ffmpeg
@pytest.mark.parametrize("name", ["sound.mp4", "sound.mkv"])
def test_a_film_of_sound_alone_is_refused(name, tmp_path):
    run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / name)
    with pytest.raises(VideoError, match="has no video stream"):
        read(tmp_path / name)


@needs_ffmpeg
def test_a_picture_is_no_film(tmp_path):
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1", tmp_path / "p.png")
    with pytest.raises(VideoError, match="its format is png_pipe"):
        read(tmp_path / "p.png")


@pytest.mark.parametrize("path", ["missing.mp4", "a\0b.mp4", "http://localhost/f.mp4", "pipe:0"])
def test_what_is_no_file_is_refused(path):
    with pytest.raises(VideoError, match="cannot be read"):
        read(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(VideoError, match="is not a file"):
        read(tmp_path)


def damage(path, content):
    """Overwrite a place in the middle. Returns the frames as they were."""
    expected, data = extract_frames(path, 108, 192), bytearray(path.read_bytes())
    place = len(data) * 2 // 5
    data[place : place + len(content)] = content
    path.write_bytes(data)
    return expected


def outcome(call):
    """What a call returns, and None; or None and its error."""
    try:
        return call(), None
    except VideoError as error:
        return None, error


def check_damaged(path, expected):
    """Every frame is right or an error that tells where; the groups on either side are right."""
    reader, problem = outcome(lambda: read(path, num_decoders=1))
    if reader is None:  # the structure of the file is hit
        assert path.suffix != ".mp4"
        assert f"{path}: is damaged at byte" in str(problem)
        return
    errors = []
    for frame in range(60):
        batch, problem = outcome(partial(reader.frames, [frame]))
        if batch is None:
            errors.append(problem)
        else:
            apart = np.abs(batch.data[0].astype(int) - expected[frame]).max()
            assert apart <= 2, f"frame {frame} is wrong"
    assert 0 < len(errors) <= 41
    assert all(f"{path} at " in str(error) and "is not sound" in str(error) for error in errors)
    assert all(error.seconds is not None for error in errors)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("f.mp4", CLOSED),
        ("f.mkv", CLOSED),
        ("f.avi", (*CLOSED, "-bf", "0")),
        ("g.mp4", CLOSED_HEVC),
        ("h.mp4", VP9),
        ("h.webm", VP9),
        ("i.mp4", AV1),
    ],
)
@pytest.mark.parametrize("num_bytes", [400, 1500])
def test_a_hole_in_the_middle_gives_errors_and_no_wrong_frame(name, options, num_bytes, tmp_path):
    path = write_film(tmp_path / name, *options, size="192x108")
    check_damaged(path, damage(path, bytes(num_bytes)))


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"), [("f.mp4", CLOSED), ("g.mp4", CLOSED_HEVC), ("f.mkv", CLOSED)]
)
@pytest.mark.parametrize("seed", range(3))
def test_noise_in_the_middle_gives_errors_and_no_wrong_frame(name, options, seed, tmp_path):
    path = write_film(tmp_path / name, *options, size="192x108")
    check_damaged(path, damage(path, np.random.default_rng(seed).bytes(4000)))


@needs_ffmpeg
@pytest.mark.parametrize(
    ("indices", "problem"),
    [
        ([60], "there is no frame 60; legal: 0 to 59"),
        ([0, -1], "there is no frame -1"),
        ([10**30], "there is no frame 10{30}"),
        ([True], "frame number True is not a whole number"),
        ([np.bool_(False)], "is not a whole number"),
        ([1.0], "frame number 1.0 is not a whole number"),
        ([math.nan], "frame number nan is not a whole number"),
        (["3"], "frame number '3' is not a whole number"),
        ([None], "frame number None is not a whole number"),
    ],
)
def test_bad_frame_numbers_are_named(reader, indices, problem):
    with pytest.raises(VideoError, match=problem):
        reader.frames(indices)


@needs_ffmpeg
@pytest.mark.parametrize("seconds", [6.0, -1e-9, -0.5, 1e9, math.nan, math.inf, -math.inf])
def test_times_outside_the_film_are_named(reader, seconds):
    for ask in (reader.frames_at, reader.indices_at):
        with pytest.raises(
            VideoError, match=r"is not in the film; legal: from 0 to below 6\.000 s"
        ):
            ask([1.0, seconds])


@needs_ffmpeg
@pytest.mark.parametrize("stretch", [(2.0, 1.0), (2.0, 2.0), (math.nan, 3.0), (1.0, math.nan)])
def test_reversed_stretches_are_named(reader, stretch):
    with pytest.raises(VideoError, match="is reversed or empty"):
        reader.indices_between(*stretch)


@needs_ffmpeg
@pytest.mark.parametrize("stretch", [(-1.0, 2.0), (5.0, 6.5), (7.0, 8.0), (0.0, math.inf)])
def test_stretches_outside_the_film_are_named(reader, stretch):
    with pytest.raises(VideoError, match="is not in the film"):
        reader.indices_between(*stretch)


@needs_ffmpeg
def test_nothing_asked_for_is_an_empty_batch(reader):
    for batch in (reader.frames([]), reader.frames_at([])):
        assert batch.data.shape == (0, 96, 128, 3)
        assert len(batch.frame_index) == len(batch.pts_seconds) == 0
    assert reader.indices_at([]).shape == (0,)


@needs_ffmpeg
def test_repeats_and_numpy_numbers_are_given_as_asked(reader):
    batch = reader.frames(np.array([7, 3, 7, 3], np.uint8))
    assert batch.frame_index.tolist() == [7, 3, 7, 3]
    assert np.array_equal(batch.data[:2], batch.data[2:])
    assert not np.array_equal(batch.data[0], batch.data[1])


@needs_ffmpeg
def test_a_film_that_changes_on_disk_is_an_error(tmp_path):
    path = write_film(tmp_path / "f.mp4", *CLOSED, num_frames=10)
    reader = read(path)
    reader.frames([3])
    write_film(path, *CLOSED, num_frames=20)
    with pytest.raises(VideoError, match="has changed on disk"):
        reader.frames([3])
    assert read(path).num_frames == 20


@needs_ffmpeg
@pytest.mark.parametrize("size", [0, -1, (0, 4), (4,) * 3, (), 2.5, "64", True, (True, 4)])
def test_bad_sizes_are_named(size):
    with pytest.raises(ValueError, match="size is .*; legal"):
        VideoReader(find_film("h264-mp4"), size=size)


@needs_ffmpeg
def test_a_back_end_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="backend is 'cv2'; legal: pyav, decord, torchcodec"):
        VideoReader(find_film("h264-mp4"), "cv2")
