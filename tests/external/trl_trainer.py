"""Trainings by TRL's GRPOTrainer on a tiny model, with all that its losses saw. Needs TRL."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from trl import GRPOConfig, GRPOTrainer

PROMPTS = ("w1 w2 w3", "w4 w5 w6 w7")


@dataclass
class Record:
    """What happened in a training.

    Attributes:
        rewards: per generation, of all episodes, group by group.
        batches: per micro-batch, what its loss was made of, `loss`, and `gradient` with respect to
            the log-probabilities.
    """

    rewards: list[list[float]] = field(default_factory=list)
    batches: list[dict[str, torch.Tensor]] = field(default_factory=list)


class RecordingTrainer(GRPOTrainer):
    """Keeps what went into every loss and what came out."""

    record: Record
    latest: torch.Tensor

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        result = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self.latest = result[0]
        return result

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss = super()._compute_loss(model, inputs)
        (gradient,) = torch.autograd.grad(loss, self.latest, retain_graph=True)
        now, old = self.latest.detach(), inputs["old_per_token_logps"]
        batch = {
            "loss": loss.detach(),
            "gradient": gradient,
            "trainer_logprobs": now,
            "old_logprobs": now if old is None else old,
            "ref_logprobs": inputs["ref_per_token_logps"],
            "advantages": inputs["advantages"],
            "loss_mask": inputs["completion_mask"].bool(),
        }
        self.record.batches.append({name: tensor.clone() for name, tensor in batch.items()})
        return loss


def train_and_record(folder: Path, **settings: Any) -> Record:
    """Train, in `folder`, with settings of GRPOConfig; words with low numbers earn more."""
    torch.manual_seed(0)
    tokenizer = _make_tokenizer()
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        eos_token_id=1,
        pad_token_id=0,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    record = Record()

    def low_words(completion_ids: list[list[int]], **rest: Any) -> list[float]:
        record.rewards.append([sum(i < 30 for i in ids) / len(ids) for ids in completion_ids])
        return record.rewards[-1]

    args = GRPOConfig(output_dir=str(folder), use_cpu=True, report_to="none", **settings)
    trainer = RecordingTrainer(
        model=str(folder),
        reward_funcs=low_words,
        args=args,
        train_dataset=Dataset.from_dict({"prompt": list(PROMPTS)}),
        processing_class=tokenizer,
    )
    trainer.record = record
    trainer.train()
    return record


def _make_tokenizer() -> PreTrainedTokenizerFast:
    words = ["<pad>", "<eos>", "<unk>", *(f"w{i}" for i in range(60))]
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )
