"""The worlds of a benchmark: drawn again from its entries, and checked by their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import gymnasium

from sims.avr.benchmark import Entry, Manifest, canonical_json
from sims.avr.process import Task

HASH_DIGITS = 12


class WorldMismatchError(ValueError):
    """A world drawn from an entry is not the world that the manifest speaks of."""


class CheckedWorld(gymnasium.Wrapper):
    """An entry's environment: `reset` with its seed checks that its world is what was drawn.

    Args:
        env: an environment of the entry's configuration.
        entry: what is expected.
    """

    def __init__(self, env: gymnasium.Env, entry: Entry) -> None:
        super().__init__(env)
        self.entry = entry

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset, and check.

        Raises:
            WorldMismatchError: where this suite draws another world.
        """
        obs, info = self.env.reset(seed=seed, options=options)
        if seed == self.entry.seed:
            truth = info["truth"]
            task = self.env.unwrapped.task  # type: ignore[attr-defined]
            check_world(self.entry, task, sufficient=truth["sufficient"])
        return obs, info


def make_entry_env(manifest: Manifest, entry: Entry) -> gymnasium.Env:
    """The environment that an entry is played in."""
    env = gymnasium.make(entry.env_id, disable_env_checker=True, config=manifest.config(entry))
    return CheckedWorld(env, entry)


def check_world(entry: Entry, task: Task, *, sufficient: bool) -> None:
    """Raise `WorldMismatchError` where a task is not the one that the entry speaks of."""
    drawn = {
        "scene_hash": hash_scene(task),
        "question_hash": hash_question(task),
        "gold": task.gold,
        "gold_index": task.offer.index(task.gold),
        "num_answers": len(task.offer),
        "sufficient": sufficient,
    }
    wrong = [name for name, value in drawn.items() if value != getattr(entry, name)]
    if wrong:
        raise WorldMismatchError(
            f"this suite draws another world for the entry {entry.scene_type}, "
            f"{entry.question_type}, seed {entry.seed} ({', '.join(wrong)} differ): its results "
            "would not be comparable; use the version of the suite that the manifest was made with"
        )


def hash_scene(task: Task) -> str:
    """The canonical hash of a scene: its layout and what its places hold, to the millimetre."""
    contents = {name: thing and asdict(thing) for name, thing in task.contents.items()}
    return _digest({"layout": asdict(task.layout), "contents": contents})


def hash_question(task: Task) -> str:
    """The canonical hash of what is asked, and of the answers on offer."""
    return _digest({"question": task.question.to_dict(), "offer": list(task.offer)})


def check_disjoint(manifest: Manifest, scene_hashes: Iterable[str]) -> int:
    """How many scenes were compared with those of a benchmark, such as scenes of training seeds.

    Raises:
        ValueError: where one of them is in the benchmark.
    """
    known = {entry.scene_hash: entry for entry in manifest.entries}
    count = 0
    for scene_hash in scene_hashes:
        count += 1
        if scene_hash in known:
            entry = known[scene_hash]
            raise ValueError(
                f"scene {scene_hash} is in {manifest.name}: {entry.scene_type}, seed {entry.seed}"
            )
    return count


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:HASH_DIGITS]
