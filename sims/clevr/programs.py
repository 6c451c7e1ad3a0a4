"""CLEVR's functional programs: reading, checking and executing them.

A program is a list of nodes, each a dict with a function's name, the indices of the earlier nodes
whose outputs it takes, and literal values. Names and values are looked up in tables; nothing is
ever evaluated as code. CLEVR's release says `function` and `value_inputs`, its generator `type` and
`side_inputs`, and files that its generator writes `type` and `value_inputs`; any of these is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sims.clevr.catalogue import (
    FUNCTIONS,
    INVALID,
    LEGAL_VALUES,
    LITERAL_INTEGER,
    OBJECT,
    OBJECTS,
    Function,
    Value,
)
from sims.clevr.checks import Place, check_choice, is_integer, show
from sims.clevr.scene import ATTRIBUTES, ClevrScene

RawNode = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step of a program.

    Attributes:
        name: the function's name.
        function: its entry in the catalogue.
        inputs: indices of earlier nodes, one per input of the function.
        values: literal values; None is an attribute left open.
    """

    name: str
    function: Function
    inputs: tuple[int, ...]
    values: tuple[str | int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that has been checked. Worth keeping to execute it on many scenes.

    Attributes:
        nodes: in an order in which they can be executed; the last gives the answer.
    """

    nodes: tuple[Node, ...]

    @classmethod
    def parse(cls, raw_nodes: Sequence[RawNode]) -> Program:
        """Read a program as CLEVR writes it. It may also end in objects, as a part of one does.

        Raises:
            ValueError: naming the node and what is legal: for no nodes, an unknown function, a
                wrong number or kind of inputs or values, and inputs that are not earlier nodes.
        """
        if not isinstance(raw_nodes, list | tuple) or not raw_nodes:
            raise ValueError(
                f"a program must be a list of at least one node; got {show(raw_nodes)}"
            )
        nodes: list[Node] = []
        for i, raw in enumerate(raw_nodes):
            with Place("program", i):
                nodes.append(_parse_node(raw, nodes))
        return cls(nodes=tuple(nodes))


def check_program(program: Program | Sequence[RawNode]) -> None:
    """Raise `ValueError`, naming the node and what is legal, unless `execute` takes the program."""
    _parse_question(program)


def execute(program: Program | Sequence[RawNode], scene: ClevrScene) -> str:
    """The answer that a program gives on a scene, as CLEVR's release writes it.

    Returns:
        "yes" or "no", a number such as "3", a word such as "red", or `INVALID` if any node of the
        program asks for the one object of a set that has none or several.

    Raises:
        ValueError: if the program is malformed (`check_program`), or asks for a relation that the
            scene does not have.
    """
    value = node_outputs(_parse_question(program), scene)[-1]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def node_outputs(program: Program | Sequence[RawNode], scene: ClevrScene) -> list[Value]:
    """The output of every node of a program, or of a part of one.

    Like CLEVR's engine (`answer_question` in `question_engine.py`), it stops at the first node that
    is invalid, whether or not another uses it: the last output is then `INVALID`.

    Raises:
        ValueError: as `execute` does.
    """
    if not isinstance(program, Program):
        program = Program.parse(program)
    outputs: list[Value] = []
    for node in program.nodes:
        inputs = [outputs[i] for i in node.inputs]
        outputs.append(node.function.handler(scene, *inputs, *node.values))
        if outputs[-1] == INVALID:
            break
    return outputs


def _parse_question(program: Program | Sequence[RawNode]) -> Program:
    """The program, which must end in an answer."""
    if not isinstance(program, Program):
        program = Program.parse(program)
    last = program.nodes[-1]
    if last.function.output in (OBJECTS, OBJECT):
        raise ValueError(
            f"program[{len(program.nodes) - 1}]: a program must end in an answer: a number, "
            f"a word, yes or no; {last.name} gives {last.function.output}"
        )
    return program


def spelled(raw: RawNode, release: str, generator: str, default: Any) -> Any:
    """A field of a node by the name it has in CLEVR's release or in its generator.

    Raises:
        ValueError: if the node has both names.
    """
    if release in raw and generator in raw:
        raise ValueError(f"a node has {release!r} or, as its other name, {generator!r}; not both")
    return raw.get(release, raw.get(generator, default))


def _parse_node(raw: RawNode, earlier: Sequence[Node]) -> Node:
    if not isinstance(raw, Mapping):
        raise ValueError(f"a node must be an object with named fields; got {show(raw)}")
    name = spelled(raw, "function", "type", None)
    check_choice("function", name, FUNCTIONS)
    function = FUNCTIONS[name]
    with Place(name):
        inputs = _sized("inputs", raw.get("inputs", []), function.inputs)
        raw_values = spelled(raw, "value_inputs", "side_inputs", [])
        values = _sized("value_inputs", raw_values, function.values)
        pairs = zip(values, function.values, strict=True)
        return Node(
            name=name,
            function=function,
            inputs=tuple(
                _parse_input(index, kind, earlier)
                for index, kind in zip(inputs, function.inputs, strict=True)
            ),
            values=tuple(_parse_value(value, kind, function) for value, kind in pairs),
        )


def _sized(name: str, given: object, kinds: Sequence[str]) -> Sequence[Any]:
    """The list `given`, which must have one entry per kind."""
    if not isinstance(given, list | tuple) or len(given) != len(kinds):
        legal = f"a list of {len(kinds)} ({', '.join(kinds)})" if kinds else "an empty list"
        raise ValueError(f"{name} must be {legal}; got {show(given)}")
    return given


def _parse_input(index: Any, kind: str, earlier: Sequence[Node]) -> int:
    """The index, which must be that of an earlier node that gives this kind of output."""
    if not is_integer(index) or not 0 <= index < len(earlier):
        legal = f"from 0 to {len(earlier) - 1}" if earlier else "of which there are none"
        raise ValueError(f"inputs must be indices of earlier nodes, {legal}; got {show(index)}")
    node = earlier[index]
    if node.function.output != kind:
        raise ValueError(
            f"its input must be {kind}; program[{index}], {node.name}, gives {node.function.output}"
        )
    return int(index)


def _parse_value(value: Any, kind: str, function: Function) -> str | int | None:
    if kind == LITERAL_INTEGER:
        return _parse_integer(value)
    if function.any_attribute and kind in ATTRIBUTES and _is_open(value, kind):
        return None
    check_choice(kind, value, LEGAL_VALUES[kind])
    return str(value)


def _is_open(value: object, attribute: str) -> bool:
    """Whether a composite filter takes any value of the attribute."""
    return value is None or value == "" or (attribute == "shape" and value == "thing")


def _parse_integer(value: Any) -> int:
    """An integer or, since CLEVR's literal values are texts, its digits."""
    text = str(value) if is_integer(value) and abs(value) < 10**9 else value
    if not isinstance(text, str) or not re.fullmatch("-?[0-9]{1,9}", text):
        raise ValueError(f"integer must have up to nine digits, such as '2'; got {show(value)}")
    return int(text)
