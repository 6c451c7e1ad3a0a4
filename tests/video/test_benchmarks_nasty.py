"""Whatever stands in one row of a set: the others are read, and nothing leaves the folder."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.video.sets import predict, write, write_json, write_lines
from video.benchmarks.catalogue import BENCHMARKS, load_benchmark
from video.benchmarks.results import benchmark_tables, coverage, write_official

NASTY: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    1.5,
    float("nan"),
    "",
    " ",
    "x",
    "../../x",
    "/etc/passwd",
    "~root",
    "a\0b",
    "\ud800",
    "x" * 5000,
    [],
    ["x"],
    [None, {}],
    {},
    {"A": None},
    [[[]]],
)

MME = {
    "videoID": "v",
    "video_id": "1",
    "question_id": "1",
    "duration": "short",
    "domain": "d",
    "sub_category": "s",
    "task_type": "t",
    "question": "?",
    "options": ["A. x", "B. y"],
    "answer": "A",
}
LVB = {
    "id": "1",
    "video_path": "v.mp4",
    "subtitle_path": "v.json",
    "question": "?",
    "candidates": ["x", "y"],
    "correct_choice": 1,
    "duration": 9.0,
    "duration_group": 15,
    "starting_timestamp_for_subtitles": 0,
}
MLVU = {
    "video": "v.mp4",
    "question": "?",
    "candidates": ["x", "y"],
    "answer": "x",
    "question_type": "ego",
    "question_id": "ER_1",
    "duration": 3,
}
LVBENCH = {
    "key": "v",
    "type": "t",
    "qa": [
        {
            "uid": "1",
            "question": "?\n(A) x\n(B) y",
            "answer": "A",
            "question_type": ["reasoning"],
            "time_reference": "00:01-00:02",
        }
    ],
}
HOLMES = {
    "video ID": "v",
    "Question ID": 1,
    "Question Type": "SR",
    "Question": "?",
    "Options": {"A": "x", "B": "y"},
    "Answer": "A",
    "Explanation": "e",
}
REASON = {
    "problem_id": 1,
    "problem": "?\nA. x\nB. y",
    "problem_type": "goal",
    "videos": "longvila_videos/v.mp4",
    "answer": "<answer>A</answer>",
}
SYNTHETIC = {
    "question_id": "1",
    "video": "videos/v.mp4",
    "text": "?",
    "kind": "k",
    "options": ["x", "y"],
    "answer": "A",
    "evidence": [{"start_seconds": 0, "end_seconds": 1}],
    "subtitles": "subtitles/v.srt",
    "groups": {"family": "f"},
}

SETS: dict[str, tuple[dict[str, Any], str, Callable[..., Path], str]] = {
    "video_mme": (MME, "question_id", write_json, "videomme/test.json"),
    "long_video_bench": (LVB, "id", write_json, "lvb_val.json"),
    "mlvu": (MLVU, "question_id", write_json, "test_mcq_gt.json"),
    "lvbench": (LVBENCH, "uid", write_lines, "video_info.meta.jsonl"),
    "video_holmes": (HOLMES, "Question ID", write_json, "test_Video-Holmes.json"),
    "longvideo_reason": (REASON, "problem_id", write_lines, "test.jsonl"),
    "synthetic": (SYNTHETIC, "question_id", write_lines, "questions.jsonl"),
}


def holders(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The row, and the questions in it."""
    yield row
    yield from row.get("qa", [])


def spoil(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The row without each of its fields, and with each nasty value in each."""
    for place, holder in enumerate(holders(row)):
        for name in holder:
            for value in (*NASTY, ...):
                spoilt = copy.deepcopy(row)
                inner = list(holders(spoilt))[place]
                if value is ...:
                    del inner[name]
                else:
                    inner[name] = value
                yield spoilt


def renamed(row: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    row = copy.deepcopy(row)
    next(holder for holder in holders(row) if key in holder)[key] = name
    return row


def split_of(name: str) -> str | None:
    return "test" if name == "mlvu" else None


@pytest.mark.parametrize("name", SETS)
def test_one_nasty_row_harms_no_other(name: str, tmp_path: Path) -> None:
    good, key, writer, file = SETS[name]
    rows = list(spoil(good))
    writer(tmp_path / file, [renamed(good, key, "first"), *rows, renamed(good, key, "last")])
    benchmark = load_benchmark(name, tmp_path, split=split_of(name), with_subtitles=True)
    ids = [question.question_id for question in benchmark.questions]
    assert ids[0] == "first" and ids[-1] == "last" and len(set(ids)) == len(ids)
    # Of what was spoilt most is listed; the rest was not needed, or is legal for its field.
    assert len(benchmark.bad_rows) + len(ids) == len(rows) + 2
    assert len(benchmark.bad_rows) > len(rows) / 2
    for path in benchmark.missing_videos:
        assert (tmp_path / path).resolve().is_relative_to(tmp_path.resolve())
    predictions = predict(dict.fromkeys(ids, "<answer>A</answer>"), num_frames_used=3)
    tables = benchmark_tables(benchmark, predictions)
    json.dumps([tables, coverage(benchmark, predictions)], allow_nan=False)
    write_official(benchmark, predictions, tmp_path / "out")
    assert benchmark.report()


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("content", [b"", b"{", b"[", b"[1, 2]", b"\xff\xfe\x00", b"null", b"[{}"])
def test_files_that_are_no_set(name: str, content: bytes, tmp_path: Path) -> None:
    _, _, _, file = SETS[name]
    write(tmp_path / file, content)
    with pytest.raises(ValueError, match=str(tmp_path)):
        load_benchmark(name, tmp_path, split=split_of(name))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_set_says_what_it_looked_for(name: str, tmp_path: Path) -> None:
    for split in BENCHMARKS[name].splits:
        with pytest.raises(FileNotFoundError, match=r"found none of .* in /"):
            load_benchmark(name, tmp_path, split=split)
