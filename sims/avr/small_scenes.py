"""Small worlds, in which the process can be run often enough to count what it makes, and the
comparison of those counts with the belief, cell by cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sims.avr.calibration import Chooser, Turn, make_prior, play
from sims.avr.config import AvrConfig
from sims.avr.env import AvrEnv
from sims.avr.replay import count_answers

ROUNDING = 1e-12
"""Probabilities below this are rounding errors of 0."""


def small_config(
    question_kind: str,
    scene_type: str,
    *,
    balanced: bool,
    shapes: tuple[str, ...] = ("cube", "sphere"),
) -> AvrConfig:
    """Two colors, one material, few shapes, nothing in the open; most places are hidden, and no
    first view suffices.
    """
    return AvrConfig(
        image_height=64,
        image_width=64,
        shadows=False,
        scene_types=[scene_type],
        colors=["red", "blue"],
        shapes=list(shapes),
        materials=["rubber"],
        question_types=[question_kind],
        num_open_places=0,
        hide_probability=0.9,
        max_count=3,
        balanced=balanced,
        sufficient_share=0.0,
    )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One answer at one turn.

    Attributes:
        turn: how many actions had been done.
        answer: the answer.
        count: drawn worlds that have shown the same up to there and have this answer.
        number: those that have shown the same, whatever their answer.
        belief, reference: the answer's probability by `sims.avr.belief`, by `sims.avr.reference`.
    """

    turn: int
    answer: str
    count: int
    number: int
    belief: float
    reference: float

    def deviation(self, probability: float) -> float:
        """How far the share of the worlds is from a probability, in standard errors; infinite where
        the worlds show that it is not 0, or not 1.

        The signed root of the likelihood ratio (Wilks, 1938), whose tails are those of the normal
        distribution even where few worlds are expected.
        """
        share = self.count / self.number
        ratio = _divergence(share, probability) + _divergence(1 - share, 1 - probability)
        return math.copysign(math.sqrt(2 * self.number * max(ratio, 0.0)), share - probability)


def _divergence(share: float, probability: float) -> float:
    """share * ln(share / probability), where 0 * ln 0 is 0 and rounding errors count as 0."""
    if share == 0:
        return 0.0
    return share * math.log(share / probability) if probability > ROUNDING else math.inf


def compare(
    env: AvrEnv, seed: int, choose: Chooser, *, num_actions: int, num_draws: int
) -> list[Cell]:
    """Play an episode, and beside it draw worlds that show the same.

    Args:
        env: of a small configuration.
        seed: of the episode and of the draws.
        choose: who acts.
        num_actions: actions at most.
        num_draws: worlds drawn.

    Returns:
        A cell per turn and answer of the question, for as long as any world drawn shows the same.
    """
    turns, history = play(env, seed, choose, num_actions=num_actions, with_reference=True)
    counts = count_answers(
        history,
        make_prior(env.config),
        env.realise,
        np.random.default_rng([seed, 2]),
        num_draws=num_draws,
        balanced=env.config.balanced,
    )
    pairs = zip(turns, counts, strict=True)
    return [cell for turn, count in pairs for cell in _cells(turn, count) if count]


def _cells(turn: Turn, counts: Mapping[str, int]) -> list[Cell]:
    reference = turn.reference or {}
    return [
        Cell(
            turn=turn.turn,
            answer=answer,
            count=counts.get(answer, 0),
            number=sum(counts.values()),
            belief=probability,
            reference=reference.get(answer, 0.0),
        )
        for answer, probability in turn.belief.items()
    ]
