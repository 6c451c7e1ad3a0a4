"""Schema of the script that compares two runs on the same questions."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from configs.schemas import RunConfig
from training.checks import check_at_least


@dataclass(kw_only=True)
class CompareScript:
    """A paired comparison of two evaluations.

    Attributes:
        first, second: the directories of two evaluations on the same set, each with a
            predictions.jsonl, or such files themselves.
        metric: which score is compared, such as accuracy_strict or accuracy_lenient.
        by_video: whether films, not questions, are drawn: questions about the same film are not
            independent.
        num_resamples: of the bootstrap, at least 100.
        confidence: of the interval, between 0 and 1.
        seed: decides the resamples, 0 or more.
        run: where the results go.
    """

    first: str = MISSING
    second: str = MISSING
    metric: str = "accuracy_strict"
    by_video: bool = True
    num_resamples: int = 10_000
    confidence: float = 0.95
    seed: int = 0
    run: RunConfig = field(default_factory=RunConfig)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_resamples=100, seed=0)
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; legal: between 0 and 1")
        self.run.check()
