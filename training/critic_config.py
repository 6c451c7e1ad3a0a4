"""Settings of the critic."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.losses.config import ValueLossConfig
from training.losses.reductions import check_range


@dataclass(kw_only=True)
class CriticConfig:
    """PPO's critic, and how advantages follow from it.

    Attributes:
        discount: of what is earned a turn later, in [0, 1].
        decay: lambda of generalized advantage estimation, in [0, 1]: 0 trusts the critic, 1 only
            what was earned.
        whiten: shift and scale the advantages of a batch to mean 0 and deviation 1.
        train_model: let the critic's loss train the model as well, not the critic's own layer only.
        learning_rate_factor: the critic's own layer learns this many times as fast as the model,
            above 0.
        loss: of the values.
    """

    discount: float = 1.0
    decay: float = 0.95
    whiten: bool = True
    train_model: bool = True
    learning_rate_factor: float = 3.0
    loss: ValueLossConfig = field(default_factory=ValueLossConfig)

    def check(self, prefix: str = "") -> None:
        """Raise ValueError naming the first setting that is out of range, `prefix` before it."""
        check_range(f"{prefix}discount", self.discount, low=0.0, high=1.0)
        check_range(f"{prefix}decay", self.decay, low=0.0, high=1.0)
        check_range(f"{prefix}learning_rate_factor", self.learning_rate_factor, low=1e-12)
        self.loss.check(f"{prefix}loss.")
