"""Tables of what a blind reader, or one who sees the first view alone, gets right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from training.avr_metrics import Cell, Row
from training.statistics import mean_stderr
from training.text_guesser import Choice, Guesser, GuesserConfig, cross_guess
from training.text_questions import (
    TextQuestion,
    action_choice,
    answer_choice,
    best_class_hits,
    first_view_hits,
    listed_choice,
    sufficiency_choice,
    uniform_hits,
)

ALL = "all"
Hits = Mapping[str, np.ndarray]


def guessing_tables(
    questions: Sequence[TextQuestion], config: GuesserConfig, seed: int = 0
) -> dict[str, dict[str, Row]]:
    """What classifiers that read the text alone get right, by question type.

    Returns:
        Tables `answer`, `sufficient` and `best_action`; rows are question types and `all`; columns
        are the classifier, the priors, and the classifier's excess over the first of these. Best
        actions are guessed where some action on the list is worth anything; their prior is the best
        class of action for the question type, and `kinds_listed` is a classifier that is told
        nothing but how many actions of each kind are listed.
    """
    acting = [question for question in questions if question.best_actions]
    return {
        "answer": _table(
            questions,
            _classifier_hits(questions, answer_choice, config, seed),
            {"prior": chance(questions)},
        ),
        "sufficient": _table(
            questions,
            _classifier_hits(questions, sufficiency_choice, config, seed),
            {"prior": _commoner_hits(questions)},
        ),
        "best_action": _table(
            acting,
            _classifier_hits(acting, action_choice, config, seed),
            {
                "prior": best_class_hits(acting),
                "even_choice": uniform_hits(acting),
                "kinds_listed": _classifier_hits(acting, listed_choice, config, seed),
            },
        ),
    }


def benchmark_table(
    training: Sequence[TextQuestion],
    played: Sequence[TextQuestion],
    config: GuesserConfig,
    seed: int = 0,
) -> dict[str, Row]:
    """What guesses get right on a benchmark's questions whose first view does not suffice.

    Args:
        training: questions of training seeds, to fit the blind classifier on.
        played: the benchmark's.
        config: how the classifier is trained.
        seed: decides its order.

    Returns:
        Rows `chance` (one answer in as many as are on offer), `blind` (the classifier) and
        `first_view` (the likeliest answer given exactly what the first view shows), with the
        accuracy and its excess over chance.
    """
    hidden = [question for question in played if not question.sufficient]
    guesser = Guesser(config, seed)
    guesser.fit([answer_choice(question) for question in training])
    choices = [answer_choice(question) for question in hidden]
    even = chance(hidden)
    rows = {
        "chance": even,
        "blind": _hits(choices, guesser.guess(choices)),
        "first_view": first_view_hits(hidden),
    }
    return {
        name: {"acc_fa": mean_stderr(hits), "excess": mean_stderr(hits - even)}
        for name, hits in rows.items()
    }


def chance(questions: Sequence[TextQuestion]) -> np.ndarray:
    """(questions,) the chance of an even choice among the answers on offer."""
    return np.array([1.0 / len(question.answers) for question in questions])


def _commoner_hits(questions: Sequence[TextQuestion]) -> np.ndarray:
    """(questions,) 1 where the question's first view is what is commoner for its type."""
    hits = np.zeros(len(questions))
    for question_type in {question.question_type for question in questions}:
        rows = [i for i, q in enumerate(questions) if q.question_type == question_type]
        values = np.array([questions[i].sufficient for i in rows])
        hits[rows] = values == (values.mean() > 0.5)
    return hits


def _classifier_hits(
    questions: Sequence[TextQuestion],
    make_choice: Callable[[TextQuestion], Choice],
    config: GuesserConfig,
    seed: int,
) -> np.ndarray:
    choices = [make_choice(question) for question in questions]
    return _hits(choices, cross_guess(choices, config, seed))


def _hits(choices: Sequence[Choice], guesses: np.ndarray) -> np.ndarray:
    pairs = zip(choices, guesses, strict=True)
    return np.array([float(choice.right[guess]) for choice, guess in pairs])


def _table(questions: Sequence[TextQuestion], hits: np.ndarray, priors: Hits) -> dict[str, Row]:
    types = sorted({question.question_type for question in questions})
    table: dict[str, Row] = {}
    for name in [*types, ALL]:
        rows = [i for i, q in enumerate(questions) if name in (q.question_type, ALL)]
        cells: dict[str, Cell] = {"classifier": mean_stderr(hits[rows])}
        cells |= {prior: mean_stderr(values[rows]) for prior, values in priors.items()}
        cells["excess"] = mean_stderr((hits - next(iter(priors.values())))[rows])
        table[name] = cells
    return table
