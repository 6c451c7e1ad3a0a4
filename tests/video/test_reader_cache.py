"""Readers of a process share open films and frames, within a number of bytes, in any thread."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.video.films import CLOSED, find_expected, find_film, needs_ffmpeg, write_film
from video.cache import FilmCache, shared_cache
from video.decoding.pyav import PyavBackend
from video.reader import VideoReader

FRAME_BYTES = 96 * 128 * 3


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """Numbers of the frames that were decoded, one by one."""
    numbers, real = [], PyavBackend.decode

    def decode(self, indices, sink):
        numbers.extend(indices)
        return real(self, indices, sink)

    monkeypatch.setattr(PyavBackend, "decode", decode)
    return numbers


def test_what_was_not_used_for_longest_goes_first():
    cache = FilmCache(100)
    for key in "abc":
        cache.put(key, key.upper(), 30)
    assert cache.get("a") == "A"
    cache.put("d", "D", 30)
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    assert (cache.num_bytes, len(cache)) == (90, 3)
    cache.put("a", "A2", 10)  # in place of the first
    assert (cache.num_bytes, cache.get("a")) == (70, "A2")
    cache.put("huge", "H", 101)
    assert cache.get("huge") is None
    assert cache.num_bytes == 70
    cache.resize(10)
    assert cache.num_bytes <= 10
    cache.clear()
    assert (cache.num_bytes, len(cache)) == (0, 0)


@pytest.mark.parametrize("settings", [{"max_bytes": -1}, {"max_films": 0}])
def test_bad_sizes_of_the_cache_are_named(settings):
    with pytest.raises(ValueError, match="it must be"):
        FilmCache(**settings)


def test_a_value_is_made_once_however_many_ask():
    cache, calls, gate = FilmCache(100), [], threading.Barrier(4)

    def make():
        calls.append(None)
        return object(), 1

    def ask(_):
        gate.wait()
        return cache.get_or_make("key", make)

    with ThreadPoolExecutor(4) as pool:
        assert len({id(value) for value in pool.map(ask, range(4))}) == 1
    assert len(calls) == 1


def test_the_shared_cache_is_one_and_takes_a_size():
    before = shared_cache().max_bytes
    try:
        assert shared_cache(123) is shared_cache()
        assert shared_cache().max_bytes == 123
    finally:
        shared_cache(before)


@needs_ffmpeg
def test_a_second_request_decodes_nothing(decoded):
    cache = FilmCache(1 << 24)
    first = VideoReader(find_film("h264-mp4"), cache=cache).frames([3, 40])
    again = VideoReader(find_film("h264-mp4"), cache=cache).frames([40, 3, 40])
    assert np.array_equal(first.data[[1, 0, 1]], again.data)
    assert decoded == [3, 40]
    VideoReader(find_film("h264-mp4"), cache=cache).frames([3, 41])
    assert decoded == [3, 40, 41]


@needs_ffmpeg
def test_frames_of_other_sizes_are_kept_apart(decoded):
    cache = FilmCache(1 << 24)
    for size in (None, 64, 32):
        reader = VideoReader(find_film("h264-mp4"), size=size, cache=cache)
        assert reader.frames([3]).data.shape[1:3] == (reader.height, reader.width)
    assert decoded == [3, 3, 3]


@needs_ffmpeg
def test_a_batch_is_its_takers_own():
    reader = VideoReader(find_film("h264-mp4"), cache=FilmCache(1 << 24))
    reader.frames([3]).data[:] = 0
    assert np.array_equal(reader.frames([3]).data[0], find_expected("h264-mp4")[3])


@needs_ffmpeg
def test_threads_that_ask_for_the_same_decode_once(decoded):
    cache, gate = FilmCache(1 << 26), threading.Barrier(6)
    expected = find_expected("h264-mp4")

    def ask(seed):
        wanted = np.random.default_rng(seed % 2).integers(0, 60, 20).tolist()
        gate.wait()
        batch = VideoReader(find_film("h264-mp4"), cache=cache).frames(wanted)
        return np.array_equal(batch.data, expected[wanted])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(ask, range(6)))
    assert sorted(decoded) == sorted(set(decoded))


@needs_ffmpeg
def test_frames_between_those_of_one_request_serve_the_next(monkeypatch):
    harvested, real = [], PyavBackend._harvest
    monkeypatch.setattr(
        PyavBackend, "_harvest", lambda self, *a, **k: harvested.append(a) or real(self, *a, **k)
    )
    expected = find_expected("h264-mp4")
    reader = VideoReader(find_film("h264-mp4"), cache=FilmCache(1 << 26), keep_between=True)
    reader.frames([5, 20, 45])
    assert len(harvested) == 3  # one for each group of frames
    between = list(range(6, 45, 3))
    assert np.array_equal(reader.frames(between).data, expected[between])
    assert len(harvested) == 3
    assert np.array_equal(reader.frames([2, 7, 50]).data, expected[[2, 7, 50]])
    assert len(harvested) > 3


@needs_ffmpeg
@pytest.mark.parametrize("keep_between", [False, True])
@pytest.mark.parametrize("num_frames", [60, 600])
def test_memory_is_bounded_whatever_the_length(num_frames, keep_between, tmp_path):
    most = 40 * FRAME_BYTES
    path = write_film(tmp_path / "f.mp4", *CLOSED, num_frames=num_frames)
    cache = FilmCache(most)
    reader = VideoReader(path, cache=cache, num_decoders=1, keep_between=keep_between)
    rng = np.random.default_rng(0)
    for _ in range(20):
        reader.frames(rng.integers(0, num_frames, 8).tolist())
        held = sum(num_bytes for _, num_bytes in cache._entries.values())
        assert held == cache.num_bytes <= most


@needs_ffmpeg
def test_no_more_films_are_open_than_may_be(tmp_path):
    cache, films = FilmCache(1 << 28, max_films=2), []
    for number in range(4):
        path = write_film(tmp_path / f"{number}.mp4", *CLOSED, num_frames=5)
        reader = VideoReader(path, cache=cache)
        reader.frames([number])
        films.append((path, reader))
        assert len(cache._films) <= 2
    for number, (_, reader) in enumerate(films):  # those that were closed open again
        assert reader.frames([4, number]).frame_index.tolist() == [4, number]


@needs_ffmpeg
def test_a_film_that_is_let_go_of_while_it_is_read_is_closed_afterwards():
    cache, expected = FilmCache(1 << 26), find_expected("h264-mp4")
    reader = VideoReader(find_film("h264-mp4"), cache=cache)
    stop = threading.Event()

    def clear():
        while not stop.is_set():
            cache.clear()

    thread = threading.Thread(target=clear)
    thread.start()
    try:
        for frame in range(0, 60, 4):
            assert np.array_equal(reader.frames([frame]).data[0], expected[frame])
    finally:
        stop.set()
        thread.join()


def read_in_child(reader, queue):
    queue.put(reader.frames([5, 50]).data.tobytes())


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking with threads, on purpose
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_readers_work_in_other_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    context = multiprocessing.get_context(method)
    reader = VideoReader(find_film("h264-mp4"), cache=FilmCache(1 << 26))
    reader.frames([5, 7])  # so that the parent has the film open, at another place
    queue = context.SimpleQueue()
    children = [context.Process(target=read_in_child, args=(reader, queue)) for _ in range(2)]
    for child in children:
        child.start()
    expected = find_expected("h264-mp4")
    assert np.array_equal(reader.frames([30]).data[0], expected[30])
    for _ in children:
        assert queue.get() == expected[[5, 50]].tobytes()
    for child in children:
        child.join(120)
        assert child.exitcode == 0
    assert np.array_equal(reader.frames([31]).data[0], expected[31])


@needs_ffmpeg
def test_a_pickled_reader_opens_its_film_when_it_is_used():
    reader = VideoReader(find_film("h264-mp4"), size=64, cache=FilmCache(12345), num_decoders=1)
    data = pickle.dumps(reader)
    assert len(data) < 1000
    copy = pickle.loads(data)
    assert (copy.cache.max_bytes, len(copy.cache)) == (12345, 0)
    assert np.array_equal(copy.frames([9]).data, reader.frames([9]).data)
    assert (copy.name, copy.num_frames, copy.width) == (reader.name, 60, 64)


@needs_ffmpeg
def test_a_closed_reader_opens_again():
    with VideoReader(find_film("h264-mp4"), cache=FilmCache(0)) as reader:
        before = reader.frames([9]).data
    assert np.array_equal(reader.frames([9]).data, before)
