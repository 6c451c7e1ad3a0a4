"""Schema of `check_belief.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field

from configs.schemas import RunConfig
from training.checks import check_at_least, check_share

SCENE_KINDS = ("occlusion", "stack", "composite")
POLICIES = ("expert", "random", "deeds", "least_gain", "hopeful")


@dataclass(kw_only=True)
class CheckBeliefScript:
    """Evidence that the belief is right.

    Attributes:
        run: where the figures go.
        kinds: scene kinds, any of occlusion, stack, composite; dealt in turn.
        policies: ways of acting, dealt in turn: expert, random, deeds (pushes and picks),
            least_gain (what should tell least), hopeful (looks away from what it likes to believe).
        balanced: whether the episodes are balanced ones; natural ones are the plain test.
        num_episodes: episodes in all, at least 2.
        reference_share: share of the episodes whose belief is compared with every world simulated,
            in [0, 1]; about a second for each.
        num_actions: actions of an episode, at least 1.
        num_scenes: small scenes for rejection sampling, 0 or more; half of them balanced.
        num_draws: worlds drawn for each, at least 1.
        num_searches: episodes in which an adversary looks for loops that pay, 0 or more.
        first_index: index of the first validation seed, 0 or more.
        image_size: side of the pictures [px]. It decides how much may peep out of a hidden place.
    """

    run: RunConfig = field(default_factory=RunConfig)
    kinds: list[str] = field(default_factory=lambda: list(SCENE_KINDS))
    policies: list[str] = field(default_factory=lambda: list(POLICIES))
    balanced: bool = False
    num_episodes: int = 300
    reference_share: float = 0.5
    num_actions: int = 6
    num_scenes: int = 24
    num_draws: int = 20_000
    num_searches: int = 6
    first_index: int = 0
    image_size: int = 224

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_episodes=2, num_actions=1, num_draws=1)
        check_at_least(self, num_scenes=0, num_searches=0, first_index=0, image_size=28)
        check_share(self, "", "reference_share")
        for name, legal in (("kinds", SCENE_KINDS), ("policies", POLICIES)):
            chosen = getattr(self, name)
            if not chosen or not set(chosen) <= set(legal):
                raise ValueError(f"{name} is {chosen}; legal: one or more of {', '.join(legal)}")
        self.run.check()
