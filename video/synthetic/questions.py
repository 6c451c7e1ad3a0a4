"""Questions about a synthetic film, with their evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from video.questions import LETTERS, VideoQuestion
from video.synthetic.asking import (
    ask_after_card,
    ask_at_time,
    ask_card,
    ask_change,
    ask_switched,
    ask_when,
    ask_when_choice,
)
from video.synthetic.asking_states import (
    ask_before_after,
    ask_how_many,
    ask_next_to,
    ask_order,
    ask_spoken,
    ask_where,
)
from video.synthetic.config import NEEDLE_KINDS, QUESTION_KINDS
from video.synthetic.drafts import Asker, Draft
from video.synthetic.record import Film

ASKERS: dict[str, Asker] = {
    "what_taken": ask_change("take", "took the {} away"),
    "what_brought": ask_change("bring", "brought the {}"),
    "what_moved": ask_change("move", "moved the {} to another place"),
    "what_switched": ask_switched,
    "what_card": ask_card,
    "what_after_card": ask_after_card,
    "what_at_time": ask_at_time,
    "when": ask_when,
    "when_choice": ask_when_choice,
    "how_many": ask_how_many,
    "order": ask_order,
    "before_after": ask_before_after,
    "next_to": ask_next_to,
    "where": ask_where,
    "spoken": ask_spoken,
}
"""Kind of question -> what draws one for a film, or None where the film has none."""
FAMILIES = {
    **dict.fromkeys(NEEDLE_KINDS, "what"),
    "when": "when",
    "when_choice": "when",
    "how_many": "how many",
    "order": "order",
    "before_after": "before or after",
    "next_to": "next to",
    "where": "where",
    "spoken": "spoken",
}
"""Kind of question -> what it is about."""
LENGTHS = ((300.0, "short"), (1800.0, "medium"), (float("inf"), "long"))
"""A film below so many seconds -> its group."""


def draw_questions(
    film: Film,
    rng: np.random.Generator,
    *,
    kinds: Sequence[str] | None = None,
    num: int | None = None,
) -> list[VideoQuestion]:
    """Questions about a film, at most one of each kind.

    Args:
        film: the film.
        rng: decides which things, events and times are asked about, and deals the options.
        kinds: names of `QUESTION_KINDS`; None for those of the film's configuration.
        num: how many, drawn evenly from the kinds that the film has; None for all.

    Returns:
        In the order of `QUESTION_KINDS`. `groups` has `family`, `needle` ("yes" or "no"), `cue`
        ("lasting", "chapter", "time", "subtitles" or "none") and `length`; `extra["asks"]` says the
        question in a form for machines and nothing that its text does not.

    Raises:
        ValueError: for an unknown kind.
    """
    wanted = film.config.question_kinds if kinds is None else kinds
    unknown = [kind for kind in wanted if kind not in QUESTION_KINDS]
    if unknown:
        raise ValueError(f"question kind {unknown[0]!r}; legal: {', '.join(QUESTION_KINDS)}")
    asked = [kind for kind in QUESTION_KINDS if kind in wanted]
    drafts = [(kind, draft) for kind in asked if (draft := ASKERS[kind](film, rng)) is not None]
    if num is not None and num < len(drafts):
        drafts = [drafts[i] for i in sorted(rng.permutation(len(drafts))[:num])]
    return [_finish(film, kind, draft, rng) for kind, draft in drafts]


def _finish(film: Film, kind: str, draft: Draft, rng: np.random.Generator) -> VideoQuestion:
    """Deal the options: which wrong ones, and which letter is whose, is drawn evenly."""
    options: list[str] = []
    if draft.gold:
        wrong = rng.permutation(len(draft.others))[: film.config.num_options - 1]
        texts = [draft.gold, *(draft.others[i] for i in wrong)]
        options = [texts[i] for i in rng.permutation(len(texts))]
    cue = draft.cue
    return VideoQuestion(
        question_id=f"{film.name}-{kind}",
        video=film.name,
        text=draft.text,
        kind=kind,
        options=tuple(options),
        answer=LETTERS[options.index(draft.gold)] if options else None,
        intervals=draft.intervals,
        evidence=draft.evidence,
        evidence_boxes=draft.boxes,
        groups={
            "family": FAMILIES[kind],
            "needle": "yes" if kind in NEEDLE_KINDS else "no",
            "cue": cue,
            "length": next(name for limit, name in LENGTHS if film.duration_seconds < limit),
        },
        extra={"asks": draft.asks},
    )


def is_needle(question: VideoQuestion) -> bool:
    """Whether its answer is to be seen only during one short event that a cue leads to."""
    return question.groups.get("needle") == "yes"
