"""Sets whose answer is an index (LongVideoBench) or the text of an option (MLVU)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.video.sets import answer, means, predict, touch, write_json
from video.benchmarks.catalogue import load_benchmark, load_question_subtitles
from video.benchmarks.results import benchmark_tables, coverage, write_official


def lvb_row(name: str, choice: int | None, group: int, **fields: Any) -> dict[str, Any]:
    row = {
        "video_id": name,
        "id": f"{name}_0",
        "video_path": f"{name}.mp4",
        "subtitle_path": f"{name}_en.json",
        "question": "Which?",
        "candidates": ["red", "blue", "N/A is what it says", "green"],
        "duration": 12.5,
        "duration_group": group,
        "question_category": "S2E",
        "topic_category": "KA",
        "starting_timestamp_for_subtitles": 100,
    }
    return row | ({} if choice is None else {"correct_choice": choice}) | fields


def test_long_video_bench_figures_by_hand(tmp_path: Path) -> None:
    padded = lvb_row("c", 1, 15)
    del padded["candidates"]
    padded |= {f"option{i}": text for i, text in enumerate(["x", "y", "z", "N/A", "N/A"])}
    rows = [
        lvb_row("a", 0, 15),
        lvb_row("b", 3, 600),
        padded,
        lvb_row("d", 4, 600),
        padded | {"id": "e_0", "correct_choice": 3},
    ]
    write_json(tmp_path / "lvb_val.json", rows)
    touch(tmp_path, "videos/a.mp4", "videos/b.mp4", "videos/c.mp4")
    line = {"timestamp": [101.0, 103.0], "text": "hi"}
    write_json(tmp_path / "subtitles" / "a_en.json", [line])
    benchmark = load_benchmark("long_video_bench", tmp_path, with_subtitles=True)
    assert [(q.answer, len(q.options)) for q in benchmark.questions] == [
        ("A", 4),
        ("D", 4),
        ("B", 3),
    ]
    # Index 4 of four options, and an index that points at padding.
    assert [row.reason for row in benchmark.bad_rows] == [
        "the answer is option 4, and there are 4, from 0",
        "the answer is option 3, and there are 3, from 0",
    ]
    (said,) = load_question_subtitles(benchmark, benchmark.questions[0]).lines
    assert (said.start_seconds, said.end_seconds) == (1.0, 3.0)
    replies = {"a_0": answer("A"), "b_0": answer("A"), "c_0": answer("C or B")}
    tables = benchmark_tables(benchmark, predict(replies))
    assert tables["official"]["overall"]["accuracy"]["mean"] == pytest.approx(1 / 3)
    assert tables["by_duration_group"]["15"]["accuracy_strict"]["mean"] == 0.5
    assert tables["by_duration_group"]["600"]["accuracy_strict"]["mean"] == 0.0
    assert "frames" not in tables["evaluation"]["long_video_bench_val"]


def test_long_video_bench_test_answers_are_secret(tmp_path: Path) -> None:
    rows = [lvb_row("a", None, 15), lvb_row("b", None, 60)]
    write_json(tmp_path / "lvb_test_wo_gt.json", rows)
    benchmark = load_benchmark("long_video_bench", tmp_path, split="test")
    assert [q.answer for q in benchmark.questions] == [None, None]
    predictions = predict({"a_0": answer("B"), "b_0": "no idea"})
    tables = benchmark_tables(benchmark, predictions)
    row = tables["evaluation"]["long_video_bench_test"]
    assert means(row) == {"unparsable_strict": 0.5, "unparsable_lenient": 0.5}
    assert "official" not in tables
    (path,) = write_official(benchmark, predictions, tmp_path)
    assert json.loads(path.read_text()) == {"a_0": "B", "b_0": ""}
    assert "chance" not in coverage(benchmark, predictions)


TASKS = ("plotQA", "needle", "ego", "count", "order", "anomaly_reco", "topic_reasoning")


def mlvu_folder(folder: Path) -> Path:
    for number, task in enumerate(TASKS, start=1):
        item = {
            "video": f"{task}.mp4",
            "duration": 480.0,
            "question": "What color?",
            "candidates": ["Red", "red wine", " Blue", "a"],
            "answer": "Red",
            "question_type": "findNeedle" if task == "needle" else task,
        }
        items = [item, item | {"answer": "Blue "}] if task == "plotQA" else [item]
        write_json(folder / "MLVU" / "json" / f"{number}_{task}.json", items)
        touch(folder, f"MLVU/video/{number}_{task}/{task}.mp4")
    write_json(folder / "MLVU" / "json" / "9_summary.json", [{"open": "ended"}])
    return folder


def test_mlvu_dev_is_the_mean_over_tasks(tmp_path: Path) -> None:
    benchmark = load_benchmark("mlvu", mlvu_folder(tmp_path))
    assert [q.question_id for q in benchmark.questions[:3]] == ["plotQA_0", "plotQA_1", "needle_0"]
    assert [q.answer for q in benchmark.questions[:2]] == ["A", "C"]
    assert benchmark.questions[0].video == "MLVU/video/1_plotQA/plotQA.mp4"
    assert benchmark.missing_videos == () and benchmark.bad_rows == ()
    # plotQA: one of two; needle and ego right; the other four wrong. The set's own check takes
    # `A) Red` and not `A.`.
    replies = dict.fromkeys((q.question_id for q in benchmark.questions), answer("B"))
    replies |= {"plotQA_0": answer("A"), "needle_0": answer("A) Red"), "ego_0": answer("A.")}
    tables = benchmark_tables(benchmark, predict(replies))
    row = means(tables["evaluation"]["mlvu_dev"])
    assert row["m_avg_lenient"] == pytest.approx((0.5 + 1 + 1) / 7)
    assert row["m_avg_strict"] == pytest.approx(0.5 / 7)
    assert row["accuracy_lenient"] == pytest.approx(3 / 8)
    assert tables["official"]["M-Avg"]["accuracy"]["mean"] == pytest.approx((0.5 + 1) / 7)
    assert tables["official"]["findNeedle"]["accuracy"]["mean"] == 1.0
    assert len(tables["by_question_type"]) == 7


def test_mlvu_dev_needs_all_tasks(tmp_path: Path) -> None:
    (mlvu_folder(tmp_path) / "MLVU" / "json" / "4_count.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"task 4_count: found none of MLVU/json/4_count"):
        load_benchmark("mlvu", tmp_path)


def test_mlvu_test_has_six_options(tmp_path: Path) -> None:
    item = {
        "video": "t1.mp4",
        "question": "Which?",
        "candidates": ["1", "2", "3", "4", "5", "6"],
        "question_type": "anomaly_reco",
    }
    rows = [
        item | {"question_id": "AR_0", "answer": "6"},
        item | {"question_id": "AR_1", "answer": "5"},
        item | {"question_id": "SQA_0", "answer": "1", "question_type": "sportsQA"},
    ]
    write_json(tmp_path / "test-ground-truth" / "test_mcq_gt.json", rows)
    touch(tmp_path, "video/t1.mp4")
    benchmark = load_benchmark("mlvu", tmp_path, split="test")
    assert [q.answer for q in benchmark.questions] == ["F", "E", "A"]
    predictions = predict({"AR_0": answer("F"), "AR_1": answer("F"), "SQA_0": "none"})
    tables = benchmark_tables(benchmark, predictions)
    assert tables["evaluation"]["mlvu_test"]["m_avg_strict"]["mean"] == 0.25
    assert tables["official"]["M-Avg"]["accuracy"]["mean"] == 0.25
    (path,) = write_official(benchmark, predictions, tmp_path / "out")
    assert json.loads(path.read_text()) == [
        {"question_id": "AR_0", "question_type": "anomaly_reco", "option": "F"},
        {"question_id": "AR_1", "question_type": "anomaly_reco", "option": "F"},
        {"question_id": "SQA_0", "question_type": "sportsQA", "option": ""},
    ]


def test_mlvu_test_without_answers(tmp_path: Path) -> None:
    row = {"video": "t.mp4", "question": "?", "candidates": ["1", "2"], "question_type": "ego"}
    write_json(tmp_path / "test_multi_choice_tasks.json", [row | {"question_id": "ER_0"}])
    benchmark = load_benchmark("mlvu", tmp_path, split="test")
    assert benchmark.questions[0].answer is None
    tables = benchmark_tables(benchmark, predict({"ER_0": answer("A")}))
    assert means(tables["evaluation"]["mlvu_test"]) == {
        "unparsable_strict": 0.0,
        "unparsable_lenient": 0.0,
    }
