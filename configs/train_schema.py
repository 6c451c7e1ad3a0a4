"""Schema of `train.yaml`. Apart from the others, because it needs PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from configs.schemas import RunConfig
from sims.config import EnvConfig
from training.cluster_config import ClusterConfig
from training.experiment import ExperimentConfig
from training.logger_config import LoggerConfig
from training.rewards.compose import RewardConfig
from training.study_config import StudyConfig


@dataclass(kw_only=True)
class TrainScript(ExperimentConfig):
    """Training: a cold start by imitation, then reinforcement, with an evaluation of every stage.

    Attributes:
        env: the environment.
        reward: what reinforcement rewards; the evaluation reports the same sum.
        run: where the results go.
        logger: where metrics go beside the run's own files.
        study: arms to train and compare; without any, the experiment itself is run.
        cluster: the GPUs that the settings are for, by which a run is planned; null for any.
        title: heading of the report.
    """

    env: EnvConfig = MISSING
    reward: RewardConfig = MISSING  # a default would be merged into what is chosen
    run: RunConfig = field(default_factory=RunConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    study: StudyConfig = field(default_factory=StudyConfig)
    cluster: ClusterConfig | None = None
    title: str = "Saccade training run"

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        super().check()
        for part in (self.env, self.run, self.logger, self.study):
            part.check()
        if self.cluster is not None:
            self.cluster.check()
