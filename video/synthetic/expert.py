"""The scripted expert: finds the evidence by coarse-to-fine search and answers from it.

It reads the question, its options and the film's length; of the film it is told what the frames
show that it has been shown (`frame_facts`), and nothing else. What it counts on beyond that holds
for all films of a kind: how long a visit lasts, and how long the lamp stays as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from video.questions import VideoQuestion
from video.synthetic.facts import frame_facts
from video.synthetic.film import APPROACH_SHARE
from video.synthetic.knowledge import Bracket, Known
from video.synthetic.record import Film
from video.synthetic.solving import SOLVERS, Step
from video.synthetic.wording import Namer, brief_thought, fluent_thought, frame_words

STYLES = ("best", "wander", "scan")
PURPOSEFUL_SHARE = 0.35
"""Share of films whose search the wandering demonstrator begins as the best one does. The others it
begins at the start of the film, which is therefore what imitation learns to do first.
"""
Pair = tuple[int, int]


class Seen(Protocol):
    """One turn: what it showed.

    Attributes:
        frames: indices of the frames shown.
        told: the frame number that a time query was told, or None.
    """

    @property
    def frames(self) -> tuple[int, ...]: ...
    @property
    def told(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True)
class SpotlightExpert:
    """Answers a question about a synthetic film, a reply at a time.

    Attributes:
        question: what is asked; its answer and evidence are not read.
        film: asked for the facts of frames that have been shown.
        look_frames: frames that one choice shows.
        max_turns: replies that the episode admits.
        frame_budget: most frames shown, those of the scan among them; None for no limit.
        style: "best"; "wander", which says and answers the same but mostly spends its first look on
            the start of the film; "scan", which answers after the first scan.
        brief: few words, always of the same forms, and frames to look between taken from those
            that have been shown or told, so that they need only be copied.
        can_ask_times: whether it may ask for the frame number at a time.
        hears: whether subtitles are given with the frames.
        contract: "saccade", or "frame_thinker" for the published form of answers and times.
        frame_names: what it calls frames: "numbers" (those of the film), or "shown" (their places
            among all frames shown so far, the last one where a frame was shown twice).
    """

    question: VideoQuestion
    film: Film
    look_frames: int
    max_turns: int
    frame_budget: int | None = None
    style: str = "best"
    brief: bool = False
    can_ask_times: bool = True
    hears: bool = False
    contract: str = "saccade"
    frame_names: str = "numbers"

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"expert style {self.style!r} is unknown; legal: {', '.join(STYLES)}")

    def reply(self, history: Sequence[Seen]) -> str:
        """What it says after these turns.

        Args:
            history: every turn so far, the scan first, one entry for each reply after it; empty
                ones for replies that showed nothing.
        """
        known = self._known(history)
        step = self._step(known, history)
        look = None if step.look is None else self._window(step.look, known, history)
        if self._must_answer(history) or (step.look is not None and look is None):
            step, look = self._guess(step, known), None
        if look is not None and self.style == "wander":
            look = self._stray(look, known, history)
        name = self._namer(history)
        thought = self._thought(step, look, known, history, name)
        return f"<think>{thought}</think>{self._act(step, look, name)}"

    def _namer(self, history: Sequence[Seen]) -> Namer:
        """What it calls each frame that was shown."""
        if self.frame_names == "numbers":
            return str
        shown = [frame for turn in history for frame in turn.frames]
        places = {frame: place for place, frame in enumerate(shown, start=1)}
        return lambda frame: str(places[frame])

    @property
    def _copies(self) -> bool:
        """Whether it names only frames that were shown."""
        return self.brief or self.frame_names == "shown"

    def _known(self, history: Sequence[Seen]) -> Known:
        config, film = self.film.config, self.film
        shown = sorted({frame for turn in history for frame in turn.frames})
        told = [turn.told for turn in history if turn.told is not None]
        if not self.can_ask_times:  # then it reckons
            told = list(range(film.num_frames))
        visit = config.visit_frames
        return Known(
            num_frames=film.num_frames,
            fps=film.fps,
            visit_frames=visit,
            hold_frames=visit - max(1, round(APPROACH_SHARE * visit)),
            look_frames=self.look_frames,
            num_places=config.num_places,
            facts={frame: frame_facts(film, frame) for frame in shown},
            told=tuple(told),
            heard=self._heard(history),
        )

    def _heard(self, history: Sequence[Seen]) -> tuple[str, ...]:
        """Lines that are said in the stretches that looks, not the scan, went over."""
        if not self.hears:
            return ()
        stretches = [
            (min(turn.frames) / self.film.fps, max(turn.frames) / self.film.fps)
            for turn in history[1:]
            if turn.frames
        ]
        return tuple(
            line.text
            for line in self.film.subtitles
            if any(line.start_seconds <= b and a < line.end_seconds for a, b in stretches)
        )

    def _step(self, known: Known, history: Sequence[Seen]) -> Step:
        if self.question.kind == "spoken" and not self.hears:
            return Step()
        asks = self.question.extra["asks"]
        assert isinstance(asks, dict)
        return SOLVERS[self.question.kind](asks, known, self.question.options)

    def _must_answer(self, history: Sequence[Seen]) -> bool:
        """Whether no further look can be had, or is wanted."""
        shown = sum(len(turn.frames) for turn in history)
        spent = self.frame_budget is not None and shown >= self.frame_budget
        return spent or len(history) >= self.max_turns or self.style == "scan"

    def _guess(self, step: Step, known: Known) -> Step:
        """An answer in any case: what was found, else one that is still possible."""
        if step.answer is not None:
            return step
        if not self.question.options:
            middle = self.film.duration_seconds / 2
            guess = step.stretch or (middle, middle + known.hold_frames / known.fps)
            return replace(step, stretch=guess, look=None, time="")
        return replace(step, look=None, time="")

    def _thought(
        self,
        step: Step,
        look: Pair | None,
        known: Known,
        history: Sequence[Seen],
        name: Namer,
    ) -> str:
        latest = sorted(set(history[-1].frames))
        if self.brief and latest:  # what stands on either side of them as well
            latest = [
                *[frame for frame in known.facts if frame < latest[0]][-1:],
                *latest,
                *[frame for frame in known.facts if frame > latest[-1]][:1],
            ]
        kind, asks = self.question.kind, self.question.extra["asks"]
        assert isinstance(asks, dict)
        words = {
            frame: frame_words(kind, asks, known, known.facts[frame], brief=self.brief)
            for frame in latest
        }
        told = history[-1].told
        if self.brief:
            guess = self._choice(step) if look is None and self.question.options else ""
            return brief_thought(words, step, look, name, guess=guess)
        return fluent_thought(words, step, look, known, [] if told is None else [told], name)

    def _act(self, step: Step, look: Pair | None, name: Namer) -> str:
        if look is not None:
            return f"<action>choose frames between {name(look[0])} and {name(look[1])}</action>"
        if step.answer is None and step.time:
            return f"<action>get frame number at time {self._time(step.time)}</action>"
        stretch = step.answer if isinstance(step.answer, tuple) else step.stretch
        if not self.question.options:
            assert stretch is not None
            return f"<answer>{stretch[0]:.2f} to {stretch[1]:.2f}</answer>"
        choice = self._choice(step)
        if self.brief and self.contract == "saccade":  # a letter would have to be looked up
            return f"<answer>{choice}</answer>"
        letters = {text: letter for letter, text in self.question.letters().items()}
        letter = letters[choice]
        if self.contract == "frame_thinker":
            return f"<action>output answer: {letter}</action>"
        return f"<answer>{letter}</answer>"

    def _choice(self, step: Step) -> str:
        """The answer; else an option that is still possible, drawn by the question's words."""
        if step.answer in self.question.options:
            return str(step.answer)
        possible = [text for text in self.question.options if text in step.guesses]
        possible = possible or list(self.question.options)
        salt = zlib.crc32(" ".join([self.question.text, *self.question.options]).encode())
        return possible[salt % len(possible)]

    def _time(self, clock: str) -> str:
        """A time in the words of the contract: the published one turns hours into minutes."""
        parts = clock.split(":")
        if self.contract == "frame_thinker" and len(parts) == 3:
            return f"{60 * int(parts[0]) + int(parts[1])}:{parts[2]}"
        return clock

    def _window(self, bracket: Bracket, known: Known, history: Sequence[Seen]) -> Pair | None:
        """Two frames to look between, wider apart than a look has frames, unlike any before; None
        where there are none.
        """
        told = history[-1].told
        pair: Pair | None
        if self._copies:
            pair = self._copied(bracket, known, told)
        else:
            pair = self._widened(bracket.lo, bracket.hi, known)
        if pair is None or told is not None:
            return pair
        for more in range(0, 6 * self.look_frames, 2):
            wider = (max(0, pair[0] - more), min(known.last, pair[1] + more))
            if not _is_like_any(wider, self._asked(history)):
                return wider if not more or not self._copies else None
        return None

    def _widened(self, lo: int, hi: int, known: Known) -> Pair | None:
        """At least one frame more apart than a look has frames."""
        least = self.look_frames + 1
        if known.last < least:
            return None
        missing = max(0, least - (hi - lo))
        lo = min(max(0, lo - missing // 2), known.last - least)
        return lo, max(hi, lo + least)

    def _copied(self, bracket: Bracket, known: Known, told: int | None) -> Pair | None:
        """Two frames that have been shown or told."""
        shown = list(known.facts)
        if told is not None:
            above = [f for f in shown if f - told > self.look_frames]
            below = [f for f in shown if told - f > self.look_frames]
            return (told, above[0]) if above else (below[-1], told) if below else None
        lower = [f for f in shown if f <= bracket.lo]
        upper = [f for f in shown if f >= bracket.hi]
        wide = [(lo, hi) for lo in lower[-4:] for hi in upper[:4] if hi - lo > self.look_frames]
        return min(wide, key=lambda pair: pair[1] - pair[0], default=None)

    def _asked(self, history: Sequence[Seen]) -> list[Pair]:
        """What was asked for so far, the whole film first."""
        looks = [(min(t.frames) - 1, max(t.frames) + 1) for t in history[1:] if t.frames]
        return [(0, self.film.num_frames - 1), *looks]

    def _stray(self, look: Pair, known: Known, history: Sequence[Seen]) -> Pair:
        """The look, or the earliest stretch between two frames shown that was not looked into."""
        words = f"{self.question.question_id} {[turn.frames for turn in history]}"
        rng = np.random.default_rng(zlib.crc32(words.encode()))
        if len(history) > 1 or rng.random() < PURPOSEFUL_SHARE:
            return look
        asked = self._asked(history)
        free = (
            pair
            for pair in pairwise(known.facts)
            if pair[1] - pair[0] > self.look_frames and not _is_like_any(pair, asked)
        )
        return next(free, look)


def _is_like_any(pair: Pair, asked: Sequence[Pair]) -> bool:
    """Whether frames were asked for that differ from these by at most 1 at either end."""
    return any(abs(pair[0] - lo) <= 1 and abs(pair[1] - hi) <= 1 for lo, hi in asked)


def make_expert(
    question: VideoQuestion,
    film: Film,
    *,
    look_frames: int,
    max_turns: int,
    frame_budget: int | None = None,
    style: str = "best",
    brief: bool = False,
    can_ask_times: bool = True,
    hears: bool = False,
    contract: str = "saccade",
    frame_names: str = "numbers",
) -> SpotlightExpert:
    """The expert for a question drawn from a film. Arguments as in `SpotlightExpert`.

    Raises:
        ValueError: for an unknown style, or a question that was not drawn from a synthetic film.
    """
    if question.kind not in SOLVERS or "asks" not in question.extra:
        raise ValueError(
            f"question {question.question_id} of kind {question.kind!r} has no expert; legal: "
            f"questions drawn from a film, of the kinds {', '.join(SOLVERS)}"
        )
    return SpotlightExpert(
        question=question,
        film=film,
        look_frames=look_frames,
        max_turns=max_turns,
        frame_budget=frame_budget,
        style=style,
        brief=brief,
        can_ask_times=can_ask_times,
        hears=hears,
        contract=contract,
        frame_names=frame_names,
    )
