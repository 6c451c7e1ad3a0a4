"""Draws questions about a scene, with the labels that make one answer right.

The answer is drawn first, evenly over those on offer and without regard to anything that can be
seen from afar; then the labels are written to fit. So neither the words nor the small picture tell
anything about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from sims.tools.questions import Question
from sims.tools.scenes import Scene
from sims.tools.symbols import symbols_of

SYMBOL_TEXTS = {
    "letter": "Which letter is on the label of {name}?",
    "dots": "How many dots are on the label of {name}?",
    "color": "Which colour is in the middle of the label of {name}?",
}
"""Symbols of labels -> how a question asks for one."""
SAME_TEXTS = {
    "letter": "Is the same letter on the labels of {names}?",
    "dots": "Are equally many dots on the labels of {names}?",
    "color": "Is the same colour in the middle of the labels of {names}?",
}
SIGNS = {"letter": "the letter {}", "dots": "{} dots", "color": "a {} middle"}
"""Symbols of labels -> how a question names one."""


Drawn = tuple[Question, dict[int, str]]
"""A question, and what the labels that it hangs on say, by the index of their item."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a question is to be about.

    Attributes:
        scene: what there is.
        targets: indices of the items whose labels the answer is to hang on.
        symbols: what labels show, one of `symbols.KINDS`.
        num_options: answers on offer, where their number is free.
    """

    scene: Scene
    targets: tuple[int, ...]
    symbols: str
    num_options: int


def _name(scene: Scene, index: int) -> str:
    return f"the {scene.items[index].name}"


def _pick(values: Sequence[str], rng: np.random.Generator) -> str:
    return values[int(rng.integers(len(values)))]


def _others(symbols: str, wanted: str) -> list[str]:
    return [symbol for symbol in symbols_of(symbols) if symbol != wanted]


def _draw_symbol(request: Request, rng: np.random.Generator) -> Drawn:
    scene, targets = request.scene, request.targets
    every = symbols_of(request.symbols)
    offered = [every[i] for i in rng.permutation(len(every))[: request.num_options].tolist()]
    gold = _pick(offered, rng)
    question = Question(
        kind="symbol",
        text=SYMBOL_TEXTS[request.symbols].format(name=_name(scene, targets[0])),
        answers=tuple(sorted(offered, key=every.index)),
        gold=gold,
        targets=targets,
        symbols=request.symbols,
    )
    return question, {targets[0]: gold}


def _draw_same(request: Request, rng: np.random.Generator) -> Drawn:
    scene, targets = request.scene, request.targets
    gold = _pick(("yes", "no"), rng)
    first = _pick(symbols_of(request.symbols), rng)
    second = first if gold == "yes" else _pick(_others(request.symbols, first), rng)
    names = " and ".join(_name(scene, index) for index in targets)
    question = Question(
        kind="same",
        text=SAME_TEXTS[request.symbols].format(names=names),
        answers=("yes", "no"),
        gold=gold,
        targets=targets,
        symbols=request.symbols,
    )
    return question, dict(zip(targets, (first, second), strict=True))


def _draw_most(request: Request, rng: np.random.Generator) -> Drawn:
    scene, targets = request.scene, request.targets
    winner, faces = targets[int(rng.integers(len(targets)))], symbols_of(request.symbols)
    most = int(rng.integers(1, len(faces)))
    labels = {index: faces[int(rng.integers(most))] for index in targets} | {winner: faces[most]}
    question = Question(
        kind="most",
        text="Whose label has the most dots?",
        answers=tuple(scene.items[index].name for index in targets),
        gold=scene.items[winner].name,
        targets=targets,
        symbols=request.symbols,
    )
    return question, labels


def _draw_carrier(request: Request, rng: np.random.Generator) -> Drawn:
    scene, targets = request.scene, request.targets
    winner = targets[int(rng.integers(len(targets)))]
    wanted = _pick(symbols_of(request.symbols), rng)
    labels = {index: _pick(_others(request.symbols, wanted), rng) for index in targets}
    question = Question(
        kind="carrier",
        text=f"Whose label shows {SIGNS[request.symbols].format(wanted)}?",
        answers=tuple(scene.items[index].name for index in targets),
        gold=scene.items[winner].name,
        targets=targets,
        symbols=request.symbols,
        wanted=wanted,
    )
    return question, labels | {winner: wanted}


def _draw_only(request: Request, rng: np.random.Generator) -> Drawn:
    scene, targets = request.scene, request.targets
    question, labels = _draw_carrier(request, rng)
    color = scene.items[targets[0]].color
    sign = SIGNS[request.symbols].format(question.wanted)
    text = f"Only one label of the {color} things shows {sign}. Whose?"
    return replace(question, kind="only", text=text), labels


def _draw_count(request: Request, rng: np.random.Generator) -> Drawn:
    scene, targets = request.scene, request.targets
    num_answers = min(request.num_options, len(targets) + 1)
    least = int(rng.integers(len(targets) + 2 - num_answers))
    count = least + int(rng.integers(num_answers))
    wanted = _pick(symbols_of(request.symbols), rng)
    carriers = {targets[i] for i in rng.permutation(len(targets))[:count].tolist()}
    labels = {
        index: wanted if index in carriers else _pick(_others(request.symbols, wanted), rng)
        for index in targets
    }
    color = scene.items[targets[0]].color
    sign = SIGNS[request.symbols].format(wanted)
    question = Question(
        kind="count",
        text=f"How many labels of the {color} things show {sign}?",
        answers=tuple(str(least + step) for step in range(num_answers)),
        gold=str(count),
        targets=targets,
        symbols=request.symbols,
        wanted=wanted,
    )
    return question, labels


def _draw_sum(request: Request, rng: np.random.Generator) -> Drawn:
    scene, targets = request.scene, request.targets
    faces = [int(symbol) for symbol in symbols_of(request.symbols)]
    lowest, highest = len(targets) * faces[0], len(targets) * faces[-1]
    least = int(rng.integers(lowest, highest + 2 - request.num_options))
    total = least + int(rng.integers(request.num_options))
    fitting = [dice for dice in product(faces, repeat=len(targets)) if sum(dice) == total]
    dice = fitting[int(rng.integers(len(fitting)))]
    color = scene.items[targets[0]].color
    question = Question(
        kind="sum",
        text=f"How many dots are on the labels of the {color} things together?",
        answers=tuple(str(least + step) for step in range(request.num_options)),
        gold=str(total),
        targets=targets,
        symbols=request.symbols,
    )
    return question, {index: str(n) for index, n in zip(targets, dice, strict=True)}


DRAW: dict[str, Callable[[Request, np.random.Generator], Drawn]] = {
    "symbol": _draw_symbol,
    "same": _draw_same,
    "most": _draw_most,
    "carrier": _draw_carrier,
    "count": _draw_count,
    "sum": _draw_sum,
    "only": _draw_only,
}
"""Kind of question -> how it is drawn."""
