"""What the narrator of a film says: titles, words, and some of what is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from video.synthetic.config import FilmConfig
from video.synthetic.events import Chapter, Event, Subtitle

LINE_SECONDS = 3.0
SAYINGS = {
    "pass": "Someone comes by.",
    "take": "Something leaves the shelf here.",
    "bring": "The shelf gets something new.",
    "move": "Things are put in another order.",
    "switch": "Someone is at the lamp.",
}
"""Kind of event -> what is said of it: never who it was, nor what."""


def narrate(
    config: FilmConfig,
    chapters: Sequence[Chapter],
    events: Sequence[Event],
    rng: np.random.Generator,
) -> tuple[Subtitle, ...]:
    """The lines of a film, in order of time; none overlaps another.

    Each chapter has its title, its word at a time drawn evenly, and `spoken_lines` lines on events
    that are drawn evenly from its own, where there is room for them.
    """
    if not config.spoken_lines:
        return ()
    lines: list[Subtitle] = []
    for chapter in chapters:
        start, end = chapter.start_frame / config.fps, chapter.end_frame / config.fps
        said = [Subtitle(start_seconds=start, end_seconds=start + 2, text=_title(chapter))]
        time = float(rng.uniform(start + 2, max(start + 2.5, end - LINE_SECONDS)))
        said.append(_line(time, end, f"The word of chapter {chapter.number} is {chapter.word}."))
        own = [e for e in events if chapter.card_end <= e.start_frame < chapter.end_frame]
        for index in rng.permutation(len(own))[: config.spoken_lines]:
            event = own[index]
            said.append(_line(event.start_frame / config.fps, end, SAYINGS[event.kind]))
        lines += _without_overlaps(said)
    return tuple(lines)


def _title(chapter: Chapter) -> str:
    return f"Chapter {chapter.number}."


def _line(start: float, limit: float, text: str) -> Subtitle:
    start = round(start, 3)
    return Subtitle(
        start_seconds=start, end_seconds=round(min(start + LINE_SECONDS, limit), 3), text=text
    )


def _without_overlaps(lines: list[Subtitle]) -> list[Subtitle]:
    """The lines in order of time, less those that overlap one said first in the list."""
    kept: list[Subtitle] = []
    for line in lines:
        clear = all(
            line.end_seconds <= other.start_seconds or other.end_seconds <= line.start_seconds
            for other in kept
        )
        if clear and line.end_seconds > line.start_seconds:
            kept.append(line)
    return sorted(kept, key=lambda line: line.start_seconds)


def srt_text(lines: Sequence[Subtitle]) -> str:
    """The lines as a SubRip file."""
    blocks = [
        f"{number}\n{_srt_time(line.start_seconds)} --> {_srt_time(line.end_seconds)}\n"
        f"{line.text}\n"
        for number, line in enumerate(lines, start=1)
    ]
    return "\n".join(blocks)


def _srt_time(seconds: float) -> str:
    whole, milli = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d},{milli:03d}"
