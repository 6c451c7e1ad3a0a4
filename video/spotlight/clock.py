"""Times of a film in words: `H:MM:SS`, `MM:SS`, or plain seconds."""

from __future__ import annotations

import re

CLOCK = re.compile(r"(?:([0-9]{1,6}):)?([0-9]{1,9}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")
SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)")
HAS_CLOCK = re.compile(r"\d+:\d+")
LEGAL = "H:MM:SS or MM:SS, with seconds below 60"


def parse_clock(text: str) -> float | None:
    """Seconds that a clock time means, or None where it is none.

    Args:
        text: `H:MM:SS` with minutes and seconds below 60, or `MM:SS` with seconds below 60, a
            fraction allowed.
    """
    found = CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = found.group(1), int(found.group(2)), float(found.group(3))
    if seconds >= 60 or (hours is not None and minutes >= 60):
        return None
    return int(hours or 0) * 3600 + minutes * 60 + seconds


def parse_time(text: str) -> float | None:
    """Seconds that a clock time or a plain number of seconds (`75.5`, `75.5s`) means, or None."""
    plain = SECONDS.fullmatch(text.removesuffix("s"))
    return float(plain.group(1)) if plain else parse_clock(text)


def format_clock(seconds: float) -> str:
    """`M:SS` or, from an hour on, `H:MM:SS`; with a tenth where it is not whole.

    Args:
        seconds: 0 or more; rounded to tenths.
    """
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths // 10, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"{clock}.{tenths % 10}" if tenths % 10 else clock


def mentions_time(text: str) -> bool:
    """Whether a text holds a clock time (FrameThinker's condition for paying a time query)."""
    return HAS_CLOCK.search(text) is not None
