"""What the measurement of the reader reports, on a film of seconds."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.bench_video import AT_LEAST, AT_MOST, describe_target
from tests.video.films import CLOSED, find_film, needs_ffmpeg, write_film
from video import bench_cases
from video.bench_cases import (
    best_times,
    check_agreement,
    compare,
    frame_cases,
    group_seconds,
    make_long_film,
    measure_video,
    read_much,
)
from video.cache import FilmCache
from video.reader import VideoReader


def test_windows_lie_between_keys_and_uniform_frames_reach_both_ends():
    cases = frame_cases(36_000)
    window = cases["window_12"]
    assert len(window) == 12
    assert window[-1] - window[0] == 600
    assert all(cases[f"uniform_{n}"][:: n - 1] == [0, 35_999] for n in (12, 64))
    assert np.count_nonzero(np.concatenate(list(cases.values())) % 250 == 0) <= 4


def test_the_best_peer_is_compared_and_those_far_behind_stop():
    calls: dict[str, int] = {}

    def case(name, seconds):
        def run():
            calls[name] = calls.get(name, 0) + 1
            stop = bench_cases.time.process_time() + seconds
            while bench_cases.time.process_time() < stop:
                pass

        return run

    cases = {name: case(name, s) for name, s in
             {"ours.x": 0.01, "near.x": 0.02, "far.x": 0.2}.items()}  # fmt: skip
    figures = best_times(cases, 3)
    assert calls == {"ours.x": 3, "near.x": 3, "far.x": 1}
    assert figures["near.x_core_seconds"] == pytest.approx(0.02, rel=0.5)
    ratios = compare(figures | {"ours.y_core_seconds": 1.0})
    assert set(ratios) == {f"ours.x_{u}_best_peer_to_ours_ratio" for u in ("wall", "core")}
    assert ratios["ours.x_core_best_peer_to_ours_ratio"] == pytest.approx(2, rel=0.5)


@pytest.fixture
def short_film(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_cases, "PART_GROUPS", 1)
    monkeypatch.setattr(bench_cases, "GROUP_FRAMES", 30)
    monkeypatch.setattr(bench_cases, "WINDOW_SECONDS", 0.5)
    return tmp_path


@needs_ffmpeg
def test_the_long_film_is_what_it_is_said_to_be(short_film):
    path = make_long_film(short_film, 3 / 60)
    reader = VideoReader(path, cache=FilmCache(0))
    assert (reader.num_frames, reader.height, reader.width) == (90, 720, 1280)
    assert reader.duration_seconds == 3.0
    assert np.allclose(np.diff(reader.pts_seconds), 1 / 30)
    made = path.stat().st_mtime_ns
    assert make_long_film(short_film, 3 / 60).stat().st_mtime_ns == made
    check_agreement(str(path))


@needs_ffmpeg
def test_a_group_costs_less_than_its_episodes(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_cases, "WINDOW_SECONDS", 3.0)
    path = str(write_film(tmp_path / "f.mp4", *CLOSED, "-g", "250", num_frames=300, size="640x360"))
    one = min(group_seconds(path, 1, 0.0) for _ in range(2))
    eight = min(group_seconds(path, 8, 0.0) for _ in range(2))
    assert eight < 4 * one


@needs_ffmpeg
def test_memory_is_told(monkeypatch):
    monkeypatch.setattr(bench_cases, "SMALL_CACHE_BYTES", 400_000)
    cache_bytes, process_bytes = read_much(str(find_film("h264-mp4")))
    assert 300_000 < cache_bytes <= 400_000
    assert process_bytes > 10 << 20


@needs_ffmpeg
@pytest.mark.slow
def test_all_figures_have_units_and_all_targets_a_figure(short_film):
    figures = measure_video(short_film, minutes=3 / 60, rounds=1, memory_minutes=(2 / 60,))
    assert all(np.isfinite(value) and value > 0 for value in figures.values())
    assert all(name.endswith(("_seconds", "_ratio", "_mib")) for name in figures)
    targets = {name for name in (*AT_LEAST, *AT_MOST) if not name.endswith("_minutes_mib")}
    assert targets <= set(figures)


def test_targets_are_put_in_words():
    assert describe_target("ours.window_12_cold_to_warm_ratio") == "   (target: at least 20)"
    assert describe_target("ours.group_of_8_equal_to_one_ratio") == "   (target: at most 1.2)"
    assert describe_target("decord_1_thread.window_12_wall_seconds") == ""
