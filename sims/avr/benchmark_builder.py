"""Draws the entries of a benchmark, cell by cell: one scene type, one question type.

Seeds are tried in order. Each cell takes a fixed number of questions whose first view suffices and
of others, and each only while its answer is one of those that questions with as many answers have
had least often: so among all questions of a type, every place in the list of answers is right
equally often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium

from sims.avr.benchmark import Entry, Manifest
from sims.avr.benchmark_worlds import hash_question, hash_scene
from sims.avr.config import QUESTION_TYPES, AvrConfig
from sims.avr.scene_types import SCENE_TYPES

PATTERN = (True, False, True, False, False)
"""Which questions of a cell have a first view that suffices; turned by one from cell to cell, so
that an even choice from the whole list is balanced as well."""
PLANNER = "plan"
"""The expert's style that counts the turns."""

Answers = Counter[tuple[str, int, bool, int]]
"""(question type, number of answers, sufficient, index of the right one) -> how many entries."""


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """What a benchmark is to be.

    Attributes:
        name: of the manifest.
        version: of the manifest.
        settings: fields of `AvrConfig` that all environments share.
        first_seed: the first cell's first seed.
        seeds_per_cell: how many seeds each cell may try; the cells' seeds follow each other.
        scene_types, question_types: make the cells.
    """

    name: str
    version: int
    first_seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    seeds_per_cell: int = 5000
    scene_types: Sequence[str] = tuple(SCENE_TYPES)
    question_types: Sequence[str] = QUESTION_TYPES

    def cells(self) -> list[tuple[str, str]]:
        """(scene type, question type) of every cell."""
        return [(scene, question) for scene in self.scene_types for question in self.question_types]

    def manifest(self, entries: Sequence[Entry]) -> Manifest:
        """The manifest with these entries."""
        return Manifest(
            name=self.name, version=self.version, settings=self.settings, entries=tuple(entries)
        )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell's questions.

    Attributes:
        entries: as many as `PATTERN` is long, in its order.
        num_drawn: worlds that were drawn for it.
        num_unsolved: how many of those were left out because the planning expert did not get to
            see the answer proven.
    """

    entries: tuple[Entry, ...]
    num_drawn: int
    num_unsolved: int


def draw_cells(blueprint: Blueprint, done: Sequence[Cell] = ()) -> Iterator[Cell]:
    """Every cell that is not done yet, in order.

    Args:
        blueprint: what is to be drawn.
        done: the first cells, drawn before.

    Raises:
        RuntimeError: where a cell runs out of seeds.
    """
    counts: Answers = Counter()
    for index, (scene_type, question_type) in enumerate(blueprint.cells()):
        if index < len(done):
            cell = done[index]
        else:
            cell = _draw_cell(blueprint, index, scene_type, question_type, counts)
            yield cell
        counts.update((*_group(entry), entry.gold_index) for entry in cell.entries)


def _draw_cell(
    blueprint: Blueprint, index: int, scene_type: str, question_type: str, counts: Answers
) -> Cell:
    """Try the cell's seeds in turn until it is full."""
    env = _make_env(blueprint, scene_type, question_type)
    counts = counts.copy()
    waiting = {True: PATTERN.count(True), False: PATTERN.count(False)}
    taken: dict[bool, list[Entry]] = {True: [], False: []}
    num_unsolved = 0
    first = blueprint.first_seed + index * blueprint.seeds_per_cell
    for seed in range(first, first + blueprint.seeds_per_cell):
        entry = _draw_entry(env, scene_type, question_type, seed)
        if not waiting[entry.sufficient] or not _is_wanted(entry, counts):
            continue
        optimal_turns = count_turns(env)
        if optimal_turns is None:
            num_unsolved += 1
            continue
        waiting[entry.sufficient] -= 1
        taken[entry.sufficient].append(replace(entry, optimal_turns=optimal_turns))
        counts[(*_group(entry), entry.gold_index)] += 1
        if not any(waiting.values()):
            env.close()
            return Cell(
                entries=_in_pattern(taken, index),
                num_drawn=seed - first + 1,
                num_unsolved=num_unsolved,
            )
    raise RuntimeError(
        f"{scene_type}, {question_type}: {blueprint.seeds_per_cell} seeds gave only "
        f"{[len(taken[True]), len(taken[False])]} of {PATTERN.count(True)} sufficient and "
        f"{PATTERN.count(False)} other questions; give more seeds_per_cell"
    )


def count_turns(env: gymnasium.Env) -> int | None:
    """The turns that the planning expert needs from here on to see the answer proven and give it;
    None where it never does, even if it guesses right.
    """
    for turn in range(1, env.unwrapped.config.max_turns + 1):  # type: ignore[attr-defined]
        reply = env.unwrapped.expert_reply(PLANNER)  # type: ignore[attr-defined]
        _, _, terminated, truncated, info = env.step(reply)
        if terminated or truncated:
            return turn if info["success"] and info["truth"]["sufficient"] else None
    return None


def _make_env(blueprint: Blueprint, scene_type: str, question_type: str) -> gymnasium.Env:
    config = AvrConfig(
        **blueprint.settings, scene_types=[scene_type], question_types=[question_type]
    )
    kind = SCENE_TYPES[scene_type].kind
    return gymnasium.make(f"AVR/{kind.title()}-v0", disable_env_checker=True, config=config)


def _draw_entry(env: gymnasium.Env, scene_type: str, question_type: str, seed: int) -> Entry:
    """The entry of a seed, its turns not yet counted."""
    _, info = env.reset(seed=seed)
    task = env.unwrapped.task  # type: ignore[attr-defined]
    return Entry(
        scene_type=scene_type,
        question_type=question_type,
        seed=seed,
        sufficient=info["truth"]["sufficient"],
        gold=task.gold,
        gold_index=task.offer.index(task.gold),
        num_answers=len(task.offer),
        scene_hash=hash_scene(task),
        question_hash=hash_question(task),
        optimal_turns=0,
    )


def _group(entry: Entry) -> tuple[str, int, bool]:
    return entry.question_type, entry.num_answers, entry.sufficient


def _is_wanted(entry: Entry, counts: Answers) -> bool:
    """Whether no other answer has been right less often among questions like this one."""
    all_counts = [counts[(*_group(entry), index)] for index in range(entry.num_answers)]
    return all_counts[entry.gold_index] == min(all_counts)


def _in_pattern(taken: dict[bool, list[Entry]], turn: int) -> tuple[Entry, ...]:
    """The entries in the order of `PATTERN`, turned by `turn`."""
    queues = {sufficient: iter(entries) for sufficient, entries in taken.items()}
    shift = turn % len(PATTERN)
    return tuple(next(queues[kind]) for kind in PATTERN[shift:] + PATTERN[:shift])
