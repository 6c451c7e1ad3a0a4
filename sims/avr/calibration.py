"""Whether the belief is right: episodes under several ways of acting, and what the belief said at
every turn beside what was true.

A belief is right if the answers to which it gives probability p are true p of the time, whoever
acts: what a policy does may depend on all that it has seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sims.avr.actions import Action
from sims.avr.config import AvrConfig
from sims.avr.env import AvrEnv
from sims.avr.prior import Prior, draw_from
from sims.avr.process import Task
from sims.avr.reference import Divergence, Reference
from sims.avr.replay import History

SURE = 1 - 1e-9
"""A belief that gives an answer more than this is settled."""

Chooser = Callable[[AvrEnv, dict[str, Any], np.random.Generator], str]
"""(environment, its latest info, noise) -> reply."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What the belief said at one turn.

    Attributes:
        question_kind, scene_type: what the episode was about.
        turn: how many actions had been done.
        gold: the right answer.
        belief: answer -> probability, for every answer that may be right.
        reference: the same from `sims.avr.reference`, or None where it was not computed.
        action_kind: kind of the action that led here; "" at turn 0.
        divergence: what that action did to the worlds of the reference; None without one.
    """

    question_kind: str
    scene_type: str
    turn: int
    gold: str
    belief: dict[str, float]
    reference: dict[str, float] | None = None
    action_kind: str = ""
    divergence: Divergence | None = None

    @property
    def log_loss(self) -> float:
        """Of the belief at the right answer [nats]."""
        return -math.log(self.belief[self.gold])

    @property
    def entropy(self) -> float:
        """Of the belief [nats]: the log-loss to expect if it is right."""
        return -sum(p * math.log(p) for p in self.belief.values() if p)

    @property
    def excess(self) -> float:
        """The belief's log-loss less the reference's [nats].

        Raises:
            ValueError: where there is no reference.
        """
        return self.log_loss + math.log(self._reference()[self.gold])

    @property
    def expected_excess(self) -> float:
        """What `excess` is on average over the answers that the reference holds possible: the
        relative entropy of the belief to it [nats], 0 or more. Its mean over episodes is that of
        `excess`, with less noise.

        Raises:
            ValueError: where there is no reference.
        """
        known = {answer: p for answer, p in self._reference().items() if p}
        return sum(p * math.log(p / self.belief[answer]) for answer, p in known.items())

    def _reference(self) -> dict[str, float]:
        if self.reference is None:
            raise ValueError("this turn has no reference to compare the belief with")
        return self.reference

    @property
    def settled(self) -> bool:
        """Whether only one answer is left."""
        return max(self.belief.values()) > SURE


def make_prior(config: AvrConfig) -> Prior:
    """What may stand in a place, under a configuration."""
    return Prior(fill=config.fill_probability, vocabulary=config.vocabulary())


def play(
    env: AvrEnv, seed: int, choose: Chooser, *, num_actions: int, with_reference: bool
) -> tuple[list[Turn], History]:
    """Play an episode until an answer is given or so many actions are done.

    Args:
        env: the environment.
        seed: of the episode and of the chooser's noise.
        choose: who acts.
        num_actions: actions at most.
        with_reference: whether to compute the reference, for about a second an episode.

    Returns:
        What the belief said at every turn, the first view's included; and what happened.
    """
    _, info = env.reset(seed=seed)
    task, rng = env.task, np.random.default_rng([seed, 1])
    balanced = env.config.balanced
    reference = None
    if with_reference:
        reference = Reference(task, make_prior(env.config), env.realise, balanced=balanced)
    turns = [_turn(task, info, 0, reference, None)]
    shows, actions = [env.sight.shows], list[Action]()
    for number in range(1, num_actions + 1):
        info = env.step(choose(env, info, rng))[4]
        if info["truth"]["action"] is None:
            break
        actions.append(Action(**info["truth"]["action"]))
        shows.append(env.sight.shows)
        divergence = None
        if reference is not None and not turns[-1].settled:
            divergence = reference.step(actions[-1], shows[-1])
        turns.append(_turn(task, info, number, reference, divergence))
    return turns, History(task=task, shows=tuple(shows), actions=tuple(actions))


def _turn(
    task: Task,
    info: dict[str, Any],
    number: int,
    reference: Reference | None,
    divergence: Divergence | None,
) -> Turn:
    truth = info["truth"]
    belief = dict(truth["belief"])
    said = None
    if reference is not None:  # once the contents seen prove an answer, no world can differ
        said = belief if max(belief.values()) > SURE else reference.posterior()
    return Turn(
        question_kind=task.question.kind,
        scene_type=task.scene_type.name,
        turn=number,
        gold=task.gold,
        belief=belief,
        reference=said,
        action_kind=(truth["action"] or {}).get("kind", ""),
        divergence=divergence,
    )


def choose_expertly(env: AvrEnv, info: dict[str, Any], rng: np.random.Generator) -> str:
    """What the expert does: it answers as soon as an answer is proven."""
    return env.expert_reply()


def choose_randomly(env: AvrEnv, info: dict[str, Any], rng: np.random.Generator) -> str:
    """Any action on the list."""
    return _act(_any_of(list(_actions(env)), rng))


def choose_deeds(env: AvrEnv, info: dict[str, Any], rng: np.random.Generator) -> str:
    """Any action on the list that moves things about: pushes and picks rather than looks."""
    deeds = [letter for letter, action in _actions(env).items() if not action.moves_viewer]
    return _act(_any_of(deeds, rng))


def choose_least_gain(env: AvrEnv, info: dict[str, Any], rng: np.random.Generator) -> str:
    """The action that is expected to tell least; any of those that are."""
    return _by_gain(info, rng, sign=-1.0)


def choose_hopefully(env: AvrEnv, info: dict[str, Any], rng: np.random.Generator) -> str:
    """Leaves the likeliest answer alone while it is likelier than not, and asks for the most
    telling look while none is: an observer that stops looking when it likes what it believes.
    """
    likely = max(info["truth"]["belief"].values()) > 0.5
    return _by_gain(info, rng, sign=-1.0 if likely else 1.0)


CHOOSERS: dict[str, Chooser] = {
    "expert": choose_expertly,
    "random": choose_randomly,
    "deeds": choose_deeds,
    "least_gain": choose_least_gain,
    "hopeful": choose_hopefully,
}
"""Name -> way of acting."""


def _actions(env: AvrEnv) -> dict[str, Action]:
    return env.knowledge.options.actions


def _by_gain(info: dict[str, Any], rng: np.random.Generator, *, sign: float) -> str:
    gains = {letter: sign * gain for letter, gain in info["truth"]["expected_gains"].items()}
    best = max(gains.values())
    return _act(_any_of([letter for letter, gain in gains.items() if gain > best - 1e-9], rng))


def _any_of(letters: Sequence[str], rng: np.random.Generator) -> str:
    return letters[int(rng.integers(len(letters)))]


def _act(letter: str) -> str:
    return f"<action>{letter}</action>"


def calibration_error(
    probabilities: np.ndarray, outcomes: np.ndarray, *, num_bins: int = 15
) -> float:
    """The expected calibration error of statements with probabilities.

    Statements are put into bins of equal width by their probability; in each, the mean probability
    is compared with the share that came true: sum over bins of (share of statements) * |difference|
    (Naeini et al., 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning").

    Args:
        probabilities: (n,), in [0, 1].
        outcomes: (n,), 1 where the statement came true, else 0.
        num_bins: how many bins.

    Raises:
        ValueError: for no statements, or shapes that differ.
    """
    if probabilities.shape != outcomes.shape or not probabilities.size:
        raise ValueError(
            f"probabilities {probabilities.shape} and outcomes {outcomes.shape} must be of one "
            "shape, and not empty"
        )
    bins = np.minimum((probabilities * num_bins).astype(int), num_bins - 1)
    gaps = np.bincount(bins, weights=outcomes - probabilities, minlength=num_bins)
    return float(np.abs(gaps).sum() / probabilities.size)


def statements(
    turns: Sequence[Turn], rng: np.random.Generator | None = None
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """What the belief stated at turns where more than one answer was left: each answer with its
    probability.

    Args:
        turns: of any episodes.
        rng: draws which answers are right, as if the belief were and the turns were independent;
            None takes those that are.

    Returns:
        Names of the statements' classes, "kind:answer"; probabilities (n,); outcomes (n,), 1 where
        the answer is right.
    """
    names: list[str] = []
    probabilities: list[float] = []
    outcomes: list[float] = []
    for turn in turns:
        if turn.settled:
            continue
        right = turn.gold if rng is None else draw_from(turn.belief, rng)
        names += [f"{turn.question_kind}:{answer}" for answer in turn.belief]
        probabilities += turn.belief.values()
        outcomes += [float(answer == right) for answer in turn.belief]
    return names, np.array(probabilities), np.array(outcomes)
