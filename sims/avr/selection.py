"""Sets of small things: what questions are about, in CLEVR's words and as steps of a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from sims.avr.things import AREAS, Place, Thing

ATTRIBUTE_NAMES = ("color", "material", "shape")
"""What a question may name or ask for, in the order in which CLEVR says it."""

Attributes = tuple[tuple[str, str], ...]
"""(name, value) pairs in the order of `ATTRIBUTE_NAMES`: a mapping that can be hashed."""


class Node(TypedDict):
    """A step of a program.

    Attributes:
        function: a name from the catalogue.
        inputs: indices of the earlier nodes that it works on.
        value_inputs: its literals.
    """

    function: str
    inputs: list[int]
    value_inputs: list[str]


def make_attributes(values: Mapping[str, str]) -> Attributes:
    """The pairs of `values`, put in order.

    Raises:
        ValueError: for a name that is none of `ATTRIBUTE_NAMES`.
    """
    if unknown := set(values) - set(ATTRIBUTE_NAMES):
        raise ValueError(f"attributes {sorted(unknown)} are unknown; legal: {ATTRIBUTE_NAMES}")
    return tuple((name, values[name]) for name in ATTRIBUTE_NAMES if name in values)


def noun(attributes: Attributes, *, plural: bool = False) -> str:
    """Small things in CLEVR's words, e.g. "small red metal cube"."""
    values = dict(attributes)
    words = ["small", values.get("color"), values.get("material"), values.get("shape", "object")]
    return " ".join(word for word in words if word) + "s" * plural


def _has(thing: Thing, attributes: Attributes) -> bool:
    return all(getattr(thing, name) == value for name, value in attributes)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A set of small things.

    Attributes:
        attributes: what they have in common.
        area: the one of `AREAS` that they stand in; None for anywhere.
        without: groups that are taken away first; a thing of any of them does not count.
    """

    attributes: Attributes = ()
    area: str | None = None
    without: tuple[Attributes, ...] = ()

    def __post_init__(self) -> None:
        if self.area is not None and self.area not in AREAS:
            raise ValueError(f"area={self.area!r} is unknown; legal: {AREAS} or None")

    def covers(self, thing: Thing, place: Place) -> bool:
        """Whether the words fit, before anything is taken away."""
        in_area = self.area is None or place.area == self.area
        return in_area and thing.size == "small" and _has(thing, self.attributes)

    def matches(self, thing: Thing, place: Place) -> bool:
        """Whether a thing that stands there at the start belongs to the set."""
        if not self.covers(thing, place):
            return False
        return not any(_has(thing, group) for group in self.without)

    def extend_program(self, nodes: list[Node]) -> int:
        """Append the steps that find the set; returns the index of the last."""
        found = _extend_filters(nodes, self.attributes)
        if self.area is not None:
            found = extend(nodes, "filter_area", found, literal=self.area)
        for group in self.without:
            taken = _extend_filters(nodes, group)
            found = extend(nodes, "subtract", found, taken)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        groups = [dict(group) for group in self.without]
        return {"attributes": dict(self.attributes), "area": self.area, "without": groups}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Selection:
        """The inverse of `to_dict`."""
        return cls(
            attributes=make_attributes(data["attributes"]),
            area=data["area"],
            without=tuple(make_attributes(group) for group in data["without"]),
        )


def extend(nodes: list[Node], function: str, *inputs: int, literal: str | None = None) -> int:
    """Append a step to a program; returns its index."""
    values = [] if literal is None else [literal]
    nodes.append({"function": function, "inputs": list(inputs), "value_inputs": values})
    return len(nodes) - 1


def _extend_filters(nodes: list[Node], attributes: Attributes) -> int:
    found = extend(nodes, "filter_size", extend(nodes, "scene"), literal="small")
    for name, value in attributes:
        found = extend(nodes, f"filter_{name}", found, literal=value)
    return found
