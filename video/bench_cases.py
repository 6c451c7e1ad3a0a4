"""How fast frames of a long film are had, beside other readers, and what a group of episodes costs.

Every figure is the best of some rounds in which all take turns. Wall time and the time of all cores
are told apart. What is cold has nothing in our cache; the file itself is in the system's.
"""

from __future__ import annotations

import math
import multiprocessing
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from video.cache import FilmCache
from video.decoding.peers import peer_readers
from video.reader import VideoReader

FPS, GROUP_FRAMES = 30, 250
PART_GROUPS = 6
"""Groups of frames that are drawn; the long film repeats them."""
WINDOW_SECONDS, WINDOW_FRAMES = 20.0, 12
NUM_EPISODES = 8
EPISODE_SIDE = 448
"""The longer side of the frames that an episode shows [px]."""
CACHE_BYTES, SMALL_CACHE_BYTES = 1 << 30, 256 << 20
FAR_BEHIND = 1.5
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024

Case = Callable[[], object]


def make_long_film(directory: Path, minutes: float) -> Path:
    """A 720p film with a key every 250 frames and up to 3 B-frames between others, at 30 frames/s.

    Made once for a directory. It repeats 50 s of drawn film: that takes as long to read as one that
    does not, and is made at once.

    Raises:
        FileNotFoundError: where there is no ffmpeg.
    """
    directory.mkdir(parents=True, exist_ok=True)
    part, film = directory / "part.mp4", directory / f"film_{minutes:g}_minutes.mp4"
    num_frames = PART_GROUPS * GROUP_FRAMES
    if not part.exists():
        source = f"testsrc2=size=1280x720:rate={FPS}"
        groups = ("-g", f"{GROUP_FRAMES}", "-keyint_min", f"{GROUP_FRAMES}", "-sc_threshold", "0")
        coding = (
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "28",
            *groups,
            "-pix_fmt",
            "yuv420p",
        )
        _ffmpeg("-f", "lavfi", "-i", source, "-frames:v", f"{num_frames}", *coding, into=part)
    if not film.exists():
        times = max(1, round(minutes * 60 * FPS / num_frames))
        _ffmpeg("-stream_loop", f"{times - 1}", "-i", part, "-c", "copy", into=film)
    return film


def _ffmpeg(*arguments: str | Path, into: Path) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        raise FileNotFoundError("the film that is read is made by ffmpeg, which is not installed")
    unfinished = into.with_suffix(".unfinished.mp4")
    command = [
        program,
        "-nostdin",
        "-loglevel",
        "error",
        "-y",
        *map(str, arguments),
        str(unfinished),
    ]
    subprocess.run(command, check=True)
    unfinished.replace(into)


def measure_video(
    directory: Path,
    *,
    minutes: float = 20.0,
    rounds: int = 3,
    memory_minutes: Sequence[float] = (10.0, 60.0),
) -> dict[str, float]:
    """Figures named `<ours or peer>.<case>`, with the unit in the name.

    Args:
        directory: where the films are made and kept.
        minutes: length of the film that is read.
        rounds: the best of which counts, 1 or more.
        memory_minutes: lengths of films for which the memory is told.
    """
    film = str(make_long_film(directory, minutes))
    check_agreement(film)
    figures = measure_reading(film, rounds)
    figures |= compare(figures)
    figures |= measure_warm(film, rounds)
    figures |= measure_groups(film, rounds)
    for length in memory_minutes:
        figures |= measure_memory(str(make_long_film(directory, length)), f"{length:g}_minutes")
    return figures


def frame_cases(num_frames: int) -> dict[str, list[int]]:
    """Case -> the frames that it asks for."""
    length = min(round(WINDOW_SECONDS * FPS), num_frames - 1)
    start = min(num_frames // 2 + 77, num_frames - 1 - length)  # like any place between two keys
    return {
        "window_12": _spread(start, start + length, WINDOW_FRAMES),
        "uniform_12": _spread(0, num_frames - 1, 12),
        "uniform_64": _spread(0, num_frames - 1, 64),
    }


def _spread(first: float, last: float, count: int) -> list[int]:
    return np.unique(np.linspace(first, last, count).astype(int)).tolist()


def read_cold(path: str, frames: Sequence[int]) -> np.ndarray:
    """Frames with ours, the file not open yet."""
    return VideoReader(path, cache=FilmCache(CACHE_BYTES)).frames(frames).data


def check_agreement(path: str) -> None:
    """Require that all readers give the same frames of the film.

    Raises:
        AssertionError: naming the reader that does not.
    """
    frames = frame_cases(VideoReader(path, cache=FilmCache(0)).num_frames)["window_12"][:3]
    ours = read_cold(path, frames).astype(int)
    for name, read in peer_readers().items():
        apart = np.abs(read(path, frames) - ours).mean()
        if apart > 2:
            raise AssertionError(f"{name} differs from ours by {apart:.1f} levels in the mean")


def measure_reading(path: str, rounds: int) -> dict[str, float]:
    """Wall and core time of every reader for every case, file open included."""
    num_frames = VideoReader(path, cache=FilmCache(0)).num_frames
    cases: dict[str, Case] = {}
    for case, frames in frame_cases(num_frames).items():
        for name, read in {"ours": read_cold, **peer_readers()}.items():
            cases[f"{name}.{case}"] = partial(read, path, frames)
    return best_times(cases, rounds)


def best_times(cases: Mapping[str, Case], rounds: int) -> dict[str, float]:
    """Name -> the least of its times, with `_wall_seconds` and `_core_seconds`.

    Those that are far behind the best peer in the first round do not take part in the others.
    """
    best: dict[str, float] = {}
    for number in range(rounds):
        for name, case in cases.items():
            if number and _is_far_behind(name, best):
                continue
            wall, core = time.perf_counter(), time.process_time()
            case()
            spent = time.perf_counter() - wall, time.process_time() - core
            for unit, seconds in zip(("wall", "core"), spent, strict=True):
                key = f"{name}_{unit}_seconds"
                best[key] = min(seconds, best.get(key, seconds))
    return best


def _is_far_behind(name: str, best: Mapping[str, float]) -> bool:
    """Whether a reader takes far longer than the best peer by the wall and by the cores."""
    case = name.partition(".")[2]
    return all(
        best[f"{name}_{unit}_seconds"] > FAR_BEHIND * _best_peer(best, f"{case}_{unit}_seconds")
        for unit in ("wall", "core")
    )


def _best_peer(figures: Mapping[str, float], case: str) -> float:
    """The least figure that a peer has for a case; infinity where there is no peer."""
    keys = [key for key in figures if key.partition(".")[2] == case and key[:5] != "ours."]
    return min((figures[key] for key in keys), default=math.inf)


def compare(figures: Mapping[str, float]) -> dict[str, float]:
    """How many times as long as ours the best peer of each case takes."""
    shares = {}
    for name, ours in figures.items():
        owner, _, case = name.partition(".")
        if owner == "ours" and _best_peer(figures, case) < math.inf:
            words = case.removesuffix("_seconds")
            shares[f"ours.{words}_best_peer_to_ours_ratio"] = _best_peer(figures, case) / ours
    return shares


def measure_warm(path: str, rounds: int) -> dict[str, float]:
    """How many times as long as its second request the first one takes, file open included."""
    ratios = {}
    num_frames = VideoReader(path, cache=FilmCache(0)).num_frames
    for case, frames in frame_cases(num_frames).items():
        cold, warm = [], []
        for _ in range(rounds):
            cache = FilmCache(CACHE_BYTES)
            read = partial(_read_shared, path, frames, cache)
            cold.append(wall_seconds(read))
            warm += [wall_seconds(read) for _ in range(3)]
        ratios[f"ours.{case}_cold_to_warm_ratio"] = min(cold) / min(warm)
    return ratios


def _read_shared(path: str, frames: Sequence[int], cache: FilmCache) -> np.ndarray:
    return VideoReader(path, cache=cache).frames(frames).data


def wall_seconds(case: Case) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    case()
    return time.perf_counter() - start


def measure_groups(path: str, rounds: int) -> dict[str, float]:
    """What the episodes of a group cost beside one: all have the same first scan.

    Spotlights are equal; or all share at least half of their windows; or each shares half of its
    own with the next one's, so that the last is far from the first.
    """
    shifts = {
        "equal": 0.0,
        "half_shared_by_all": WINDOW_SECONDS / 2 / (NUM_EPISODES - 1),
        "half_shared_by_next": WINDOW_SECONDS / 2,
    }
    figures = {}
    one = min(group_seconds(path, 1, 0.0) for _ in range(rounds))
    for words, shift in shifts.items():
        eight = min(group_seconds(path, NUM_EPISODES, shift) for _ in range(rounds))
        figures[f"ours.group_of_8_{words}_to_one_ratio"] = eight / one
    return figures | {"ours.one_episode_wall_seconds": one}


def group_seconds(path: str, num_episodes: int, shift_seconds: float) -> float:
    """Wall time of episodes that come one after the other and share a cache [s]."""
    cache = FilmCache(CACHE_BYTES)

    def play() -> None:
        for episode in range(num_episodes):
            reader = VideoReader(path, size=EPISODE_SIDE, cache=cache, keep_between=True)
            reader.frames(_spread(0, reader.num_frames - 1, WINDOW_FRAMES))
            start = reader.duration_seconds / 3 + episode * shift_seconds
            start = min(start, reader.duration_seconds - WINDOW_SECONDS - 1 / FPS)
            seconds = np.linspace(start, start + WINDOW_SECONDS, WINDOW_FRAMES)
            reader.frames_at(seconds.tolist())

    return wall_seconds(play)


def measure_memory(path: str, words: str) -> dict[str, float]:
    """What a small cache holds at most, and what a process with it does, while many frames of a
    film are read [MiB].
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        cache_bytes, process_bytes = pool.submit(read_much, path).result()
    return {
        f"ours.cache_{words}_mib": cache_bytes / (1 << 20),
        f"ours.process_{words}_mib": process_bytes / (1 << 20),
    }


def read_much(path: str) -> tuple[int, int]:
    """Read more frames than a small cache holds. Returns the most bytes that the cache held, and
    that the process did.
    """
    cache, most = FilmCache(SMALL_CACHE_BYTES), 0
    reader = VideoReader(path, cache=cache)
    for seed in range(12):
        frames = np.random.default_rng(seed).integers(0, reader.num_frames, 12)
        reader.frames(np.sort(frames).tolist())
        most = max(most, cache.num_bytes)
    return most, _peak_bytes()


def _peak_bytes() -> int:
    """The most memory that this process has had. On Linux `getrusage` would count the peak of the
    process that started it, too.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES
    [line] = [one for one in status.read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) << 10
