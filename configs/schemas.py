"""Schemas of the scripts that need no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from policies.config import PolicyConfig
from sims.config import BenchmarkConfig, EnvConfig
from training.checks import check_at_least
from training.evaluation import EvaluationConfig
from training.rewards.compose import RewardConfig
from training.rollout_config import RolloutConfig


@dataclass(kw_only=True)
class RunConfig:
    """Where a run writes.

    Attributes:
        name: name of the run; its directory is <root>/<name>.
        root: the directory of all runs.
        resume: go on with an earlier run of this name.
        overwrite: delete an earlier run of this name first.
    """

    name: str = MISSING
    root: str = "runs"
    resume: bool = False
    overwrite: bool = False

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise ValueError(f"run.name is {self.name!r}; it must be a plain folder name")
        if self.resume and self.overwrite:
            raise ValueError("run.resume and run.overwrite are both true; set at most one")


@dataclass(kw_only=True)
class RolloutScript:
    """Headless rollouts.

    Attributes:
        env: the environment.
        policy: who acts.
        rollout: in which processes environments run.
        run: where the results go.
        num_episodes: episodes to collect, at least 1.
        num_envs: episodes in flight at once, at least 1.
        purpose: which seeds: train, validation or test.
        first_index: index of the first seed, 0 or more.
        seed: decides the policy's sampling noise.
        save_episodes: whether to keep every episode with its pictures.
    """

    env: EnvConfig = MISSING
    policy: PolicyConfig = MISSING
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    run: RunConfig = field(default_factory=RunConfig)
    num_episodes: int = 100
    num_envs: int = 16
    purpose: str = "train"
    first_index: int = 0
    seed: int = 0
    save_episodes: bool = False

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_episodes=1, num_envs=1, first_index=0, seed=0)
        for part in (self.env, self.policy, self.rollout, self.run):
            part.check()
        self.rollout.check_num_envs(self.num_envs)


@dataclass(kw_only=True)
class EvaluateScript:
    """Evaluation on held-out worlds.

    Attributes:
        env: the environment. A benchmark of scenes brings its own; one of films is watched as env
            says (video/single_pass, video/spotlight, ...).
        policy: who is evaluated.
        benchmark: a fixed list of questions to play in place of `evaluation`'s worlds; null for
            none.
        data_dir: the folder with the official files of a benchmark of films; empty for others.
        rollout: in which processes environments run.
        run: where the results go.
        evaluation: which worlds, and how many.
        reward: what is summed up as reward.
        num_envs: episodes in flight at once, at least 1.
        seed: decides the policy's sampling noise.
        save_pictures: whether the episodes that are kept hold their pictures too.
    """

    env: EnvConfig = MISSING
    policy: PolicyConfig = MISSING
    benchmark: BenchmarkConfig | None = None
    data_dir: str = ""
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    run: RunConfig = field(default_factory=RunConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    reward: RewardConfig = MISSING  # a default would be merged into what is chosen
    num_envs: int = 32
    seed: int = 0
    save_pictures: bool = False

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_envs=1, seed=0)
        for part in (self.env, self.policy, self.rollout, self.run, self.evaluation, self.reward):
            part.check()
        if self.benchmark is not None:
            self.benchmark.check()
        self.rollout.check_num_envs(self.num_envs)


@dataclass(kw_only=True)
class RecordScript:
    """Films of episodes.

    Attributes:
        env: the environment.
        policy: who acts.
        run: where the films go.
        num_episodes: episodes to film, at least 1.
        purpose: which seeds: train, validation or test.
        first_index: index of the first seed, 0 or more.
        seed: decides the policy's sampling noise.
        draw_truth: whether to draw boxes around what the simulator says is visible.
    """

    env: EnvConfig = MISSING
    policy: PolicyConfig = MISSING
    run: RunConfig = field(default_factory=RunConfig)
    num_episodes: int = 4
    purpose: str = "test"
    first_index: int = 0
    seed: int = 0
    draw_truth: bool = False

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_episodes=1, first_index=0, seed=0)
        for part in (self.env, self.policy, self.run):
            part.check()
