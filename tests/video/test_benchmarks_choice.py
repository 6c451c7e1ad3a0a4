"""Video-MME; and what all sets share: bad rows, what was not asked, sets that are not there."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.video.sets import answer, means, predict, touch, write, write_json
from video.benchmarks.benchmark import Benchmark
from video.benchmarks.catalogue import load_benchmark, load_question_subtitles
from video.benchmarks.results import benchmark_tables, coverage, write_official
from video.questions import VideoQuestion


def mme_row(number: int, film: str, duration: str, gold: str, **fields: Any) -> dict[str, Any]:
    row = {
        "video_id": film[-3:],
        "duration": duration,
        "domain": "Knowledge",
        "sub_category": "Law",
        "url": "https://example.invalid",
        "videoID": film,
        "question_id": f"{film[-3:]}-{number}",
        "task_type": "Counting Problem",
        "question": "How many?",
        "options": ["A. one.", "B. two.", "C. three.", "D. four."],
        "answer": gold,
    }
    return row | fields


def mme_folder(folder: Path) -> Path:
    rows = [
        mme_row(1, "vid001", "short", "A"),
        mme_row(2, "vid001", "short", "B"),
        mme_row(1, "vid002", "medium", "C"),
        mme_row(1, "vid003", "long", "D"),
    ]
    write_json(folder / "videomme" / "test.json", rows)
    touch(folder, "data/vid001.mp4", "data/vid002.mkv")
    srt = '1\n00:00:01,000 --> 00:00:02,000\n<font color="white">Hello</font>\n'
    write(folder / "subtitle" / "vid001.srt", srt)
    return folder


def test_video_mme_is_read(tmp_path: Path) -> None:
    benchmark = load_benchmark("video_mme", mme_folder(tmp_path), with_subtitles=True)
    first = benchmark.questions[0]
    assert (first.question_id, first.options, first.answer) == (
        "001-1",
        ("one.", "two.", "three.", "four."),
        "A",
    )
    assert first.video == "data/vid001.mp4" and benchmark.video_paths[first.video].is_file()
    assert first.groups["duration"] == "short"
    assert benchmark.missing_videos == ("data/vid003.mp4",)
    assert [q.question_id for q in benchmark.playable()] == ["001-1", "001-2", "002-1"]
    assert first.subtitles == "subtitle/vid001.srt" and benchmark.questions[2].subtitles is None
    assert benchmark.missing_subtitles == ("data/vid002.mkv", "data/vid003.mp4")
    assert [line.text for line in load_question_subtitles(benchmark, first).lines] == ["Hello"]
    assert load_question_subtitles(benchmark, benchmark.questions[2]).lines == ()
    assert "1 film(s) missing:\n  data/vid003.mp4" in benchmark.report()
    without = load_benchmark("video_mme", tmp_path)
    assert without.questions[0].subtitles is None and without.missing_subtitles == ()


def test_video_mme_figures_by_hand(tmp_path: Path) -> None:
    benchmark = load_benchmark("video_mme", mme_folder(tmp_path))
    replies = {
        "001-1": answer("A"),  # right in every reading
        "001-2": answer("I count two."),  # lenient: option text; official: no letter, dropped
        "002-1": answer("(C) three"),  # right but for the strict reading
        "003-1": "<think>A lot.</think>nothing to say",  # wrong; official: dropped
    }
    tables = benchmark_tables(benchmark, predict(replies, num_frames_used=8))
    row = tables["evaluation"]["video_mme_test"]
    assert means(row) == {
        "accuracy_strict": 0.25,
        "accuracy_lenient": 0.75,
        "unparsable_strict": 0.75,
        "unparsable_lenient": 0.25,
        "frames": 8.0,
    }
    # Deviations of the strict scores from 1/4: film 1 has 3/4 - 1/4 = 1/2, the others -1/4 each;
    # 3 / 2 (1/4 + 1/16 + 1/16) / 16.
    assert row["accuracy_strict"]["stderr"] == pytest.approx(math.sqrt(1.5 * 0.375 / 16))
    assert row["accuracy_strict"]["n"] == 4
    by_duration = tables["by_duration"]
    assert [by_duration[d]["accuracy_lenient"]["mean"] for d in ("short", "medium", "long")] == [
        1.0,
        1.0,
        0.0,
    ]
    official = tables["official"]
    assert official["overall"]["accuracy"] == {"mean": 1.0, "stderr": 0.0, "n": 2}
    assert official["short"]["accuracy"]["n"] == 1 and "long" not in {
        name for name, cells in official.items() if cells
    }
    assert set(tables) >= {"by_domain", "by_sub_category", "by_task_type"}


def test_video_mme_official_reading_is_the_scorers_own(tmp_path: Path) -> None:
    benchmark = load_benchmark("video_mme", mme_folder(tmp_path))
    replies = {
        "001-1": "The best answer is A",  # the phrase is cut out
        "001-2": "Best answer: B",  # not cut out for a missing comma, and its own B is read
        "002-1": "Best answer: C",  # so this is read as B, too
        "003-1": "<think>Or A.</think>D",
    }
    official = benchmark_tables(benchmark, predict(replies))["official"]
    assert official["overall"]["accuracy"]["mean"] == 0.75
    assert official["overall"]["accuracy"]["n"] == 4


def test_video_mme_result_file_has_the_official_form(tmp_path: Path) -> None:
    benchmark = load_benchmark("video_mme", mme_folder(tmp_path / "set"))
    predictions = predict({"001-1": answer("A"), "001-2": "\ud800", "002-1": answer("(C)")})
    (path,) = write_official(benchmark, predictions, tmp_path / "out")
    films = json.loads(path.read_text())
    assert [(film["video_id"], film["duration"], film["missing"]) for film in films] == [
        ("001", "short", False),
        ("002", "medium", False),
        ("003", "long", True),
    ]
    assert films[0]["questions"][0] == {
        "question_id": "001-1",
        "task_type": "Counting Problem",
        "question": "How many?",
        "options": ["A. one.", "B. two.", "C. three.", "D. four."],
        "answer": "A",
        "response": "A",
    }
    assert films[1]["questions"][0]["response"] == "(C)"
    assert films[2]["questions"][0]["response"] == ""


def test_video_mme_from_parquet_and_csv(tmp_path: Path) -> None:
    rows = [mme_row(1, "vid001", "short", "A"), mme_row(2, "vid001", "short", "D")]
    header = ",".join(rows[0])
    cells = [
        ",".join('"' + (v if isinstance(v, str) else "\n".join(v)) + '"' for v in row.values())
        for row in rows
    ]
    write(tmp_path / "csv" / "test.csv", "\n".join([header, *cells]))
    assert [q.answer for q in load_benchmark("video_mme", tmp_path / "csv").questions] == ["A", "D"]
    pa = pytest.importorskip("pyarrow", reason="reading Parquet needs pyarrow")
    from pyarrow import parquet

    path = tmp_path / "pq" / "videomme" / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows), path)
    read = load_benchmark("video_mme", tmp_path / "pq")
    assert [(q.answer, q.options[3]) for q in read.questions] == [("A", "four."), ("D", "four.")]


def test_bad_rows_are_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    good = mme_row(1, "vid001", "short", "A")
    lacking = {key: value for key, value in good.items() if key != "answer"}
    rows = [
        good,
        lacking | {"question_id": "2"},
        good,  # the same id again
        mme_row(3, "vid001", "short", "E"),
        mme_row(4, "vid001", "short", "A", options=["A. x", "C. y"]),
        mme_row(5, "vid001", "short", "A", options=7),
        mme_row(6, "../../etc/passwd", "short", "A"),
        mme_row(7, "/etc/passwd", "short", "A"),
        "no row",
        mme_row(8, "vid001", "short", "B", question="Où?"),
    ]
    write(tmp_path / "test.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    benchmark = load_benchmark("video_mme", tmp_path)
    assert [q.question_id for q in benchmark.questions] == ["001-1", "001-8"]
    listed = {row.place: row.reason for row in benchmark.bad_rows}
    assert list(listed) == [f"test.jsonl:{n}" for n in range(2, 10)]
    assert "'answer' is missing" in listed["test.jsonl:2"]
    assert "comes twice; first: test.jsonl:1" in listed["test.jsonl:3"]
    assert "leads out of the data directory" in listed["test.jsonl:7"]
    assert "leads out of the data directory" in listed["test.jsonl:8"]
    report = benchmark.report(num_listed=2)
    assert "8 row(s) left out:\n  test.jsonl:2: the field" in report and "and 6 more" in report


def test_a_set_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no folder"):
        load_benchmark("video_mme", tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"Video-MME: found none of videomme/test-"):
        load_benchmark("video_mme", tmp_path)
    with pytest.raises(ValueError, match="unknown video benchmark 'mme'; legal: video_mme, "):
        load_benchmark("mme", tmp_path)
    with pytest.raises(ValueError, match="video_mme has no split 'val'; legal: test"):
        load_benchmark("video_mme", tmp_path, split="val")
    write_json(tmp_path / "test.json", [{"question": "?"}])
    with pytest.raises(ValueError, match=r"no question .* 1 rows .*test\.json:2: the field 'vid"):
        load_benchmark("video_mme", tmp_path)


def test_coverage_says_what_was_not_asked(tmp_path: Path) -> None:
    benchmark = load_benchmark("video_mme", mme_folder(tmp_path), with_subtitles=True)
    assert coverage(benchmark, predict({"001-1": "", "001-2": ""})) == {
        "num_questions": 4.0,
        "num_predictions": 2.0,
        "num_without_prediction": 2.0,
        "num_missing_videos": 1.0,
        "num_questions_without_video": 1.0,
        "num_bad_rows": 0.0,
        "num_remarks": 0.0,
        "num_videos_without_subtitles": 2.0,
        "chance": 0.25,
        "best_constant": 0.5,
    }


def test_what_guessing_earns_is_over_the_questions_that_were_asked(tmp_path: Path) -> None:
    """The last one's answer is secret."""
    told = [(4, "A"), (4, "B"), (2, "B"), (2, "B"), (4, None)]
    questions = [
        VideoQuestion(
            question_id=f"q{number}",
            video="film",
            text="?",
            kind="k",
            options=("one", "two", "three", "four")[:num_options],
            answer=letter,
        )
        for number, (num_options, letter) in enumerate(told)
    ]
    benchmark = Benchmark(
        name="video_mme",
        split="test",
        directory=tmp_path,
        questions=tuple(questions),
        video_paths={},
    )

    def guessing(*asked: str) -> tuple[float | None, float | None]:
        figures = coverage(benchmark, predict(dict.fromkeys(asked, "")))
        return figures.get("chance"), figures.get("best_constant")

    assert guessing("q0", "q1") == (0.25, 0.5)
    assert guessing("q1", "q2", "q4") == (0.375, 1.0)
    assert guessing("q0", "q1", "q2", "q3", "q4") == (0.375, 0.75)
    assert guessing("q4") == guessing() == (None, None)
