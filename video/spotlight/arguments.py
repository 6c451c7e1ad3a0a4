"""What the tools of films are given: words, as they were written.

A tool reads them itself, for what is legal hangs on the film. The classes here say how each stands
in a call and in the tool's schema; what a tool gets is a plain str.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from sims.tools.calls import Value
from sims.tools.coordinates import Frame
from sims.tools.tool import Kind, ToolError


def write_word(value: Value) -> str:
    """A value of a call as a policy would write it: whole numbers without a fraction."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() else repr(value)


def _read_words(
    name: str, values: tuple[Value, ...], frame: Frame | None, *, width: int = 1
) -> str:
    """So many words and numbers, with blanks between."""
    del frame
    if len(values) != width:
        what = "one word or number" if width == 1 else f"{width} numbers"
        raise ToolError(f"{name} must be {what}.", "arguments")
    return " ".join(write_word(value) for value in values)


def _one_word(schema: dict[str, Any]) -> Kind:
    return Kind(width=1, form="", schema=schema, read=_read_words)


class FrameWord(str):
    """A frame: its number in the film or, where frames go by their places, its place."""

    KIND: ClassVar[Kind] = _one_word({"type": "integer", "minimum": 0})


class SegmentWord(str):
    """The number of one of the film's segments."""

    KIND: ClassVar[Kind] = _one_word({"type": "integer", "minimum": 1})


class ClockWord(str):
    """A time of the film, MM:SS or H:MM:SS."""

    KIND: ClassVar[Kind] = _one_word({"type": "string"})


class MomentWord(str):
    """A time of the film in seconds, MM:SS or H:MM:SS."""

    KIND: ClassVar[Kind] = _one_word({"type": ["number", "string"]})


class PartWords(str):
    """A part of a frame: x0, y0, x1 and y1, from 0 to 1, with blanks between."""

    KIND: ClassVar[Kind] = Kind(
        width=4,
        form="x0, y0, x1, y1",
        schema={
            "type": "array",
            "items": {"type": "number", "minimum": 0, "maximum": 1},
            "minItems": 4,
            "maxItems": 4,
        },
        read=partial(_read_words, width=4),
    )
