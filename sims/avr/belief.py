"""The exact posterior over answers, given what has been seen, and what a further look would tell.

The model is the process that makes episodes. Places are filled independently: each is empty with
probability 1 - `fill`, else holds a small thing whose attributes are independent and uniform over
the vocabulary. An answer is a function of a sum over places (`sims.avr.question`), so

    p(a | known)  is proportional to  w(a) * P(verdict(total of known + total of unknown) = a),

where the distribution of the unknown places' total is a convolution and ill-posed totals count for
nothing. In natural episodes w = 1. In balanced ones the true answer is drawn uniformly from the
offer O, apart from what the first view V shows, and the hidden contents follow from the prior given
that answer: w(a) = 1 / (|O| p0(a)) on O and 0 elsewhere, with p0 the natural posterior given V.

All entropies and gains are in nats.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from sims.avr.prior import Prior, draw_from
from sims.avr.question import Question, Total
from sims.avr.things import Contents, Place, Thing
from sims.avr.totals import Areas, totals_of

Known = Mapping[str, Thing | None]
"""Place name -> what was seen there, None for seen to be empty; unseen places are left out."""


class Belief:
    """What an observer who knows the process should believe about the answer.

    Attributes:
        question: what is asked.
        places: all places of the world.
        answers: the answers that may be right: the offer, or all of the question's.
    """

    def __init__(
        self,
        question: Question,
        places: Sequence[Place],
        prior: Prior,
        *,
        offer: tuple[str, ...] | None = None,
        first_known: Known | None = None,
    ) -> None:
        """Set up the belief.

        Args:
            question: what is asked.
            places: all places of the world.
            prior: what may stand in them.
            offer: the answers on offer in a balanced episode; None for a natural one.
            first_known: what the first view shows; with an offer only. None: nothing.

        Raises:
            ValueError: for an offer that the question or the first view rules out in part. (A view
                that proves an answer rules out the others, and that is legal.)
        """
        self.question = question
        self.places = tuple(places)
        self._places = {place.name: place for place in places}
        self._totals = totals_of(question, prior)
        self.set_offer(offer, first_known)

    def set_offer(self, offer: tuple[str, ...] | None, first_known: Known | None) -> None:
        """Balance the belief over the answers on offer, given the first view.

        Args:
            offer, first_known: as for the constructor.

        Raises:
            ValueError: as the constructor does.
        """
        self._weights = dict.fromkeys(self.question.answers, 1.0)
        self._masses: dict[tuple[Total, Areas], dict[str, float]] = {}
        self._gains: dict[tuple[Total, Areas, Areas], float] = {}
        self.answers = self.question.answers if offer is None else offer
        if offer is not None:
            self._weights = self._balanced_weights(offer, first_known or {})
            self._masses = {}

    def posterior(self, known: Known) -> dict[str, float]:
        """The answers that are still possible, in their natural order, with their probabilities.

        Empty where what is known rules out every answer, as two matches do for a query.

        Raises:
            ValueError: where `known` names a place that there is not.
        """
        mass = self._mass(*self._state(known))
        whole = sum(mass.values())
        return {answer: mass[answer] / whole for answer in self.question.answers if answer in mass}

    def entropy(self, known: Known) -> float:
        """The entropy of the posterior [nats]; 0 where no answer is possible."""
        return _entropy(self.posterior(known))

    def proven(self, known: Known) -> str | None:
        """The one answer that is still possible, or None where there are several."""
        posterior = self.posterior(known)
        return next(iter(posterior)) if len(posterior) == 1 else None

    def log_probability(self, answer: str, known: Known) -> float:
        """The posterior's logarithm at an answer [nats]; -inf where it is ruled out."""
        probability = self.posterior(known).get(answer, 0.0)
        return math.log(probability) if probability else -math.inf

    def may_count(self, name: str) -> bool:
        """Whether what a place holds could count for the answer at all.

        Raises:
            ValueError: where there is no such place.
        """
        self._check_names([name])
        return len(self._totals.table(self._places[name].area).odds) > 1

    def expected_gain(self, known: Known, opens: Collection[str]) -> float:
        """The entropy drop to expect from learning what some places hold [nats], 0 or more.

        That is H(A) - sum over s of P(s) H(A | s), with s the total of the unknown among them.

        Args:
            known: what has been seen.
            opens: names of the places; known ones tell nothing.

        Raises:
            ValueError: where `known` or `opens` names a place that there is not.
        """
        total, areas = self._state(known)
        self._check_names(opens)
        opened = tuple(sorted(self._places[name].area for name in set(opens) - known.keys()))
        if not opened:
            return 0.0
        rest = areas
        for area in opened:
            rest = _without(rest, area)
        key = (total, opened, rest)
        if key not in self._gains:
            self._gains[key] = self._gain(*key)
        return self._gains[key]

    def sample(self, known: Known, rng: np.random.Generator, answer: str | None = None) -> Contents:
        """Draw what the unknown places hold, given what is known.

        Args:
            known: what has been seen.
            rng: what to draw with.
            answer: the true answer, where that is given too.

        Returns:
            The unknown places' contents, and no others.

        Raises:
            ValueError: where what is given is impossible.
        """
        total, rest = self._state(known)
        drawn: Contents = {}
        for place in self.places:
            if place.name in known:
                continue
            rest = _without(rest, place.area)
            table = self._totals.table(place.area)
            odds = {}
            for step, share in table.odds.items():
                mass = self._mass(self.question.combined(total, step), rest)
                odds[step] = share * (mass.get(answer, 0.0) if answer else sum(mass.values()))
            if not any(odds.values()):
                raise ValueError(f"answer={answer!r} is not possible given {dict(known)}")
            step = draw_from(odds, rng)
            total = self.question.combined(total, step)
            drawn[place.name] = draw_from(table.outcomes[step], rng)
        return drawn

    def _state(self, known: Known) -> tuple[Total, Areas]:
        """The total of what is known, and the areas of the places that are not."""
        self._check_names(known)
        total, areas = self.question.nothing, []
        for name, place in self._places.items():
            if name not in known:
                areas.append(place.area)
            elif (thing := known[name]) is not None:
                total = self.question.combined(total, self.question.contribution(thing, place))
        return total, tuple(sorted(areas))

    def _check_names(self, names: Collection[str]) -> None:
        if unknown := set(names) - self._places.keys():
            raise ValueError(f"places {sorted(unknown)} are unknown; legal: {list(self._places)}")

    def _sum(self, areas: Areas) -> dict[Total, float]:
        """Total -> its probability, for unknown places in these areas, under the prior."""
        return self._totals.over(areas)

    def _mass(self, total: Total, areas: Areas) -> dict[str, float]:
        """Answer -> its weighted mass, given the total of the known and the unknown's areas."""
        key = (total, areas)
        if key not in self._masses:
            mass: dict[str, float] = {}
            for unseen, share in self._sum(areas).items():
                answer = self.question.verdict(self.question.combined(total, unseen))
                if answer is not None and answer in self._weights:
                    mass[answer] = mass.get(answer, 0.0) + share * self._weights[answer]
            self._masses[key] = mass
        return self._masses[key]

    def _gain(self, total: Total, opened: Areas, rest: Areas) -> float:
        overall: dict[str, float] = {}
        remaining = 0.0
        for seen, share in self._sum(opened).items():
            mass = self._mass(self.question.combined(total, seen), rest)
            for answer, part in mass.items():
                overall[answer] = overall.get(answer, 0.0) + share * part
            remaining += share * sum(mass.values()) * _entropy(mass)
        whole = sum(overall.values())
        return max(0.0, _entropy(overall) - remaining / whole) if whole else 0.0

    def _balanced_weights(self, offer: tuple[str, ...], first_known: Known) -> dict[str, float]:
        natural = self.posterior(first_known)
        ruled_out = [answer for answer in offer if answer not in natural]
        if len(natural) == 1 and next(iter(natural)) in offer:
            return self._weights
        if ruled_out:
            raise ValueError(
                f"offer={offer}: {ruled_out} are not possible given {dict(first_known)}; "
                f"legal: {tuple(natural)}"
            )
        return {answer: 1 / (len(offer) * natural[answer]) for answer in offer}


def entropy_drop(belief: Belief, before: Known, after: Known) -> float:
    """The realised gain of what was seen from `before` to `after` [nats].

    It is signed, since a look may leave an observer less sure, and telescopes: the drops of an
    episode add up to the drop over the episode. What is known once stays known, so hiding and
    revealing again gains nothing.
    """
    return belief.entropy(before) - belief.entropy(after)


def log_probability_gain(belief: Belief, before: Known, after: Known, *, answer: str) -> float:
    """How much more likely the true answer became, in log-probability [nats]; it telescopes too.

    Its expectation over what is seen, under the posterior, is the expected gain.
    """
    return belief.log_probability(answer, after) - belief.log_probability(answer, before)


def _entropy(mass: Mapping[str, float]) -> float:
    """The entropy of the distribution proportional to positive masses [nats]; 0 for no mass."""
    whole = sum(mass.values())
    return max(0.0, -sum(part / whole * math.log(part / whole) for part in mass.values()))


def _without(areas: Areas, area: str) -> Areas:
    index = areas.index(area)
    return areas[:index] + areas[index + 1 :]
