"""How episodes are drawn: what the words and the first view tell, and what they do not."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency, chisquare

from sims.avr.candidates import deal_letters
from sims.avr.config import QUESTION_TYPES, AvrConfig, nursery_config
from sims.avr.process import (
    SceneGenerationError,
    Task,
    choose_scene_types,
    draw_task,
    visible_part,
)
from sims.avr.scene_types import SCENE_TYPES

NUM_TASKS = 300
EVERY_TYPE = list(SCENE_TYPES.values())
each_kind = pytest.mark.parametrize("kind", QUESTION_TYPES)


def draw_many(config: AvrConfig, count: int, seed: int) -> list[Task]:
    """Tasks as drawn, without worlds or pictures."""
    rng = np.random.default_rng(seed)
    return [draw_task(config, EVERY_TYPE, rng, lambda task: True)[0] for _ in range(count)]


@cache
def tasks_of(kind: str) -> tuple[Task, ...]:
    seed = QUESTION_TYPES.index(kind)
    return tuple(draw_many(AvrConfig(question_types=[kind]), NUM_TASKS, seed))


def every_task() -> list[Task]:
    return [task for kind in QUESTION_TYPES for task in tasks_of(kind)]


def place_of_gold(task: Task) -> int:
    return task.offer.index(task.gold)


def suffices(task: Task) -> bool:
    return task.belief.proven(task.first_known()) is not None


class TestBalanced:
    @each_kind
    def test_gold_is_uniform_over_the_offer(self, kind):
        """For each length of the offer, and whether or not the first view suffices."""
        counts = defaultdict(Counter)
        for task in tasks_of(kind):
            counts[len(task.offer), suffices(task)][place_of_gold(task)] += 1
        for (size, _), places in counts.items():
            found = [places[index] for index in range(size)]
            if sum(found) >= 20 * size:
                assert chisquare(found).pvalue > 1e-3, (kind, counts)

    @each_kind
    def test_gold_is_independent_of_what_the_first_view_shows(self, kind):
        """Where it does not suffice: of how many answers it leaves, and how much there is to see,
        which pictures of one question and offer differ in.
        """
        for size in (2, 3, 4):
            tasks = [t for t in tasks_of(kind) if not suffices(t) and len(t.offer) == size]
            if len(tasks) < 60:
                continue
            seen = [sum(map(bool, task.first_known().values())) for task in tasks]
            table = np.zeros((2, size))
            for task, number in zip(tasks, seen, strict=True):
                table[int(number > np.median(seen)), place_of_gold(task)] += 1
            if table.sum(axis=1).min() >= 20:
                assert chi2_contingency(table).pvalue > 1e-3, (kind, table)

    @each_kind
    def test_the_first_view_suffices_in_the_configured_share(self, kind):
        low, high = binom.interval(0.999, NUM_TASKS, AvrConfig().sufficient_share)
        assert low <= sum(map(suffices, tasks_of(kind))) <= high

    @each_kind
    def test_the_first_view_proves_gold_or_leaves_every_answer_as_likely(self, kind):
        for task in tasks_of(kind):
            posterior = task.belief.posterior(task.first_known())
            if suffices(task):
                assert posterior == {task.gold: 1.0}
            else:
                uniform = dict.fromkeys(task.offer, 1 / len(task.offer))
                assert posterior == pytest.approx(uniform)

    @each_kind
    def test_the_world_is_as_asked(self, kind):
        for task in tasks_of(kind):
            places = task.layout.places()
            assert task.question.kind == kind
            assert set(task.contents) == set(task.yaws) == {place.name for place in places}
            assert task.question.answer(task.contents, places) == task.gold
            assert 2 <= len(task.offer) <= 4
            assert list(task.offer) == [a for a in task.question.answers if a in task.offer]
            assert task.first_known() == visible_part(task.layout, task.contents)
            assert task.belief.answers == task.offer

    def test_question_types_scene_types_and_hiding_are_all_drawn(self):
        tasks = every_task()
        assert {task.scene_type.name for task in tasks} == set(SCENE_TYPES)
        hidden = Counter(len(task.layout.hidden_places()) for task in tasks)
        assert min(hidden[number] for number in range(4)) > 30
        mixed = draw_many(AvrConfig(), 180, 9)
        kinds = Counter(task.question.kind for task in mixed)
        assert chisquare([kinds[kind] for kind in QUESTION_TYPES]).pvalue > 1e-3

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_all_or_none_suffice(self, share):
        tasks = draw_many(AvrConfig(sufficient_share=share), 40, 2)
        assert {suffices(task) for task in tasks} == {bool(share)}

    def test_equal_generators_draw_equal_tasks(self):
        one, two = (draw_many(AvrConfig(), 15, 4) for _ in range(2))
        fields = ("question", "offer", "gold", "layout", "contents", "yaws")
        assert [[getattr(t, f) for f in fields] for t in one] == [
            [getattr(t, f) for f in fields] for t in two
        ]


class TestNatural:
    @each_kind
    def test_the_question_is_well_posed_and_every_answer_on_offer(self, kind):
        config = AvrConfig(balanced=False, question_types=[kind])
        for task in draw_many(config, 40, 1):
            assert task.offer == task.question.answers
            assert task.question.answer(task.contents, task.layout.places()) == task.gold
            assert task.belief.posterior(task.first_known())[task.gold] > 0

    def test_places_are_filled_as_often_as_configured(self):
        config = AvrConfig(balanced=False, question_types=["exist"], fill_probability=0.3)
        held = [thing for task in draw_many(config, 200, 3) for thing in task.contents.values()]
        low, high = binom.interval(0.999, len(held), 0.3)
        assert low <= sum(thing is not None for thing in held) <= high


class TestWhatIsRefused:
    def test_worlds_that_cannot_be_realised_are_drawn_again(self):
        tried = []

        def third(task: Task) -> str | None:
            tried.append(task)
            return "made" if len(tried) == 3 else None

        task, made = draw_task(AvrConfig(), EVERY_TYPE, np.random.default_rng(0), third)
        assert made == "made"
        assert task is tried[2]
        assert len({t.question.text for t in tried}) == 1, "another question was drawn"

    def test_where_nothing_fits_the_error_says_what_to_loosen(self, monkeypatch):
        monkeypatch.setattr("sims.avr.process.MAX_SCENES", 3)
        message = r"no scene of \['in_box'\] fits questions of \['exist'\]; loosen the env"
        with pytest.raises(SceneGenerationError, match=message):
            draw_task(
                AvrConfig(question_types=["exist"]),
                [SCENE_TYPES["in_box"]],
                np.random.default_rng(0),
                lambda task: None,
            )

    def test_scene_types(self):
        chosen = choose_scene_types("stack", [], include_held_out=False)
        assert len(chosen) == 7
        assert not any(t.held_out for t in chosen)
        assert len(choose_scene_types("stack", [], include_held_out=True)) == 10
        [named] = choose_scene_types("occlusion", ["in_corner"], include_held_out=False)
        assert named.held_out, "what is named is taken"
        with pytest.raises(ValueError, match="scene_kind is 'stacks'; legal: composite, occl"):
            choose_scene_types("stacks", [], include_held_out=False)
        with pytest.raises(ValueError, match="scene_types has 'in_box'; legal for stack: behind"):
            choose_scene_types("stack", ["in_box"], include_held_out=False)


def predict(train: list, test: list) -> list[bool]:
    """Whether naive Bayes over words, one pseudo-count, finds the label of each test record.

    Records are (words, legal labels, label); each set of legal labels is learnt by itself.
    """
    prior: dict[tuple, Counter] = defaultdict(Counter)
    words: dict[tuple, Counter] = defaultdict(Counter)
    for features, labels, label in train:
        prior[labels][label] += 1
        words[labels, label].update(features)

    def score(features, labels, label) -> float:
        total = prior[labels][label] + 2
        seen = words[labels, label]
        return math.log(total) + sum(math.log((seen[f] + 1) / total) for f in features)

    return [
        max(labels, key=lambda label: score(features, labels, label)) == truth
        for features, labels, truth in test
    ]


class TestWords:
    """The question and the answers on offer give nothing away."""

    @staticmethod
    def split(tasks: Sequence[Task], label) -> tuple[list, list]:
        """Records for training, every other task, and for testing."""
        rng, found = np.random.default_rng(5), []
        for task in tasks:
            letters = deal_letters(task.offer, rng)
            features = [*task.question.text.split(), *(f"{k} {a}" for k, a in letters.items())]
            found.append((features, *label(task)))
        return found[::2], found[1::2]

    @pytest.mark.parametrize("name", ["full", "nursery"])
    def test_they_do_not_predict_the_answer(self, name):
        tasks = draw_many(nursery_config(), 600, 6) if name == "nursery" else every_task()
        train, test = self.split(tasks, lambda task: (task.offer, task.gold))
        chances = [1 / len(labels) for _, labels, _ in test]
        error = math.sqrt(sum(p * (1 - p) for p in chances)) / len(test)
        assert np.mean(predict(train, test)) <= np.mean(chances) + 2.5 * error

    def test_they_do_not_predict_whether_the_first_view_suffices(self):
        train, test = self.split(every_task(), lambda task: ((False, True), suffices(task)))
        base = np.mean([not truth for *_, truth in test])
        error = math.sqrt(base * (1 - base) / len(test))
        assert np.mean(predict(train, test)) <= base + 2.5 * error

    def test_a_leak_would_be_noticed(self):
        rng, records = np.random.default_rng(5), []
        for _ in range(400):
            gold = ("yes", "no")[int(rng.integers(2))]
            leak = gold if rng.random() < 0.9 else "no"
            records.append(([f"A {leak}", "word was"], ("yes", "no"), gold))
        assert np.mean(predict(records[:200], records[200:])) > 0.8


def test_large_objects_take_their_own_colors() -> None:
    config, rng = nursery_config(), np.random.default_rng(0)
    types = [SCENE_TYPES["behind_large_object"]]
    for _ in range(20):
        task, _ = draw_task(config, types, rng, lambda task: True)
        covers = {body.thing.color for body in task.layout.bodies() if body.thing}
        assert covers
        assert covers <= set(config.large_colors)
        things = {thing.color for thing in task.contents.values() if thing}
        assert things <= set(config.colors)
