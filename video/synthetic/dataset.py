"""Sets of synthetic films on disk: films, logs, subtitles, and their questions in one file.

A directory holds `videos/<film>.mp4`, `logs/<film>.json`, `subtitles/<film>.srt` and
`questions.jsonl`, a question a line. Paths in questions are relative to the directory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from video.questions import EvidenceBox, Interval, VideoQuestion
from video.synthetic.config import FilmConfig
from video.synthetic.encoding import write_film, write_log, write_subtitles, written_whole
from video.synthetic.film import draw_film
from video.synthetic.questions import draw_questions

QUESTIONS_FILE = "questions.jsonl"
_TEXTS = ("question_id", "video", "text", "kind")


def write_dataset(
    config: FilmConfig,
    directory: Path,
    seeds: Sequence[int],
    *,
    num_questions: int | None = None,
    num_workers: int = 1,
    report: Callable[[int, int], None] | None = None,
) -> list[VideoQuestion]:
    """Write films and their questions. Films that are there already are kept, so that a run that
    was interrupted goes on where it stopped. The same arguments give the same files.

    Args:
        config: what films look like and which questions are asked.
        directory: made where it is not there.
        seeds: one film each, every seed once.
        num_questions: per film, drawn evenly from the kinds it has; None for all.
        num_workers: processes, at least 1.
        report: told (films done, films in all) after each.

    Returns:
        The questions, in the order of the seeds.

    Raises:
        ValueError: for settings out of range, a seed that comes twice, or a directory with films of
            another configuration.
    """
    config.check("film.")
    if len(set(seeds)) != len(seeds):
        raise ValueError("seeds holds a seed twice; each film is written once")
    write = partial(write_entry, config, Path(directory), num_questions=num_questions)
    rows: list[dict[str, Any]] = []
    if num_workers <= 1:
        for done, seed in enumerate(seeds, start=1):
            rows += write(seed)
            _tell(report, done, len(seeds))
    else:  # GL contexts do not survive a fork
        with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
            for done, found in enumerate(pool.map(write, seeds), start=1):
                rows += found
                _tell(report, done, len(seeds))
    path = Path(directory) / QUESTIONS_FILE
    with written_whole(path) as draft:
        draft.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return load_dataset(Path(directory))


def _tell(report: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if report is not None:
        report(done, total)


def write_entry(
    config: FilmConfig, directory: Path, seed: int, *, num_questions: int | None = None
) -> list[dict[str, Any]]:
    """Write the film of a seed, unless it is there, and give the rows of its questions.

    The log is written last and says that the rest is complete.

    Args:
        config, directory, seed, num_questions: see `write_dataset`.

    Raises:
        ValueError: where the log that is there is of another configuration, or no log.
    """
    film = draw_film(config, seed)
    names = {
        "videos": f"videos/{film.name}.mp4",
        "subtitles": f"subtitles/{film.name}.srt",
        "logs": f"logs/{film.name}.json",
    }
    rng = np.random.default_rng((seed, 1))
    questions = draw_questions(film, rng, num=num_questions)
    srt = names["subtitles"] if film.subtitles else None
    rows = [asdict(replace(q, video=names["videos"], subtitles=srt)) for q in questions]
    log = directory / names["logs"]
    if log.exists():
        _check_log(log, json.loads(json.dumps(film.log())))
        return rows
    write_film(film, directory / names["videos"])
    if srt is not None:
        write_subtitles(film, directory / srt)
    write_log(film, log)
    return rows


def _check_log(path: Path, expected: Mapping[str, Any]) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no log of a film ({error}); remove it") from error
    if found != expected:
        raise ValueError(
            f"{path} is of a film with another configuration; choose another directory or remove it"
        )


def load_dataset(directory: Path) -> list[VideoQuestion]:
    """The questions of a directory.

    Raises:
        OSError: where there is no `questions.jsonl`.
        ValueError: naming file and line, for a row that is no question, leads out of the directory,
            or has the id of an earlier one; for a file without rows.
    """
    path = Path(directory) / QUESTIONS_FILE
    questions: list[VideoQuestion] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            question = read_question(json.loads(line))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
        name = question.question_id
        if name in lines:
            raise ValueError(f"{path}:{number}: question_id {name!r} is that of line {lines[name]}")
        lines[name] = number
        questions.append(question)
    if not questions:
        raise ValueError(f"{path}:1: no questions")
    return questions


def read_question(row: object) -> VideoQuestion:
    """A question from a row of `questions.jsonl`.

    Raises:
        ValueError: saying which field is missing or wrong, and what is legal.
    """
    if not isinstance(row, dict):
        raise ValueError(f"is {type(row).__name__}; legal: an object")
    known = {field.name for field in fields(VideoQuestion)}
    unknown, missing = sorted(row.keys() - known), [n for n in _TEXTS if n not in row]
    if unknown or missing:
        wrong = f"has the field {unknown[0]!r}" if unknown else f"lacks the field {missing[0]!r}"
        raise ValueError(f"{wrong}; legal: {', '.join(sorted(known))}")
    for name in (*_TEXTS, "answer", "subtitles"):
        optional = name in ("answer", "subtitles")
        if not (isinstance(row.get(name), str) or (optional and row.get(name) is None)):
            raise ValueError(f"{name} is {row.get(name)!r}; legal: text")
    for name in ("video", "subtitles"):
        _check_inside(name, row.get(name))
    options = row.get("options", [])
    if not (isinstance(options, list) and all(isinstance(text, str) for text in options)):
        raise ValueError(f"options is {options!r}; legal: a list of texts")
    return VideoQuestion(
        **{name: row[name] for name in _TEXTS},
        options=tuple(options),
        answer=row.get("answer"),
        subtitles=row.get("subtitles"),
        intervals=tuple(_read_interval("intervals", v) for v in _list(row, "intervals")),
        evidence=tuple(_read_interval("evidence", v) for v in _list(row, "evidence")),
        evidence_boxes=tuple(_read_box(value) for value in _list(row, "evidence_boxes")),
        groups={key: str(value) for key, value in _object(row, "groups").items()},
        extra=_object(row, "extra"),
    )


def _check_inside(name: str, value: str | None) -> None:
    if value is None:
        return
    path = PurePosixPath(value.replace("\\", "/"))
    if not value or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(f"{name} is {value!r}; legal: a path inside the directory, relative to it")


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    value = row.get(name, [])
    if not isinstance(value, list):
        raise ValueError(f"{name} is {value!r}; legal: a list")
    return value


def _object(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = row.get(name, {})
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {value!r}; legal: an object")
    return value


def _read_interval(name: str, value: Any) -> Interval:
    keys = {"start_seconds", "end_seconds"}
    if (
        not isinstance(value, dict)
        or set(value) != keys
        or not all(map(_is_number, value.values()))
    ):
        raise ValueError(f"{name} holds {value!r}; legal: start_seconds and end_seconds, numbers")
    return Interval(**value)


def _read_box(value: Any) -> EvidenceBox:
    box = value.get("box_xyxy_norm") if isinstance(value, dict) else None
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise ValueError(f"evidence_boxes holds {value!r}; legal: interval and box_xyxy_norm")
    if not (0 <= box[0] <= box[2] <= 1 and 0 <= box[1] <= box[3] <= 1):
        raise ValueError(f"evidence_boxes holds the box {box}; legal: x0 <= x1, y0 <= y1 in [0, 1]")
    interval = _read_interval("evidence_boxes", value.get("interval"))
    return EvidenceBox(interval=interval, box_xyxy_norm=(box[0], box[1], box[2], box[3]))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
