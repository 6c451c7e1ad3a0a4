"""Playing the spotlight environment over films that cost nothing."""

from __future__ import annotations

from tests.video.fake_films import number_shown, question_set
from video.spotlight.config import SpotlightConfig
from video.spotlight.env import SpotlightEnv
from video.spotlight.legality import TOOLS
from video.spotlight.sources import QuestionSet

ACTIONS = [
    "choose frames between 100 and 300",
    "get frame number at time 0:41",
    "rewatch 40 to 43",
    "find segment 2",
    "find frame 7",
    "zoom frame 7 at 0 0 0.5 0.5",
    "choose frames between 9 and 3",
]

ALL = {"tools": list(TOOLS), "max_turns": 30}


def make_env(questions: QuestionSet | None = None, **fields) -> SpotlightEnv:
    return SpotlightEnv(SpotlightConfig(**fields), questions or question_set())


def started(questions: QuestionSet | None = None, **fields) -> SpotlightEnv:
    env = make_env(questions, **fields)
    env.reset(seed=0)
    return env


def act(env: SpotlightEnv, words: str, thought: str = "So."):
    """What the policy is told, and the truth."""
    obs, _, _, _, info = env.step(f"<think>{thought}</think><action>{words}</action>")
    shown = [number_shown(picture) for picture in obs["images"]]
    assert obs["text"].count("<image>") == len(shown)
    if info["truth"]["tool"] != "zoom":
        assert shown == info["truth"]["shown_frames"]
    return obs["text"], info["truth"]
