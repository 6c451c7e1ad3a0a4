"""What rewards say of held-out rollouts beside what became of them: the rollouts that
`training.reward_prediction` is about, played and kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from policies.interface import Policy
from training.avr_metrics import Cell, Row
from training.checks import check_at_least
from training.episode import Episode
from training.evaluation import EvaluationConfig
from training.pool import Pool
from training.progress import progress_bar
from training.report import Chart
from training.reward_prediction import (
    Rollouts,
    area_difference,
    prediction_row,
    roc_curve,
)
from training.rewards.compose import RewardConfig, reward_group
from training.rewards.terms import REWARD_TERMS
from training.roc_chart import draw_roc_curves
from training.rollout import EpisodeSpec, check_failures, collect_episodes
from training.run_directory import Tables, write_atomic
from training.seeding import check_held_out, task_seeds

ALL = "all"
"""Name of the slice that holds every rollout."""


@dataclass(kw_only=True)
class RewardStudyConfig:
    """Which rewards are compared as predictors of success, and on how many rollouts.

    Attributes:
        rewards: name -> reward; empty for no study. They may read no annotations.
        slices: per-episode reward terms, each of which marks, where it is above 0.5, rollouts to
            look at apart, such as those that were asked for a box; empty looks at all together.
        num_starts: held-out starts, at least 2.
        group_size: rollouts of each, at least 1.
        temperature: of sampling, above 0.
    """

    rewards: dict[str, RewardConfig] = field(default_factory=dict)
    slices: list[str] = field(default_factory=list)
    num_starts: int = 100
    group_size: int = 4
    temperature: float = 1.0

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "reward_study", num_starts=2, group_size=1)
        if not self.temperature > 0:
            raise ValueError(f"reward_study.temperature is {self.temperature}; it must be above 0")
        for reward in self.rewards.values():
            reward.check()
        for name in self.slices:
            if name not in REWARD_TERMS:
                raise ValueError(
                    f"reward_study.slices has {name!r}; legal: {', '.join(sorted(REWARD_TERMS))}"
                )


class RewardStudy:
    """Samples rollouts from held-out starts at every stage, scores them by every reward, and keeps
    the numbers.

    Args:
        config: which rewards.
        pool: where the environments come from.
        path: folder of the numbers; what is in it is not played again.
        evaluation: which seeds, and how many failures are too many.
        sampling_seed: the run's seed of the sampling noise.
        on_stage: called with a stage's name when it has been played.
    """

    def __init__(
        self,
        config: RewardStudyConfig,
        pool: Pool,
        path: Path,
        *,
        evaluation: EvaluationConfig,
        sampling_seed: int,
        on_stage: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._config, self._pool, self._path = config, pool, Path(path)
        self._evaluation, self._sampling_seed = evaluation, sampling_seed
        self._on_stage = on_stage
        self._measured: dict[str, dict[str, Rollouts]] = {}

    def measure(self, stage: str, policy: Policy) -> None:
        """Play a stage's rollouts, unless their numbers are kept already.

        Args:
            stage: its name.
            policy: samples at the study's temperature.
        """
        file = self._path / f"{stage}.json"
        if file.exists():
            self._measured[stage] = _from_json(json.loads(file.read_text()))
            return
        self._measured[stage] = slice_rollouts(self._play(stage, policy), self._config)
        record = {name: _to_json(some) for name, some in self._measured[stage].items()}
        write_atomic(file, json.dumps(record, allow_nan=False))
        self._on_stage(f"the rewards of {stage}")

    def tables(self) -> Tables:
        """`reward_prediction`: a row per stage, slice and reward."""
        rows: dict[str, Row] = {
            _name(stage, part, reward): prediction_row(some, reward)
            for stage, part, some in self._parts()
            for reward in self._config.rewards
        }
        return {"reward_prediction": rows} if rows else {}

    def figures(self) -> dict[str, float]:
        """By stage and slice, how much larger the area of each later reward is than that of the
        first, over the same rollouts, and the standard error of that.
        """
        figures: dict[str, float] = {}
        for stage, part, some in self._parts():
            first, *others = self._config.rewards
            for other in others:
                cell = _compare(some, other, first)
                if cell is not None:
                    name = f"auc_gain.{_name(stage, part, other)}"
                    figures[name] = float(cell["mean"] or 0.0)
                    figures[f"{name}.stderr"] = float(cell["stderr"] or 0.0)
        return figures

    def charts(self) -> list[Chart]:
        """ROC curves, a chart per stage and slice in which some rollouts succeeded and some did
        not.
        """
        charts = []
        for stage, part, some in self._parts():
            if _is_mixed(some):
                curves = {n: roc_curve(s, some.successes) for n, s in some.rewards.items()}
                areas = {n: prediction_row(some, n)["auc"] for n in curves}
                where = "" if part == ALL else f", {part.replace('_', ' ')}"
                title = f"Which reward predicts success: {stage.replace('_', ' ')}{where}"
                charts.append(Chart(title=title, body=draw_roc_curves(curves, areas)))
        return charts

    def _parts(self) -> list[tuple[str, str, Rollouts]]:
        return [
            (stage, part, some)
            for stage, parts in self._measured.items()
            for part, some in parts.items()
            if len(some.starts)
        ]

    def _play(self, stage: str, policy: Policy) -> list[Episode]:
        config = self._config
        seeds = task_seeds(self._evaluation.purpose, 0, config.num_starts)
        check_held_out(seeds)
        specs = [
            EpisodeSpec(seed=seed, sample_index=index)
            for seed in seeds
            for index in range(config.group_size)
        ]
        with progress_bar(f"rewards of {stage}", 0, len(specs)) as bar:
            episodes = collect_episodes(
                self._pool,
                policy,
                specs,
                sampling_seed=self._sampling_seed,
                on_episode=lambda episode: bar({}),
            )
        check_failures(episodes, self._evaluation.max_failed_share)
        return episodes


def score_rollouts(episodes: Sequence[Episode], rewards: Mapping[str, RewardConfig]) -> Rollouts:
    """What rewards say of finished episodes, fresh or saved; failed ones are left out."""
    whole = [episode for episode in episodes if episode.failure is None]
    return Rollouts(
        starts=np.array([episode.seed for episode in whole], dtype=np.int64),
        successes=np.array([episode.success for episode in whole], dtype=bool),
        rewards={name: reward_group(whole, reward).total for name, reward in rewards.items()},
    )


def slice_rollouts(episodes: Sequence[Episode], config: RewardStudyConfig) -> dict[str, Rollouts]:
    """Slice -> its rollouts, scored.

    Raises:
        ValueError: for a slice by a term that gives numbers per turn.
    """
    whole = [episode for episode in episodes if episode.failure is None]
    scored = score_rollouts(whole, config.rewards)
    if not config.slices:
        return {ALL: scored}
    parts = {}
    for name in config.slices:
        marks = REWARD_TERMS[name](whole)
        if not isinstance(marks, np.ndarray):
            raise ValueError(f"reward_study.slices has {name!r}, which gives numbers per turn")
        parts[name] = scored.where(marks > 0.5)
    return parts


def _compare(some: Rollouts, other: str, first: str) -> Cell | None:
    if not _is_mixed(some):
        return None
    pair = some.rewards[other], some.rewards[first]
    return area_difference(*pair, some.successes, some.starts)


def _is_mixed(some: Rollouts) -> bool:
    return bool(some.successes.any() and not some.successes.all())


def _name(stage: str, part: str, reward: str) -> str:
    return "_".join(name for name in (stage, part, reward) if name != ALL)


def _to_json(some: Rollouts) -> dict:
    return {
        "starts": some.starts.tolist(),
        "successes": some.successes.tolist(),
        "rewards": {name: values.tolist() for name, values in some.rewards.items()},
    }


def _from_json(record: dict) -> dict[str, Rollouts]:
    return {
        part: Rollouts(
            starts=np.array(some["starts"], dtype=np.int64),
            successes=np.array(some["successes"], dtype=bool),
            rewards={name: np.array(v, dtype=float) for name, v in some["rewards"].items()},
        )
        for part, some in record.items()
    }
