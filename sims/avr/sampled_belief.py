"""The belief by seeded sampling, with its standard error, where totals are too many to enumerate.

The questions of `sims.avr.question` have a dozen totals, so that the exact belief nearly always
serves; the sampled one is for worlds and questions that outgrow it, and a check of the exact one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from sims.avr.belief import Belief, Known
from sims.avr.prior import Prior, draw_from
from sims.avr.question import Question, Total
from sims.avr.things import AREAS, Contents, Place
from sims.avr.totals import Areas, totals_of

SAMPLE_TRIES = 100_000
"""How many draws of the contents are tried before an answer counts as too rare to sample."""


def make_belief(
    question: Question,
    places: Sequence[Place],
    prior: Prior,
    *,
    offer: tuple[str, ...] | None = None,
    first_known: Known | None = None,
    max_states: int = 10_000,
    seed: int = 0,
) -> Belief:
    """The exact belief, or a sampled one where there are more than `max_states` totals.

    Args:
        question, places, prior, offer, first_known: as for `Belief`.
        max_states: how many different totals are enumerated, at most.
        seed: for the sampled belief's draws.
    """
    areas = tuple(place.area for place in places)
    if totals_of(question, prior).count(areas, limit=max_states) <= max_states:
        return Belief(question, places, prior, offer=offer, first_known=first_known)
    return SampledBelief(question, places, prior, offer=offer, first_known=first_known, seed=seed)


class _Batch(Belief):
    """A belief whose totals are distributed as in a finite number of draws from the prior.

    Attributes:
        question, places, answers: as for `Belief`.
    """

    def __init__(self, *args: Any, num_draws: int, seed: tuple[int, int], **keywords: Any) -> None:
        self._num_draws = num_draws
        self._seed = seed
        self._drawn_sums: dict[Areas, dict[Total, float]] = {}
        super().__init__(*args, **keywords)

    def _sum(self, areas: Areas) -> dict[Total, float]:
        if areas not in self._drawn_sums:
            rng = np.random.default_rng([*self._seed, *(AREAS.index(area) for area in areas)])
            counts = {self.question.nothing: self._num_draws}
            for area in areas:
                counts = self._drawn(counts, area, rng)
            self._drawn_sums[areas] = {total: n / self._num_draws for total, n in counts.items()}
        return self._drawn_sums[areas]

    def _drawn(
        self, counts: dict[Total, int], area: str, rng: np.random.Generator
    ) -> dict[Total, int]:
        """How many draws have which total, after one more place is drawn for each of them."""
        odds = self._totals.table(area).odds
        shares = np.array(list(odds.values()))
        after: dict[Total, int] = {}
        for first, count in counts.items():
            split = rng.multinomial(count, shares / shares.sum())
            for second, part in zip(odds, split, strict=True):
                if part:
                    total = self.question.combined(first, second)
                    after[total] = after.get(total, 0) + int(part)
        return after


class SampledBelief(Belief):
    """A belief whose figures are means over independent batches of draws.

    Each batch draws the unknown places' totals from the prior anew and takes them for the whole
    support; the spread between batches states the standard error. An answer that no batch drew
    counts as impossible, and a `proven` one is proven as far as the draws show. The same seed gives
    the same figures, in whatever order they are asked for.

    Attributes:
        question, places, answers: as for `Belief`.
    """

    def __init__(
        self,
        question: Question,
        places: Sequence[Place],
        prior: Prior,
        *,
        offer: tuple[str, ...] | None = None,
        first_known: Known | None = None,
        num_batches: int = 8,
        num_draws: int = 4096,
        seed: int = 0,
    ) -> None:
        """Set up the belief.

        Args:
            question, places, prior, offer, first_known: as for `Belief`.
            num_batches: how many batches, 2 or more.
            num_draws: draws in each.
            seed: what they are drawn with.

        Raises:
            ValueError: as `Belief` does, and where an offered answer is too rare to be drawn.
        """
        if num_batches < 2:
            raise ValueError(f"num_batches={num_batches}; legal: 2 or more")
        self._batches = [
            _Batch(question, places, prior, num_draws=num_draws, seed=(seed, index))
            for index in range(num_batches)
        ]
        self._prior = prior
        super().__init__(question, places, prior, offer=offer, first_known=first_known)

    def set_offer(self, offer: tuple[str, ...] | None, first_known: Known | None) -> None:
        for batch in self._batches:
            batch.set_offer(offer, first_known)
        self.answers = self.question.answers if offer is None else offer

    def posterior(self, known: Known) -> dict[str, float]:
        whole = self._posteriors(known).sum(axis=0)
        shares = zip(self.question.answers, whole, strict=True)
        return {answer: float(share / whole.sum()) for answer, share in shares if share}

    def posterior_errors(self, known: Known) -> dict[str, float]:
        """The standard error of each of the posterior's probabilities."""
        errors = _standard_error(self._posteriors(known))
        return dict(zip(self.question.answers, map(float, errors), strict=True))

    def expected_gain(self, known: Known, opens: Collection[str]) -> float:
        return float(np.mean([batch.expected_gain(known, opens) for batch in self._batches]))

    def expected_gain_error(self, known: Known, opens: Collection[str]) -> float:
        """The standard error of `expected_gain` [nats]."""
        gains = [batch.expected_gain(known, opens) for batch in self._batches]
        return float(_standard_error(np.array(gains)))

    def sample(self, known: Known, rng: np.random.Generator, answer: str | None = None) -> Contents:
        """As `Belief.sample`; exact too, by rejection.

        Raises:
            ValueError: where no answer is possible, or this one turns up in none of `SAMPLE_TRIES`
                draws.
        """
        if answer is None:
            posterior = self.posterior(known)
            if not posterior:
                raise ValueError(f"{self.question.text!r}: {dict(known)} rules out every answer")
            answer = draw_from(posterior, rng)
        for _ in range(SAMPLE_TRIES):
            drawn = {p.name: self._prior.draw(rng) for p in self.places if p.name not in known}
            try:
                verdict = self.question.answer({**known, **drawn}, self.places)
            except ValueError:
                continue
            if verdict == answer:
                return drawn
        raise ValueError(f"answer={answer!r} did not turn up in {SAMPLE_TRIES} draws")

    def _posteriors(self, known: Known) -> np.ndarray:
        """Each batch's posterior, (batches, answers of the question)."""
        posteriors = [batch.posterior(known) for batch in self._batches]
        return np.array([[p.get(a, 0.0) for a in self.question.answers] for p in posteriors])


def _standard_error(values: np.ndarray) -> np.ndarray:
    """Of the mean over the first axis."""
    return values.std(axis=0, ddof=1) / math.sqrt(len(values))
