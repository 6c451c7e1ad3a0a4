"""Small sets in the public sets' own formats, written by the tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from video.scoring import Prediction


def touch(folder: Path, *names: str) -> None:
    """Films that nobody decodes."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"film")


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_json(path: Path, content: Any) -> Path:
    return write(path, json.dumps(content, indent=1))


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def predict(replies: dict[str, str], **facts: Any) -> list[Prediction]:
    """A prediction for each question id -> reply."""
    return [Prediction(question_id=q, reply_text=reply, **facts) for q, reply in replies.items()]


def answer(letter: str) -> str:
    return f"<think>I see it.</think><answer>{letter}</answer>"


def means(row: dict[str, Any]) -> dict[str, float]:
    """Metric -> mean of a table's row."""
    return {name: cell["mean"] for name, cell in row.items()}
