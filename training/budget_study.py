"""What a policy makes of few frames and of many: accuracy over frame budgets, beside a uniform scan
of as many frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from policies.interface import Policy
from training.avr_metrics import Cell
from training.checks import check_at_least
from training.episode import Episode
from training.evaluation import EvaluationConfig, summarise
from training.frame_curve import BudgetPoint, accuracy_by_budget, paired_difference
from training.pool import MakeVariant
from training.rewards.video_terms import frames_used
from training.run_directory import Tables
from training.statistics import mean_stderr
from training.stored_evaluation import evaluate_stored

MODES = ("spotlight", "scan_only")
"""Choosing frames turn by turn, or one look at a uniform scan of the whole budget."""


@dataclass(kw_only=True)
class BudgetStudyConfig:
    """Which frame budgets are studied.

    Attributes:
        budgets: most frames that an episode may show, at least 1 each; empty for no study.
        num_episodes: held-out questions per budget, at least 2.
    """

    budgets: list[int] = field(default_factory=list)
    num_episodes: int = 400

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "budget_study", num_episodes=2)
        if any(budget < 1 for budget in self.budgets) or len(set(self.budgets)) < len(self.budgets):
            raise ValueError(
                f"budget_study.budgets is {self.budgets}; each must be at least 1 and stand once"
            )


class BudgetStudy:
    """Plays the same held-out questions under every budget, and keeps the episodes.

    Args:
        config: which budgets.
        make_variant: makes the environments.
        path: folder of the episodes; those in it are not played again.
        num_envs: episodes in flight at once.
        evaluation: which seeds, and how many failures are too many.
        sampling_seed: the run's seed of the sampling noise.
        on_budget: called with stage, mode and budget, as one name, whenever one has been played.
    """

    def __init__(
        self,
        config: BudgetStudyConfig,
        make_variant: MakeVariant,
        path: Path,
        *,
        num_envs: int,
        evaluation: EvaluationConfig,
        sampling_seed: int,
        on_budget: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._config, self._make_variant, self._path = config, make_variant, path
        self._num_envs, self._evaluation = num_envs, evaluation
        self._sampling_seed, self._on_budget = sampling_seed, on_budget
        for budget in config.budgets:  # what is wrong with one is said before any training
            make_variant(_settings(budget, MODES[0])).close()
        self._played: dict[tuple[str, str], dict[int, list[Episode]]] = {}

    def measure(self, stage: str, policy: Policy) -> None:
        """Play every budget in both modes."""
        for mode in MODES:
            self._played[stage, mode] = {
                budget: self._play(stage, mode, budget, policy) for budget in self._config.budgets
            }

    def curves(self) -> dict[str, list[BudgetPoint]]:
        """Name of stage and mode -> its points, and what a uniform scan can give at most where the
        films say where the evidence is.
        """
        curves = {
            f"{stage}, {mode.replace('_', ' ')}": accuracy_by_budget(episodes)
            for (stage, mode), episodes in self._played.items()
        }
        ceiling = self._scan_ceilings()
        return {**curves, "any scan at most": ceiling} if ceiling else curves

    def tables(self) -> Tables:
        """`frame_budgets`: a row per stage, mode and budget."""
        rows = {
            f"{stage}_{mode}_{budget}": summarise(episodes, None)
            for (stage, mode), by_budget in self._played.items()
            for budget, episodes in sorted(by_budget.items())
        }
        for most in self._scan_ceilings():
            cell: Cell = {"mean": most.mean, "stderr": most.stderr, "n": most.n}
            rows[f"any_scan_at_most_{most.budget}"] = {"acc_fa": cell}
        return {"frame_budgets": rows} if rows else {}

    def figures(self, stage: str, reference: str) -> dict[str, float]:
        """What changed from one stage to another, and what choosing frames is worth, both at the
        largest budget; differences of the same questions, with one-sided 95 % bounds.

        Empty where a stage was not measured.
        """
        if not {(stage, mode) for mode in MODES} | {(reference, MODES[0])} <= self._played.keys():
            return {}
        budget = max(self._config.budgets)
        new = self._played[stage, "spotlight"][budget]
        old = self._played[reference, "spotlight"][budget]
        scan = self._played[stage, "scan_only"][budget]
        accuracy, frames = (
            paired_difference(new, old),
            paired_difference(new, old, measure=frames_used),
        )
        over_scan = paired_difference(new, scan)
        return {
            "accuracy_change": accuracy.mean,
            "accuracy_change_at_least": accuracy.lower,
            "frames_change": frames.mean,
            "frames_change_at_most": frames.upper,
            "accuracy_over_scan": over_scan.mean,
            "accuracy_over_scan_at_least": over_scan.lower,
        }

    def _scan_ceilings(self) -> list[BudgetPoint]:
        """By budget, from the scans of any stage: what is scanned is the same for all. Empty where
        the environment names no evidence.
        """
        played = next((p for (_, mode), p in self._played.items() if mode == "scan_only"), {})
        ceilings = [scan_ceiling(budget, episodes) for budget, episodes in sorted(played.items())]
        return [point for point in ceilings if point is not None]

    def _play(self, stage: str, mode: str, budget: int, policy: Policy) -> list[Episode]:
        episodes = evaluate_stored(
            self._path / f"{stage}-{mode}-{budget}",
            lambda: self._make_variant(_settings(budget, mode)),
            policy,
            self._evaluation,
            title=f"{stage} {mode} {budget}",
            num_episodes=self._config.num_episodes,
            num_envs=self._num_envs,
            sampling_seed=self._sampling_seed,
        )
        self._on_budget(f"{stage}_{mode}_{budget}")
        return episodes


def _settings(budget: int, mode: str) -> dict[str, Any]:
    """Of an environment in which all questions have this budget and are played in this mode."""
    return {
        "frame_budget": budget,
        "frame_budgets": [],
        "scan_only": mode == "scan_only",
        "scan_only_share": 0.0,
    }


def scan_ceiling(budget: int, episodes: Sequence[Episode]) -> BudgetPoint | None:
    """The best policy that sees nothing but a scan of so many frames: right where the scan hit all
    evidence, a guess among the options elsewhere (and wrong where there are none to choose from).

    Args:
        budget: frames of the scan.
        episodes: played with nothing but such a scan, by any policy; failed ones are left out.

    Returns:
        None where the environment does not say of every question whether its evidence was hit.
    """
    whole = [episode for episode in episodes if episode.failure is None]
    shares = []
    for episode in whole:
        hit = None if episode.truth is None else episode.truth.initial.get("sufficient")
        if hit is None:
            return None
        options = episode.turns[0].options
        shares.append(1.0 if hit else 1.0 / len(options) if options else 0.0)
    if not shares:
        return None
    return BudgetPoint(
        budget=budget,
        mean=float(np.mean(shares)),
        stderr=mean_stderr(shares)["stderr"],
        n=len(shares),
        frames_used=float(frames_used(whole).mean()),
    )
