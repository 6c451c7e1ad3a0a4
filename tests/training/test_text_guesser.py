"""Blind classifiers: they find what words give away, and nothing where they give nothing away."""

from __future__ import annotations

import numpy as np
import pytest

from training.text_checks import benchmark_table, guessing_tables
from training.text_guesser import Guesser, GuesserConfig, cross_guess, words_of
from training.text_questions import (
    TextQuestion,
    action_choice,
    action_class,
    answer_choice,
    best_class_hits,
    first_view_hits,
    sufficiency_choice,
    uniform_hits,
)

CONFIG = GuesserConfig(num_folds=3, num_epochs=8, batch_size=16, hash_bits=16)
COLORS = ("red", "green", "blue")


def question(
    rng: np.random.Generator, *, leak: str = "", gains: tuple[float, ...] = (0.0, 0.5, 0.0)
) -> TextQuestion:
    """A question of three colours; `leak` names what its words give away."""
    gold, shape = int(rng.integers(3)), ("cube", "ball")[int(rng.integers(2))]
    sufficient = bool(rng.random() < 0.5)
    if leak == "answer":  # the answer hangs on two things together
        gold = 0 if shape == "cube" else 2
    if leak == "sufficient":
        shape = "cube" if sufficient else "ball"
    letters = [str(letter) for letter in rng.permutation(list("ABC"))]
    acts = {"D": "[Pick] what is marked 1", "E": "[Pick] what is marked 2", "F": "[Turn] left"}
    belief = {color: 1 / 3 for color in COLORS}
    if sufficient:
        belief = {color: float(color == COLORS[gold]) for color in COLORS}
    order = rng.permutation(3) if leak != "action" else (0, 1, 2)
    return TextQuestion(
        question=f"What color was the small {shape}?",
        options={**dict(zip(letters, COLORS, strict=True)), **acts},
        question_type="query",
        scene_type="behind_wall",
        gold_letter=letters[gold],
        sufficient=sufficient,
        gains={letter: gains[i] for letter, i in zip("DEF", order, strict=True)},
        belief=belief,
    )


def questions(count: int = 900, **settings) -> list[TextQuestion]:
    rng = np.random.default_rng(0)
    return [question(rng, **settings) for _ in range(count)]


@pytest.mark.parametrize(
    ("leak", "make_choice"),
    [("answer", answer_choice), ("sufficient", sufficiency_choice), ("action", action_choice)],
)
def test_what_words_give_away_is_found(leak: str, make_choice) -> None:
    choices = [make_choice(q) for q in questions(300, leak=leak)]
    guesses = cross_guess(choices, CONFIG)
    assert np.mean([c.right[g] for c, g in zip(choices, guesses, strict=True)]) > 0.97


def test_where_words_give_nothing_away_nothing_is_found() -> None:
    tables = guessing_tables(questions(), CONFIG)
    for name, prior in (("answer", 1 / 3), ("sufficient", 0.5), ("best_action", 1 / 3)):
        row = tables[name]["all"]
        assert row["prior"]["mean"] == pytest.approx(prior, abs=0.05)
        assert abs(row["excess"]["mean"]) < 4 * row["excess"]["stderr"]
        assert row["excess"]["mean"] == pytest.approx(
            row["classifier"]["mean"] - row["prior"]["mean"]
        )
        assert set(tables[name]) == {"query", "all"}


def test_guesses_do_not_depend_on_the_process_or_on_the_question_itself() -> None:
    choices = [answer_choice(q) for q in questions(200)]
    first = cross_guess(choices, CONFIG, seed=1)
    assert (cross_guess(choices, CONFIG, seed=1) == first).all()
    # Telling a classifier wrong things about the questions it guesses changes none of its guesses.
    fold_of = np.random.default_rng(1).permutation(200) % 3
    told = [choices[i] for i in np.flatnonzero(fold_of != 0)]
    guesser = Guesser(CONFIG, seed=1)
    guesser.fit(told)
    held = np.flatnonzero(fold_of == 0)
    assert (guesser.guess([choices[i] for i in held]) == first[held]).all()


def test_the_softmax_step_by_hand() -> None:
    """One question of two candidates: every feature of the wrong one has slope 1/2, of the right
    one -1/2, and Adagrad starts from 0.01.
    """
    [one] = [sufficiency_choice(question(np.random.default_rng(3)))]
    guesser = Guesser(GuesserConfig(num_epochs=1, batch_size=1, learning_rate=0.5), seed=0)
    guesser.fit([one])
    assert guesser.guess([one])[0] == int(np.argmax(one.right))
    used = guesser._weights[np.abs(guesser._weights) > 0]
    assert np.abs(used) == pytest.approx(0.5 * 0.5 / np.sqrt(0.01 + 0.25))


def test_words() -> None:
    assert words_of("[Move Viewer] up, to 2") == [
        "[move viewer]",
        "up",
        "to",
        "2",
        "[move viewer] up",
        "up to",
        "to 2",
    ]
    assert action_class("[Pick] what is marked 12, and put it aside") == (
        "[Pick] what is marked and put it aside"
    )


def test_priors_of_the_best_action_by_hand() -> None:
    rng = np.random.default_rng(0)
    pick = question(rng, leak="action", gains=(0.2, 0.0, 0.1))  # one of two picks is best
    turn = question(rng, leak="action", gains=(0.0, 0.0, 0.3))
    both = question(rng, leak="action", gains=(0.3, 0.3, 0.0))
    assert [q.best_actions for q in (pick, turn, both)] == [["D"], ["F"], ["D", "E"]]
    assert uniform_hits([pick, turn, both]) == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    # Always picking hits 0.5 + 0 + 1, always turning 0 + 1 + 0.
    assert best_class_hits([pick, turn, both]) == pytest.approx([0.5, 0.0, 1.0])
    assert question(rng, gains=(0.0, 1e-12, 0.0)).best_actions == []


def test_the_first_view_is_worth_what_its_belief_says() -> None:
    made = questions(60)
    hits = first_view_hits(made)
    expected = [1.0 if q.sufficient else 1 / 3 for q in made]
    assert hits == pytest.approx(expected)
    table = benchmark_table(made, made, CONFIG)
    assert table["first_view"]["excess"]["mean"] == pytest.approx(0.0)
    assert table["chance"]["acc_fa"]["mean"] == pytest.approx(1 / 3)
    assert table["blind"]["acc_fa"]["n"] == sum(not q.sufficient for q in made)


def test_a_question_is_read_from_a_reset_and_comes_back_from_json() -> None:
    text = "Instructions.\nQuestion: Was there a cube?\nA. yes\nB. [Pick] what is marked 3\nC. no"
    info = {
        "options": {"A": "yes", "B": "[Pick] what is marked 3", "C": "no"},
        "truth": {
            "question_kind": "exist",
            "scene_type": "behind_wall",
            "gold_letter": "C",
            "sufficient": False,
            "expected_gains": {"B": 0.1},
            "belief": {"yes": 0.5, "no": 0.5},
        },
    }
    read = TextQuestion.from_reset(text, info)
    assert read.question == "Was there a cube?"
    assert read.answers == {"A": "yes", "C": "no"}
    assert read.actions == {"B": "[Pick] what is marked 3"}
    assert TextQuestion(**read.to_dict()) == read
