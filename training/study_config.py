"""What a study compares, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.grpo import GrpoConfig
from training.rewards.compose import RewardConfig
from training.senses import check_senses


@dataclass(kw_only=True)
class ArmConfig:
    """One arm of a study: the experiment, but for what is named here.

    Attributes:
        senses: what the policy sees while it is trained and evaluated, of `training.senses.SENSES`.
        reward: what reinforcement rewards; null for the experiment's own reward.
        algorithm: how it learns; null for the experiment's own algorithm.
        continue_imitation: whether the cold start is also trained on by imitation, for as long as
            this arm's reinforcement took.
    """

    senses: str = "all"
    reward: RewardConfig | None = None
    algorithm: GrpoConfig | None = None
    continue_imitation: bool = False

    def check(self, name: str) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_senses(self.senses, f"{name}.senses")
        for part in (self.reward, self.algorithm):
            if part is not None:
                part.check()


@dataclass(kw_only=True)
class StudyConfig:
    """Arms to compare on the same held-out worlds.

    Attributes:
        arms: name -> arm. Empty for no study.
        main: name of the arm that all others are compared with.
        seeds: of the training runs; each arm is trained once from each, at least one.
        cross: whether to play every pair of one policy that chooses the actions and another that
            gives the answers.
        other_senses: with what senses the main arm's policies are evaluated, beside its own,
            without having been trained so.
    """

    arms: dict[str, ArmConfig] = field(default_factory=dict)
    main: str = "grpo"
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    cross: bool = True
    other_senses: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(
                f"study.seeds is {self.seeds}; legal: at least one, each once, 0 or more"
            )
        if self.arms and self.main not in self.arms:
            raise ValueError(f"study.main is {self.main!r}; legal: {', '.join(self.arms)}")
        for senses in self.other_senses:
            check_senses(senses, "study.other_senses")
        for name, arm in self.arms.items():
            if not name.isidentifier():
                raise ValueError(f"study.arms has {name!r}; legal: letters, digits and underscores")
            arm.check(f"study.arms.{name}")
