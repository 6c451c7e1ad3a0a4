"""One small environment of each family, complete enough to pass `check_environment`.

`FakeScene` is asked about a scene, `FakeArm` is driven by numbers, `FakeFilm` shows several frames
at once.
"""

from __future__ import annotations

import re

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from sims.spaces import ImagesSpace, ReplySpace

LETTERS = "ABC"
COLORS = {"red": (200, 30, 30), "green": (30, 160, 30), "blue": (40, 60, 220)}


def answered(reply: str) -> str | None:
    """The option a reply chooses."""
    found = re.search(r"<answer>([A-C])</answer>", reply)
    return found.group(1) if found else None


class FakeEnv(gymnasium.Env):
    """What the three share: a state that is one dict of plain values and one generator."""

    metadata = {"render_modes": []}
    render_mode = None

    def get_state(self) -> dict:
        return {"rng": self.np_random.bit_generator.state, "facts": dict(self.facts)}

    def set_state(self, state: dict) -> None:
        self.np_random.bit_generator.state = state["rng"]
        self.facts = dict(state["facts"])

    def observe(self, success: bool, **texts: str) -> tuple[dict, dict]:
        info = {"success": success, "options": self.options(), "truth": dict(self.facts)}
        return self.picture_of_now(**texts), info

    def options(self) -> dict[str, str]:
        return {}

    def count_turn(self) -> None:
        if self.facts["over"]:
            raise RuntimeError("the episode is over")
        self.facts["turn"] += 1


class FakeScene(FakeEnv):
    """A box of one colour lies under a lid. "C" lifts the lid; "A" and "B" name its colour."""

    max_turns = 4

    def __init__(self) -> None:
        self.observation_space = Dict({"text": ReplySpace(500), "images": ImagesSpace(8, 8)})
        self.action_space = ReplySpace(200)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        first, second = self.np_random.permutation(list(COLORS))[:2]
        noise = int(self.np_random.integers(60))
        self.facts = {"answers": [str(first), str(second)], "noise": noise, "lifted": False}
        self.facts |= {"gold": int(self.np_random.integers(2)), "turn": 0, "over": False}
        return self.observe(False, text="Which colour is under the lid?")

    def options(self) -> dict[str, str]:
        return dict(zip(LETTERS, [*self.facts["answers"], "[Lift] the lid"], strict=True))

    def picture_of_now(self, text: str) -> dict:
        color = COLORS[self.facts["answers"][self.facts["gold"]]]
        picture = np.full((8, 8, 3), self.facts["noise"], dtype=np.uint8)
        picture[2:6, 2:6] = color if self.facts["lifted"] else 128
        options = [f"{letter}. {words}" for letter, words in self.options().items()]
        return {"text": "\n".join([text, *options]), "images": (picture,)}

    def step(self, action):
        self.count_turn()
        choice = answered(action)
        self.facts["lifted"] |= choice == "C"
        terminated = choice in ("A", "B")
        truncated = not terminated and self.facts["turn"] >= self.max_turns
        self.facts["over"] = terminated or truncated
        success = terminated and "AB".index(choice) == self.facts["gold"]
        text = f"Turn {self.facts['turn']}." if choice else "Reply <answer>A</answer>, B or C."
        obs, info = self.observe(success, text=text)
        return obs, float(success), terminated, truncated, info

    def expert_reply(self) -> str:
        return f"<answer>{LETTERS[self.facts['gold']] if self.facts['lifted'] else 'C'}</answer>"


class FakeArm(FakeEnv):
    """A hand on a line is pushed towards a goal by a velocity in [-1, 1] per step."""

    max_turns = 20

    def __init__(self) -> None:
        state = Box(-10.0, 10.0, shape=(2,), dtype=np.float32)
        images = ImagesSpace(4, 32)
        self.observation_space = Dict({"text": ReplySpace(99), "images": images, "state": state})
        self.action_space = Box(-1.0, 1.0, shape=(1,), dtype=np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        side = float(self.np_random.choice([-1.0, 1.0]))
        self.facts = {"hand": 0.0, "goal": side * float(self.np_random.uniform(2, 3))}
        self.facts |= {"turn": 0, "over": False}
        return self.observe(False)

    def picture_of_now(self) -> dict:
        picture = np.zeros((4, 32, 3), dtype=np.uint8)
        for channel, name in enumerate(("hand", "goal")):
            picture[:, int(np.clip(16 + 4 * self.facts[name], 0, 31)), channel] = 255
        state = np.array([self.facts["hand"], self.facts["goal"]], dtype=np.float32)
        text = f"Reach the line, step {self.facts['turn']}."
        return {"text": text, "images": (picture,), "state": state}

    def step(self, action):
        self.count_turn()
        self.facts["hand"] += 0.5 * float(np.clip(action[0], -1, 1))
        success = abs(self.facts["hand"] - self.facts["goal"]) < 0.3
        truncated = not success and self.facts["turn"] >= self.max_turns
        self.facts["over"] = success or truncated
        obs, info = self.observe(success)
        return obs, float(success), success, truncated, info

    def expert_reply(self) -> np.ndarray:
        way = 2 * (self.facts["goal"] - self.facts["hand"])
        return np.clip([way], -1, 1).astype(np.float32)


class FakeFilm(FakeEnv):
    """Twelve frames, one of which flashes. "watch 2-5" shows four of them, "answer 3" ends it."""

    num_frames, max_turns = 12, 5

    def __init__(self) -> None:
        self.observation_space = Dict({"text": ReplySpace(500), "images": ImagesSpace(6, 6)})
        self.action_space = ReplySpace(1000)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        flash = int(self.np_random.integers(self.num_frames))
        levels = self.np_random.integers(100, size=self.num_frames).tolist()
        self.facts = {"flash": flash, "levels": levels, "shown": [0], "turn": 0, "over": False}
        return self.observe(False, text="Which frame flashes? Reply watch 0-3, or answer 2.")

    def picture_of_now(self, text: str) -> dict:
        levels = [
            255 if i == self.facts["flash"] else self.facts["levels"][i]
            for i in self.facts["shown"]
        ]
        frames = tuple(np.full((6, 6, 3), level, dtype=np.uint8) for level in levels)
        return {"text": text, "images": frames}

    def step(self, action):
        self.count_turn()
        watch = re.fullmatch(r"watch (\d{1,2})-(\d{1,2})", action, re.ASCII)
        answer = re.fullmatch(r"answer (\d{1,2})", action, re.ASCII)
        if watch:
            start, end = int(watch.group(1)), int(watch.group(2))
            self.facts["shown"] = list(range(self.num_frames))[start : end + 1]
        success = answer is not None and int(answer.group(1)) == self.facts["flash"]
        truncated = answer is None and self.facts["turn"] >= self.max_turns
        self.facts["over"] = answer is not None or truncated
        shown = f"Frames {self.facts['shown']}." if watch else "Reply watch 0-3, or answer 2."
        obs, info = self.observe(success, text=shown)
        return obs, float(success), answer is not None, truncated, info

    def expert_reply(self) -> str:
        if self.facts["flash"] in self.facts["shown"]:
            return f"answer {self.facts['flash']}"
        start = 4 * self.facts["turn"]
        return f"watch {start}-{start + 3}"
