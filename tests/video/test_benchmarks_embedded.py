"""Sets with oddities of form: options inside the text (LVBench, LongVideo-Reason), an object of
options under keys with spaces (Video-Holmes).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.video.sets import answer, means, predict, touch, write, write_json, write_lines
from video.benchmarks.catalogue import load_benchmark
from video.benchmarks.results import benchmark_tables, write_official
from video.questions import Interval
from video.scoring import Prediction

ASKED = "What is in the bag (see (B))?\n(A) a book\n(B) a red book\n(C) nothing\n(D) 1:00"


def lvbench_question(uid: int, gold: str, types: list[str], time: str) -> dict[str, Any]:
    return {
        "uid": str(uid),
        "question": ASKED,
        "answer": gold,
        "question_type": types,
        "time_reference": time,
    }


def lvbench_folder(folder: Path) -> Path:
    films = [
        {
            "key": "Cm73ma6Ibcs",
            "type": "sport",
            "video_info": {"fps": 25},
            "qa": [
                lvbench_question(0, "A", ["entity recognition", "reasoning"], "62:30-63:00"),
                lvbench_question(1, "B", ["entity recognition"], "01:02:30-01:02:30"),
            ],
        },
        {
            "key": "other",
            "qa": [
                lvbench_question(2, "C", ["temporal grounding"], "00:10-00:05"),
                lvbench_question(3, "D", ["summarization"], ""),
                lvbench_question(2, "D", ["summarization"], ""),
                "no question",
                {"uid": "9", "question": "No options?", "answer": "A", "question_type": []},
            ],
        },
        {"key": "third"},
    ]
    write_lines(folder / "video_info.meta.jsonl", films)
    touch(folder, "all_videos/Cm73ma6Ibcs.mp4")
    return folder


def test_lvbench_is_read(tmp_path: Path) -> None:
    benchmark = load_benchmark("lvbench", lvbench_folder(tmp_path))
    first, second, third, _ = benchmark.questions
    assert first.text == "What is in the bag (see (B))?"
    assert first.options == ("a book", "a red book", "nothing", "1:00")
    assert first.evidence == (Interval(start_seconds=3750.0, end_seconds=3780.0),)
    # A moment lasts its second; a reversed reference is no evidence, but the question stands.
    assert second.evidence == (Interval(start_seconds=3750.0, end_seconds=3751.0),)
    assert third.evidence == ()
    (remark,) = benchmark.remarks
    assert remark.place == "video_info.meta.jsonl:2 question 1"
    assert "no evidence" in remark.reason
    assert [row.place for row in benchmark.bad_rows] == [
        "video_info.meta.jsonl:2 question 3",
        "video_info.meta.jsonl:2 question 4",
        "video_info.meta.jsonl:2 question 5",
        "video_info.meta.jsonl:3",
    ]
    assert benchmark.missing_videos == ("all_videos/other.mp4",)


def test_lvbench_figures_by_hand(tmp_path: Path) -> None:
    benchmark = load_benchmark("lvbench", lvbench_folder(tmp_path / "set"))
    predictions = [
        Prediction(question_id="0", reply_text=answer("A"), evidence_seen=(True,)),
        Prediction(question_id="1", reply_text=answer("a red book"), evidence_seen=(False,)),
        Prediction(question_id="2", reply_text=answer("A")),
        Prediction(question_id="3", reply_text="hm"),
    ]
    tables = benchmark_tables(benchmark, predictions)
    row = means(tables["evaluation"]["lvbench_test"])
    assert (row["accuracy_strict"], row["accuracy_lenient"]) == (0.25, 0.5)
    assert (row["evidence_hit"], tables["evaluation"]["lvbench_test"]["evidence_hit"]["n"]) == (
        0.5,
        2,
    )
    # Question 0 counts for two categories; question 3 is wrong for us, and skipped officially.
    category = {name: cells["accuracy_lenient"] for name, cells in tables["by_category"].items()}
    assert {name: (cell["mean"], cell["n"]) for name, cell in category.items()} == {
        "ER": (1.0, 2),
        "Rea": (1.0, 1),
        "TG": (0.0, 1),
        "Sum": (0.0, 1),
    }
    official = tables["official"]
    assert official["overall"]["accuracy"]["mean"] == pytest.approx(2 / 3)
    assert official["overall"]["accuracy"]["n"] == 3
    assert not official["Sum"]
    assert official["ER"]["accuracy"]["mean"] == 1.0
    (path,) = write_official(benchmark, predictions, tmp_path / "out")
    assert json.loads(path.read_text()) == {"0": "A", "1": "B", "2": "A", "3": ""}


def test_lvbench_cut_off_in_a_line_loses_that_film(tmp_path: Path) -> None:
    lines = (lvbench_folder(tmp_path) / "video_info.meta.jsonl").read_text().splitlines()
    write(tmp_path / "video_info.meta.jsonl", lines[0] + "\n" + lines[1][:100])
    benchmark = load_benchmark("lvbench", tmp_path)
    assert len(benchmark.questions) == 2
    assert [row.place for row in benchmark.bad_rows] == ["video_info.meta.jsonl:2"]


def holmes_row(number: int, kind: str, gold: str, **fields: Any) -> dict[str, Any]:
    return {
        "video ID": "0at001QMutY",
        "Question ID": number,
        "Question Type": kind,
        "Question": "Who did it?",
        "Options": {"B": "The cook", "A": "The butler", "C": "Nobody", "D": "D."},
        "Answer": gold,
        "Explanation": "It was raining.",
    } | fields


def test_video_holmes_figures_by_hand(tmp_path: Path) -> None:
    rows = [
        holmes_row(1, "SR", "A"),
        holmes_row(2, "SR", "B"),
        holmes_row(3, "MHR", "C"),
        holmes_row(4, "MHR", "D"),
        holmes_row(5, "TA", "E"),
        holmes_row(6, "TA", "A", Options={"A": "x", "C": "y"}),
        holmes_row(7, "TA", "A", Options=["x", "y"]),
    ]
    renamed = {f" {key} ": value for key, value in rows[1].items()}
    write_json(tmp_path / "test_Video-Holmes.json", [rows[0], renamed, *rows[2:]])
    touch(tmp_path, "videos_cropped/0at001QMutY.mp4")
    benchmark = load_benchmark("video_holmes", tmp_path)
    assert [q.question_id for q in benchmark.questions] == ["1", "2", "3", "4"]
    assert benchmark.questions[0].options == ("The butler", "The cook", "Nobody", "D.")
    assert len(benchmark.bad_rows) == 3 and benchmark.missing_videos == ()
    replies = {
        "1": answer("A"),
        "2": "<think>Rain.</think><answer>B: The cook</answer>",  # not strict
        "3": "<think>A B</think>it was nobody",  # lenient: text; official: the A in the thinking
        "4": answer("A cook? No: D"),  # official: `A ` comes first; for us nothing certain
    }
    tables = benchmark_tables(benchmark, predict(replies))
    row = means(tables["evaluation"]["video_holmes_test"])
    assert (row["accuracy_strict"], row["accuracy_lenient"]) == (0.25, 0.75)
    assert row["unparsable_lenient"] == 0.25
    official = tables["official"]
    assert (
        official["overall"]["accuracy"]["mean"] == 0.5 and official["overall"]["accuracy"]["n"] == 4
    )
    assert official["SR"]["accuracy"]["mean"] == 1.0 and official["MHR"]["accuracy"]["mean"] == 0.0
    (path,) = write_official(benchmark, predict(replies), tmp_path / "out")
    second = json.loads(path.read_text())[1]
    assert second == {
        "video ID": "0at001QMutY",
        "Question ID": "2",
        "Question Type": "SR",
        "Question": "Who did it?",
        "Options": {"B": "The cook", "A": "The butler", "C": "Nobody", "D": "D."},
        "GT": "B",
        "Explanation": "It was raining.",
        "Predicr Answer": "B",
        "Thinking": "Rain.",
        "Correct": True,
    }


def test_video_holmes_train_split(tmp_path: Path) -> None:
    write_json(tmp_path / "Benchmark" / "train_Video-Holmes.json", [holmes_row(1, "SR", "A")])
    assert len(load_benchmark("video_holmes", tmp_path, split="train").questions) == 1
    with pytest.raises(FileNotFoundError, match="found none of test_Video-Holmes"):
        load_benchmark("video_holmes", tmp_path)


def reason_row(number: int, kind: str, gold: str, **fields: Any) -> dict[str, Any]:
    return {
        "problem_id": number,
        "problem": "What is the aim?\nA. To run\nB. To run fast\nC. To rest\nD. None",
        "data_type": "video",
        "problem_type": kind,
        "reasoning": "...",
        "videos": f"longvila_videos/film{number}.webm",
        "answer": f"<answer>{gold}</answer>",
    } | fields


def test_longvideo_reason_figures_by_hand(tmp_path: Path) -> None:
    rows = [
        reason_row(1, "goal", "A"),
        reason_row(2, "goal", "B"),
        reason_row(3, "plot", "C"),
        reason_row(4, "spatial", "To rest"),
        reason_row(5, "temporal", "A", problem="No options here?"),
        reason_row(6, "temporal", "A", videos="longvila_videos/../../x.mp4"),
    ]
    write_lines(tmp_path / "test.jsonl", rows)
    # The archives unpack to another folder than the rows say.
    touch(tmp_path, "longvideo_eval_subset3/film1.webm", "longvila_videos/film2.webm")
    touch(tmp_path, "longvideo_eval_subset0/film3.mp4")
    benchmark = load_benchmark("longvideo_reason", tmp_path)
    assert [q.video for q in benchmark.questions] == [
        "longvideo_eval_subset3/film1.webm",
        "longvila_videos/film2.webm",
        "longvideo_eval_subset0/film3.mp4",
        "longvila_videos/film4.webm",
    ]
    assert benchmark.missing_videos == ("longvila_videos/film4.webm",)
    assert benchmark.questions[0].text == "What is the aim?"
    assert benchmark.questions[3].answer == "C"
    assert [row.place for row in benchmark.bad_rows] == ["test.jsonl:5", "test.jsonl:6"]
    replies = {
        "1": answer("A"),
        "2": "<think>so</think> <answer>B.</answer>",  # officially wrong for its full stop
        "3": "<think>so</think><answer>Therefore the final answer is: C</answer>",
        "4": "To run fast",  # names option B, which contains option A
    }
    tables = benchmark_tables(benchmark, predict(replies))
    row = means(tables["evaluation"]["longvideo_reason_test"])
    assert (row["accuracy_strict"], row["accuracy_lenient"]) == (0.25, 0.75)
    assert row["unparsable_lenient"] == 0.0
    official = tables["official"]
    assert means(official["overall"]) == {"accuracy": 0.5, "format_accuracy": 0.75}
    assert official["goal"]["accuracy"]["mean"] == 0.5
    assert set(tables["by_problem_type"]) == {"goal", "plot", "spatial"}
    (path,) = write_official(benchmark, predict(replies), tmp_path / "out")
    first = json.loads(path.read_text().splitlines()[0])
    assert first == {
        "video_id": "film1",
        "question": rows[0]["problem"],
        "response": answer("A"),
        "answer": "<answer>A</answer>",
    }
