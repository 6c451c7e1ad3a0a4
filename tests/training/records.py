"""Episodes written by hand, for tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from policies.interface import PolicyOutput
from training.episode import Episode, EpisodeTruth, Turn, encode_png

OPTIONS = {"A": "red", "B": "blue", "C": "[Pick] left", "D": "[Pick] right"}
GOOD_REPLY = "<think>I see it.</think><answer>A</answer>"


def make_turn(text: str = GOOD_REPLY, *, reward: float = 0.0, **output: Any) -> Turn:
    picture = np.full((4, 6, 3), len(text) % 256, dtype=np.uint8)
    return Turn(
        text="Question: what colour?",
        image_pngs=(encode_png(picture),),
        state=None,
        options=dict(OPTIONS),
        output=PolicyOutput(text=text, **output),
        reward=reward,
    )


def make_truth(kind: str, *, sufficient: bool = False, gained: bool = False) -> dict[str, Any]:
    """The truth of one step, as the occlusion world gives it."""
    return {"kind": kind, "sufficient": sufficient, "gained": gained}


def make_episode(
    *truths: dict[str, Any],
    replies: Sequence[str] = (),
    success: bool = False,
    sufficient: bool = False,
    gold_letter: str = "A",
    seed: int = 0,
    sample_index: int = 0,
) -> Episode:
    """An episode with one turn per truth; `sufficient` is about the first picture."""
    replies = replies or [GOOD_REPLY] * len(truths)
    initial = {"sufficient": sufficient, "gold_letter": gold_letter, "kind": "reset"}
    return Episode(
        task_id=f"world/{seed}",
        env_id="world",
        env_config_hash="",
        seed=seed,
        sample_index=sample_index,
        turns=[make_turn(reply) for reply in replies],
        success=success,
        terminated=True,
        truth=EpisodeTruth(initial=initial, turns=list(truths)),
    )
