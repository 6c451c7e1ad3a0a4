"""The parts of the reader that need no film, and what is told of films without decoding them."""

from __future__ import annotations

import threading
from fractions import Fraction

import numpy as np
import pytest

from tests.video.films import FILMS, find_film, needs_ffmpeg
from video.decoding.backend import fitting_size
from video.decoding.damage import _h264_is_referred_to, _hevc_is_referred_to, look_at_units
from video.decoding.demuxing import Demuxer
from video.decoding.index import FilmIndex, Packets, show_order, split_segments
from video.decoding.parallel import run_side_by_side
from video.decoding.scanning import _packets_from_scan, _packets_from_tables, open_film
from video.decoding.turning import Turn, turn_from_matrix

ONE = 1 << 16


def packets(pts, keys, shown=None) -> Packets:
    return Packets(
        pts=np.array(pts),
        shown=np.array(shown or [True] * len(pts)),
        keys=np.array(keys),
        key_ids=tuple((k, pts[k], k) for k in keys),
        last_duration=1,
    )


def make_index(film: Packets, **settings) -> FilmIndex:
    ordinals, starts = show_order(film)
    given = {
        "path": "film", "stream_index": 0, "container": "mov", "codec": "h264",
        "time_base": Fraction(1, 10), "start_pts": Fraction(0), "pts": film.pts[ordinals],
        "ordinals": ordinals, "starts": starts, "keys": film.keys, "key_ids": film.key_ids,
        "num_packets": len(film.pts), "last_duration": 1, "height": 2, "width": 2, "turn": Turn(),
        **settings,
    }  # fmt: skip
    return FilmIndex(**given)


def test_frames_are_numbered_in_the_order_of_showing():
    # I P B B | I P B B, where the second group is closed
    film = packets([0, 3, 1, 2, 4, 7, 5, 6], keys=[0, 4])
    ordinals, starts = show_order(film)
    assert ordinals.tolist() == [0, 2, 3, 1, 4, 6, 7, 5]
    assert starts.tolist() == [0, 0, 0, 0, 4, 4, 4, 4]
    assert not make_index(film).has_open_groups


def test_frames_shown_before_their_key_are_decoded_from_the_one_before():
    # I P | I B B P: the two B follow the second key but are shown before it
    film = packets([0, 1, 4, 2, 3, 5], keys=[0, 2])
    ordinals, starts = show_order(film)
    assert ordinals.tolist() == [0, 1, 3, 4, 2, 5]
    assert starts.tolist() == [0, 0, 0, 0, 2, 2]
    assert make_index(film).has_open_groups


def test_packets_that_an_edit_list_hides_are_no_frames():
    film = packets([-2, -1, 0, 1], keys=[0], shown=[False, False, True, True])
    ordinals, starts = show_order(film)
    assert ordinals.tolist() == [2, 3]
    assert starts.tolist() == [0, 0]


def test_the_longest_way_is_decoded_first():
    film = packets(list(range(30)), keys=[0, 10, 20])
    index = make_index(film)
    assert split_segments(index, [1, 2, 15, 19, 25]) == [[15, 19], [25], [1, 2]]


def test_a_group_ends_where_the_next_key_is_or_the_film_does():
    index = make_index(packets(list(range(30)), keys=[0, 10, 20]))
    assert [index.next_key(packet) for packet in (0, 9, 10, 20, 29)] == [10, 10, 20, 30, 30]


def test_seconds_count_from_the_start_of_the_file():
    film = packets([5, 6, 7], keys=[0])
    index = make_index(film, start_pts=Fraction(5, 2), last_duration=4)
    assert index.seconds().tolist() == [0.25, 0.35, 0.45]
    assert index.duration_seconds == 0.85


@needs_ffmpeg
@pytest.mark.parametrize("name", [n for n in FILMS if "-mp4" in n or "-mov" in n])
def test_tables_tell_the_same_as_a_scan_or_nothing(name):
    demuxer = Demuxer(str(find_film(name)))
    try:
        quick, slow = _packets_from_tables(demuxer), _packets_from_scan(demuxer)
    finally:
        demuxer.close()
    cut = "cut" in name or "fragmented" in name
    assert (quick is None) == cut
    if quick is not None:
        assert np.array_equal(quick.pts, slow.pts)
        assert np.array_equal(quick.keys, slow.keys)
        assert quick.key_ids == slow.key_ids
        assert quick.shown.all()
        assert slow.shown.all()
        assert quick.last_duration == slow.last_duration


@needs_ffmpeg
@pytest.mark.parametrize("name", ["h264-mp4", "h264-mkv", "h264-avi", "h264-ts", "vp9-webm"])
def test_packets_are_read_from_any_place_on(name):
    index, demuxer = open_film(str(find_film(name)))

    def read(start, last):
        found = demuxer.read(index.keys, index.key_ids, start, last)
        return [(number, bytes(packet)) for number, packet in found]

    try:
        whole = read(0, 59)
        for start, last in ((25, 31), (0, 3), (40, 40), (59, 59)):
            assert read(start, last) == whole[start : last + 1]
    finally:
        demuxer.close()


@pytest.mark.parametrize(
    ("a", "b", "c", "d", "expected"),
    [
        (1, 0, 0, 1, [[1, 2, 3], [4, 5, 6]]),
        (0, 1, -1, 0, [[4, 1], [5, 2], [6, 3]]),  # a quarter turn clockwise
        (-1, 0, 0, -1, [[6, 5, 4], [3, 2, 1]]),
        (0, -1, 1, 0, [[3, 6], [2, 5], [1, 4]]),  # a quarter turn anticlockwise
        (-1, 0, 0, 1, [[3, 2, 1], [6, 5, 4]]),
        (1, 0, 0, -1, [[4, 5, 6], [1, 2, 3]]),
        (0, 1, 1, 0, [[1, 4], [2, 5], [3, 6]]),
        (0, 0, 0, 0, [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_pictures_are_turned_by_the_matrix(a, b, c, d, expected):
    matrix = np.array([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30], np.int32)
    turn = turn_from_matrix(matrix.tobytes())
    picture = np.array([[1, 2, 3], [4, 5, 6]])[..., None].repeat(3, axis=2)
    turned = turn.apply(picture)
    assert turned[..., 0].tolist() == expected
    assert turned.shape[:2] == turn.shape(2, 3)


def test_slanted_films_are_told():
    tilted = np.array([46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30], np.int32)
    assert turn_from_matrix(tilted.tobytes()) is None
    assert turn_from_matrix(None) == Turn()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, (720, 1280)),
        (640, (360, 640)),
        (2000, (720, 1280)),
        ((5, 7), (5, 7)),
        (448, (252, 448)),
    ],
)
def test_sizes_fit(size, expected):
    assert fitting_size(720, 1280, size) == expected


@pytest.mark.parametrize(
    ("data", "holed", "disposable"),
    [
        (b"\0\0\0\x02\x65\x88", False, False),  # a key
        (b"\0\0\0\x02\x41\x88", False, False),  # referred to
        (b"\0\0\0\x02\x01\x88", False, True),
        (b"\0\0\0\x02\x06\x05\0\0\0\x02\x01\x88", False, True),  # after a note
        (b"\0\0\0\x02\x01\x88\0\0\0\x02\x41\x88", False, False),
        (b"\0\0\0\x02\x06\x05", False, False),  # no picture
        (b"\0\0\0\x03\x01\x88", True, False),  # the length reaches beyond
        (b"\0\0\0\0\0\0\0\0", True, False),
        (b"\0\0\0\x06\x41\x88\0\0\0\x01", True, False),
        (b"\0\0\0\x06\x41\x88\0\0\0\0", False, False),  # zeros after the end
        (b"\0\0\0\x02\xc1\x88", True, False),
    ],
)
def test_units_of_h264_are_looked_at(data, holed, disposable):
    sight = look_at_units(data, 4, _h264_is_referred_to)
    assert (sight.holed, sight.disposable) == (holed, disposable)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [(0, False), (1, True), (8, False), (9, True), (19, True), (21, True), (33, None)],
)
def test_kinds_of_hevc_pictures(kind, answer):
    assert _hevc_is_referred_to(kind << 1) is answer


def test_jobs_run_side_by_side_and_the_first_error_is_raised():
    gate, done = threading.Barrier(2, timeout=10), []

    def work(job):
        if job < 2:
            gate.wait()  # passes where two run at a time
        done.append(job)

    run_side_by_side(work, [0, 1, 2, 3], num_threads=2)
    assert sorted(done) == [0, 1, 2, 3]
    run_side_by_side(work, [], num_threads=2)

    def fail(job):
        raise ValueError(f"job {job}")

    with pytest.raises(ValueError, match="job 5"):
        run_side_by_side(fail, [5, 6], num_threads=1)
