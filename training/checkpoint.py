"""Checkpoints: weights, optimizer and run state in one folder per step, without pickle.

    step-000002/
        weights.safetensors     the model; tensors shared under several names are stored once
        optimizer.safetensors   the learner's tensors, named "<moment>/<parameter>"
        state.json              step, configuration, random state, names of the shared tensors

A folder appears under its final name only when it is complete. One process writes to a directory at
a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.checkpoint_folder import (
    CheckpointState,
    CheckpointUnreadable,
    NewCheckpoint,
    read_record,
    restore_random_state,
    state_of,
)

WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"
_SHOWN = 4


class CheckpointMismatch(ValueError):  # noqa: N818
    """A checkpoint holds other tensors than the model or optimizer it is loaded into."""


class Stateful(Protocol):
    """What is saved beside the model, such as `training.learner.Learner`."""

    def state_dict(self) -> dict[str, Any]:
        """`step` (int) and `tensors` (name -> Tensor)."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""


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
    weights, aliases = _without_duplicates(model.state_dict())
    learner_state = learner.state_dict()
    made = NewCheckpoint(
        directory,
        step=step,
        keep_last=keep_last,
        record={
            "config": config,
            "extra_state": extra_state or {},
            "learner_step": learner_state["step"],
            "shared_tensors": aliases,
        },
    )
    made.clear()
    _save_tensors(weights, made.folder / WEIGHTS)
    _save_tensors(learner_state["tensors"], made.folder / OPTIMIZER)
    return made.publish()


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
    record = read_record(path)
    aliases: dict[str, str] = record["shared_tensors"]
    weights = _load_tensors(path / WEIGHTS)
    weights |= {alias: weights[name] for alias, name in aliases.items() if name in weights}
    target = model.state_dict()
    check_tensors_match(target, weights, what=f"{path.name} model")
    _check_ties(_without_duplicates(target)[1], aliases)
    if learner is not None:
        tensors = _load_tensors(path / OPTIMIZER)
        learner.load_state_dict({"step": record["learner_step"], "tensors": tensors})
        restore_random_state(record)
    model.load_state_dict(weights)
    return state_of(record)


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
