"""What reward terms read of the looks of an episode; the same in every family of environments.

A *call* is a reply that was carried out and asked to see or to do something: a tool of `Look/`, an
action of `AVR/`, a request for frames of `Video/`. A *look* is a call that showed a new picture,
and its truth says of every piece of evidence how the look shows it:

- `relevance`: "correct" (it shows evidence that was still needed), "redundant" (it shows only
  evidence that was not), "erroneous" (it shows none); None without a look.
- `shown_evidence`: None without a look; else for each piece of evidence, always in the same order,
  `overlap` (intersection over union of what was looked at and the piece), `covered` (share of the
  piece that was looked at), `shown` (whether the look tells what the piece has to tell), `needed`
  (whether it had not been told before) and `salience` (how much hangs on the piece, in [0, 1]).
- `evidence_regions`: boxes (x0, y0, x1, y1), as shares of the picture, of the evidence in what is
  shown now. `point_limits`: the x and y that stand for its right and lower edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.replies import read_reply
from training.avr_metrics import ACTS
from training.episode import Episode, Turn
from training.rewards.records import Truth, turn_truths

CORRECT, REDUNDANT, ERRONEOUS = "correct", "redundant", "erroneous"
Piece = Mapping[str, Any]
"""How a look shows one piece of evidence."""


def read_look_truth(episode: Episode, truth: Truth, key: str, *, term: str) -> Any:
    """One key of the truth about a look; its value may be None.

    Raises:
        ValueError: where the key is missing; it names the term.
    """
    if key not in truth:
        tell = "those of Look/ do" if key == "drawn" else "those of Look/, AVR/ and Video/ do"
        raise ValueError(
            f"reward term {term!r} needs {key!r} in the truth of episode {episode.episode_id}; its "
            f"environment, {episode.env_id}, does not tell it: {tell}"
        )
    return truth[key]


def num_calls(episode: Episode) -> int:
    """How many replies were calls that were carried out."""
    return sum(truth.get("kind") in ACTS for truth in turn_truths(episode))


def last_call_failed(episode: Episode) -> bool:
    """Whether the last reply that asked for something could not be carried out."""
    asked = [
        truth.get("kind") == "invalid"
        for turn, truth in zip(episode.turns, turn_truths(episode), strict=True)
        if truth.get("kind") in ACTS or (truth.get("kind") == "invalid" and _asks(turn))
    ]
    return bool(asked) and asked[-1]


def shown_pieces(episode: Episode, truth: Truth, *, term: str) -> list[Piece] | None:
    """How a turn's look shows each piece of evidence; None without a look."""
    pieces: list[Piece] | None = read_look_truth(episode, truth, "shown_evidence", term=term)
    return pieces


def shows(piece: Piece, *, min_overlap: float, min_covered: float) -> bool:
    """Whether a look shows a piece of evidence, and fits it as well as is asked for."""
    fits = piece["overlap"] >= min_overlap and piece["covered"] >= min_covered
    return bool(piece["shown"]) and fits


def relevance(
    episode: Episode, truth: Truth, *, min_overlap: float, min_covered: float, term: str
) -> str | None:
    """What a turn's look is, where only pieces count that it fits well; None without a look."""
    pieces = shown_pieces(episode, truth, term=term)
    if pieces is None:
        return None
    shown = [p for p in pieces if shows(p, min_overlap=min_overlap, min_covered=min_covered)]
    if not shown:
        return ERRONEOUS
    return CORRECT if any(piece["needed"] for piece in shown) else REDUNDANT


def needs_look(episode: Episode, *, term: str) -> bool:
    """Whether what is shown at first leaves the answer open: by the size of the evidence in the
    small picture where the environment tells that, else by whether the first view proves it.

    Raises:
        ValueError: where the environment tells neither; it names the term.
    """
    initial = {} if episode.truth is None else episode.truth.initial
    if initial.get("needs_tool") is not None:
        return bool(initial["needs_tool"])
    if initial.get("sufficient") is not None:
        return not initial["sufficient"]
    raise ValueError(
        f"reward term {term!r} needs 'needs_tool' or 'sufficient' in the first truth of episode "
        f"{episode.episode_id}; its environment, {episode.env_id}, tells neither for this question"
    )


def _asks(turn: Turn) -> bool:
    text = turn.output.text or ""
    return read_reply(text).kind == "action" or "<tool_call>" in text or "<action>" in text
