"""What a policy with a window of memory still sees: all words, but only the newest pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from policies.interface import IMAGE_MARKER, Observation

FORGOTTEN = "[picture forgotten]"
"""Stands for every picture that has left the window."""


def remember(observations: Sequence[Observation], window: int | None) -> list[Observation]:
    """A conversation's observations without the pictures that have left the window.

    The first observation, which holds the question, keeps its pictures, and so do the last `window`
    observations; words stay, and so do the policy's own, which can serve as notes. In the manner of
    VR-Thinker, picture tokens then grow with the window and not with the number of looks.

    Args:
        observations: one per turn, oldest first; the last is the one to reply to.
        window: how many, at least 1; None for all.
    """
    if window is None:
        return list(observations)
    first_kept = len(observations) - window
    return [
        seen if turn == 0 or turn >= first_kept else _without_pictures(seen)
        for turn, seen in enumerate(observations)
    ]


def _without_pictures(observation: Observation) -> Observation:
    if not observation.images:
        return observation
    text = observation.text.replace(IMAGE_MARKER, FORGOTTEN)
    if IMAGE_MARKER not in observation.text:  # pictures stand before the words
        text = FORGOTTEN * len(observation.images) + observation.text
    return replace(observation, text=text, images=())
