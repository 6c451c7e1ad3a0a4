"""What every stage is worth in other worlds than those it was trained in: held-out splits, other
tasks, longer films. A world is the experiment's environment with some of its settings replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policies.interface import Policy
from training.checks import check_at_least
from training.episode import Episode
from training.evaluation import EvaluationConfig, summarise
from training.pool import MakeVariant
from training.run_directory import Tables
from training.stored_evaluation import evaluate_stored


@dataclass(kw_only=True)
class WorldStudyConfig:
    """In which worlds the stages are measured beside their own.

    Attributes:
        worlds: name -> the settings of `env.config` that are different there; empty for no study.
        num_episodes: held-out episodes per world, at least 2.
        rows: whose policies are measured there.
    """

    worlds: dict[str, dict[str, Any]] = field(default_factory=dict)
    num_episodes: int = 200
    rows: list[str] = field(default_factory=lambda: ["cold_start", "grpo", "expert"])

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "world_study", num_episodes=2)
        for name, settings in self.worlds.items():
            if not settings:
                raise ValueError(
                    f"world_study.worlds.{name} is empty; it must name the settings that differ"
                )


class WorldStudy:
    """Plays the same held-out seeds in every world, and keeps the episodes.

    Args:
        config: which worlds.
        make_variant: makes their environments.
        path: folder of the episodes; those in it are not played again.
        num_envs: episodes in flight at once.
        evaluation: which seeds, and how many failures are too many.
        sampling_seed: the run's seed of the sampling noise.
        on_world: called with world and stage, as one name, whenever one has been played.
    """

    def __init__(
        self,
        config: WorldStudyConfig,
        make_variant: MakeVariant,
        path: Path,
        *,
        num_envs: int,
        evaluation: EvaluationConfig,
        sampling_seed: int,
        on_world: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._config, self._make_variant, self._path = config, make_variant, path
        self._num_envs, self._evaluation = num_envs, evaluation
        self._sampling_seed, self._on_world = sampling_seed, on_world
        self._played: dict[str, dict[str, list[Episode]]] = {name: {} for name in config.worlds}
        for settings in config.worlds.values():
            make_variant(settings).close()  # what is wrong with one is said before any training

    def measure(self, stage: str, make_policy: Callable[[], Policy]) -> None:
        """Play every world.

        Args:
            stage: whose policy it is.
            make_policy: makes it.
        """
        for world, settings in self._config.worlds.items():
            self._played[world][stage] = self._play(world, settings, stage, make_policy())
            self._on_world(f"{stage} in {world}")

    def tables(self) -> Tables:
        """`worlds`: a row per world and stage."""
        rows = {
            f"{world}_{stage}": summarise(episodes, None, self._evaluation.terms)
            for world, by_stage in self._played.items()
            for stage, episodes in by_stage.items()
        }
        return {"worlds": rows} if rows else {}

    def _play(
        self, world: str, settings: Mapping[str, Any], stage: str, policy: Policy
    ) -> list[Episode]:
        return evaluate_stored(
            self._path / f"{world}-{stage}",
            lambda: self._make_variant(settings),
            policy,
            self._evaluation,
            title=f"{stage} in {world}",
            num_episodes=self._config.num_episodes,
            num_envs=self._num_envs,
            sampling_seed=self._sampling_seed,
        )
