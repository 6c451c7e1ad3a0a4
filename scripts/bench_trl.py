"""TRL's GRPOTrainer for `scripts/bench.py training`, in an interpreter of its own.

Needs TRL and what it brings along, nothing of ours. The first line that it writes names versions;
then it does what each line of its standard input asks for, and answers with a line of JSON:

    check PATH OLD      a step as if all tokens had been sampled with a log-probability of OLD,
                        so that ratios differ from 1; its tokens, rewards and gradient are written
                        to PATH, a safetensors file, and its loss is answered
    time SIZE STEPS     so many steps in micro-batches of SIZE episodes, after one that is not
                        counted; wall seconds of each: whole step, generation, rewards

    python scripts/bench_trl.py DIRECTORY

The directory holds a model with its tokenizer, and `job.json`, an object of `Job`'s fields.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

JOB_FILE = "job.json"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What both trainers do in a step.

    Attributes:
        prompts: texts, as many groups' worth as there are different steps; they recur in turn.
        num_groups: prompts per step.
        group_size: episodes per prompt.
        prompt_words: words of a prompt, each a token; the chat format adds 9 tokens.
        new_tokens: length of every reply in tokens.
        low_ids: token ids below this are rewarded.
        learning_rate: of AdamW, constant.
        num_threads: of PyTorch's operations.
    """

    prompts: list[str] = field(default_factory=list)
    num_groups: int = 8
    group_size: int = 8
    prompt_words: int = 55
    new_tokens: int = 64
    low_ids: int = 200
    learning_rate: float = 1e-5
    num_threads: int = 2

    @property
    def num_episodes(self) -> int:
        """Episodes per step."""
        return self.num_groups * self.group_size


def low_share(token_ids: Sequence[int], low_ids: int) -> float:
    """The reward of a reply: the share of its tokens whose id is below `low_ids`."""
    return sum(int(token) < low_ids for token in token_ids) / len(token_ids)


class StepsDoneError(Exception):
    """Enough steps were timed; the trainer need not go on."""


def make_trainer(directory: Path, job: Job, micro_batch_size: int, num_steps: int) -> Any:
    """A GRPOTrainer that starts from the model in the directory and takes its own times.

    Precision, threads, loss and optimizer are ours: float32, no recomputation of activations, no
    reference model, DAPO's loss, AdamW at a constant rate. Nothing is logged or saved.

    Args:
        directory: of the model.
        job: what a step is.
        micro_batch_size: episodes per forward and backward pass.
        num_steps: optimizer steps that are counted; one goes before them.
    """
    trl = importlib.import_module("trl")
    datasets = importlib.import_module("datasets")

    def reward(completion_ids: list[list[int]], **_: Any) -> list[float]:
        return trainer.clock.note_rewards(completion_ids, job.low_ids)

    args = trl.GRPOConfig(
        output_dir=str(directory / "out"),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        model_init_kwargs={"dtype": "float32"},
        report_to="none",
        logging_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        shuffle_dataset=False,
        learning_rate=job.learning_rate,
        lr_scheduler_type="constant",
        max_steps=num_steps + 2,  # the last only begins, which ends the one before
        per_device_train_batch_size=micro_batch_size,
        gradient_accumulation_steps=job.num_episodes // micro_batch_size,
        num_generations=job.group_size,
        max_completion_length=job.new_tokens,
        generation_kwargs={"min_new_tokens": job.new_tokens},
        temperature=1.0,
        beta=0.0,
        loss_type="dapo",
    )
    trainer = make_timed_class(trl.GRPOTrainer)(
        model=str(directory),
        reward_funcs=reward,
        args=args,
        train_dataset=datasets.Dataset.from_dict({"prompt": job.prompts}),
    )
    trainer.clock = Clock(num_steps)
    return trainer


class Clock:
    """When the steps of a training begin, and how long their parts take.

    Args:
        num_steps: that are counted, after a first one that is not.

    Attributes:
        steps: per step: wall seconds of the whole, of generation, and of the rewards and all else
            between generation and the first forward pass.
        completions, rewards: of the latest step, in the order of its prompts.
    """

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps
        self._begun: float | None = None
        self._generation = self._collection = 0.0
        self.steps: list[dict[str, float]] = []
        self.completions: list[list[int]] = []
        self.rewards: list[float] = []

    def begin_step(self) -> None:
        """A step begins, and so the one before is over.

        Raises:
            StepsDoneError: all have been counted.
        """
        now = time.perf_counter()
        if self._begun is not None:
            scoring = self._collection - self._generation
            whole = now - self._begun
            self.steps.append({"step": whole, "generation": self._generation, "scoring": scoring})
        if len(self.steps) > self._num_steps:
            raise StepsDoneError
        self._begun = now

    def note_generation(self, seconds: float) -> None:
        """Replies were sampled."""
        self._generation = seconds

    def note_collection(self, seconds: float) -> None:
        """Replies were sampled, rewarded and compared with their groups."""
        self._collection = seconds

    def note_rewards(self, completion_ids: list[list[int]], low_ids: int) -> list[float]:
        """The rewards of replies, which are kept."""
        self.completions = completion_ids
        self.rewards = [low_share(ids, low_ids) for ids in completion_ids]
        return self.rewards


def make_timed_class(trainer_class: Any) -> Any:
    """A GRPOTrainer that tells its `clock` what it is at. Generation comes first in every step."""

    class TimedTrainer(trainer_class):
        clock: Clock

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            self.clock.begin_step()
            start = time.perf_counter()
            outputs = super()._generate_and_score_completions(inputs)
            self.clock.note_collection(time.perf_counter() - start)
            return outputs

        def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            outputs = super()._generate_single_turn(*args, **kwargs)
            self.clock.note_generation(time.perf_counter() - start)
            return outputs

    return TimedTrainer


def time_steps(directory: Path, job: Job, micro_batch_size: int, num_steps: int) -> dict[str, Any]:
    """Times of some steps after the first, by their part [s]."""
    trainer = make_trainer(directory, job, micro_batch_size, num_steps)
    with suppress(StepsDoneError):
        trainer.train()
    return {"steps": trainer.clock.steps[1:]}


def check_step(directory: Path, job: Job, path: Path, old_logprob: float) -> dict[str, Any]:
    """Take one step's gradient, in micro-batches of a group's size, and write it down.

    Returns:
        The step's loss. The file has `prompts` (B, P) and `completions` (B, T), int64, `rewards`
        (B,) in the same order, and a `gradient/<parameter>` for each, not yet clipped.
    """
    torch = importlib.import_module("torch")
    trainer = make_trainer(directory, job, job.group_size, 1)
    losses: list[float] = []
    compute, train = trainer._compute_loss, trainer.training_step

    def compute_loss(model: Any, inputs: dict[str, Any]) -> Any:
        shape = inputs["completion_mask"].shape
        loss = compute(model, {**inputs, "old_per_token_logps": torch.full(shape, old_logprob)})
        losses.append(float(loss.detach()))
        return loss

    def training_step(*args: Any) -> Any:
        result = train(*args)
        if len(losses) == job.num_groups:
            raise StepsDoneError
        return result

    trainer._compute_loss, trainer.training_step = compute_loss, training_step
    with suppress(StepsDoneError):
        trainer.train()
    prompts = [p for p in job.prompts[: job.num_groups] for _ in range(job.group_size)]
    parameters = trainer.model.named_parameters()
    tensors = {
        "prompts": torch.tensor(trainer.processing_class(text=prompts)["input_ids"]),
        "completions": torch.tensor(trainer.clock.completions),
        "rewards": torch.tensor(trainer.clock.rewards),
        **{f"gradient/{name}": parameter.grad for name, parameter in parameters},
    }
    importlib.import_module("safetensors.torch").save_file(tensors, path)
    return {"loss": sum(losses)}


def serve(directory: Path, answers: TextIO) -> None:
    """Do what standard input asks for, until that ends.

    Args:
        directory: see the head of this module.
        answers: where the lines of JSON go.
    """
    job = Job(**json.loads((directory / JOB_FILE).read_text(encoding="utf-8")))
    importlib.import_module("torch").set_num_threads(job.num_threads)

    def answer(what: dict[str, Any]) -> None:
        print(json.dumps(what), file=answers, flush=True)

    answer({name: importlib.metadata.version(name) for name in ("trl", "torch")})
    for line in sys.stdin:
        order, *words = line.split()
        if order == "check":
            answer(check_step(directory, job, Path(words[0]), float(words[1])))
        else:
            answer(time_steps(directory, job, int(words[0]), int(words[1])))


def main(arguments: list[str]) -> None:
    """Serve; all that a package prints by itself goes to standard error."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        serve(Path(arguments[0]), answers)


if __name__ == "__main__":
    main(sys.argv[1:])
