"""Schema of `plan.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from configs.train_schema import TrainScript
from training.checks import check_at_least
from training.planning_speed import Utilization


@dataclass(kw_only=True)
class EpisodeConfig:
    """The longest episode; null takes what the environment's settings say.

    Attributes:
        image_height, image_width: of a picture as the environment gives it [px], at least 1.
        num_images: pictures of an episode, at least 0.
        num_turns: replies of an episode, at least 1.
        prompt_tokens: text of the first observation, at least 1.
        turn_tokens: text of each later one, at least 0.
        reply_tokens: of each reply, at least 1; null takes engine.max_new_tokens.
    """

    image_height: int | None = None
    image_width: int | None = None
    num_images: int | None = None
    num_turns: int | None = None
    prompt_tokens: int = 400
    turn_tokens: int = 150
    reply_tokens: int | None = None


@dataclass(kw_only=True)
class PlanScript(TrainScript):
    """A plan of a training run.

    Attributes:
        episode: the longest episode.
        utilization: what is reached of the hardware's figures.
        json: whether to print summary.json in place of the table.
    """

    episode: EpisodeConfig = field(default_factory=EpisodeConfig)
    utilization: Utilization = field(default_factory=Utilization)
    json: bool = False

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range. The GPU that a run needs
        is not needed to plan it.
        """
        TrainScript.check(replace(self, engine=replace(self.engine, device="cpu"), cluster=None))
        if self.cluster is not None:
            self.cluster.check()
        self.utilization.check("utilization.")
        given = {name: value for name, value in vars(self.episode).items() if value is not None}
        lowest = {name: 0 if name in ("num_images", "turn_tokens") else 1 for name in given}
        check_at_least(self.episode, "episode", **lowest)
