"""Episodes of the film environment written by hand, for tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from policies.interface import PolicyOutput
from training.episode import Episode, EpisodeTruth, Turn, encode_png
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rewards.terms import REWARD_TERMS

PRESETS = Path(__file__).resolve().parents[2] / "configs" / "reward" / "video"
ANSWER = "<think>I see it. The cup is red.</think><answer>A</answer>"
LOOK = "<think>Closer.</think><action>choose frames between 100 and 200</action>"

QUESTION = {
    "gold": "red",
    "gold_letter": "A",
    "gold_intervals": [],
    "num_frames": 1000,
    "fps": 10.0,
    "duration_seconds": 100.0,
    "evidence": [[12.0, 15.0]],
    "evidence_boxes": [],
    "frame_budget": 40,
    "mentions_time": False,
}
"""What the truth says of the film and the question."""

STEP = {
    "kind": "answer",
    "choice": None,
    "predicted_interval": None,
    "tool": None,
    "request": None,
    "shown_frames": [],
    "shown_seconds": [],
    "shown_boxes": [],
    "num_frames_used": 8,
    "evidence_seen": [False],
    "gained": False,
    "sufficient": False,
    "time_answer": None,
    "consistent": True,
    "broken_rule": "",
}
"""What it says of a reply that shows nothing."""


ANNOTATED = {"causal_sufficiency": 1, "semantic_cosine": 0.3, "shuffled_correct": 0}
"""What the annotation passes may leave."""

TIME = {"kind": "time", "tool": "frame_number_at", "time_answer": 130}
BOXES = [
    {"interval": [12.0, 13.0], "box_xyxy_norm": [0.0, 0.0, 0.5, 0.5]},
    {"interval": [12.5, 14.0], "box_xyxy_norm": [0.5, 0.5, 1.0, 1.0]},
]


def look(*seconds: float, tool: str = "choose_frames", **more: Any) -> dict[str, Any]:
    """The truth of a reply that shows the frames at these times."""
    frames = [round(second * 10) for second in seconds]
    request = {"start_frame": min(frames), "end_frame": max(frames)}
    request |= {"start_seconds": min(seconds), "end_seconds": max(seconds)}
    shown = {"shown_frames": frames, "shown_seconds": [*seconds]}
    return {
        "kind": "look",
        "tool": tool,
        "request": request,
        "shown_boxes": [None] * len(frames),
        **shown,
        **more,
    }


def zoom(second: float, *box: float) -> dict[str, Any]:
    """The truth of a reply that zooms into a frame."""
    return look(second, tool="zoom", shown_boxes=[[*box]])


def film_turn(text: str, reply: str, values: Sequence[int], num_tokens: int | None) -> Turn:
    """A turn whose pictures are grey, one of each value."""
    images = tuple(encode_png(np.full((4, 6, 3), value, dtype=np.uint8)) for value in values)
    ids = None if num_tokens is None else np.zeros(num_tokens, dtype=np.int64)
    output = PolicyOutput(text=reply, reply_ids=ids)
    return Turn(
        text=text,
        image_pngs=images,
        state=None,
        options={"A": "red", "B": "blue"},
        output=output,
        reward=0.0,
    )


def film_episode(
    *steps: dict[str, Any],
    replies: Sequence[str] = (),
    success: bool = False,
    num_tokens: int | None = None,
    sample_index: int = 0,
    annotations: dict[str, Any] | None = None,
    **question: Any,
) -> Episode:
    """An episode with one turn per step; what a step does not say is as in `STEP`.

    The pictures of a frame are grey, of value frame % 256; the scan shows frames 0 and 99. Where
    there are no replies, all answer "A" but those that look.
    """
    facts = QUESTION | question
    truths = [STEP | facts | step for step in steps]
    replies = replies or [LOOK if t["kind"] == "look" else ANSWER for t in truths]
    turns = []
    for number, reply in enumerate(replies):
        shown = [0, 99] if number == 0 else truths[number - 1]["shown_frames"]
        lines = [f"frame {frame} [{frame / 10:.1f}]: <image>" for frame in shown]
        text = ["Which colour is the cup?", "A. red", "B. blue", "The film lasts 1:40.", *lines]
        values = [frame % 256 for frame in shown]
        last = ["Choose frames or answer."]
        words = "\n".join([*(text if number == 0 else lines), *last])
        turns.append(film_turn(words, reply, values, num_tokens))
    initial = STEP | facts | {"kind": "reset", "shown_frames": [0, 99], "num_frames_used": 2}
    return Episode(
        task_id="Video/Spotlight-v0/abc/3",
        env_id="Video/Spotlight-v0",
        env_config_hash="abc",
        seed=3,
        sample_index=sample_index,
        turns=turns,
        success=success,
        terminated=True,
        truth=EpisodeTruth(initial=initial, turns=truths),
        annotations=dict(annotations or {}),
    )


def grounded(predicted: list[float] | None, *golds: list[float]) -> Episode:
    """An episode that answers a question about a stretch of film."""
    return film_episode({"predicted_interval": predicted}, gold=None, gold_intervals=[*golds])


def values_of(name: str, *episodes: Episode, **params: float) -> list[float]:
    """What a per-episode term gives each."""
    return REWARD_TERMS[name](episodes, **params).tolist()


def load_preset(name: str) -> RewardConfig:
    """A preset of `configs/reward/video`, checked."""
    terms = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())["terms"]
    config = RewardConfig(terms={key: RewardTermConfig(**value) for key, value in terms.items()})
    config.check()
    return config
