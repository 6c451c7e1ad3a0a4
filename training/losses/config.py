"""Settings of the losses."""

from __future__ import annotations

from dataclasses import dataclass

from training.losses.kl import KL_ESTIMATORS
from training.losses.reductions import check_aggregation, check_range

SURROGATE_NAMES = ("clip", "cispo", "sapo", "vespo", "reinforce")
RATIOS = ("token", "sequence")


@dataclass(kw_only=True)
class PolicyLossConfig:
    """Settings of `policy_loss`.

    Attributes:
        surrogate: what a token costs: "clip" (PPO, GRPO, DAPO, GSPO), "cispo", "sapo", "vespo" or
            "reinforce".
        ratio: whether trainer and old probabilities are compared by "token" or by "sequence"
            (GSPO).
        clip_low: the ratio counts down to 1 - clip_low, in [0, 1]; CISPO's 1 is no lower bound.
        clip_high: the ratio counts up to 1 + clip_high, >= 0. DAPO's "clip higher" is 0.28.
        dual_clip: where the advantage is negative the ratio counts up to this at most, >= 1 +
            clip_high; None for no bound. For the surrogate "clip".
        soft_temperatures: of the surrogate "sapo", for advantages above 0 and for others, > 0.
        kl_weight: weight of the estimated KL to the reference model, >= 0; 0 needs none.
        kl_estimator: "k1", "k2" or "k3", see `training.losses.kl`.
        kl_importance: multiply the estimate with the ratio, which makes k1 and k3 unbiased.
        importance_cap: every token's cost (not its KL) is multiplied with min(old / rollout, this),
            > 0: the truncated correction for rollouts from an engine whose probabilities differ
            from the trainer's, or from older weights. `old` are then the trainer's own
            probabilities before the first optimizer step on the batch. None for no correction:
            `old` are the rollout's.
        aggregation: "token", "sequence" or "constant".
        constant: tokens that one sequence stands for under "constant", > 0, such as the largest
            number of reply tokens of an episode; None otherwise.
    """

    surrogate: str = "clip"
    ratio: str = "token"
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None
    soft_temperatures: tuple[float, float] = (1.0, 1.05)
    kl_weight: float = 0.0
    kl_estimator: str = "k3"
    kl_importance: bool = False
    importance_cap: float | None = None
    aggregation: str = "token"
    constant: float | None = None

    def check(self, prefix: str = "") -> None:
        """Raise ValueError naming the first setting that is out of range, `prefix` before it."""
        tiny = 1e-12
        for name, legal in (
            ("surrogate", SURROGATE_NAMES),
            ("ratio", RATIOS),
            ("kl_estimator", tuple(KL_ESTIMATORS)),
        ):
            if getattr(self, name) not in legal:
                value = getattr(self, name)
                raise ValueError(f"{prefix}{name} = {value!r} is not legal; legal: {legal}")
        check_range(f"{prefix}clip_low", self.clip_low, low=0.0, high=1.0)
        check_range(f"{prefix}clip_high", self.clip_high, low=0.0)
        for index, temperature in enumerate(self.soft_temperatures):
            check_range(f"{prefix}soft_temperatures[{index}]", temperature, low=tiny)
        check_range(f"{prefix}kl_weight", self.kl_weight, low=0.0)
        if self.dual_clip is not None:
            check_range(f"{prefix}dual_clip", self.dual_clip, low=1.0 + self.clip_high)
        if self.importance_cap is not None:
            check_range(f"{prefix}importance_cap", self.importance_cap, low=tiny)
        check_aggregation(self.aggregation, self.constant, prefix)
        self._check_combinations(prefix)

    def _check_combinations(self, prefix: str) -> None:
        if self.dual_clip is not None and self.surrogate != "clip":
            raise ValueError(
                f"{prefix}dual_clip = {self.dual_clip} needs surrogate 'clip', not "
                f"{self.surrogate!r}"
            )
        if self.ratio == "sequence" and self.surrogate in ("vespo", "reinforce"):
            raise ValueError(
                f"{prefix}ratio = 'sequence' does nothing for surrogate {self.surrogate!r}; "
                "legal: 'token'"
            )
        if self.kl_weight > 0 and self.kl_estimator == "k1" and not self.kl_importance:
            raise ValueError(
                f"{prefix}kl_estimator = 'k1' pulls nowhere without {prefix}kl_importance = true: "
                "its gradient is 0 in expectation"
            )


@dataclass(kw_only=True)
class ValueLossConfig:
    """Settings of the critic (PPO, arXiv:1707.06347).

    Attributes:
        weight: of the critic's loss beside the policy's, >= 0.
        clip: a value may move this far from the one before the first optimizer step on the batch
            before the loss stops following it, > 0; None for no clip.
    """

    weight: float = 0.5
    clip: float | None = 0.2

    def check(self, prefix: str = "") -> None:
        """Raise ValueError naming the first setting that is out of range, `prefix` before it."""
        check_range(f"{prefix}weight", self.weight, low=0.0)
        if self.clip is not None:
            check_range(f"{prefix}clip", self.clip, low=1e-12)
