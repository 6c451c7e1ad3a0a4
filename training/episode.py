"""The record that everything passes on: turns, episodes, groups, and the private truth beside them.

An `Episode` is what a policy, a prompt or an exported chat may see. The truth of the simulator
travels in `EpisodeTruth`, a sidecar that rewards, experts and reports may read. The two are
separate objects and separate files, so that leaving the truth out is the default.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from policies.interface import Observation, PolicyOutput

SCHEMA_VERSION = 1
FAILURE_STAGES = ("env", "policy", "reward", "worker")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Where and how an episode broke.

    Attributes:
        stage: one of `FAILURE_STAGES`.
        message: the exception's type and text.
    """

    stage: str
    message: str

    def __post_init__(self) -> None:
        if self.stage not in FAILURE_STAGES:
            raise ValueError(f"unknown failure stage {self.stage!r}; legal: {FAILURE_STAGES}")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One observation and the reply to it.

    Attributes:
        text: what the environment said.
        image_pngs: the turn's new pictures, PNG encoded.
        state: proprioception, or None.
        options: the lettered options on offer, letter -> text; empty where there are none.
        output: what the policy did.
        reward: the environment's bare task reward for this step.
    """

    text: str
    image_pngs: tuple[bytes, ...]
    state: np.ndarray | None
    options: dict[str, str]
    output: PolicyOutput
    reward: float

    def images(self) -> tuple[np.ndarray, ...]:
        """The turn's pictures, uint8 (H, W, 3)."""
        return tuple(decode_png(png) for png in self.image_pngs)

    def observation(self) -> Observation:
        """The observation as the policy saw it."""
        return Observation(text=self.text, images=self.images(), state=self.state)


@dataclass(kw_only=True)
class EpisodeTruth:
    """What the simulator knew. Never shown to a policy.

    Attributes:
        initial: the `truth` of the reset's info.
        turns: the `truth` of every step's info, one per turn.
        last_states: where a simulation broke down, its last sound states, oldest first.
    """

    initial: dict[str, Any] = field(default_factory=dict)
    turns: list[dict[str, Any]] = field(default_factory=list)
    last_states: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class Episode:
    """One episode, from reset to end.

    Attributes:
        task_id: names what was asked (environment, configuration and seed).
        env_id: the Gymnasium id.
        env_config_hash: sha256 of the environment's configuration, first 12 hex digits.
        seed: the reset seed.
        sample_index: which member of its group.
        turns: one per reply.
        success: whether the task was solved.
        terminated, truncated: Gymnasium's meaning.
        failure: None, or the stage that broke; such an episode is counted and left out of the loss.
        truth: the private sidecar; None once stripped.
        annotations: what a named annotation pass filled in (per name: a number, or a list per
            turn).
    """

    task_id: str
    env_id: str
    env_config_hash: str
    seed: int
    sample_index: int = 0
    turns: list[Turn] = field(default_factory=list)
    success: bool = False
    terminated: bool = False
    truncated: bool = False
    failure: Failure | None = None
    truth: EpisodeTruth | None = None
    annotations: dict[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    suite_version: str = ""

    @property
    def episode_id(self) -> str:
        """A file-name-safe name, unique within a run."""
        digest = hashlib.sha256(self.task_id.encode()).hexdigest()[:10]
        return f"{self.seed}-{digest}-{self.sample_index}"

    @property
    def env_return(self) -> float:
        """Sum of the environment's bare rewards."""
        return float(sum(turn.reward for turn in self.turns))


Group = Sequence[Episode]
"""The episodes of one task from one start."""


def encode_png(image: np.ndarray) -> bytes:
    """uint8 (H, W, 3) -> PNG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def decode_png(png: bytes) -> np.ndarray:
    """PNG bytes -> uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def config_hash(config: Any) -> str:
    """First 12 hex digits of the sha256 of a dataclass's canonical JSON."""
    text = json.dumps(asdict(config), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def save_episode(directory: Path, episode: Episode) -> Path:
    """Write one episode under `directory/<episode_id>/`: `episode.json`, `truth.json`, `images/`.

    `episode.json` holds no truth. Returns the episode's folder.
    """
    folder = Path(directory) / episode.episode_id
    (folder / "images").mkdir(parents=True, exist_ok=True)
    turns = [_turn_to_json(folder, index, turn) for index, turn in enumerate(episode.turns)]
    skip = {"turns", "truth", "failure"}
    record = {k: v for k, v in vars(episode).items() if k not in skip}
    record["failure"] = None if episode.failure is None else asdict(episode.failure)
    record["turns"] = turns
    _write_json(folder / "episode.json", record)
    if episode.truth is not None:
        _write_json(folder / "truth.json", asdict(episode.truth))
    return folder


def load_episode(folder: Path) -> Episode:
    """Read what `save_episode` wrote. The truth sidecar may be missing."""
    folder = Path(folder)
    record = json.loads((folder / "episode.json").read_text())
    if record["schema_version"] != SCHEMA_VERSION:
        raise ValueError(
            f"{folder}: episode schema {record['schema_version']}; "
            f"this suite reads {SCHEMA_VERSION}"
        )
    turns = [_turn_from_json(folder, turn) for turn in record.pop("turns")]
    failure = record.pop("failure")
    truth = None
    if (folder / "truth.json").exists():
        truth = EpisodeTruth(**json.loads((folder / "truth.json").read_text()))
    return Episode(
        **record, turns=turns, failure=Failure(**failure) if failure else None, truth=truth
    )


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=1, allow_nan=False))


def _turn_to_json(folder: Path, index: int, turn: Turn) -> dict[str, Any]:
    names = []
    for number, png in enumerate(turn.image_pngs):
        names.append(f"images/{index:03d}-{number}.png")
        (folder / names[-1]).write_bytes(png)
    arrays = ("action", "reply_ids", "rollout_logprobs")
    output = dict(vars(turn.output))
    for name in arrays:
        output[name] = None if output[name] is None else np.asarray(output[name]).tolist()
    return {
        "text": turn.text,
        "images": names,
        "state": None if turn.state is None else turn.state.tolist(),
        "options": turn.options,
        "output": output,
        "reward": turn.reward,
    }


def _turn_from_json(folder: Path, record: dict[str, Any]) -> Turn:
    output = dict(record["output"])
    for name, dtype in (("action", "f4"), ("reply_ids", "i8"), ("rollout_logprobs", "f4")):
        output[name] = None if output[name] is None else np.asarray(output[name], dtype=dtype)
    return Turn(
        text=record["text"],
        image_pngs=tuple(_inside(folder, name).read_bytes() for name in record["images"]),
        state=None if record["state"] is None else np.asarray(record["state"], dtype="f4"),
        options=record["options"],
        output=PolicyOutput(**output),
        reward=record["reward"],
    )


def _inside(folder: Path, name: str) -> Path:
    """The path of a file named in a record; names that climb out of the folder are refused."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{folder}: image path {name!r} leaves the episode's folder")
    return path


def is_robots(episode: Episode) -> bool:
    """Whether an episode's actions are numbers, or its truth tells of a task's stages."""
    told = bool(episode.truth and episode.truth.initial.get("stages"))
    return told or any(turn.output.action is not None for turn in episode.turns)
