"""What a vision-language-action policy is made of, as plain data. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field

CODECS = ("uniform", "dct", "gaussian")


@dataclass(kw_only=True)
class VlaConfig:
    """How actions and proprioception become tokens, and how much of an episode is read.

    Attributes:
        codec: "uniform" (one token per number, OpenVLA's bins), "dct" (compressed tokens in the
            manner of FAST) or "gaussian" (a continuous head with a density).
        num_bins: bins of "uniform", at least 2.
        low_percentile, high_percentile: percentiles of the demonstrated actions that the range of a
            dimension spans, 0 <= low < high <= 100.
        exempt: dimensions whose range is the smallest and largest number instead, counted from the
            end where negative; a gripper, say.
        still_share: a dimension whose range is at most this share of the widest one is taken for
            still and takes no token, in [0, 1).
        dct_scale: what "dct" multiplies coefficients by before it rounds them, above 0: the larger,
            the finer and the longer.
        dct_vocabulary: most tokens of "dct", at least 2; what single coefficients need comes first.
        state_bins: bins of each number of the proprioceptive state, at least 2; 0 leaves the state
            out.
        window: turns that a prompt shows, at least 1; 1 shows the present alone.
        init_std: standard deviation of an untrained "gaussian", above `min_std`. Half the range of
            a dimension is 1.
        min_std: the least that it can become, above 0.
    """

    codec: str = "uniform"
    num_bins: int = 256
    low_percentile: float = 1.0
    high_percentile: float = 99.0
    exempt: list[int] = field(default_factory=list)
    still_share: float = 1e-3
    dct_scale: float = 10.0
    dct_vocabulary: int = 512
    state_bins: int = 128
    window: int = 1
    init_std: float = 0.5
    min_std: float = 0.02

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.codec not in CODECS:
            raise ValueError(f"vla.codec is {self.codec!r}; legal: {', '.join(CODECS)}")
        for name, least in (("num_bins", 2), ("dct_vocabulary", 2), ("window", 1)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"vla.{name} is {getattr(self, name)}; it must be at least {least}"
                )
        if self.state_bins != 0 and self.state_bins < 2:
            raise ValueError(f"vla.state_bins is {self.state_bins}; legal: 0, or 2 and more")
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise ValueError(
                f"vla.low_percentile is {self.low_percentile} and vla.high_percentile "
                f"{self.high_percentile}; legal: 0 <= low < high <= 100"
            )
        if not 0 <= self.still_share < 1:
            raise ValueError(f"vla.still_share is {self.still_share}; legal: 0 <= share < 1")
        if not 0 < self.dct_scale < float("inf"):
            raise ValueError(f"vla.dct_scale is {self.dct_scale}; it must be above 0")
        if not 0 < self.min_std < self.init_std < float("inf"):
            raise ValueError(
                f"vla.min_std is {self.min_std} and vla.init_std {self.init_std}; legal: 0 < "
                "min_std < init_std"
            )
