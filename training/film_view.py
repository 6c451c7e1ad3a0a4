"""What an episode says at each turn, gathered for a film of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.belief_chart import Belief, read_belief
from training.drawing import LONGEST_TEXT
from training.episode import Episode, Turn
from training.film_hand import Hand, Truth, read_hand

Badge = tuple[str, str]
"""A remark, and its tone: "good", "bad", "choice" or "plain"."""

STAGES = ("before", "after", "end")
"""What a frame shows of a turn: before the policy acts, after, and with the episode's outcome."""


@dataclass(frozen=True, kw_only=True)
class FilmView:
    """What one frame shows.

    Attributes:
        title: of the film.
        turn: index of the turn, from 0; `num_turns` is how many the episode has.
        pictures: uint8 (H, W, 3) each; the last ones seen where the turn brought none.
        visible: dicts with `name` and `box_xyxy` in pixels of the first picture, to be drawn on it.
        question, said: what was asked, and what the environment added at this turn.
        options: letter -> text.
        reply: the policy's reasoning; None before it has acted.
        choice: letter of the chosen option; None before it has acted or where nothing was chosen.
        answer: letter of the right answer; None until the end, or where it is not known.
        ended: whether the outcome is shown.
        reward: sum of the environment's rewards so far.
        terms: reward terms known so far.
        badge: a remark on the last action.
        belief: over the answers, given what has been seen; None where the truth tells of none.
        gains: letter of an action on offer -> the entropy that it is expected to take away [nats].
        hand: how things stand for a robot; None for other episodes.
    """

    title: str
    turn: int
    num_turns: int
    pictures: tuple[np.ndarray, ...]
    visible: Sequence[Mapping[str, Any]]
    question: str
    said: str
    options: Mapping[str, str]
    reply: str | None
    choice: str | None
    answer: str | None
    ended: bool
    reward: float
    terms: Mapping[str, float]
    badge: Badge | None
    belief: Belief | None
    gains: Mapping[str, float]
    hand: Hand | None


def _turn_truth(episode: Episode, turn: int) -> dict[str, Any]:
    """The truth of the step that ended the turn; for -1 that of the reset; else empty."""
    if episode.truth is None:
        return {}
    if turn < 0:
        return episode.truth.initial
    return episode.truth.turns[turn] if turn < len(episode.truth.turns) else {}


def chosen_letter(episode: Episode, turn: int) -> str | None:
    """Letter of the option chosen at a turn, or None where none was.

    It comes from the truth's `choice`, else from the last tag after the reply's thinking.
    """
    options, truth = episode.turns[turn].options, _turn_truth(episode, turn)
    if "choice" in truth:
        return truth["choice"] if truth["choice"] in options else None
    spoken = (episode.turns[turn].output.text or "").rpartition("</think>")[2]
    tags = re.findall(r"<(?:answer|action)>\s*([A-Za-z])\b", spoken)
    return tags[-1].upper() if tags and tags[-1].upper() in options else None


def right_letter(episode: Episode) -> str | None:
    """Letter of the right answer at the last turn, or None where nothing tells.

    It comes from the truth's `gold_letter`, else from a success.
    """
    last = len(episode.turns) - 1
    for turn in (last, -1):
        letter = _turn_truth(episode, turn).get("gold_letter")
        if letter in episode.turns[last].options:
            return str(letter)
    return chosen_letter(episode, last) if episode.success else None


def latest_pictures(episode: Episode, turn: int) -> tuple[np.ndarray, ...]:
    """The pictures of the latest turn, up to `turn`, that has any."""
    seen = [one for one in episode.turns[: turn + 1] if one.image_pngs]
    return seen[-1].images() if seen else ()


def own_lines(text: str, options: Mapping[str, str]) -> list[str]:
    """Lines of an environment's text that are not options."""
    option = re.compile(r"\s*\(?([A-Z])[).:]\s")
    found = []
    for line in text[: 4 * LONGEST_TEXT].splitlines():
        match = option.match(line)
        if line.strip() and not (match and match[1] in options):
            found.append(line.strip())
    return found


def question_and_said(first: Sequence[str], now: Sequence[str]) -> tuple[str, str]:
    """What was asked at the start, and what the environment says now beyond that.

    Args:
        first: `own_lines` of the first observation.
        now: those of the present one.
    """
    marked = [line for line in first if line.startswith("Question:")]
    question = [*marked, *(line for line in first if "?" in line), " ".join(first)][0]
    said = " ".join(line for line in now if line not in first)
    # Turns are counted beside it already.
    said = re.sub(r"\bTurn \d+ of \d+\.", "", said)
    return question.removeprefix("Question:").strip(), said.strip()


def view_belief(episode: Episode, turn: int, stage: str) -> Belief | None:
    """The belief that a turn's picture leaves; at the end, with what the last step showed.

    None where the truth does not tell of it from the reset on.
    """
    num_turns = len(episode.turns)
    last = turn if stage == "end" else turn - 1
    truths = [_turn_truth(episode, index) for index in range(-1, last + 1)]
    looked_last = _turn_truth(episode, num_turns - 1).get("kind") != "answer"
    return read_belief(truths, num_views=num_turns + looked_last)


def _reasoning(turn: Turn) -> str:
    """The text inside the think tags, else the whole reply, else the action chunk's numbers."""
    if turn.output.action is not None:
        steps = np.atleast_2d(turn.output.action)
        rows = [" ".join(f"{value:+.2f}" for value in step) for step in steps[:40]]
        return "\n".join([f"action chunk, {steps.shape[0]} x {steps.shape[-1]}", *rows])
    reply = turn.output.text or ""
    match = re.search(r"<think>(.*?)(?:</think>|$)", reply, re.DOTALL)
    inside = match[1].strip() if match else ""
    return inside or reply.strip() or "(empty reply)"


def _with_output(turn: Turn) -> str:
    """The reasoning, and what the reply says after it."""
    reasoning = _reasoning(turn)
    output = (turn.output.text or "").rpartition("</think>")[2]
    output = re.sub(r"</?output>", " ", output).strip()
    return f"{reasoning}\n{output}" if output and output not in reasoning else reasoning


def _badge(episode: Episode, turn: int, stage: str) -> Badge | None:
    """A remark on how the episode ended, or on what the turn's action was and brought."""
    if stage == "before":
        return None
    if stage == "end":
        if episode.failure is not None:
            return f"failed in {episode.failure.stage}", "bad"
        return ("solved", "good") if episode.success else ("not solved", "bad")
    truth = _turn_truth(episode, turn)
    if truth.get("kind") == "invalid" or (truth.get("prediction") or {}).get("problem"):
        return "not understood", "bad"
    if truth.get("kind") == "answer":
        return "answers", "choice"
    if "gained" in truth:
        gained = bool(truth["gained"])
        return ("gains evidence", "good") if gained else ("gains nothing", "plain")
    return None


def heading(episode: Episode, title: str) -> str:
    """The film's heading: `title`, else the environment's id and the seed."""
    return title or f"{episode.env_id} · seed {episode.seed}"


def why_empty(episode: Episode) -> str:
    """Words for an episode that has no turns."""
    failure = episode.failure
    why = f"It failed in {failure.stage}: {failure.message}" if failure else "Nothing happened."
    return f"This episode has no turns. {why}"


def make_view(
    episode: Episode,
    turn: int,
    *,
    stage: str,
    title: str = "",
    terms: Mapping[str, np.ndarray] | None = None,
    show_visible: bool = False,
    row: int = 0,
    cameras: Sequence[str] = (),
    moment: Truth | None = None,
) -> FilmView:
    """Gather what a frame of a turn shows.

    Args:
        episode: with at least one turn.
        turn: index of the turn, from 0.
        stage: one of `STAGES`.
        title: as in `heading`.
        terms: reward terms, each of shape () or (turns,).
        show_visible: include what the truth calls visible in the turn's picture.
        row, cameras, moment: of a robot's episode, as in `read_hand`.
    """
    belief = view_belief(episode, turn, stage)
    hand = None
    if belief is None:
        hand = read_hand(episode, turn, stage, row=row, cameras=cameras, moment=moment)
    reasoning = _reasoning if hand is None else _with_output
    acted, ended = stage != "before", stage == "end"
    done = turn + (acted if hand is None else ended)  # what a hand does takes its time
    known = {k: v for k, v in (terms or {}).items() if v.ndim or ended}
    first, now = (own_lines(episode.turns[i].text, episode.turns[i].options) for i in (0, turn))
    question, said = question_and_said(first, now)
    return FilmView(
        title=heading(episode, title),
        turn=turn,
        num_turns=len(episode.turns),
        pictures=latest_pictures(episode, turn),
        visible=_turn_truth(episode, turn - 1).get("visible", ()) if show_visible else (),
        question=question,
        said=said,
        options=episode.turns[turn].options,
        reply=reasoning(episode.turns[turn]) if acted else None,
        choice=chosen_letter(episode, turn) if acted else None,
        answer=right_letter(episode) if ended else None,
        ended=ended,
        reward=float(sum(one.reward for one in episode.turns[:done])),
        terms={k: float(v[:done].sum()) if v.ndim else float(v) for k, v in known.items()},
        badge=_badge(episode, turn, stage),
        belief=belief,
        gains=_turn_truth(episode, turn - 1).get("expected_gains") or {},
        hand=hand,
    )
