"""Schemas of the scripts that make a benchmark, and check that it cannot be guessed."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from configs.schemas import RunConfig
from sims.config import BenchmarkConfig, EnvConfig
from training.checks import check_at_least
from training.text_guesser import GuesserConfig


@dataclass(kw_only=True)
class BuildBenchmarkScript:
    """The making of a manifest.

    Attributes:
        env: gives the settings that all questions share; its id, scene types and question types do
            not count.
        run: where the manifest and its references go.
        name: of the manifest.
        version: of the manifest.
        first_index: which test seed comes first, 0 or more; evaluations on the test seeds
            themselves start at 0.
        seeds_per_cell: how many seeds each scene type and question type may try, at least 5.
        scene_types: which; empty for all thirty.
        num_constant_episodes: training worlds that the best constant answers are fitted on, at
            least 1.
        num_envs: episodes in flight at once, at least 1.
    """

    env: EnvConfig = MISSING
    run: RunConfig = field(default_factory=RunConfig)
    name: str = "clevr_avr_v1"
    version: int = 1
    first_index: int = 1_000_000
    seeds_per_cell: int = 5000
    scene_types: list[str] = field(default_factory=list)
    num_constant_episodes: int = 2000
    num_envs: int = 16

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, version=1, first_index=0, seeds_per_cell=5)
        check_at_least(self, num_constant_episodes=1, num_envs=1)
        self.env.check()
        self.run.check()


@dataclass(kw_only=True)
class CheckGuessingScript:
    """What words alone give away.

    Attributes:
        env: gives the settings of the worlds; its id and scene types do not count.
        benchmark: whose questions are guessed too; null for none.
        run: where the questions and the figures go.
        num_questions: first observations to read, at least 100, over all kinds of scenes.
        guesser: how the classifiers are trained.
        image_size: of the pictures, which nobody looks at [px].
        seed: decides the classifiers' folds and order.
    """

    env: EnvConfig = MISSING
    benchmark: BenchmarkConfig | None = None
    run: RunConfig = field(default_factory=RunConfig)
    num_questions: int = 60_000
    guesser: GuesserConfig = field(default_factory=GuesserConfig)
    image_size: int = 32
    seed: int = 0

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_questions=100, image_size=28, seed=0)
        for part in (self.env, self.run, self.guesser):
            part.check()
        if self.benchmark is not None:
            self.benchmark.check()
