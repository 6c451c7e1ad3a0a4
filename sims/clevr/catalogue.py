"""CLEVR's functions: what each takes and gives, and the handler that computes it.

The catalogue is that of the generator's `metadata.json` and `question_engine.py`. A handler is
called with the scene, the outputs of the nodes it refers to, and its literal values. Objects are
known by their index in the scene; a set of them is a tuple of indices.

Three parts make up `FUNCTIONS`:

* `CLEVR_FUNCTIONS`, the 27 that the programs of CLEVR's question files are made of;
* `TEMPLATE_FUNCTIONS`, the 8 of CLEVR's question templates, each short for a chain of those;
* `OWN_FUNCTIONS`, ours, not CLEVR's: `filter_area`, `subtract`, `add`, `compare_count` and
  `larger_area`. No file of CLEVR has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sims.avr.vocabulary import ATTRIBUTE_VALUES
from sims.clevr.scene import AREAS, ATTRIBUTES, RELATIONS, ClevrScene

INVALID = "__INVALID__"
"""What CLEVR's engine answers where a question makes no sense, e.g. "the cube" among two cubes."""

ObjectSet = tuple[int, ...]
Value = ObjectSet | int | bool | str
"""Output of a node: a set of objects, one object or an integer, yes or no, a word."""

OBJECTS, OBJECT, INTEGER, BOOL = "a set of objects", "one object", "an integer", "yes or no"
COMPARISON, SIDE = "more, fewer or equal", "left, right or equal"
"""Kinds of output. The kind of an attribute's value is "a color" and so on."""

LITERAL_INTEGER = "integer"
LEGAL_VALUES: dict[str, tuple[str, ...]] = {
    **{name: ATTRIBUTE_VALUES[name] for name in ATTRIBUTES},
    "relation": RELATIONS,
    "area": AREAS,
}
"""Kind of literal value -> the legal ones."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function of the catalogue.

    Attributes:
        inputs: kind of each input.
        values: kind of each literal value: a key of `LEGAL_VALUES`, or `LITERAL_INTEGER`.
        output: kind of its output.
        handler: computes the output from the scene, the inputs and the values.
        any_attribute: whether an attribute among the values may be left open.
    """

    inputs: tuple[str, ...]
    values: tuple[str, ...] = ()
    output: str
    handler: Callable[..., Value]
    any_attribute: bool = False


def _scene(scene: ClevrScene) -> ObjectSet:
    return tuple(range(len(scene.objects)))


def _unique(_: ClevrScene, things: ObjectSet) -> int | str:
    return things[0] if len(things) == 1 else INVALID


def _relate(scene: ClevrScene, thing: int, relation: str) -> ObjectSet:
    if relation not in scene.relationships:
        raise ValueError(
            f"the scene of {scene.image_filename} does not say what is "
            f"{relation!r}; its relationships are: {', '.join(scene.relationships) or 'none'}"
        )
    return tuple(scene.relationships[relation][thing])


def _union(_: ClevrScene, first: ObjectSet, second: ObjectSet) -> ObjectSet:
    return tuple(sorted({*first, *second}))


def _intersect(_: ClevrScene, first: ObjectSet, second: ObjectSet) -> ObjectSet:
    return tuple(sorted({*first} & {*second}))


def _count(_: ClevrScene, things: ObjectSet) -> int:
    return len(things)


def _exist(_: ClevrScene, things: ObjectSet) -> bool:
    return len(things) > 0


def _equal(_: ClevrScene, first: Value, second: Value) -> bool:
    return first == second


def _less_than(_: ClevrScene, first: int, second: int) -> bool:
    return first < second


def _greater_than(_: ClevrScene, first: int, second: int) -> bool:
    return first > second


def _make_filter(attribute: str) -> Callable[..., Value]:
    def handler(scene: ClevrScene, things: ObjectSet, value: str) -> ObjectSet:
        return tuple(i for i in things if getattr(scene.objects[i], attribute) == value)

    return handler


def _make_query(attribute: str) -> Callable[..., Value]:
    def handler(scene: ClevrScene, thing: int) -> str:
        return str(getattr(scene.objects[thing], attribute))

    return handler


def _make_same(attribute: str) -> Callable[..., Value]:
    def handler(scene: ClevrScene, thing: int) -> ObjectSet:
        values = [getattr(other, attribute) for other in scene.objects]
        return tuple(j for j, value in enumerate(values) if j != thing and value == values[thing])

    return handler


def _attribute_functions(attribute: str) -> dict[str, Function]:
    """The four functions that each attribute has."""
    kind = f"a {attribute}"
    return {
        f"filter_{attribute}": Function(
            inputs=(OBJECTS,), values=(attribute,), output=OBJECTS, handler=_make_filter(attribute)
        ),
        f"query_{attribute}": Function(
            inputs=(OBJECT,), output=kind, handler=_make_query(attribute)
        ),
        f"same_{attribute}": Function(
            inputs=(OBJECT,), output=OBJECTS, handler=_make_same(attribute)
        ),
        f"equal_{attribute}": Function(inputs=(kind, kind), output=BOOL, handler=_equal),
    }


CLEVR_FUNCTIONS: dict[str, Function] = {
    "scene": Function(inputs=(), output=OBJECTS, handler=_scene),
    "unique": Function(inputs=(OBJECTS,), output=OBJECT, handler=_unique),
    "relate": Function(inputs=(OBJECT,), values=("relation",), output=OBJECTS, handler=_relate),
    "union": Function(inputs=(OBJECTS, OBJECTS), output=OBJECTS, handler=_union),
    "intersect": Function(inputs=(OBJECTS, OBJECTS), output=OBJECTS, handler=_intersect),
    "count": Function(inputs=(OBJECTS,), output=INTEGER, handler=_count),
    "exist": Function(inputs=(OBJECTS,), output=BOOL, handler=_exist),
    "equal_object": Function(inputs=(OBJECT, OBJECT), output=BOOL, handler=_equal),
    "equal_integer": Function(inputs=(INTEGER, INTEGER), output=BOOL, handler=_equal),
    "less_than": Function(inputs=(INTEGER, INTEGER), output=BOOL, handler=_less_than),
    "greater_than": Function(inputs=(INTEGER, INTEGER), output=BOOL, handler=_greater_than),
    **_attribute_functions("size"),
    **_attribute_functions("color"),
    **_attribute_functions("material"),
    **_attribute_functions("shape"),
}


def _filter(scene: ClevrScene, things: ObjectSet, *values: str | None) -> ObjectSet:
    """The objects that have every attribute that is not left open (None), in CLEVR's order."""
    wanted = [pair for pair in zip(ATTRIBUTES, values, strict=True) if pair[1] is not None]
    return tuple(
        i for i in things if all(getattr(scene.objects[i], name) == value for name, value in wanted)
    )


def _relate_filter(scene: ClevrScene, thing: int, relation: str, *values: str | None) -> ObjectSet:
    return _filter(scene, _relate(scene, thing, relation), *values)


def _composites(
    name: str, first: Callable[..., ObjectSet], inputs: tuple[str, ...], values: tuple[str, ...]
) -> dict[str, Function]:
    """A filter and its three continuations."""

    def then(suffix: str, output: str, last: Callable[..., Value] | None) -> dict[str, Function]:
        def handler(scene: ClevrScene, *arguments: object) -> Value:
            things = first(scene, *arguments)
            return things if last is None else last(scene, things)

        function = Function(
            inputs=inputs, values=values, output=output, handler=handler, any_attribute=True
        )
        return {name + suffix: function}

    return {
        **then("", OBJECTS, None),
        **then("_unique", OBJECT, _unique),
        **then("_count", INTEGER, _count),
        **then("_exist", BOOL, _exist),
    }


TEMPLATE_FUNCTIONS: dict[str, Function] = {
    **_composites("filter", _filter, (OBJECTS,), ATTRIBUTES),
    **_composites("relate_filter", _relate_filter, (OBJECT,), ("relation", *ATTRIBUTES)),
}
"""Any of their attributes may be left open: None, "", or "thing" for a shape, as the generator
writes it. The generator itself only expands them; what they compute here is their expansion."""


def _subtract(_: ClevrScene, first: ObjectSet, second: ObjectSet) -> ObjectSet:
    return tuple(sorted({*first} - {*second}))


def _add(_: ClevrScene, number: int, literal: int) -> int:
    return number + literal


def _compare_count(_: ClevrScene, first: int, second: int) -> str:
    return "equal" if first == second else "more" if first > second else "fewer"


def _larger_area(_: ClevrScene, left: int, right: int) -> str:
    return "equal" if left == right else "left" if left > right else "right"


OWN_FUNCTIONS: dict[str, Function] = {
    "filter_area": Function(
        inputs=(OBJECTS,), values=("area",), output=OBJECTS, handler=_make_filter("area")
    ),
    "subtract": Function(inputs=(OBJECTS, OBJECTS), output=OBJECTS, handler=_subtract),
    "add": Function(inputs=(INTEGER,), values=(LITERAL_INTEGER,), output=INTEGER, handler=_add),
    "compare_count": Function(inputs=(INTEGER, INTEGER), output=COMPARISON, handler=_compare_count),
    "larger_area": Function(inputs=(INTEGER, INTEGER), output=SIDE, handler=_larger_area),
}
"""Ours, not CLEVR's.

* filter_area[area]: the objects that stand in the area; one without an area stands in none.
* subtract: the objects of the first set that are not in the second.
* add[integer]: the input plus the literal, which may be negative.
* compare_count: whether the first integer is "more", "fewer" or "equal" beside the second.
* larger_area: whether the first integer, the count on the "left", or the second, the count on the
  "right", is larger, or "equal".
"""

FUNCTIONS: dict[str, Function] = {**CLEVR_FUNCTIONS, **TEMPLATE_FUNCTIONS, **OWN_FUNCTIONS}
"""Every function that a program may name."""
