"""Texts and option lists alone give away neither the answer nor the useful action."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from sims.avr.config import AvrConfig, nursery_config
from sims.avr.options import draw_options
from sims.avr.tasks import draw_task

NUM_TRAIN, NUM_TEST = 1000, 800


def text_features(question, options) -> list[str]:
    """All that a policy reads at the first turn, letter by letter and word by word."""
    features = [f"word {word}" for word in question.text.split()]
    features += [f"{letter} {text}" for letter, text in options.texts.items()]
    features += [f"text {text}" for text in options.texts.values()]
    return [*features, f"length {len(options.texts)}"]


def predict_naive_bayes(train, test) -> list[bool]:
    """Whether the likeliest answer, given the features of each text, is right.

    Naive Bayes with one pseudo-count, for each set of legal answers on its own.
    """
    prior: dict[tuple, Counter] = defaultdict(Counter)
    counts: dict[tuple, Counter] = defaultdict(Counter)
    for features, answers, gold in train:
        prior[answers][gold] += 1
        counts[answers, gold].update(features)

    def score(features, answers, answer) -> float:
        total = prior[answers][answer] + 2
        seen = counts[answers, answer]
        return math.log(total) + sum(math.log((seen[f] + 1) / total) for f in features)

    return [
        max(answers, key=lambda answer: score(features, answers, answer)) == gold
        for features, answers, gold in test
    ]


def check_no_better_than_chance(right: list[bool], chances: list[float]) -> None:
    """Require an accuracy within 2 standard errors of guessing, or below."""
    chance = np.mean(chances)
    error = math.sqrt(sum(p * (1 - p) for p in chances)) / len(chances)
    assert np.mean(right) <= chance + 2 * error, f"{np.mean(right):.3f} against {chance:.3f}"


@pytest.mark.parametrize("config", [nursery_config(), AvrConfig()], ids=["nursery", "full"])
def test_the_text_does_not_predict_the_answer(config):
    """As drawn: pictures do not enter, since a scene that does not fit is drawn again whole."""
    rng = np.random.default_rng(11)
    records = []
    for _ in range(NUM_TRAIN + NUM_TEST):
        task = draw_task(config, rng, lambda task: True)
        options = draw_options(config, rng, task.question)
        records.append((text_features(task.question, options), task.question.answers, task.gold))
    right = predict_naive_bayes(records[:NUM_TRAIN], records[NUM_TRAIN:])
    check_no_better_than_chance(right, [1 / len(r[1]) for r in records[NUM_TRAIN:]])


def test_the_predictor_would_notice_a_leak():
    """The same test, where one action in the list comes with one answer nine times in ten."""
    rng = np.random.default_rng(5)
    records = []
    for _ in range(400):
        gold = ("yes", "no")[int(rng.integers(2))]
        leak = gold if rng.random() < 0.9 else "no"
        records.append(([f"A [Pick] {leak}", "word was"], ("yes", "no"), gold))
    right = predict_naive_bayes(records[:200], records[200:])
    with pytest.raises(AssertionError, match="against 0.500"):
        check_no_better_than_chance(right, [0.5] * 200)


@pytest.mark.render
def test_the_text_of_real_episodes_does_not_predict_the_answer(nursery):
    records = []
    for seed in range(1500):
        obs, info = nursery.reset(seed=seed)
        lines = obs["text"].splitlines()
        features = [*lines, *obs["text"].split(), f"length {len(lines)}"]
        records.append((features, nursery._task.question.answers, info["truth"]["gold"]))
    right = predict_naive_bayes(records[:900], records[900:])
    check_no_better_than_chance(right, [1 / len(r[1]) for r in records[900:]])


@pytest.mark.render
def test_no_action_is_useful_by_its_name(nursery):
    """How often each kind of action gains something, for one tried at random in each episode.

    Where the first view does not suffice, no kind gains nearly always or never, and no pick or turn
    is better on one side than on the other.
    """
    gained: dict[str, list[bool]] = defaultdict(list)
    for seed in range(900):
        nursery.reset(seed=seed)
        if nursery._task.sufficient:
            continue
        letters = list(nursery._options.actions)
        letter = letters[seed % len(letters)]
        info = nursery.step(f"<action>{letter}</action>")[4]
        gained[info["options"][letter]].append(info["truth"]["gained"])
    shares = {text: (np.mean(values), len(values)) for text, values in gained.items()}
    often = {text: share for text, (share, count) in shares.items() if count >= 30}
    assert len(often) >= 7
    assert all(0.2 <= share <= 0.8 for share in often.values()), often
    for kind in ("Pick", "Move Viewer", "Rotate Viewer"):
        left, right = (shares[f"[{kind}] {side}"] for side in ("left", "right"))
        error = math.sqrt(0.25 / left[1] + 0.25 / right[1])
        assert abs(left[0] - right[0]) < 3 * error, (kind, left, right)


@pytest.mark.render
def test_options_name_no_attribute_that_hides(nursery_worlds, full_worlds):
    """Actions name regions of the first picture, never an object or its colour."""
    secret = {"red", "blue", "green", "yellow", "gray", "brown", "purple", "cyan", "cube"}
    secret |= {"sphere", "cylinder", "metal", "rubber", "small", "large"}
    for world in [*nursery_worlds, *full_worlds]:
        for letter in world.options.actions:
            assert not secret & set(world.options.texts[letter].split())
