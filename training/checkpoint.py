"""Checkpoints: weights, optimizer and run state in one folder per step, without pickle.

    step-000002/
        weights.safetensors     the model; tensors shared under several names are stored once
        optimizer.safetensors   the learner's tensors, named "<moment>/<parameter>"
        state.json              step, configuration, random state, names of the shared tensors

A folder appears under its final name only when it is complete. One process writes to a directory at
a time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

SCHEMA_VERSION = 1
WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
_FOLDER = re.compile(r"step-(\d{6,})")
_SHOWN = 4


class CheckpointMismatch(ValueError):  # noqa: N818
    """A checkpoint holds other tensors than the model or optimizer it is loaded into."""


class CheckpointUnreadable(OSError):  # noqa: N818
    """A file of a checkpoint is missing, cut short, or of another schema."""


class Stateful(Protocol):
    """What is saved beside the model, such as `training.learner.Learner`."""

    def state_dict(self) -> dict[str, Any]:
        """`step` (int) and `tensors` (name -> Tensor)."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""


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


def save_checkpoint(
    directory: Path | str,
    *,
    model: nn.Module,
    learner: Stateful,
    config: dict[str, Any],
    step: int,
    extra_state: dict[str, Any] | None = None,
    keep_last: int | None = None,
) -> Path:
    """Write `directory/step-<step>/`, whole or not at all.

    Args:
        directory: made when missing.
        model, learner: what to save.
        config: JSON-able, without NaN.
        step: >= 0; a checkpoint of the same step is replaced.
        extra_state: JSON-able, such as counters and seeds of the caller.
        keep_last: delete all but this many of the newest checkpoints, >= 1; None keeps all.

    Returns:
        The folder.

    Raises:
        ValueError: `step` or `keep_last` out of range, or state that JSON cannot hold.
    """
    if step < 0:
        raise ValueError(f"step = {step} is not legal; it must be >= 0")
    if keep_last is not None and keep_last < 1:
        raise ValueError(f"keep_last = {keep_last} is not legal; it must be >= 1, or None")
    weights, aliases = _without_duplicates(model.state_dict())
    learner_state = learner.state_dict()
    record = {
        "schema_version": SCHEMA_VERSION,
        "step": step,
        "config": config,
        "extra_state": extra_state or {},
        "learner_step": learner_state["step"],
        "shared_tensors": aliases,
        "random_state": _random_state(),
    }
    text = _to_json(record)
    directory = Path(directory)
    final = directory / f"step-{step:06d}"
    folder = directory / f".{final.name}.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _save_tensors(weights, folder / WEIGHTS)
    _save_tensors(learner_state["tensors"], folder / OPTIMIZER)
    (folder / STATE).write_text(text)
    _publish(folder, final)
    _prune(directory, keep_last, newest=final)
    return final


def latest_checkpoint(directory: Path | str) -> Path | None:
    """The complete checkpoint with the highest step, or None when there is none."""
    folders = _checkpoints(Path(directory))
    return folders[-1] if folders else None


def load_checkpoint(
    path: Path | str, model: nn.Module, learner: Stateful | None = None
) -> CheckpointState:
    """Restore model, learner and torch's random state, bit for bit.

    Args:
        path: a folder that `save_checkpoint` returned.
        model: of the same architecture and dtypes; on any device.
        learner: None when only the weights are wanted; the random state is left alone then.

    Raises:
        CheckpointUnreadable: a file is missing, cut short, or of another schema.
        CheckpointMismatch: the tensors do not fit; neither model nor learner is changed then.
    """
    path = Path(path)
    record = _read_state(path / STATE)
    aliases: dict[str, str] = record["shared_tensors"]
    weights = _load_tensors(path / WEIGHTS)
    weights |= {alias: weights[name] for alias, name in aliases.items() if name in weights}
    target = model.state_dict()
    check_tensors_match(target, weights, what=f"{path.name} model")
    _check_ties(_without_duplicates(target)[1], aliases)
    if learner is not None:
        tensors = _load_tensors(path / OPTIMIZER)
        learner.load_state_dict({"step": record["learner_step"], "tensors": tensors})
        _restore_random_state(record["random_state"])
    model.load_state_dict(weights)
    return CheckpointState(
        step=record["step"], config=record["config"], extra_state=record["extra_state"]
    )


def check_tensors_match(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], *, what: str
) -> None:
    """Raise CheckpointMismatch unless both hold the same names, shapes and dtypes.

    The message counts and shows the first few of what is missing, unexpected and different.
    """
    both = [name for name in expected if name in found]
    problems = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "different": [
            f"{name}: {_describe(found[name])} in the checkpoint, {_describe(expected[name])} here"
            for name in both
            if _describe(found[name]) != _describe(expected[name])
        ],
    }
    parts = [
        f"{len(names)} {kind} ({'; '.join(names[:_SHOWN])}{'; ...' if len(names) > _SHOWN else ''})"
        for kind, names in problems.items()
        if names
    ]
    if parts:
        raise CheckpointMismatch(f"{what} tensors do not fit: {', '.join(parts)}")


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """Equal for two tensors exactly when they are the same numbers in the same memory."""
    memory = tensor.untyped_storage().data_ptr() if tensor.numel() else id(tensor)
    return memory, tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _without_duplicates(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Split a state dict into tensors that are stored, and alias -> stored name for tied ones."""
    first: dict[tuple[Any, ...], str] = {}
    aliases: dict[str, str] = {}
    for name, tensor in state.items():
        stored = first.setdefault(_place(tensor), name)
        if stored != name:
            aliases[name] = stored
    return {name: tensor for name, tensor in state.items() if name not in aliases}, aliases


def _check_ties(here: dict[str, str], saved: dict[str, str]) -> None:
    """Tied and untied parameters train differently, so neither stands in for the other."""
    if here != saved:
        raise CheckpointMismatch(
            f"tied tensors (alias: name): {saved} in the checkpoint, {here} here"
        )


def _save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    copies = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        # safetensors refuses views that overlap.
        whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        copies[name] = tensor if whole else tensor.clone()
    save_file(copies, path)


def _load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointUnreadable(f"{path}: missing or damaged ({error})") from error


def _to_json(record: dict[str, Any]) -> str:
    try:
        return json.dumps(record, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"config and extra_state must be JSON without NaN: {error}") from error


def _read_state(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointUnreadable(f"{path}: missing or damaged ({error})") from error
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CheckpointUnreadable(f"{path}: schema {version}, this code reads {SCHEMA_VERSION}")
    return record


def _random_state() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {"cpu": _to_hex(torch.get_rng_state()), "cuda": [_to_hex(state) for state in cuda]}


def _restore_random_state(record: dict[str, Any]) -> None:
    torch.set_rng_state(_from_hex(record["cpu"]))
    # A run may resume on a machine with another number of devices; each takes what there is for it.
    for device, text in enumerate(record["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(_from_hex(text), device)


def _to_hex(state: Tensor) -> str:
    return bytes(state.tolist()).hex()


def _from_hex(text: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)


def _publish(folder: Path, final: Path) -> None:
    """Flush the files of `folder` to disk and give it its final name."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    replaced = final.with_name(f".{final.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if final.exists():
        final.rename(replaced)
    folder.rename(final)
    shutil.rmtree(replaced, ignore_errors=True)


def _checkpoints(directory: Path) -> list[Path]:
    """Complete checkpoints, oldest step first."""
    found = [
        (int(match.group(1)), path)
        for path in (directory.iterdir() if directory.is_dir() else ())
        if (match := _FOLDER.fullmatch(path.name)) and (path / STATE).is_file()
    ]
    return [path for _, path in sorted(found)]


def _prune(directory: Path, keep_last: int | None, *, newest: Path) -> None:
    """Delete old checkpoints, but never the one just written."""
    if keep_last is None:
        return
    for path in _checkpoints(directory)[:-keep_last]:
        if path != newest:
            shutil.rmtree(path)
