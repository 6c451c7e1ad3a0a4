"""Sets that ask where in a film something is: Charades-STA, NExT-GQA; and the suite's own."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.video.sets import answer, means, predict, touch, write, write_json, write_lines
from video.benchmarks.catalogue import load_benchmark
from video.benchmarks.results import benchmark_tables, write_official
from video.questions import Interval
from video.scoring import Prediction


def charades_folder(folder: Path) -> Path:
    lines = [
        b"AO8RW 0.0 6.9##a person is putting a book on a shelf.",
        b"AO8RW 10.0 20.0##the person opens the door.",
        b"Y6R7T 20.8 30.0 ## a person sits down.",
        b"",
        b"Y6R7T 30.0 20.8##reversed.",
        b"Y6R7T x 20.8##no number.",
        b"Y6R7T 1.0 2.0 no mark",
        b"Y6R7T 1.0 2.0##",
        b"Y6R7T 1.0 2.0##caf\xe9",
        b"../Y6 1.0 2.0##climbs",
        b"Y6R7T 5.0 nan##nan",
    ]
    write(folder / "charades_sta_test.txt", b"\r\n".join(lines))
    touch(folder, "Charades_v1_480/AO8RW.mp4")
    return folder


def test_charades_sta_is_read(tmp_path: Path) -> None:
    benchmark = load_benchmark("charades_sta", charades_folder(tmp_path))
    assert [q.question_id for q in benchmark.questions] == ["AO8RW:1", "AO8RW:2", "Y6R7T:3"]
    assert benchmark.questions[2].intervals == (Interval(start_seconds=20.8, end_seconds=30.0),)
    assert benchmark.questions[2].text == "When does this happen: a person sits down."
    assert benchmark.questions[2].answer is None and benchmark.questions[2].options == ()
    assert [row.place for row in benchmark.bad_rows] == [
        f"charades_sta_test.txt:{n}" for n in range(5, 12)
    ]
    assert benchmark.missing_videos == ("Charades_v1_480/Y6R7T.mp4",)


def test_charades_sta_figures_by_hand(tmp_path: Path) -> None:
    benchmark = load_benchmark("charades_sta", charades_folder(tmp_path / "set"))
    replies = {
        "AO8RW:1": answer("0.0 to 6.9"),  # IoU 1
        "AO8RW:2": "It happens from 12 s to 16 s.",  # lenient only: 4 of 10
        "Y6R7T:3": answer("0.0 to 10.0"),  # disjoint: 0
    }
    tables = benchmark_tables(benchmark, predict(replies))
    row = means(tables["evaluation"]["charades_sta_test"])
    assert row["miou_strict"] == pytest.approx(1 / 3)
    assert row["miou_lenient"] == pytest.approx(1.4 / 3)
    assert row["r1_iou_0.3_lenient"] == pytest.approx(2 / 3)
    assert row["r1_iou_0.5_lenient"] == pytest.approx(1 / 3)
    assert row["r1_iou_0.7_lenient"] == pytest.approx(1 / 3)
    assert row["unparsable_strict"] == pytest.approx(1 / 3) and row["unparsable_lenient"] == 0.0
    assert not any(name.startswith("accuracy") for name in row)
    assert means(tables["official"]["overall"]) == {
        "r1_iou_0.3": pytest.approx(2 / 3),
        "r1_iou_0.5": pytest.approx(1 / 3),
        "r1_iou_0.7": pytest.approx(1 / 3),
        "miou": pytest.approx(1.4 / 3),
    }
    (path,) = write_official(benchmark, predict(replies), tmp_path / "out")
    results = json.loads(path.read_text())
    key = "AO8RW>>>a person is putting a book on a shelf.>>>[0.0, 6.9]"
    assert results[key] == "0.0 to 6.9" and len(results) == 3


HEADER = "video_id,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4\n"


def gqa_folder(folder: Path) -> Path:
    rows = [
        "100,719,320,240,what did it do,lay on floor,8,TN,clap,sit,lay on floor,pick up,crawl",
        "100,719,320,240,why,to play,2,CW,to play,to sit,he is bored,to crawl,to jump",
        '200,719,320,240,"how, then",1,0,CH,1,0,2,3,4',
        "200,719,320,240,how,swim,1,CH,walk,jump,twist,spin,run",
        "200,719,320,240,what,2,3,CH,walk,jump,twist,spin,run",
    ]
    write(folder / "test.csv", HEADER + "\n".join(rows) + "\n")
    gsub = {
        "100": {"duration": 35, "location": {"8": [[0, 2], [10.0, 14.0]], "2": [[5.0, 9]]}},
        "200": {"duration": 20, "location": {"0": [[3.0, 1.0], [4.0, 6.0]]}, "fps": 10},
    }
    write_json(folder / "gsub_test.json", gsub)
    write_json(folder / "map_vid_vidorID.json", {"100": "1164/100"})
    touch(folder, "NExTVideo/1164/100.mp4", "NExTVideo/200.mp4")
    return folder


def test_next_gqa_is_read(tmp_path: Path) -> None:
    benchmark = load_benchmark("next_gqa", gqa_folder(tmp_path))
    assert {q.question_id: q.answer for q in benchmark.questions} == {
        "100_8": "C",
        "100_2": "A",
        "200_0": "A",  # its text is "1", which is the first option, and not the index 1
        "200_3": "C",  # no option is called "2", so it is the index
    }
    assert [len(q.evidence) for q in benchmark.questions] == [2, 1, 1, 0]
    assert benchmark.questions[0].video == "NExTVideo/1164/100.mp4"
    assert benchmark.missing_videos == ()
    assert [row.place for row in benchmark.bad_rows] == ["test.csv:5"]
    assert [row.place for row in benchmark.remarks] == ["test.csv:4"]


def test_next_gqa_figures_by_hand(tmp_path: Path) -> None:
    benchmark = load_benchmark("next_gqa", gqa_folder(tmp_path / "set"))
    predictions = [
        # Against [10, 14]: overlap 3, union 6, prediction 5. Against [0, 2]: none. The hull of the
        # two true stretches would have given 3 / 14 and 3 / 5.
        Prediction(question_id="100_8", reply_text=answer("C"), interval=(11.0, 16.0)),
        # Overlap 1, union 8, prediction 5: right, but not grounded.
        Prediction(question_id="100_2", reply_text=answer("A"), interval=(8.0, 13.0)),
        # A moment inside: IoU 0, IoP 1; but the answer is wrong.
        Prediction(question_id="200_0", reply_text=answer("B"), interval=(5.0, 5.0)),
        # Without evidence: only Acc@QA counts it.
        Prediction(question_id="200_3", reply_text="(C)"),
    ]
    tables = benchmark_tables(benchmark, predictions)
    row = tables["evaluation"]["next_gqa_test"]
    assert means(row) == {
        "accuracy_strict": 0.5,
        "accuracy_lenient": 0.75,
        "unparsable_strict": 0.25,
        "unparsable_lenient": 0.0,
        "acc_gqa_strict": pytest.approx(1 / 3),
        "acc_gqa_lenient": pytest.approx(1 / 3),
        "miop": pytest.approx((3 / 5 + 1 / 5 + 1) / 3),
        "iop_0.3": pytest.approx(2 / 3),
        "iop_0.5": pytest.approx(2 / 3),
        "miou": pytest.approx((3 / 6 + 1 / 8) / 3),
        "iou_0.3": pytest.approx(1 / 3),
        "iou_0.5": pytest.approx(1 / 3),
    }
    assert (row["accuracy_strict"]["n"], row["miop"]["n"]) == (4, 3)
    official = means(tables["official"]["overall"])
    assert official["acc_qa"] == 0.75 and official["acc_gqa"] == pytest.approx(1 / 3)
    written = {
        p.name: json.loads(p.read_text())
        for p in write_official(benchmark, predictions, tmp_path / "out")
    }
    assert written["test-res.json"]["200_0"] == {"answer": 0, "prediction": 1}
    assert written["test_ground.json"]["100_8"] == [11.0, 16.0]
    assert written["test_ground.json"]["200_3"] == [-2.0, -1.0]


def test_next_gqa_without_a_stretch_is_not_grounded(tmp_path: Path) -> None:
    benchmark = load_benchmark("next_gqa", gqa_folder(tmp_path))
    tables = benchmark_tables(benchmark, predict({"100_8": answer("C")}))
    row = means(tables["evaluation"]["next_gqa_test"])
    assert row["accuracy_strict"] == 1.0
    assert row["acc_gqa_strict"] == row["miop"] == row["miou"] == 0.0


def test_next_gqa_with_broken_evidence_files(tmp_path: Path) -> None:
    gqa_folder(tmp_path)
    write(tmp_path / "gsub_test.json", '{"100": {')
    with pytest.raises(ValueError, match=r"gsub_test\.json:1: not JSON"):
        load_benchmark("next_gqa", tmp_path)
    write_json(tmp_path / "gsub_test.json", {"100": 3, "200": {"location": {"0": 7}}})
    benchmark = load_benchmark("next_gqa", tmp_path)
    assert all(q.evidence == () for q in benchmark.questions) and len(benchmark.remarks) == 1
    (tmp_path / "gsub_test.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"gsub_test\.json"):
        load_benchmark("next_gqa", tmp_path)


def test_the_suites_own_films(tmp_path: Path) -> None:
    second = {"start_seconds": 1.0, "end_seconds": 3.0}
    rows = [
        {
            "question_id": "q1",
            "video": "videos/f1.mp4",
            "text": "?",
            "kind": "what",
            "options": ["x", "y"],
            "answer": "B",
            "evidence": [second],
            "subtitles": "subtitles/f1.srt",
        },
        {
            "question_id": "q2",
            "video": "videos/f2.mp4",
            "text": "?",
            "kind": "when",
            "intervals": [second],
        },
        {"question_id": "q3", "video": "../f3.mp4", "text": "?", "kind": "what"},
        {"question_id": "q4", "video": "videos/f1.mp4", "text": "?"},
        {"question_id": "q1", "video": "videos/f1.mp4", "text": "?", "kind": "what"},
    ]
    write_lines(tmp_path / "questions.jsonl", rows)
    touch(tmp_path, "videos/f1.mp4")
    write(tmp_path / "subtitles" / "f1.srt", "")
    benchmark = load_benchmark("synthetic", tmp_path, with_subtitles=True)
    assert benchmark.questions[0].video == "videos/f1.mp4"
    assert benchmark.questions[0].subtitles == "subtitles/f1.srt"
    assert benchmark.missing_videos == ("videos/f2.mp4",)
    assert [row.place for row in benchmark.bad_rows] == [f"questions.jsonl:{n}" for n in (3, 4, 5)]
    replies = {"q1": answer("B"), "q2": answer("1 to 2")}
    tables = benchmark_tables(benchmark, predict(replies))
    row = tables["evaluation"]["synthetic_test"]
    assert row["accuracy_strict"] == {"mean": 1.0, "stderr": None, "n": 1}
    assert row["miou_strict"]["mean"] == 0.5 and row["unparsable_strict"]["n"] == 2
    assert math.isclose(tables["by_kind"]["when"]["r1_iou_0.5_lenient"]["mean"], 1.0)
    assert "official" not in tables and write_official(benchmark, predict(replies), tmp_path) == []
    assert load_benchmark("synthetic", tmp_path).questions[0].subtitles is None
