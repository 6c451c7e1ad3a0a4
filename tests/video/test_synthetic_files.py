"""Synthetic films as files: the encoding, the directory, and what is refused when it is read."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from video.questions import VideoQuestion
from video.synthetic.config import FilmConfig, nursery_film_config
from video.synthetic.dataset import QUESTIONS_FILE, load_dataset, read_question, write_dataset
from video.synthetic.encoding import write_film, written_whole
from video.synthetic.film import draw_film
from video.synthetic.source import FilmSource

CONFIG = FilmConfig(min_seconds=60, max_seconds=70, min_chapters=2, max_chapters=2)
SMALL = replace(nursery_film_config(30.0), question_kinds=["what_taken", "when"])


@pytest.fixture(scope="module")
def film_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(draw_film(CONFIG, 1), tmp_path_factory.mktemp("films") / "film.mp4")


def test_the_file_is_an_ordinary_mp4(film_file: Path) -> None:
    film = draw_film(CONFIG, 1)
    with av.open(str(film_file)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.pix_fmt, stream.width, stream.height) == ("yuv420p", 320, 180)
        assert (stream.frames, stream.average_rate) == (film.num_frames, 10)
        assert stream.codec_context.has_b_frames
        packets = [p for p in container.demux(stream) if p.size]
        times = sorted(p.pts * stream.time_base for p in packets)
        keys = [times.index(p.pts * stream.time_base) for p in packets if p.is_keyframe]
    assert keys == list(range(0, film.num_frames, 250))
    assert [float(t) for t in times] == pytest.approx([i / 10 for i in range(film.num_frames)])
    head = film_file.read_bytes()
    assert 0 < head.index(b"moov") < head.index(b"mdat")  # the index stands in front


def test_decoded_frames_are_those_that_were_drawn(film_file: Path) -> None:
    source = FilmSource(draw_film(CONFIG, 1))
    with av.open(str(film_file)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % 37 == 0:
                drawn = source.frames([index]).data[0].astype(int)
                assert np.abs(frame.to_ndarray(format="rgb24") - drawn).mean() < 4.0
    assert index + 1 == source.num_frames


def test_the_same_film_gives_the_same_bytes(film_file: Path, tmp_path: Path) -> None:
    again = write_film(draw_film(CONFIG, 1), tmp_path / "again.mp4")
    assert again.read_bytes() == film_file.read_bytes()


def test_writing_is_at_least_five_times_real_time(tmp_path: Path) -> None:
    film = draw_film(CONFIG, 2)
    began = time.process_time()
    write_film(film, tmp_path / "film.mp4")
    assert film.num_frames / (time.process_time() - began) >= 5 * film.fps


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    def write_half() -> None:
        with written_whole(tmp_path / "deep" / "file") as draft:
            draft.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list((tmp_path / "deep").iterdir()) == []


def digests(directory: Path) -> dict[str, str]:
    return {
        file.relative_to(directory).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }


def test_a_directory_is_written_and_read_back(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    written = write_dataset(CONFIG, tmp_path, [3], report=lambda *numbers: progress.append(numbers))
    assert progress == [(1, 1)]
    assert sorted(digests(tmp_path)) == [
        "logs/film-3.json",
        "questions.jsonl",
        "subtitles/film-3.srt",
        "videos/film-3.mp4",
    ]
    assert load_dataset(tmp_path) == written
    assert {q.video for q in written} == {"videos/film-3.mp4"}
    assert {q.subtitles for q in written} == {"subtitles/film-3.srt"}
    assert any(q.intervals for q in written)
    assert all(isinstance(q.options, tuple) for q in written)
    log = json.loads((tmp_path / "logs/film-3.json").read_text())
    assert log["events"][0]["interval_seconds"][0] >= 2.0
    assert len(log["events"][0]["box_xyxy_norm"]) == 4


def test_it_is_deterministic_resumes_and_takes_workers(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    questions = write_dataset(SMALL, one, range(3), num_questions=1)
    assert len(questions) == 3
    first = digests(one)
    assert write_dataset(SMALL, two, range(3), num_questions=1, num_workers=2) == questions
    assert digests(two) == first
    (two / "logs/film-1.json").unlink()
    (two / "videos/film-1.mp4").write_bytes(b"half")
    before = (two / "videos/film-0.mp4").stat().st_mtime_ns
    write_dataset(SMALL, two, range(3), num_questions=1)
    assert digests(two) == first
    assert (two / "videos/film-0.mp4").stat().st_mtime_ns == before


def test_a_directory_of_another_configuration_is_refused(tmp_path: Path) -> None:
    write_dataset(SMALL, tmp_path, [0])
    with pytest.raises(ValueError, match=r"film-0\.json is of a film with another configuration"):
        write_dataset(replace(SMALL, fps=5), tmp_path, [0])
    (tmp_path / "logs/film-0.json").write_text("{")
    with pytest.raises(ValueError, match=r"film-0\.json is no log of a film"):
        write_dataset(SMALL, tmp_path, [0])
    with pytest.raises(ValueError, match="seeds holds a seed twice"):
        write_dataset(SMALL, tmp_path, [1, 1])


GOOD = {
    "question_id": "q",
    "video": "videos/f.mp4",
    "text": "What?",
    "kind": "what_taken",
    "options": ["red", "blue"],
    "answer": "B",
    "evidence": [{"start_seconds": 1.0, "end_seconds": 2}],
    "evidence_boxes": [
        {"interval": {"start_seconds": 1, "end_seconds": 2}, "box_xyxy_norm": [0, 0.1, 1, 0.5]}
    ],
}


def test_a_row_may_leave_out_what_has_a_default() -> None:
    question = read_question(GOOD)
    assert isinstance(question, VideoQuestion)
    assert (question.subtitles, question.groups, question.answer) == (None, {}, "B")
    assert question.evidence_boxes[0].box_xyxy_norm == (0, 0.1, 1, 0.5)


def changed(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("text"), "lacks the field 'text'; legal: answer, "),
        (changed(colour="red"), "has the field 'colour'"),
        (changed(text=3), "text is 3; legal: text"),
        (changed(answer="C"), "answer is 'C'; legal: A, B"),
        (changed(answer=1), "answer is 1"),
        (changed(video="../f.mp4"), r"video is '\.\./f\.mp4'; legal: a path inside"),
        (changed(video="/etc/f.mp4"), "video is '/etc/f.mp4'"),
        (changed(video="a/../../f.mp4"), "video is 'a/"),
        (changed(video="..\\f.mp4"), "video is "),
        (changed(video="C:/f.mp4"), "video is 'C:/f.mp4'"),
        (changed(video=""), "video is ''"),
        (changed(subtitles="../s.srt"), "subtitles is "),
        (changed(options="red"), "options is 'red'; legal: a list of texts"),
        (changed(options=[1, 2]), "options is "),
        (changed(evidence=[[1, 2]]), r"evidence holds \[1, 2\]"),
        (changed(evidence=[{"start_seconds": 2, "end_seconds": 1}]), "is reversed"),
        (changed(evidence=[{"start_seconds": True, "end_seconds": 3}]), "evidence holds"),
        (changed(evidence={}), "evidence is {}; legal: a list"),
        (changed(evidence_boxes=[3]), "evidence_boxes holds 3"),
        (
            changed(evidence_boxes=[{**GOOD["evidence_boxes"][0], "box_xyxy_norm": [1, 0, 0, 1]}]),  # type: ignore[index]
            r"evidence_boxes holds the box \[1, 0, 0, 1\]",
        ),
        (changed(groups=[]), r"groups is \[\]; legal: an object"),
    ],
)
def test_bad_rows_are_named_with_file_and_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    row = json.loads(json.dumps(GOOD))
    change(row)
    good = json.dumps({**GOOD, "question_id": "first"})
    (tmp_path / QUESTIONS_FILE).write_text(f"{good}\n\n{json.dumps(row)}\n")
    with pytest.raises(ValueError, match=rf"questions\.jsonl:3: .*{message}"):
        load_dataset(tmp_path)


def test_broken_lines_repeats_and_empty_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / QUESTIONS_FILE
    with pytest.raises(OSError, match="questions"):
        load_dataset(tmp_path)
    for text, message in (
        ("{", r":1: Expecting"),
        ("[]", r":1: is list; legal: an object"),
        ("", r":1: no questions"),
        (f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}\n", r":2: question_id 'q' is that of line 1"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            load_dataset(tmp_path)
