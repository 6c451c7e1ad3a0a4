"""Requests that go on from each other: what one has decoded, the next does not decode again, and
what is wrong with a film is told as it is to a reader that begins anew.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.video.films import (
    AV1,
    CLOSED,
    CLOSED_HEVC,
    FILMS,
    VP9,
    extract_frames,
    find_expected,
    find_film,
    needs_ffmpeg,
    write_film,
)
from video.cache import FilmCache
from video.decoding import harvest, pyav
from video.decoding.decoders import Decoder, Decoders
from video.frames import VideoError
from video.reader import VideoReader

LONG = ("-g", "250")
"""One key only, in films of no more frames than that."""
LARGE = 1 << 28


@pytest.fixture
def fed(monkeypatch) -> Counter[int]:
    """How many times each packet was decoded."""
    counts, real = Counter[int](), harvest.decode_numbered

    def decode_numbered(context, numbered, **options):
        def counted():
            for number, packet in numbered:
                counts[number] += 1
                yield number, packet

        return real(context, counted(), **options)

    monkeypatch.setattr(harvest, "decode_numbered", decode_numbered)
    return counts


def windows(num_frames, length, shift, step):
    """Frames of one window after the other, each `shift` further on."""
    return [
        list(range(start, start + length, step)) for start in range(0, num_frames - length, shift)
    ]


def read(path, frames, **options):
    return VideoReader(path, keep_between=True, **options).frames(frames).data


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("f.mp4", (*CLOSED, *LONG)),
        ("f.mkv", (*CLOSED, *LONG, "-bf", "0")),
        ("g.mp4", (*CLOSED_HEVC, *LONG)),
        ("f.webm", (*VP9, *LONG)),
    ],
)
@pytest.mark.parametrize("shift", [9, 24])
@pytest.mark.parametrize("num_decoders", [1, 2])
def test_windows_that_overlap_decode_nothing_twice(
    name, options, shift, num_decoders, fed, tmp_path
):
    path = write_film(tmp_path / name, *options, num_frames=120)
    expected, cache = extract_frames(path), FilmCache(LARGE)
    for frames in windows(120, 48, shift, 5):
        ours = read(path, frames, cache=cache, num_decoders=num_decoders)
        assert np.abs(ours.astype(int) - expected[frames]).max() <= 2
    assert max(fed.values()) == 1


@needs_ffmpeg
@pytest.mark.parametrize(
    ("frames", "threads"),
    [
        (range(100, 180, 4), [3]),  # one way, which all wait for
        (range(100, 110, 2), [1]),  # a short one
        ([*range(0, 100, 4), *range(250, 350, 4)], [1, 1]),  # two that are as long
        ([*range(150, 249, 2), *range(250, 270, 2)], [1, 3]),
    ],
)
def test_a_way_that_is_longer_than_all_others_has_several_threads(
    frames, threads, monkeypatch, tmp_path
):
    path = write_film(tmp_path / "f.mp4", *CLOSED, *LONG, num_frames=400)
    made, real = [], pyav.make_context

    def make_context(stream, **options):
        made.append(options["num_threads"])
        return real(stream, **options)

    monkeypatch.setattr(pyav, "make_context", make_context)
    ours = read(path, list(frames), num_decoders=3)
    assert sorted(made) == threads
    expected = extract_frames(path)[list(frames)]
    assert np.abs(ours.astype(int) - expected).max() <= 2
    made.clear()
    VideoReader(path, num_decoders=3).frames(list(frames))
    assert set(made) <= {1}  # what is decoded for this request alone leaves most frames out


@needs_ffmpeg
def test_windows_over_many_groups_decode_nothing_twice(fed):
    cache, path = FilmCache(LARGE), find_film("h264-mp4")  # a key every 20 frames
    for frames in windows(60, 26, 13, 3):
        assert np.array_equal(read(path, frames, cache=cache), find_expected("h264-mp4")[frames])
    assert max(fed.values()) == 1


@needs_ffmpeg
def test_a_window_costs_what_is_new_and_what_comes_out_with_it(fed, tmp_path):
    path = write_film(tmp_path / "f.mp4", *CLOSED, *LONG, num_frames=160)
    cache = FilmCache(LARGE)
    read(path, range(0, 81, 8), cache=cache)
    assert 81 <= fed.total() <= 81 + 8  # up to 3 B-frames are held back, and their references
    read(path, range(40, 121, 8), cache=cache)
    assert fed.total() <= 121 + 8
    VideoReader(path, cache=cache).frames([150])  # one that keeps nothing begins at the key
    assert fed[0] == 2


@needs_ffmpeg
def test_what_lies_before_is_decoded_from_the_key(fed, tmp_path):
    path = write_film(tmp_path / "f.mp4", *CLOSED, *LONG, num_frames=100)
    expected, cache = extract_frames(path), FilmCache(LARGE)
    for frames, times in (([60, 64], 1), ([20, 24], 2), ([40], 2), ([80], 2)):
        ours = read(path, frames, cache=cache, num_decoders=1)
        assert np.abs(ours.astype(int) - expected[frames]).max() <= 2
        assert fed[0] == times


@needs_ffmpeg
@pytest.mark.parametrize("name", FILMS)
def test_windows_of_any_film_are_exact(name):
    path, expected = find_film(name), find_expected(name)
    few, many = FilmCache(15 * expected[0].nbytes), FilmCache(LARGE)
    jumps = np.random.default_rng(0).integers(0, len(expected) - 8, 4)
    chain = windows(len(expected), 14, 6, 4)
    for frames in (*chain, *([first, first + 3, first + 7] for first in jumps.tolist())):
        for cache in (few, many):
            ours = read(path, frames, cache=cache, num_decoders=2)
            assert np.abs(ours.astype(int) - expected[frames]).max() <= 2


def outcome(path, frames, **options):
    """Pictures, or what is wrong."""
    try:
        return VideoReader(path, num_decoders=1, **options).frames(frames).data.tolist()
    except VideoError as error:
        return str(error)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("f.mp4", CLOSED),
        ("f.avi", (*CLOSED, "-bf", "0")),
        ("g.mp4", CLOSED_HEVC),
        ("h.mp4", VP9),
        ("i.mp4", AV1),
    ],
)
@pytest.mark.parametrize("content", [bytes(400), np.random.default_rng(1).bytes(2000)])
def test_damage_is_told_as_to_a_reader_that_begins_anew(name, options, content, tmp_path):
    path = write_film(tmp_path / name, *options, *LONG, size="192x108")
    data = bytearray(path.read_bytes())
    place = len(data) * 2 // 5
    data[place : place + len(content)] = content
    path.write_bytes(data)
    cache, told = FilmCache(LARGE), []
    for frames in windows(60, 12, 6, 4):
        told.append(outcome(path, frames, cache=cache, keep_between=True))
        assert told[-1] == outcome(path, frames, cache=FilmCache(0))
    holes_are_seen = not any(content)  # noise, some codecs take for pictures
    assert not holes_are_seen or {type(one) for one in told} == {list, str}


def test_no_more_decoders_are_left_than_may_be():
    decoders = Decoders(lambda num_threads: Decoder(context=None), most_left=2)
    for start in (0, 10, 20):
        decoder = decoders.take(start)
        decoder.number, decoder.due, decoder.is_left = start + 5, {start + 3}, True
        decoders.give_back(decoder)
    assert decoders.take_left(0, [7]) is None  # given up, as it was left first
    assert decoders.take_left(10, [4]) is None  # it has passed this
    found = decoders.take_left(10, [13, 15])  # it holds one and comes to the other
    assert (found.start, found.number, found.is_left) == (10, 15, False)
    assert decoders.take_left(10, [13, 15]) is None
    decoders.clear()
    assert decoders.take_left(20, [27]) is None


def test_a_decoder_that_was_emptied_begins_anew():
    decoders = Decoders(lambda num_threads: Decoder(context=None), most_left=2)
    decoder = decoders.take(7)
    decoder.number, decoder.due = 9, {8}
    decoders.give_back(decoder)
    assert decoders.take_left(7, [9]) is None
    again = decoders.take(30)
    assert again is decoder
    assert (again.start, again.number, again.due) == (30, 30, set())
