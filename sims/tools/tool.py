"""Tools that a policy uses in the middle of its reasoning: one function is one tool.

    @tool
    def crop(stage: Stage, box: Box) -> ToolResult:
        '''Shows that part of the picture, larger.'''
        ...

The function's name is the tool's; its first parameter is what the tool works on; the annotations of
the others (`Box`, `Point`, `float`, `int`, `str`, or a class of an environment's own with a `Kind`
as its `KIND`) say how they are read, and those with a default may be left out; the first line of
its docstring is what policies are told. What it cannot do it says by raising `ToolError`. Nothing
here knows what kind of environment uses it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from sims.tools.calls import Call, Value, echo
from sims.tools.coordinates import Box, CoordinateError, Frame, Point

WHOLE = 1
"""Number of the picture that is pointed into where a call names none."""
MAX_TEXT = 80
"""Longest text that a tool is given."""


class ToolError(Exception):
    """What a policy is told in place of a result.

    Args:
        message: says what was wrong and what is legal.
        kind: "tool" (there is none of that name), "arguments", or "refused" (it was understood, but
            cannot be done).
    """

    def __init__(self, message: str, kind: str = "refused") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a tool gives back.

    Attributes:
        text: what the policy is told.
        images: what it is shown, each uint8 (H, W, 3).
        error: kind of what went wrong, as in `ToolError`, and then `text` says it; "" otherwise.
        facts: what was done, JSON-able; private.
    """

    text: str = ""
    images: tuple[np.ndarray, ...] = ()
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Stage(Protocol):
    """What tools that are given places work on: it knows the pictures shown so far."""

    def frame(self, number: int) -> Frame:
        """The picture of that number. Raises `ToolError` where there is none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One argument of a tool.

    Attributes:
        name: its name.
        kind: how it is read.
        default: its value where it is left out; `inspect.Parameter.empty` where it may not be.
    """

    name: str
    kind: Kind
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool.

    Attributes:
        name: how it is called.
        says: what it does, in a sentence.
        parameters: its arguments, in order.
        function: called with the stage and the arguments by name.
    """

    name: str
    says: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., ToolResult]

    @property
    def points(self) -> bool:
        """Whether it is given a place in a picture, and so may be told which picture."""
        return any(parameter.kind.is_place for parameter in self.parameters)

    @property
    def form(self) -> str:
        """How it is written, without what may be left out: "crop(x0, y0, x1, y1)"."""
        needed = [p for p in self.parameters if p.required]
        points = [p.name for p in needed if p.kind is KINDS["Point"]]
        words = [
            f"x{points.index(p.name)}, y{points.index(p.name)}"
            if len(points) > 1 and p.name in points
            else p.kind.form or p.name
            for p in needed
        ]
        return f"{self.name}({', '.join(words)})"

    def schema(self) -> dict[str, Any]:
        """The tool as a function in the manner of JSON-schema tool calling."""
        properties = {p.name: dict(p.kind.schema) for p in self.parameters}
        if self.points:
            properties["image"] = {"type": "integer", "minimum": WHOLE}
        required = [p.name for p in self.parameters if p.required]
        about = {"type": "object", "properties": properties, "required": required}
        function = {"name": self.name, "description": self.says, "parameters": about}
        return {"type": "function", "function": function}


def tool(function: Callable[..., ToolResult]) -> Tool:
    """Make a tool of a function; see the module's docstring.

    Raises:
        TypeError: for a parameter of a type that cannot be read from a reply.
    """
    signature = inspect.signature(function, eval_str=True)
    parameters = []
    for parameter in list(signature.parameters.values())[1:]:
        written = getattr(parameter.annotation, "__name__", str(parameter.annotation))
        kind = getattr(parameter.annotation, "KIND", None) or KINDS.get(written)
        if not isinstance(kind, Kind):
            raise TypeError(
                f"{parameter.name} of the tool {function.__name__} is a {written}; "
                f"legal: {', '.join(KINDS)}, or a class with a KIND"
            )
        parameters.append(Parameter(name=parameter.name, kind=kind, default=parameter.default))
    says = (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")
    return Tool(name=function.__name__, says=says, parameters=tuple(parameters), function=function)


def use_tool(call: Call, tools: Mapping[str, Tool], stage: object) -> ToolResult:
    """Carry out a call. What cannot be done comes back as text, with the kind of the error.

    Args:
        call: what a policy asks for.
        tools: name -> those that it may use.
        stage: what they work on; a `Stage` where any of them is given places.
    """
    try:
        chosen = tools.get(call.name)
        if chosen is None:
            legal = f"there are {', '.join(tools)}" if tools else "there are none"
            raise ToolError(f"There is no tool {echo(call.name)}; {legal}.", "tool")
        return chosen.function(stage, **read_arguments(call, chosen, stage))
    except ToolError as error:
        return ToolResult(text=str(error), error=error.kind)


def read_arguments(call: Call, chosen: Tool, stage: object) -> dict[str, Any]:
    """The arguments of a call, by name.

    Raises:
        ToolError: of kind "arguments", for what cannot be read.
    """
    given = _sort_values(call, chosen)
    number = given.pop("image", (float(WHOLE),)) if chosen.points else (float(WHOLE),)
    arguments: dict[str, Any] = {}
    frame = None
    if chosen.points:
        frame = cast(Stage, stage).frame(_read_integer("image", number))
    for parameter in chosen.parameters:
        if parameter.name not in given:
            arguments[parameter.name] = parameter.default
            continue
        try:
            value = parameter.kind.read(parameter.name, given[parameter.name], frame)
        except CoordinateError as error:
            raise ToolError(str(error), "arguments") from error
        arguments[parameter.name] = value
    return arguments


def _sort_values(call: Call, chosen: Tool) -> dict[str, tuple[Value, ...]]:
    """Which parameter gets which values of a call."""
    legal = [p.name for p in chosen.parameters] + (["image"] if chosen.points else [])
    unknown = [name for name in call.keywords if name not in legal]
    if unknown:
        names = ", ".join(legal) or "nothing"
        raise ToolError(f"{chosen.name} takes {names}, not {echo(unknown[0])}.", "arguments")
    given = dict(call.keywords)
    rest = list(call.positional)
    for parameter in chosen.parameters:
        if parameter.name not in given and rest:
            width = parameter.kind.width
            given[parameter.name], rest = tuple(rest[:width]), rest[width:]
    missing = [p for p in chosen.parameters if p.required and not given.get(p.name)]
    if missing or rest:
        raise ToolError(f"Write it as {chosen.form}.", "arguments")
    return given


def _read_numbers(name: str, values: tuple[Value, ...], width: int) -> list[float]:
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) != len(values) or len(numbers) != width:
        what = "a number" if width == 1 else f"{width} numbers"
        raise ToolError(f"{name} must be {what}.", "arguments")
    return numbers


def _read_box(name: str, values: tuple[Value, ...], frame: Frame | None) -> Box:
    assert frame is not None
    return frame.read_box(_read_numbers(name, values, 4))


def _read_point(name: str, values: tuple[Value, ...], frame: Frame | None) -> Point:
    assert frame is not None
    return frame.read_point(_read_numbers(name, values, 2))


def _read_number(name: str, values: tuple[Value, ...], frame: Frame | None = None) -> float:
    del frame
    value = _read_numbers(name, values, 1)[0]
    if not math.isfinite(value):
        raise ToolError(f"{name} must be a finite number.", "arguments")
    return value


def _read_integer(name: str, values: tuple[Value, ...], frame: Frame | None = None) -> int:
    value = _read_number(name, values, frame)
    if value != round(value) or abs(value) > 1e9:
        raise ToolError(f"{name} must be a whole number.", "arguments")
    return round(value)


def _read_text(name: str, values: tuple[Value, ...], frame: Frame | None) -> str:
    del frame
    text = ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)
    if not text or len(text) > MAX_TEXT:
        raise ToolError(f"{name} must be a text of 1 to {MAX_TEXT} characters.", "arguments")
    return text


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of argument.

    Attributes:
        width: how many words or numbers it takes.
        form: how it is written; "" for its name.
        schema: its JSON schema.
        read: (name, values, picture pointed into) -> the argument; the picture is None unless some
            argument of the tool is a place. Raises `ToolError` or `CoordinateError`.
        is_place: whether it is a place in a picture.
    """

    width: int
    form: str
    schema: dict[str, Any]
    read: Callable[[str, tuple[Value, ...], Frame | None], Any]
    is_place: bool = False


def _array(length: int) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "number"},
        "minItems": length,
        "maxItems": length,
    }


KINDS = {
    "Box": Kind(width=4, form="x0, y0, x1, y1", schema=_array(4), read=_read_box, is_place=True),
    "Point": Kind(width=2, form="x, y", schema=_array(2), read=_read_point, is_place=True),
    "float": Kind(width=1, form="", schema={"type": "number"}, read=_read_number),
    "int": Kind(width=1, form="", schema={"type": "integer"}, read=_read_integer),
    "str": Kind(width=1, form="", schema={"type": "string"}, read=_read_text),
}
"""Annotation of a parameter -> how it is read."""
