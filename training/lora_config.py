"""Settings of low-rank adaptation."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.losses import check_range


@dataclass(kw_only=True)
class LoraSettings:
    """Low-rank adaptation (LoRA, arXiv:2106.09685): a matrix W is used as W + alpha / rank * B A,
    and only A and B learn.

    Attributes:
        rank: rows of A and columns of B, >= 1.
        alpha: scale, above 0.
        seed: decides A; B begins at 0.
        targets: names of the linear layers of the language model that are adapted.
    """

    rank: int = 16
    alpha: float = 32.0
    seed: int = 0
    targets: list[str] = field(
        default_factory=lambda: [
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
        ]
    )

    def check(self, prefix: str = "") -> None:
        """Raise ValueError naming the first setting that is out of range, `prefix` before it."""
        check_range(f"{prefix}rank", self.rank, low=1)
        check_range(f"{prefix}alpha", self.alpha, low=1e-12)
        check_range(f"{prefix}seed", self.seed, low=0)
        if not self.targets:
            raise ValueError(f"{prefix}targets = [] is not legal; name at least one linear layer")
