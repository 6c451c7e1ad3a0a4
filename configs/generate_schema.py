"""Schema of `generate.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from configs.dataset_schema import (
    DatasetConfig,
    FilmDatasetConfig,
    ManipulationDatasetConfig,
    TraceDatasetConfig,
)
from configs.schemas import RunConfig
from sims.config import AvrEnvConfig, EnvConfig, ManipulationEnvConfig
from training.checks import check_at_least
from training.seeding import TRAIN_STREAMS, task_seed

PURPOSES = ("train", *TRAIN_STREAMS)
"""Seeds that traces may be made from: those of training."""


@dataclass(kw_only=True)
class GenerateScript:
    """Generation of training data.

    Attributes:
        env: the environment whose expert leaves traces or demonstrations; films need none.
        dataset: what is generated, and in which form.
        run: where the dataset goes.
        num_episodes: episodes to run for traces and demonstrations, at least 1. Those that are
            kept make the dataset.
        num_workers: processes that work at once, at least 1. It changes nothing in the dataset.
        purpose: which training seeds these come from: train, or one of its parts (imitation,
            reinforcement, calibration).
        first_index: index of the first seed, 0 or more.
    """

    env: EnvConfig = MISSING
    dataset: DatasetConfig = MISSING
    run: RunConfig = field(default_factory=RunConfig)
    num_episodes: int = 1000
    num_workers: int = 2
    purpose: str = "imitation"
    first_index: int = 0

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        check_at_least(self, num_episodes=1, num_workers=1, first_index=0)
        for part in (self.env, self.dataset, self.run):
            part.check()
        if not isinstance(self.dataset, FilmDatasetConfig):
            self._check_seeds()
        if isinstance(self.dataset, TraceDatasetConfig):
            self._check_expert()
        if isinstance(self.dataset, ManipulationDatasetConfig):
            self._check_demonstrations(self.dataset)

    def traces(self) -> TraceDatasetConfig:
        """The dataset, where it is one of traces.

        Raises:
            TypeError: where it is not.
        """
        if isinstance(self.dataset, TraceDatasetConfig):
            return self.dataset
        raise TypeError(f"{self.dataset.name} is no dataset of traces")

    def _check_seeds(self) -> None:
        if self.purpose not in PURPOSES:
            raise ValueError(
                f"purpose is {self.purpose!r}; training data comes from training seeds alone; "
                f"legal: {', '.join(PURPOSES)}"
            )
        task_seed(self.purpose, self.first_index + self.num_episodes - 1)

    def _check_expert(self) -> None:
        from sims.avr.expert import STYLES  # only those who generate need it

        if unknown := sorted(set(self.traces().styles) - set(STYLES)):
            raise ValueError(f"dataset.styles has {unknown}; legal: {', '.join(STYLES)}")
        if isinstance(self.env, AvrEnvConfig) and self.env.config.action_form != "lettered":
            raise ValueError(
                f"env.config.action_form is {self.env.config.action_form!r}; the expert chooses "
                "letters: legal here is lettered"
            )

    def _check_demonstrations(self, dataset: ManipulationDatasetConfig) -> None:
        if not isinstance(self.env, ManipulationEnvConfig):
            raise ValueError(
                f"env is {self.env.id}; dataset={dataset.name} is made in a manipulation "
                "environment: env=manipulation/push and the like"
            )
        from sims.manipulation.experts import STYLES  # only those who generate need it

        if unknown := sorted(set(dataset.styles) - set(STYLES)):
            raise ValueError(f"dataset.styles has {unknown}; legal: {', '.join(STYLES)}")
