"""Schema of the script that shows how far rewards set right predictions apart from wrong ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from configs.schemas import RunConfig
from training.checks import check_at_least
from training.rewards.compose import RewardConfig


@dataclass(kw_only=True)
class RewardSpreadScript:
    """What boxes and paths that err in known ways earn under two rewards.

    Attributes:
        published: the one reward.
        sharpened: the other.
        num_truths: how many right boxes and paths are drawn, at least 2.
        seed: draws them, 0 or more.
        run: where the results go.
    """

    published: RewardConfig = MISSING
    sharpened: RewardConfig = MISSING
    num_truths: int = 200
    seed: int = 0
    run: RunConfig = field(default_factory=RunConfig)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_truths=2, seed=0)
        for part in (self.published, self.sharpened, self.run):
            part.check()
