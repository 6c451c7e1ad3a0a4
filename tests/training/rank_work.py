"""What processes of a sharded learner do in tests, and a way to have several of them do it."""

from __future__ import annotations

import atexit
import dataclasses
import importlib.util
import multiprocessing
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from policies.chat import ChatFormat
from policies.engines.scoring import score
from policies.interface import Observation, PolicyOutput, Sample
from policies.tiny import TinyConfig, make_tiny_model
from policies.tiny_tokenizer import make_tokenizer
from training.batching import ValueTargets
from training.critic import Critic, turn_starts
from training.critic_config import CriticConfig
from training.learner import Learner
from training.learner_config import LearnerConfig
from training.lora_config import LoraSettings
from training.losses import PolicyLossConfig
from training.process_group import leave_processes
from training.sharding_config import ShardingConfig

WORDS = ("red", "green", "blue", "what", "colour", "is", "it")
SIZE = TinyConfig(
    hidden_size=64,
    num_layers=2,
    num_heads=2,
    num_key_value_heads=1,
    intermediate_size=96,
    vision_hidden_size=24,
    vision_num_heads=2,
    vision_intermediate_size=48,
    image_size=56,
    initializer_range=0.2,
)


def make_chat() -> ChatFormat:
    return ChatFormat(make_tokenizer([" ".join(WORDS)], vocab_size=320), system_prompt=None)


def make_samples(
    chat: ChatFormat, num_pictures: Sequence[int] = (1, 0, 2, 0, 0), *, size: int = 28
) -> list[Sample]:
    """Episodes of two turns with so many pictures each, in two sizes, and of several lengths."""
    rng = np.random.default_rng(4)
    samples = []
    for index, count in enumerate(num_pictures):
        pictures = tuple(
            rng.integers(0, 256, (size * (1 + i), 2 * size, 3), dtype=np.uint8)
            for i in range(count)
        )
        first = Observation(text=" ".join(rng.choice(WORDS, 3 + 4 * index)), images=pictures)
        second = Observation(text="what now")
        replies = [PolicyOutput(text=" ".join(rng.choice(WORDS, 2 + index))) for _ in range(2)]
        sample = chat.transcript([first, second], replies).sample()
        rollout = np.where(sample.loss_mask, rng.normal(-3, 0.3, len(sample.input_ids)), 0)
        samples.append(dataclasses.replace(sample, rollout_logprobs=rollout.astype(np.float32)))
    return samples


def make_advantages(samples: Sequence[Sample]) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.normal(size=len(sample.input_ids)) for sample in samples]


def make_values(samples: Sequence[Sample]) -> list[ValueTargets]:
    """Something for a critic to learn at the start of every turn."""
    return [
        ValueTargets(
            old_values=np.zeros(len(s.input_ids)),
            returns=np.full(len(s.input_ids), 2.0 + index),
            mask=turn_starts(s.turn_index),
        )
        for index, s in enumerate(samples)
    ]


def make_learner(chat: ChatFormat, *, model: Any = None, seed: int = 0, **settings: Any) -> Learner:
    if model is None:
        model = make_tiny_model(dataclasses.replace(SIZE, seed=seed), chat.tokenizer)
    config = LearnerConfig(**{"learning_rate": 1e-3, "max_grad_norm": 1e9, **settings})
    critic = None if config.critic is None else Critic(SIZE.hidden_size, config.critic)
    return Learner(model, collate=chat.collate, score=score, config=config, critic=critic)


def gradients_of(learner: Learner) -> dict[str, torch.Tensor]:
    """The gradient of a learner's only step: AdamW's first moment is a tenth of it after one."""
    tensors = learner.state_dict()["tensors"].items()
    found = {n.removeprefix("exp_avg/"): t for n, t in tensors if n.startswith("exp_avg/")}
    return {name: learner.ranks.whole(tensor).clone() / 0.1 for name, tensor in found.items()}


def improve(learner: Learner, samples: list[Sample], **more: Any) -> dict[str, float]:
    """A step of reinforcement on all samples, or on this rank's where it is handed its share."""
    advantages = make_advantages(samples)
    sharding = learner.config.sharding
    if sharding is not None and sharding.batches == "share":
        mine = slice(learner.ranks.group.rank, None, learner.ranks.num_ranks)
        samples, advantages = samples[mine], advantages[mine]
    return learner.improve(samples, advantages, **more)


Job = Callable[[int, int, Path], dict[str, Any] | None]
"""(rank, number of ranks, folder) -> what the first rank has to say, as JSON or tensors."""


def run_ranks(job: Job, num_ranks: int, folder: Path, *, seconds: float = 300.0) -> dict[str, Any]:
    """Run a job in so many processes.

    Returns:
        What the first rank's job returned.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [__name__, "training.sharding", "training.distributed_checkpoint"]
    )
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [
        context.Process(target=_work, args=(job, rank, num_ranks, port, folder))
        for rank in range(num_ranks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(seconds)
    codes = [process.exitcode for process in processes]
    for process in processes:
        if process.is_alive():
            process.kill()
    errors = [path.read_text() for path in sorted(folder.glob("error-*"))]
    assert codes == [0] * num_ranks, (codes, errors)
    return torch.load(folder / "result.pt", weights_only=True)


def _work(job: Job, rank: int, num_ranks: int, port: int, folder: Path) -> None:
    os.environ.update(
        RANK=str(rank),
        WORLD_SIZE=str(num_ranks),
        LOCAL_RANK=str(rank),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    try:
        result = job(rank, num_ranks, folder)
        if rank == 0:
            torch.save(result, folder / "result.pt")
        leave_processes()
    except BaseException as error:
        import traceback

        (folder / f"error-{rank}").write_text("".join(traceback.format_exception(error)))
        raise


CASES: dict[str, dict[str, Any]] = {
    "padded": {"micro_batch_size": 2},
    "packed": {
        "packing": True,
        "micro_batch_size": 1,
        "activation_checkpointing": True,
        "reshard_after_forward": False,
    },
    "shares": {"batches": "share", "micro_batch_tokens": 60},
    "copies": {"shard_size": 2},
    "bfloat16": {"compute_dtype": "bfloat16"},
}
"""Ways to compute the same gradient on several ranks: settings of learner and sharding."""
KL = PolicyLossConfig(kl_weight=0.1, aggregation="sequence", importance_cap=2.0)


def gradients_by_case(rank: int, num_ranks: int, folder: Path) -> dict[str, Any]:
    """Gradients and metrics of every case on so many ranks."""
    chat = make_chat()
    samples = make_samples(chat)
    found: dict[str, Any] = {}
    for name, settings in CASES.items():
        if settings.get("shard_size", 1) > num_ranks:
            continue
        learner = make_learner(chat, **split_settings(settings))
        refs = [np.where(s.loss_mask, -3.0, 0.0) for s in samples]
        if settings.get("batches") == "share":
            refs = refs[rank::num_ranks]
        metrics = improve(learner, samples, loss=KL, ref_logprobs=refs)
        found[name] = {"metrics": metrics, "gradients": gradients_of(learner)}
    return found


def split_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a learner whose sharding takes those that are its own."""
    names = {field.name for field in dataclasses.fields(ShardingConfig)}
    own = {name: value for name, value in settings.items() if name in names}
    rest = {name: value for name, value in settings.items() if name not in names}
    return {**rest, "sharding": ShardingConfig(**{"compute_dtype": "float32", **own})}


RESHARD = {"micro_batch_size": 2, "learning_rate": 1e-2, "critic": CriticConfig()}
"""The run that is saved on two ranks and goes on elsewhere."""


def everything(rank: int, num_ranks: int, folder: Path) -> dict[str, Any]:
    """All that the tests ask of so many ranks, in one start of the processes."""
    found = {"cases": gradients_by_case(rank, num_ranks, folder)}
    found["resumed"] = save_and_go_on(folder) if num_ranks == 2 else go_on(folder)
    found["adapted"] = adapted_and_reference() if num_ranks == 2 else {}
    return found


def adapted_and_reference() -> dict[str, Any]:
    """Gradients of adapters, and what the reference says before and after a step."""
    chat = make_chat()
    samples = make_samples(chat)
    plain = make_learner(chat, **split_settings({"learning_rate": 1e-2}))
    reference = plain.make_reference()
    before = [plain.rescore(samples), reference.rescore(samples)]
    improve(plain, samples)
    after = [plain.rescore(samples), reference.rescore(samples)]
    gradients = {}
    if importlib.util.find_spec("peft") is not None:
        adapted = make_learner(chat, **split_settings({"lora": LoraSettings(rank=2)}))
        improve(adapted, samples)
        gradients = gradients_of(adapted)
    return {
        "gradients": gradients,
        "before": [torch.from_numpy(np.concatenate(rows)) for rows in before],
        "after": [torch.from_numpy(np.concatenate(rows)) for rows in after],
    }


def save_and_go_on(folder: Path) -> dict[str, torch.Tensor]:
    """A step, a checkpoint, an export, and another step."""
    from training.distributed_checkpoint import export_pretrained, save_sharded

    chat = make_chat()
    samples = make_samples(chat)
    learner = make_learner(chat, **split_settings(RESHARD))
    improve(learner, samples, values=make_values(samples))
    save_sharded(folder.parent / "run", learner=learner, config={"a": 1}, step=1)
    export_pretrained(learner, folder.parent / "exported")
    torch.save(learner.served.state_dict(), folder / f"served-{rank_of(learner)}.pt")
    return last_step(learner, samples)


def go_on(folder: Path) -> dict[str, torch.Tensor]:
    """The other step, from the checkpoint, by a learner that began elsewhere."""
    from training.distributed_checkpoint import load_sharded

    chat = make_chat()
    learner = make_learner(chat, seed=9, **split_settings(RESHARD))
    run = folder.parent / "run"
    state = load_sharded(run / "step-000001", learner, run_path=run)
    assert (state.step, state.config, learner.step) == (1, {"a": 1}, 1)
    return last_step(learner, make_samples(chat))


def last_step(learner: Learner, samples: list[Sample]) -> dict[str, torch.Tensor]:
    """The weights after another step, and its metrics."""
    metrics = improve(learner, samples, values=make_values(samples))
    weights = {name: weight.clone() for name, weight in learner.weights()}
    numbers = {f"metric/{name}": torch.tensor(value) for name, value in metrics.items()}
    return weights | numbers


def rank_of(learner: Learner) -> int:
    return learner.ranks.group.rank


@cache
def results(num_ranks: int) -> dict[str, Any]:
    """What `everything` found on so many ranks, computed once; 1 and 4 go on where 2 stopped."""
    if num_ranks != 2:
        results(2)
    return run_ranks(everything, num_ranks, shared_folder() / str(num_ranks))


@cache
def shared_folder() -> Path:
    """Where all of `results` is written; removed when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="ranks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
