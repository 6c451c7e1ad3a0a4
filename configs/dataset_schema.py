"""What `generate.py` can generate."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.checks import check_at_least
from training.demonstrations import DemonstrationConfig
from training.lerobot.config import LerobotConfig
from training.seeding import task_seed
from training.traces import TraceConfig
from video.synthetic.config import FilmConfig


@dataclass(kw_only=True)
class DatasetConfig:
    """A dataset.

    Attributes:
        name: of the dataset.
    """

    name: str = ""

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is wrong."""


@dataclass(kw_only=True)
class TraceDatasetConfig(TraceConfig, DatasetConfig):
    """Reasoning traces of an environment's expert."""

    def check(self) -> None:  # type: ignore[override]
        """Raise `ValueError` naming the first field that is wrong."""
        TraceConfig.check(self)


@dataclass(kw_only=True)
class FilmDatasetConfig(DatasetConfig):
    """Synthetic films on disk, with their questions.

    Attributes:
        name: of the dataset.
        film: what films look like, and what is asked about them.
        num_films: at least 1.
        num_questions: per film, drawn evenly from the kinds that it has; null for all.
        purpose: whose seeds: train, validation or test.
        first_index: index of the first seed, 0 or more.
    """

    name: str = "long_video"
    film: FilmConfig = field(default_factory=FilmConfig)
    num_films: int = 4
    num_questions: int | None = None
    purpose: str = "test"
    first_index: int = 0

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        check_at_least(self, "dataset", num_films=1, first_index=0)
        if self.num_questions is not None:
            check_at_least(self, "dataset", num_questions=1)
        task_seed(self.purpose, self.first_index + self.num_films - 1)
        self.film.check("dataset.film.")


@dataclass(kw_only=True)
class ManipulationDatasetConfig(DemonstrationConfig, DatasetConfig):
    """Demonstrations of the manipulation tasks' experts, rationale included.

    Attributes:
        export: whether a LeRobot data set is made of them too.
        lerobot: its form; what is null or empty there is taken from env.config.
    """

    export: bool = True
    lerobot: LerobotConfig = field(default_factory=LerobotConfig)

    def check(self) -> None:  # type: ignore[override]
        """Raise `ValueError` naming the first field that is wrong."""
        DemonstrationConfig.check(self)
        self.lerobot.check("dataset.lerobot.")
