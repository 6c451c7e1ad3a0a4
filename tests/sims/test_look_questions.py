"""Questions: balanced, decided by what has been read and by nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from sims.tools.config import QUESTION_KINDS, LookConfig
from sims.tools.questions import Question
from sims.tools.scenes import draw_scene, num_slots
from sims.tools.symbols import KINDS, label_picture, symbols_of
from sims.tools.tasks import draw_task
from tests.sims.looking import SMALL, make_env

EVERY_KIND = [(task, kind) for task, kinds in QUESTION_KINDS.items() for kind in kinds]


def right_answer(question, scene) -> list[str]:
    """The answers that the labels themselves make right, worked out without `possible`."""
    shown = {i: scene.items[i].symbol for i in question.targets}
    if question.kind == "symbol":
        return list(shown.values())
    if question.kind == "same":
        return ["yes" if len(set(shown.values())) == 1 else "no"]
    if question.kind == "sum":
        return [str(sum(map(int, shown.values())))]
    if question.kind == "count":
        return [str(sum(s == question.wanted for s in shown.values()))]
    if question.kind == "most":
        best = max(map(int, shown.values()))
        return [scene.items[i].name for i, s in shown.items() if int(s) == best]
    return [scene.items[i].name for i, s in shown.items() if s == question.wanted]


@pytest.mark.parametrize(("task", "kind"), EVERY_KIND)
def test_the_gold_answer_is_right_and_the_only_one(task, kind):
    config = LookConfig(**SMALL, question_kinds=[kind])
    for seed in range(25):
        scene, question = draw_task(task, config, np.random.default_rng(seed))
        assert right_answer(question, scene) == [question.gold]
        assert question.gold in question.answers
        assert len(set(question.answers)) == len(question.answers)
        known = {i: scene.items[i].symbol for i in question.targets}
        assert question.decided(known, scene) == question.gold
        assert question.possible({}, scene) == list(question.answers)


@pytest.mark.parametrize(("task", "kind"), EVERY_KIND)
def test_answers_are_balanced(task, kind):
    """The right answer stands at every place of the natural order equally often."""
    config = LookConfig(**SMALL, question_kinds=[kind], layouts=["shelves"])
    places: Counter = Counter()
    chance, num = 0.0, 100
    for seed in range(num):
        _, question = draw_task(task, config, np.random.default_rng(1000 + seed))
        places[question.answers.index(question.gold)] += 1
        chance += 1 / len(question.answers) / num
    spread = (chance * (1 - chance) / num) ** 0.5
    assert all(abs(count / num - chance) < 3.5 * spread for count in places.values())
    assert len(places) == round(1 / chance)


def test_what_is_possible_is_what_some_labels_make_right():
    """Against every way of writing the labels that have not been read."""
    config = LookConfig(**SMALL, symbols=["dots"])
    for task, kind in EVERY_KIND:
        chosen = replace(config, question_kinds=[kind])
        scene, question = draw_task(task, chosen, np.random.default_rng(7))
        for num_known in range(len(question.targets) + 1):
            read = question.targets[:num_known]
            known = {i: scene.items[i].symbol for i in read}
            assert set(question.possible(known, scene)) == reachable(question, scene, known)


def reachable(question: Question, scene, known) -> set[str]:
    """The answers on offer that are the only right one for some labels that fit what is known."""
    found = set()
    free = [i for i in question.targets if i not in known]
    for symbols in product(symbols_of(question.symbols), repeat=len(free)):
        labels = known | dict(zip(free, symbols, strict=True))
        items = [
            replace(item, label=f"{question.symbols}-{labels[i]}") if i in labels else item
            for i, item in enumerate(scene.items)
        ]
        right = right_answer(question, replace(scene, items=tuple(items)))
        if len(right) == 1 and right[0] in question.answers:
            found.add(right[0])
    return found


def test_labels_of_a_kind_are_one_grey_from_afar():
    for kind in KINDS:
        means = np.array([label_picture(f"{kind}-{s}").mean(axis=(0, 1)) for s in symbols_of(kind)])
        assert np.ptp(means, axis=0).max() < 1.0
        pictures = {label_picture(f"{kind}-{s}").tobytes() for s in symbols_of(kind)}
        assert len(pictures) == len(symbols_of(kind))


@pytest.mark.parametrize("layout", ["table", "shelves", "counter"])
def test_names_tell_things_apart(layout):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scene = draw_scene(
            layout, num_items=15, num_scraps=4, label_side=0.01, num_alike=4, rng=rng
        )
        assert len({item.name for item in scene.items}) == 15 <= num_slots(layout)
        shared = scene.items[0].color
        assert [item.color == shared for item in scene.items] == [True] * 4 + [False] * 11


@pytest.mark.render
def test_worlds_that_look_alike_get_the_same_words():
    """The label that is asked about is another; until it is read, the expert says the same."""
    env, other = make_env(), make_env()
    env.reset(seed=2)
    other.reset(seed=2)
    target = env.question.targets[0]
    others = [s for s in env.question.answers if s != env.question.gold]
    labels = [item.label for item in other.desk.scene.items]
    labels[target] = f"{env.question.symbols}-{others[0]}"
    other._scene = other.desk.scene = other.desk.scene.with_labels(labels)
    for style in ("best", "point", "direct"):
        assert env.expert_reply(style) == other.expert_reply(style)
    look = env.expert_reply()
    env.step(look)
    other.step(look)
    assert env.expert_reply() != other.expert_reply()
