"""First observations as text, and the three choices that a blind reader may try to make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.text_guesser import Choice, hash_tokens, words_of

GAIN_MARGIN = 1e-9
"""Expected gains closer than this are equal [nats]."""


@dataclass(frozen=True, kw_only=True)
class TextQuestion:
    """What a first observation says, and what is true.

    Attributes:
        question: the question, without instructions and options.
        options: letter -> text, answers and actions.
        question_type: one of the six.
        scene_type: what hides what; nobody is told.
        gold_letter: the right answer's.
        sufficient: whether the first view proves it.
        gains: letter -> expected gain of each action [nats].
        belief: answer -> its exact probability given the first view.
    """

    question: str
    options: dict[str, str]
    question_type: str
    scene_type: str
    gold_letter: str
    sufficient: bool
    gains: dict[str, float]
    belief: dict[str, float]

    @classmethod
    def from_reset(cls, text: str, info: Mapping[str, Any]) -> TextQuestion:
        """Read what an environment's reset gave.

        Args:
            text: of the first observation.
            info: with `options` and `truth`.
        """
        truth = info["truth"]
        asked = next(line for line in text.splitlines() if line.startswith("Question: "))
        return cls(
            question=asked.removeprefix("Question: "),
            options=dict(info["options"]),
            question_type=truth["question_kind"],
            scene_type=truth["scene_type"],
            gold_letter=truth["gold_letter"],
            sufficient=truth["sufficient"],
            gains=dict(truth["expected_gains"]),
            belief=dict(truth["belief"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        return asdict(self)

    @property
    def answers(self) -> dict[str, str]:
        """Letter -> answer, of those on offer in their natural order."""
        letters = {text: letter for letter, text in self.options.items()}
        return {letters[answer]: answer for answer in self.belief}

    @property
    def actions(self) -> dict[str, str]:
        """Letter -> text of each action."""
        return {k: text for k, text in self.options.items() if k not in self.answers}

    @property
    def best_actions(self) -> list[str]:
        """Letters of the actions with the largest expected gain; [] where none gains anything."""
        best = max(self.gains.values(), default=0.0)
        if best <= GAIN_MARGIN:
            return []
        return [k for k, gain in self.gains.items() if gain >= best - GAIN_MARGIN]


def answer_choice(question: TextQuestion) -> Choice:
    """Which of the answers on offer is right."""
    answers, size = question.answers, len(question.answers)
    own = [
        hash_tokens([f"answer {answer}", f"place {place} of {size}", f"letter {letter}"])
        for place, (letter, answer) in enumerate(answers.items())
    ]
    right = np.array([letter == question.gold_letter for letter in answers])
    return Choice(own=tuple(own), context=_context(question), right=right)


def sufficiency_choice(question: TextQuestion) -> Choice:
    """Whether the first view suffices: no, yes."""
    own = (hash_tokens(["no"]), hash_tokens(["yes", f"yes {question.question_type}"]))
    right = np.array([not question.sufficient, question.sufficient])
    return Choice(own=own, context=_context(question), right=right)


def action_choice(question: TextQuestion) -> Choice:
    """Which of the actions on the list is worth most."""
    actions, best = question.actions, question.best_actions
    shared = Counter(_target(text) for text in actions.values())
    own = [
        hash_tokens(
            [
                f"do {action_class(text)}",
                f"do {action_class(text)} beside {shared[_target(text)]}",
                f"mark {_target(text)}",
                f"letter {letter}",
            ]
        )
        for letter, text in actions.items()
    ]
    right = np.array([letter in best for letter in actions])
    return Choice(own=tuple(own), context=_context(question), right=right)


def listed_choice(question: TextQuestion) -> Choice:
    """Which of the actions on the list is worth most, told by nothing but what kinds of actions are
    listed, and how many of each.
    """
    actions = question.actions
    kinds = Counter(action_class(text).split("]")[0] for text in actions.values())
    right = np.array([letter in question.best_actions for letter in actions])
    return Choice(
        own=tuple(hash_tokens([f"do {action_class(text)}"]) for text in actions.values()),
        context=hash_tokens([f"listed {kind} {count}" for kind, count in kinds.items()]),
        right=right,
    )


def action_class(text: str) -> str:
    """An action's kind and direction: its words without the number of a mark."""
    return " ".join(word for word in text.split() if not word.strip(",.").isdigit())


def best_class_hits(questions: Sequence[TextQuestion]) -> np.ndarray:
    """How often one class of action, the best for each question type, is a best action.

    Where several actions of the class are listed one of them is chosen evenly, and where none is,
    one of all.

    Returns:
        (questions,) the chance of a hit; the classes are chosen on the same questions, which
        flatters them by less than a thousandth with some thousand questions per type.
    """
    hits = np.zeros(len(questions))
    for question_type in {q.question_type for q in questions}:
        rows = [i for i, q in enumerate(questions) if q.question_type == question_type]
        classes = {action_class(text) for i in rows for text in questions[i].actions.values()}
        tried = {name: [_chance(questions[i], name) for i in rows] for name in sorted(classes)}
        hits[rows] = max(tried.values(), key=lambda values: sum(values))
    return hits


def uniform_hits(questions: Sequence[TextQuestion]) -> np.ndarray:
    """(questions,) the chance that an action chosen evenly from the list is a best one."""
    return np.array([_chance(question, None) for question in questions])


def first_view_hits(questions: Sequence[TextQuestion]) -> np.ndarray:
    """(questions,) the chance that the likeliest answer, given all that the first view shows, is
    right; among equals one is chosen evenly.
    """
    hits = []
    for question in questions:
        best = max(question.belief.values())
        likeliest = [a for a, p in question.belief.items() if p >= best - GAIN_MARGIN]
        gold = question.options[question.gold_letter]
        hits.append(float(gold in likeliest) / len(likeliest))
    return np.array(hits)


def _chance(question: TextQuestion, wanted: str | None) -> float:
    """The chance of a best action when choosing evenly from a class, or from all."""
    letters = [k for k, text in question.actions.items() if action_class(text) == wanted]
    letters = letters or list(question.actions)
    return sum(letter in question.best_actions for letter in letters) / len(letters)


def _context(question: TextQuestion) -> np.ndarray:
    """Everything that the text says, apart from its order."""
    classes = sorted(action_class(text) for text in question.actions.values())
    tokens = [
        *words_of(question.question),
        f"type {question.question_type}",
        f"offer {sorted(question.answers.values())}",
        f"actions {len(classes)}",
        f"all {classes}",
        *(f"listed {name} {count}" for name, count in Counter(classes).items()),
    ]
    return hash_tokens(dict.fromkeys(tokens))


def _target(text: str) -> str:
    """The number of an action's mark, "" where it has none."""
    return next((w.strip(",.") for w in text.split() if w.strip(",.").isdigit()), "")
