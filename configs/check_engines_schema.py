"""Schema of `check_engines.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field

from configs.schemas import RunConfig
from sims.manipulation.config import TASKS
from training.checks import check_at_least
from training.seeding import task_seed


@dataclass(kw_only=True)
class CheckEnginesScript:
    """Evidence that the physics engines of the manipulation tasks agree.

    Attributes:
        run: where tables and figures go.
        num_paths: joint trajectories of each kind that both arms follow, at least 1.
        path_seconds: length of those that move all joints [s], at least 3.
        num_positions: joint positions whose end effector is compared, at least 1.
        tasks: which ones the expert does in both engines.
        num_seeds: starts of each task; 0 leaves the expert out. About half a second for each.
        purpose: whose seeds the starts have: train, validation or test.
        first_index: index of the first seed, 0 or more.
        seed: decides the trajectories and positions.
    """

    run: RunConfig = field(default_factory=RunConfig)
    num_paths: int = 5
    path_seconds: float = 6.0
    num_positions: int = 100
    tasks: list[str] = field(default_factory=lambda: list(TASKS))
    num_seeds: int = 20
    purpose: str = "validation"
    first_index: int = 0
    seed: int = 0

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_paths=1, path_seconds=3, num_positions=1, num_seeds=0)
        check_at_least(self, first_index=0, seed=0)
        for task in self.tasks:
            if task not in TASKS:
                raise ValueError(f"tasks names {task!r}; legal: {', '.join(TASKS)}")
        task_seed(self.purpose, self.first_index + self.num_seeds)
        self.run.check()
