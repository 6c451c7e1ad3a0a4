"""A dataset of traces on disk, written in parts so that it can be interrupted at any time.

    data.jsonl           all samples, one a line, once every part is there
    images/00003/        the pictures of part 3
    parts/00003.jsonl    the samples of part 3
    parts/00003.json     its numbers; written last, so that a part with this file is whole
    statistics.json, statistics.html
    dataset_info.json    how LLaMA-Factory, for one, reads data.jsonl

A part is decided by its number alone. So neither interruptions nor who wrote which part change
anything in the result.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from training.episode import Episode
from training.run_directory import write_atomic
from training.trace_page import write_statistics_page
from training.trace_statistics import (
    EMPTY,
    Tally,
    add_tallies,
    make_statistics,
    tally_episode,
)
from training.traces import TraceConfig, make_samples

PART_SIZE = 50
"""Episodes in a part."""


def part_sizes(num_episodes: int) -> list[int]:
    """How many episodes each part of a dataset has."""
    full, rest = divmod(num_episodes, PART_SIZE)
    return [PART_SIZE] * full + [rest] * (rest > 0)


def load_tallies(root: Path) -> dict[int, Tally]:
    """Number of each part that is whole -> what it is made of."""
    paths = sorted((root / "parts").glob("*.json"))
    return {int(path.stem): json.loads(path.read_text(encoding="utf-8")) for path in paths}


def write_part(root: Path, part: int, episodes: Iterable[Episode], config: TraceConfig) -> Tally:
    """Write one part, in place of whatever an interrupted run has left of it.

    Args:
        root: folder of the dataset.
        part: its number, from 0.
        episodes: in their order; made while the part is being written.
        config: which are kept, and in which form.

    Returns:
        The part's numbers.
    """
    folder = f"images/{part:05d}"
    _part_path(root, part, "json").unlink(missing_ok=True)
    shutil.rmtree(root / folder, ignore_errors=True)
    (root / folder).mkdir(parents=True)
    lines: list[str] = []
    tally = dict(EMPTY)
    for episode in episodes:
        kept = episode.failure is None and (episode.success or config.keep_unsolved)
        samples, files = make_samples(episode, config, folder=folder) if kept else ([], {})
        for name, content in files.items():
            (root / name).write_bytes(content)
        lines += [json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples]
        tally = add_tallies([tally, tally_episode(episode, config, num_samples=len(samples))])
    write_atomic(_part_path(root, part, "jsonl"), "".join(lines))
    write_atomic(_part_path(root, part, "json"), json.dumps(tally) + "\n")
    return tally


def finish_dataset(root: Path, num_parts: int, config: TraceConfig) -> Tally:
    """Join the parts, and write the statistics.

    Returns:
        The statistics of the whole.

    Raises:
        FileNotFoundError: where a part is missing.
    """
    tallies = load_tallies(root)
    if missing := sorted(set(range(num_parts)) - set(tallies)):
        raise FileNotFoundError(f"{root}: parts {missing} of {num_parts} are missing")
    with (root / "data.jsonl.new").open("wb") as joined:
        for part in range(num_parts):
            with _part_path(root, part, "jsonl").open("rb") as lines:
                shutil.copyfileobj(lines, joined)
    (root / "data.jsonl.new").replace(root / "data.jsonl")
    statistics = make_statistics(add_tallies(tallies[part] for part in range(num_parts)))
    write_atomic(root / "statistics.json", json.dumps(statistics, indent=1) + "\n")
    write_statistics_page(root, statistics, config)
    columns = {"messages": "conversations", "images": "image"}
    info = {"file_name": "data.jsonl", "formatting": "sharegpt", "columns": columns}
    write_atomic(root / "dataset_info.json", json.dumps({config.name: info}, indent=1) + "\n")
    return statistics


def _part_path(root: Path, part: int, suffix: str) -> Path:
    return root / "parts" / f"{part:05d}.{suffix}"
