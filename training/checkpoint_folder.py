"""The folder of a checkpoint: its record, its name, and when it counts as there.

    step-000002/
        state.json              step, configuration, random state, and what the writer adds
        ...                     the tensors, in the writer's own form

A folder appears under its final name only when it is complete. One process writes to a directory at
a time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SCHEMA_VERSION = 1
STATE = "state.json"
_FOLDER = re.compile(r"step-(\d{6,})")


class CheckpointUnreadable(OSError):  # noqa: N818
    """A file of a checkpoint is missing, cut short, or of another schema."""


@dataclass(frozen=True, kw_only=True)
class CheckpointState:
    """What a checkpoint holds beside tensors.

    Attributes:
        step: the step the run had reached; the next one is `step`, counted from 0.
        config: the run's configuration.
        extra_state: whatever else the caller saved.
    """

    step: int
    config: dict[str, Any]
    extra_state: dict[str, Any] = field(default_factory=dict)


class NewCheckpoint:
    """A checkpoint that is being written.

    Args:
        directory: where it will be, made when missing.
        step: >= 0; a checkpoint of the same step is replaced.
        keep_last: delete all but this many of the newest checkpoints, >= 1; None keeps all.
        record: JSON-able, what stands in `state.json` beside the step and torch's random state.

    Attributes:
        folder: where its files are written until it is complete.

    Raises:
        ValueError: `step` or `keep_last` out of range, or a record that JSON cannot hold.
    """

    def __init__(
        self, directory: Path | str, *, step: int, keep_last: int | None, record: dict[str, Any]
    ) -> None:
        if step < 0:
            raise ValueError(f"step = {step} is not legal; it must be >= 0")
        if keep_last is not None and keep_last < 1:
            raise ValueError(f"keep_last = {keep_last} is not legal; it must be >= 1, or None")
        whole = {"schema_version": SCHEMA_VERSION, "step": step, **record}
        self._text = _to_json(whole | {"random_state": _random_state()})
        self._final = Path(directory) / f"step-{step:06d}"
        self._keep_last = keep_last
        self.folder = self._final.with_name(f".{self._final.name}.partial")

    def clear(self) -> None:
        """Make its folder anew, empty."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def publish(self) -> Path:
        """Write the record, give the folder its final name, and delete what is too old.

        Returns:
            The folder under that name.
        """
        (self.folder / STATE).write_text(self._text)
        _flush(self.folder)
        replaced = self._final.with_name(f".{self._final.name}.replaced")
        shutil.rmtree(replaced, ignore_errors=True)
        if self._final.exists():
            self._final.rename(replaced)
        self.folder.rename(self._final)
        shutil.rmtree(replaced, ignore_errors=True)
        self._prune()
        return self._final

    @property
    def path(self) -> Path:
        """Where it will be."""
        return self._final

    def _prune(self) -> None:
        """Delete old checkpoints, but never the one just written."""
        if self._keep_last is None:
            return
        for path in _checkpoints(self._final.parent)[: -self._keep_last]:
            if path != self._final:
                shutil.rmtree(path)


def latest_checkpoint(directory: Path | str) -> Path | None:
    """The complete checkpoint with the highest step, or None when there is none."""
    folders = _checkpoints(Path(directory))
    return folders[-1] if folders else None


def read_record(path: Path) -> dict[str, Any]:
    """What the `state.json` of a checkpoint says.

    Raises:
        CheckpointUnreadable: it is missing, damaged, or of another schema.
    """
    file = path / STATE
    try:
        record: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointUnreadable(f"{file}: missing or damaged ({error})") from error
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CheckpointUnreadable(f"{file}: schema {version}, this code reads {SCHEMA_VERSION}")
    return record


def state_of(record: dict[str, Any]) -> CheckpointState:
    """What of a record is handed to those who resume."""
    return CheckpointState(
        step=record["step"], config=record["config"], extra_state=record["extra_state"]
    )


def restore_random_state(record: dict[str, Any]) -> None:
    """Put torch's generators where they stood when the checkpoint was written."""
    states = record["random_state"]
    torch.set_rng_state(_from_hex(states["cpu"]))
    # A run may resume on a machine with another number of devices; each takes what there is for it.
    for device, text in enumerate(states["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(_from_hex(text), device)


def _checkpoints(directory: Path) -> list[Path]:
    """Complete checkpoints, oldest step first."""
    found = [
        (int(match.group(1)), path)
        for path in (directory.iterdir() if directory.is_dir() else ())
        if (match := _FOLDER.fullmatch(path.name)) and (path / STATE).is_file()
    ]
    return [path for _, path in sorted(found)]


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _to_json(record: dict[str, Any]) -> str:
    try:
        return json.dumps(record, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"config and extra_state must be JSON without NaN: {error}") from error


def _random_state() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {"cpu": _to_hex(torch.get_rng_state()), "cuda": [_to_hex(state) for state in cuda]}


def _to_hex(state: Tensor) -> str:
    return bytes(state.tolist()).hex()


def _from_hex(text: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)
