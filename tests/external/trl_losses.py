"""What TRL's GRPOTrainer makes of given tensors. Needs TRL.

    python -m tests.external.trl_losses

writes its losses and gradients into tests/training/trl_losses.json, against which ours are tested
where there is no TRL.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from trl import GRPOTrainer
from trl import __version__ as trl_version

from tests.training.trl_cases import FROZEN, TRL, make_tensors

DEFAULTS: dict[str, Any] = {
    "loss_type": "grpo",
    "importance_sampling_level": "token",
    "beta": 0.0,
    "use_bias_correction_kl": False,
    "epsilon_low": 0.2,
    "epsilon_high": 0.2,
    "delta": None,
    "max_completion_length": 9,
    "importance_cap": None,
    "num_micro_batches": 1,
    "advantages": "advantages",
}


def trl_loss(tensors: dict[str, Any], settings: dict[str, Any]) -> tuple[float, torch.Tensor]:
    """Loss of one optimizer step, summed over its micro-batches as TRL accumulates them, and its
    gradient with respect to the trainer's log-probabilities.

    Args:
        tensors: from `make_tensors`.
        settings: of `DEFAULTS`, those that differ.
    """
    settings = {**DEFAULTS, **settings}
    whole = {n: torch.tensor(v, dtype=torch.float64) for n, v in tensors.items()}
    logprobs = whole["trainer_logprobs"].requires_grad_()
    total = 0.0
    for rows in torch.arange(len(logprobs)).chunk(settings["num_micro_batches"]):
        trainer = _stand_in(settings, logprobs[rows])
        batch = {name: tensor[rows] for name, tensor in whole.items()}
        inputs = _inputs(batch, settings, num_items=whole["loss_mask"].sum())
        loss = GRPOTrainer._compute_loss(trainer, trainer.model, inputs)
        loss.backward()
        total += loss.item()
    assert logprobs.grad is not None
    return total, logprobs.grad


def _inputs(
    batch: dict[str, torch.Tensor], settings: dict[str, Any], *, num_items: torch.Tensor
) -> dict[str, Any]:
    """A batch as TRL's own collection hands it to the loss."""
    mask = batch["loss_mask"].long()
    inputs: dict[str, Any] = {
        "prompt_ids": torch.zeros(len(mask), 1, dtype=torch.long),
        "prompt_mask": torch.ones(len(mask), 1, dtype=torch.long),
        "completion_ids": torch.zeros_like(mask),
        "completion_mask": mask,
        "advantages": batch[settings["advantages"]],
        "old_per_token_logps": batch["old_logprobs"],
        "ref_per_token_logps": batch["ref_logprobs"],
        "num_items_in_batch": num_items,
    }
    if settings["importance_cap"] is not None:
        difference = (batch["old_logprobs"] - batch["rollout_logprobs"]) * mask
        inputs["importance_sampling_ratio"] = difference.exp().clamp(max=settings["importance_cap"])
    return inputs


def _stand_in(settings: dict[str, Any], logprobs: torch.Tensor) -> Any:
    """What `_compute_loss` reads of a trainer, with given log-probabilities for a model's."""
    own = ("loss_type", "importance_sampling_level", "beta", "epsilon_low", "epsilon_high")
    args = SimpleNamespace(
        use_bias_correction_kl=settings["use_bias_correction_kl"],
        delta=settings["delta"],
        steps_per_generation=settings["num_micro_batches"],
        sapo_temperature_pos=1.0,
        sapo_temperature_neg=1.05,
        vespo_k_pos=2.0,
        vespo_lambda_pos=3.0,
        vespo_k_neg=3.0,
        vespo_lambda_neg=2.0,
    )
    accelerator = SimpleNamespace(
        num_processes=1,
        sync_gradients=True,
        gather=lambda value: value,
        reduce=lambda value, reduction: value,
    )
    scores = (logprobs, torch.zeros_like(logprobs), None)
    return SimpleNamespace(
        **{name: settings[name] for name in own},
        max_completion_length=settings["max_completion_length"],
        args=args,
        accelerator=accelerator,
        model=SimpleNamespace(training=True),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=settings["importance_cap"] is not None,
        vllm_importance_sampling_correction=True,
        current_gradient_accumulation_steps=settings["num_micro_batches"],
        get_gamma_weights=GRPOTrainer.get_gamma_weights,
        _entropy_bonus_enabled=False,
        _metrics={"train": defaultdict(list)},
        _get_per_token_logps_and_entropies=lambda *args, **kwargs: scores,
    )


def main() -> None:
    """Write the file of frozen values."""
    tensors = make_tensors()
    mask = torch.tensor(tensors["loss_mask"]).bool()
    results = {}
    for name, settings in TRL.items():
        loss, gradient = trl_loss(tensors, settings)
        assert not gradient[~mask].any()
        rounded = [round(number, 12) for number in gradient[mask].tolist()]
        results[name] = {"loss": round(loss, 12), "gradient": rounded}
    origin = (
        f"TRL {trl_version} on PyTorch {torch.__version__}, float64: GRPOTrainer._compute_loss, "
        "written by python -m tests.external.trl_losses; gradients under the mask, in row order"
    )
    record = {"origin": origin, "tensors": tensors, "results": results}
    lines = json.dumps(record, indent=1)
    FROZEN.write_text(_on_one_line(lines) + "\n", encoding="utf-8")


def _on_one_line(text: str) -> str:
    """Rows of numbers, each on a line of its own."""
    return re.sub(r"\[\s+([-\d.e,\s]+?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)


if __name__ == "__main__":
    main()
