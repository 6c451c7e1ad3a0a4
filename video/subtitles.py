"""Subtitles, of SRT and of LongVideoBench's two shapes of JSON: what is said when."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMES = re.compile(
    r"\s*(\d{1,4}):([0-5]?\d):([0-5]?\d)(?:[,.](\d{1,6}))?\s*-->"
    r"\s*(\d{1,4}):([0-5]?\d):([0-5]?\d)(?:[,.](\d{1,6}))?(?:\s.*)?"
)
TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>|\{\\[^{}]{0,200}\}")
"""A tag such as `<font color="white">` or `{\\an8}`; `a < b` and `<3` are none."""
MAX_BYTES = 50_000_000


@dataclass(frozen=True, kw_only=True, order=True)
class SubtitleLine:
    """What is said over a stretch of film, half-open.

    Attributes:
        start_seconds: from the start of the film [s]; below 0 where it began before the film.
        end_seconds: above start_seconds [s].
        text: one line, without tags.
    """

    start_seconds: float
    end_seconds: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Subtitles:
    """The subtitles of one film.

    Attributes:
        lines: by their start; they may overlap.
        num_bad: entries that could not be read, and are left out.
    """

    lines: tuple[SubtitleLine, ...]
    num_bad: int = 0

    def between(self, start_seconds: float, end_seconds: float) -> tuple[SubtitleLine, ...]:
        """Lines that are on show at some time in [start_seconds, end_seconds)."""
        return tuple(
            line
            for line in self.lines
            if line.start_seconds < end_seconds and start_seconds < line.end_seconds
        )

    def at(self, seconds: Iterable[float]) -> tuple[SubtitleLine, ...]:
        """Lines that are on show at one of the times at least, each once: what goes with frames."""
        times = sorted(seconds)
        return tuple(
            line
            for line in self.lines
            if any(line.start_seconds <= time < line.end_seconds for time in times)
        )


def load_subtitles(
    path: Path, *, starting_seconds: float = 0.0, duration_seconds: float | None = None
) -> Subtitles:
    """Read subtitles, `.srt` or LongVideoBench's `.json`.

    Args:
        path: the file.
        starting_seconds: where in the film that the subtitles were made for this one starts
            (`starting_timestamp_for_subtitles`); it is subtracted from all times.
        duration_seconds: the film's length, for lines that have no end.

    Raises:
        ValueError: where the file as a whole cannot be read.
        OSError: where it cannot be opened.
    """
    path = Path(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path}: {size} bytes are too many for subtitles; legal: {MAX_BYTES}")
    # Old subtitles come in many encodings; a strange letter is better than none.
    text = path.read_bytes().decode("utf-8-sig", "replace")
    if path.suffix.lower() == ".json":
        return parse_json(
            text, str(path), starting_seconds=starting_seconds, duration_seconds=duration_seconds
        )
    return parse_srt(text, starting_seconds=starting_seconds)


def parse_srt(text: str, *, starting_seconds: float = 0.0) -> Subtitles:
    """SubRip text: blocks of a number, a line of times and the words, with an empty line between.

    A block begins at its line of times, whatever the numbers and empty lines around it are.
    """
    rows = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    heads = [index for index, row in enumerate(rows) if "-->" in row]
    found, num_bad = [], 0
    for place, head in enumerate(heads):
        stop = heads[place + 1] if place + 1 < len(heads) else len(rows)
        times = TIMES.fullmatch(rows[head])
        line = times and _make_line(
            _seconds(times.groups()[:4]) - starting_seconds,
            _seconds(times.groups()[4:]) - starting_seconds,
            _words(rows[head + 1 : stop], is_last=stop == len(rows)),
        )
        if line:
            found.append(line)
        else:
            num_bad += 1
    return Subtitles(lines=tuple(sorted(found)), num_bad=num_bad)


def parse_json(
    text: str,
    name: str,
    *,
    starting_seconds: float = 0.0,
    duration_seconds: float | None = None,
) -> Subtitles:
    """LongVideoBench's lists, of `{"timestamp": [start, end], "text": ...}` in seconds or of
    `{"start": "HH:MM:SS.mmm", "end": ..., "line": ...}`.

    A line whose end is null ends with the film (as in the set's own code), or where the next one
    starts if the film's length is not given.

    Args:
        text: the file's.
        name: names it in messages.
        starting_seconds, duration_seconds: as for `load_subtitles`.

    Raises:
        ValueError: where it is no JSON list.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: not JSON ({error})") from None
    if not isinstance(entries, list):
        raise ValueError(f"{name}: subtitles must be a list, not {type(entries).__name__}")
    film_end = None if duration_seconds is None else starting_seconds + duration_seconds
    lines: list[SubtitleLine] = []
    following: float | None = None
    for entry in reversed(entries):
        start, end = _entry_times(entry)
        if start is None:
            continue
        if end is None:
            end = film_end if film_end is not None else following
        following = start
        line = end is not None and _make_line(
            start - starting_seconds,
            end - starting_seconds,
            _clean(str(entry.get("text", entry.get("line", "")))),
        )
        if line:
            lines.append(line)
    return Subtitles(lines=tuple(sorted(lines)), num_bad=len(entries) - len(lines))


def subtitle_text(lines: Sequence[SubtitleLine]) -> str:
    """Lines as text, one a line, each with its time; a line said twice in a row comes once."""
    kept: list[str] = []
    last = None
    for line in lines:
        if line.text != last:
            kept.append(f"[{clock(line.start_seconds)}] {line.text}")
        last = line.text
    return "\n".join(kept)


def clock(seconds: float) -> str:
    """A time as `M:SS` or `H:MM:SS`, cut to whole seconds; a time before the film is `0:00`."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _words(rows: Sequence[str], *, is_last: bool) -> str:
    """The words of a block, without the number of the block after it."""
    if not is_last and rows and rows[-1].strip().isdigit():
        rows = rows[:-1]
    return _clean(" ".join(rows))


def _clean(text: str) -> str:
    return " ".join(html.unescape(TAG.sub("", text)).split())


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = 3600 * int(hours or 0) + 60 * int(minutes or 0) + int(seconds or 0)
    return whole + (float(f"0.{fraction}") if fraction else 0.0)


def _make_line(start: float, end: float, text: str) -> SubtitleLine | None:
    """A line; None where it has no words or no length."""
    if not text or not start < end or end <= 0:
        return None
    return SubtitleLine(start_seconds=start, end_seconds=end, text=text)


def _entry_times(entry: Any) -> tuple[float | None, float | None]:
    """Start and end of an entry [s]; a start of None marks one that cannot be read."""
    if not isinstance(entry, dict):
        return None, None
    if "timestamp" in entry:
        pair = entry["timestamp"]
        if not isinstance(pair, list) or len(pair) != 2:
            return None, None
        return _number(pair[0]), _number(pair[1])
    return _clock_seconds(entry.get("start")), _clock_seconds(entry.get("end"))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None


def _clock_seconds(value: object) -> float | None:
    found = re.fullmatch(r"(\d{1,4}):([0-5]?\d):([0-5]?\d)(?:[,.](\d{1,6}))?", str(value).strip())
    return _seconds(found.groups()) if found else None
