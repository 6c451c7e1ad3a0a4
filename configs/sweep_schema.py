"""Schema of `sweep.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from configs.schemas import RunConfig
from policies.config import PolicyConfig
from sims.config import EnvConfig
from training.checks import check_at_least
from training.evaluation import EvaluationConfig

MAX_CURVES = 5


@dataclass(kw_only=True)
class SweepScript:
    """One policy, measured at several values of some settings of its environment.

    Attributes:
        env: the environment.
        policy: who is measured.
        settings: what is set, each entry a curve of its own, 1 to 5: the name of a setting of
            env.config (noise.miss), or several with + between that all take the value.
        values: what they are set to, at least 2, each once.
        evaluation: on which held-out worlds, the same at every value, and how many.
        chance: accuracy of guessing, drawn into the chart; null for none.
        num_envs: episodes in flight at once, at least 1.
        seed: decides the policy's sampling noise, 0 or more.
        run: where the results go.
    """

    env: EnvConfig = MISSING
    policy: PolicyConfig = MISSING
    settings: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    chance: float | None = None
    num_envs: int = 16
    seed: int = 0
    run: RunConfig = field(default_factory=RunConfig)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_envs=1, seed=0)
        curves = [name.strip() for name in self.settings]
        if not 1 <= len(curves) <= MAX_CURVES or len(set(curves)) < len(curves):
            raise ValueError(f"settings is {curves}; legal: 1 to {MAX_CURVES}, each once")
        if not all(part.strip() for name in curves for part in name.split("+")):
            raise ValueError(f"settings is {curves}; legal: names, with + between")
        labels = [str(value) for value in self.values]
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise ValueError(f"values is {self.values}; legal: at least 2, each once")
        if self.chance is not None and not 0 <= self.chance <= 1:
            raise ValueError(f"chance is {self.chance}; legal: 0 to 1, or null")
        for part in (self.env, self.policy, self.evaluation, self.run):
            part.check()
