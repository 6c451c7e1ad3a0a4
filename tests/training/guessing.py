"""A language environment of a few lines, and policies for it: what the collector's tests run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict

from policies.interface import Conversation, PolicyOutput
from policies.noise import make_generator, make_noise_key
from sims.spaces import ImagesSpace, ReplySpace
from training.episode import Episode
from training.rollout import EpisodeSpec, LocalPool

WORDS = ("red", "blue", "green")
SECRET = "zebra-truth"
SIZE = 28


class GuessEnv(gymnasium.Env[dict[str, Any], str]):
    """Names a colour after one to three looks; the seed decides colour, noise and patience.

    Args:
        broken_resets, broken_steps: seeds at which `reset`, or the first `step`, raises.
    """

    def __init__(
        self, *, broken_resets: Sequence[int] = (), broken_steps: Sequence[int] = ()
    ) -> None:
        self.observation_space = Dict({"text": ReplySpace(999), "images": ImagesSpace(SIZE, SIZE)})
        self.action_space = ReplySpace(999)
        self._broken_resets, self._broken_steps = set(broken_resets), set(broken_steps)
        self.seeds: list[int | None] = []
        self.closed = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.seeds.append(seed)
        if seed in self._broken_resets:
            raise RuntimeError(f"no world for {seed}")
        self._gold = int(self.np_random.integers(3))
        self._patience = int(self.np_random.integers(1, 4))
        self._turn = 0
        return self._obs(), self._info("reset", success=False)

    def step(self, action: str):
        if self.seeds[-1] in self._broken_steps:
            raise RuntimeError("the floor fell out")
        self._turn += 1
        success = f"<answer>{'ABC'[self._gold]}</answer>" in action
        terminated = self._turn >= self._patience
        info = self._info("answer", success=success)
        return self._obs(), float(success and terminated), terminated, False, info

    def expert_reply(self, style: str = "best") -> str:
        return f"<think>{style}</think><answer>{'ABC'[self._gold]}</answer>"

    def close(self) -> None:
        self.closed = True

    def _obs(self) -> dict[str, Any]:
        noise = self.np_random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        text = f"Look {self._turn + 1}.\nA. red\nB. blue\nC. green"
        return {"text": text, "images": (noise,)}

    def _info(self, kind: str, *, success: bool) -> dict[str, Any]:
        truth = {"gold": f"{SECRET} {self._gold}", "gold_letter": "ABC"[self._gold], "kind": kind}
        return {"success": success, "options": dict(zip("ABC", WORDS, strict=True)), "truth": truth}


class NoisyPolicy:
    """Answers at random from the conversation's keys, and keeps what it was shown.

    Args:
        poison: raises when a conversation of this seed is among those it is asked about.
    """

    privileged = False

    def __init__(self, poison: int | None = None) -> None:
        self.asked: list[Conversation] = []
        self.num_batches = 0
        self.forgotten: list[str] = []
        self._poison = poison

    def reset(self, conversation_ids: Sequence[str]) -> None:
        self.forgotten += conversation_ids

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        self.asked += conversations
        self.num_batches += 1
        if any(c.task_id.endswith(f"/{self._poison}") for c in conversations):
            raise RuntimeError("out of memory")
        draws = [make_generator(make_noise_key(c)).integers(3) for c in conversations]
        return [PolicyOutput(text=f"<answer>{'ABC'[draw]}</answer>") for draw in draws]


class Envs:
    """Makes environments and remembers them."""

    def __init__(self, **settings: Any) -> None:
        self.made: list[GuessEnv] = []
        self._settings = settings

    def __call__(self) -> GuessEnv:
        self.made.append(GuessEnv(**self._settings))
        return self.made[-1]


def make_pool(num_envs: int = 4, **settings: Any) -> LocalPool:
    return LocalPool(Envs(**settings), num_envs)


def make_specs(count: int, group_size: int = 1) -> list[EpisodeSpec]:
    return [EpisodeSpec(seed=s, sample_index=i) for s in range(count) for i in range(group_size)]


def fingerprint(episode: Episode) -> tuple:
    """Everything about an episode that equal seeds must make equal."""
    turns = tuple((t.text, t.image_pngs, t.output.text, t.reward) for t in episode.turns)
    return episode.task_id, episode.sample_index, turns, episode.success, str(episode.truth)
