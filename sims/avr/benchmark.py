"""CLEVR-AVR as a fixed list of questions.

A manifest holds no pictures. An entry names a scene type, a question type and a seed, and the
hashes of the world and of the question that were drawn from them, so that whoever plays it can tell
that they are drawn again (`sims.avr.benchmark_worlds`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from sims.avr.config import AvrConfig
from sims.avr.scene_types import SCENE_TYPES
from sims.config import BenchmarkConfig

FOLDER = Path(__file__).with_name("benchmarks")
"""Where the manifests that come with the suite lie, and their references."""


@dataclass(kw_only=True)
class AvrBenchmarkConfig(BenchmarkConfig):
    """A manifest of active visual reasoning.

    Attributes:
        name: of a manifest that comes with the suite, such as clevr_avr_v1, or the path of a JSON
            file.
    """

    name: str = "clevr_avr_v1"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One question of a benchmark.

    Attributes:
        scene_type: a name of `SCENE_TYPES`.
        question_type: one of the six.
        seed: of the environment's reset; no two entries share one.
        sufficient: whether the first view proves the answer.
        gold: the right answer.
        gold_index: its place among the answers on offer, in their natural order, from 0.
        num_answers: how many are on offer.
        scene_hash: of layout and contents, see `benchmark_worlds.hash_scene`.
        question_hash: of the question and the answers on offer, see
            `benchmark_worlds.hash_question`.
        optimal_turns: replies that the planning expert needs, the answer included.
    """

    scene_type: str
    question_type: str
    seed: int
    sufficient: bool
    gold: str
    gold_index: int
    num_answers: int
    scene_hash: str
    question_hash: str
    optimal_turns: int

    @property
    def scene_kind(self) -> str:
        """One of "occlusion", "stack" and "composite"."""
        return SCENE_TYPES[self.scene_type].kind

    @property
    def env_id(self) -> str:
        """The Gymnasium id of the environment that it is played in."""
        return f"AVR/{self.scene_kind.title()}-v0"

    @property
    def held_out(self) -> bool:
        """Whether its scene type is held out of training."""
        return SCENE_TYPES[self.scene_type].held_out


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A benchmark.

    Attributes:
        name: e.g. "clevr_avr_v1".
        version: counts up whenever an entry changes.
        settings: fields of `AvrConfig` that all its environments share.
        entries: the questions, in order.
    """

    name: str
    version: int
    settings: dict[str, Any]
    entries: tuple[Entry, ...]

    @property
    def sha256(self) -> str:
        """Of everything in it, in canonical form."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()

    def config(self, entry: Entry) -> AvrConfig:
        """The configuration of an entry's environment."""
        return AvrConfig(
            **self.settings,
            scene_types=[entry.scene_type],
            question_types=[entry.question_type],
        )

    def spread(self, count: int | None) -> Manifest:
        """The same with `count` entries only, evenly spread; None for all.

        Raises:
            ValueError: for more than there are.
        """
        total = len(self.entries)
        if count is None:
            return self
        if count > total:
            raise ValueError(
                f"benchmark.num_questions is {count}; {self.name} has {total} questions"
            )
        chosen = tuple(self.entries[index * total // count] for index in range(count))
        return replace(self, entries=chosen)


def load_manifest(name: str) -> Manifest:
    """Read a manifest and check its hash.

    Args:
        name: of one that comes with the suite, or the path of a JSON file.

    Raises:
        FileNotFoundError: where there is none.
        ValueError: where it was changed, or does not fit this suite.
    """
    path = manifest_path(name)
    if not path.is_file():
        known = sorted(p.stem for p in FOLDER.glob("*.json") if "." not in p.stem)
        raise FileNotFoundError(f"benchmark.name is {name!r}; legal: {', '.join(known)}, or a path")
    record = json.loads(path.read_text(encoding="utf-8"))
    columns = [field.name for field in fields(Entry)]
    if record["columns"] != columns:
        raise ValueError(f"{path} has the columns {record['columns']}; this suite reads {columns}")
    manifest = Manifest(
        name=record["name"],
        version=record["version"],
        settings=record["settings"],
        entries=tuple(Entry(**dict(zip(columns, row, strict=True))) for row in record["rows"]),
    )
    if manifest.sha256 != record["sha256"]:
        raise ValueError(
            f"{path} was changed: its content has the sha256 {manifest.sha256[:12]}..., "
            f"but it says {record['sha256'][:12]}..."
        )
    check_manifest(manifest)
    return manifest


def manifest_path(name: str) -> Path:
    """Where the manifest of that name lies; a name with a folder or an ending is a path."""
    return Path(name) if "/" in name or name.endswith(".json") else FOLDER / f"{name}.json"


def references_path(name: str) -> Path:
    """Where the references of that manifest lie: beside it."""
    path = manifest_path(name)
    return path.with_name(f"{path.stem}.references.json")


def manifest_text(manifest: Manifest) -> str:
    """A manifest as the JSON that `load_manifest` reads, one entry a line."""
    head = {
        "name": manifest.name,
        "version": manifest.version,
        "sha256": manifest.sha256,
        "settings": manifest.settings,
        "columns": [field.name for field in fields(Entry)],
    }
    rows = ",\n".join(json.dumps(list(asdict(entry).values())) for entry in manifest.entries)
    return json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{rows}\n ]\n}}\n'


def check_manifest(manifest: Manifest) -> None:
    """Raise `ValueError` where a manifest cannot be played."""
    unknown = sorted({e.scene_type for e in manifest.entries} - set(SCENE_TYPES))
    if unknown:
        raise ValueError(f"{manifest.name} has scene types {unknown}, which this suite lacks")
    if len({entry.seed for entry in manifest.entries}) < len(manifest.entries):
        raise ValueError(f"{manifest.name} has two entries with the same seed")
    surplus = sorted(set(manifest.settings) - {field.name for field in fields(AvrConfig)})
    if surplus:
        raise ValueError(f"{manifest.name} has settings {surplus}, which this suite lacks")
    if manifest.entries:
        manifest.config(manifest.entries[0]).check(f"{manifest.name}: ")


def canonical_json(value: Any) -> str:
    """One text for equal values: keys sorted, lengths to the millimetre, no white space."""
    return json.dumps(_rounded(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _rounded(value: Any) -> Any:
    """Lengths to the millimetre, without negative zeros; sequences as lists."""
    if isinstance(value, float):
        return round(value, 3) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(item) for item in value]
    return value
