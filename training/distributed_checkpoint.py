"""Checkpoints of a learner that is spread over ranks, in parts that any number of ranks can read.

    step-000002/
        __0_0.distcp ...        every rank's parts of model, optimizer and critic
        .metadata               which part is where; written by PyTorch, and pickled
        state.json              as in `training.checkpoint`

Whoever can write a pickled file can run code in the process that reads it. So such a checkpoint is
only ever read from the directory of the run that goes on, never from one that was downloaded or
handed over: weights travel as safetensors, which `export_pretrained` writes. All hosts must see the
directory.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as sharded
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from training.checkpoint import check_tensors_match
from training.checkpoint_folder import (
    CheckpointState,
    CheckpointUnreadable,
    NewCheckpoint,
    read_record,
    restore_random_state,
    state_of,
)
from training.learner import Learner
from training.optimizers import MOMENTS


def save_sharded(
    directory: Path | str,
    *,
    learner: Learner,
    config: dict[str, Any],
    step: int,
    extra_state: dict[str, Any] | None = None,
    keep_last: int | None = None,
) -> Path:
    """Write `directory/step-<step>/`, whole or not at all. Every rank must call this.

    Args:
        directory: made when missing; seen by all ranks.
        learner, config, step, extra_state, keep_last: as in `training.checkpoint.save_checkpoint`;
            the weights are those of the learner's own model.

    Returns:
        The folder.

    Raises:
        ValueError: `step` or `keep_last` out of range, or state that JSON cannot hold.
    """
    made = NewCheckpoint(
        directory,
        step=step,
        keep_last=keep_last,
        record={
            "config": config,
            "extra_state": extra_state or {},
            "learner_step": learner.step,
            "num_ranks": learner.ranks.num_ranks,
            "shared_tensors": {},
        },
    )
    if learner.ranks.is_first:
        made.clear()
    learner.ranks.wait()
    with _alone_or_not(learner) as alone:
        writer = sharded.FileSystemWriter(made.folder)
        sharded.save(_tensors(learner), storage_writer=writer, no_dist=alone)
    learner.ranks.wait()
    if learner.ranks.is_first:
        made.publish()
    learner.ranks.wait()
    return made.path


def load_sharded(path: Path | str, learner: Learner, *, run_path: Path | str) -> CheckpointState:
    """Restore the learner, its model and torch's random state on any number of ranks, whatever
    number wrote them. Every rank must call this.

    Args:
        path: a folder that `save_sharded` returned.
        learner: of the same model and settings, but for `config.sharding`.
        run_path: the directory of the run that goes on; `path` must lie in it.

    Raises:
        CheckpointUnreadable: a file is missing, cut short, of another schema or outside `run_path`.
        CheckpointMismatch: the tensors do not fit; nothing is changed then.
    """
    path = Path(path).resolve()
    if not path.is_relative_to(Path(run_path).resolve()):
        raise CheckpointUnreadable(
            f"{path} lies outside the run's own directory {run_path}; a sharded checkpoint can run "
            "code, so only a run's own is read: load exported safetensors instead"
        )
    record = read_record(path)
    tensors = _stored(path)
    own = _tensors(learner)
    learned = learner.learned_parameters()
    for name in tensors:
        moment, _, parameter = name.partition("/")
        if moment in MOMENTS and parameter in learned:
            like = learned[parameter].detach()
            own[name] = torch.zeros(()) if moment == "step" else torch.zeros_like(like)
    moments = [name for name in own if name.partition("/")[0] in MOMENTS]
    for name in moments:
        if name not in tensors:  # a step more than the checkpoint has been taken here
            del own[name]
    check_tensors_match(own, tensors, what=path.name)
    try:
        with _alone_or_not(learner) as alone:
            sharded.load(own, storage_reader=sharded.FileSystemReader(path), no_dist=alone)
    except (CheckpointException, OSError) as error:
        raise CheckpointUnreadable(f"{path}: missing or damaged ({error})") from error
    state = {name: tensor for name, tensor in own.items() if not name.startswith("model/")}
    learner.load_state_dict({"step": record["learner_step"], "tensors": state})
    restore_random_state(record)
    learner.serve_weights()
    return state_of(record)


def export_pretrained(learner: Learner, directory: Path | str) -> None:
    """Write the weights as they are, whole and with LoRA's changes added, as safetensors with a
    config.json that `from_pretrained` loads. Every rank must call this; the first one writes, and
    needs host memory for all weights.

    A head of the suite's own on top of the model is left out, since the library knows none.
    """
    weights = {}
    for name, weight in learner.weights():
        if learner.ranks.is_first and name.startswith(("model.", "lm_head.")):
            weights[name] = weight.cpu()
    if learner.ranks.is_first:
        model: Any = learner.model if learner.served is None else learner.served
        model.save_pretrained(directory, state_dict=weights, safe_serialization=True)
    learner.ranks.wait()


@contextmanager
def _alone_or_not(learner: Learner) -> Iterator[bool]:
    """Whether PyTorch is to take this process for the only one, without a warning that it is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield learner.config.sharding is None


def _tensors(learner: Learner) -> dict[str, Tensor]:
    """The learner's tensors, and those of its model, named "model/<name>"."""
    weights = {f"model/{name}": p.detach() for name, p in learner.model.named_parameters()}
    weights |= {
        f"model/{n}": b for n, b in learner.model.state_dict().items() if _is_new(n, learner)
    }
    return weights | learner.state_dict()["tensors"]


def _is_new(name: str, learner: Learner) -> bool:
    """Whether an entry of the model's state is no parameter."""
    return name in dict(learner.model.named_buffers())


def _stored(path: Path) -> dict[str, Tensor]:
    """Shapes and dtypes of what a checkpoint holds, as tensors without content."""
    try:
        metadata = sharded.FileSystemReader(path).read_metadata().state_dict_metadata
    except (OSError, EOFError, ValueError) as error:
        raise CheckpointUnreadable(f"{path}: missing or damaged ({error})") from error
    return {
        name: torch.empty(entry.size, dtype=entry.properties.dtype, device="meta")
        for name, entry in metadata.items()
        if isinstance(entry, TensorStorageMetadata)
    }
