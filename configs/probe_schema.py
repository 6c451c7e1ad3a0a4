"""Schema of `probe.yaml`. Apart from the others, because it needs PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field

from configs.schemas import RunConfig
from training.checks import check_at_least
from training.perception_probe import ProbeConfig

PICTURES = ("224", "112", "nursery")


@dataclass(kw_only=True)
class ProbeScript:
    """A perception probe, trained and judged on every kind of picture.

    Attributes:
        pictures: which kinds: 224 and 112 (pixels, all thirty scene types) and nursery.
        run: where the figures go.
        num_train_worlds: worlds that the probe learns from, at least 1.
        num_test_worlds: worlds that it is judged on, at least 1.
        probe: the network and its training.
        num_threads: threads of PyTorch's operations, at least 1.
        num_failures: crops of misread things that are kept for each kind of picture, 0 or more.
    """

    pictures: list[str] = field(default_factory=lambda: list(PICTURES))
    run: RunConfig = field(default_factory=RunConfig)
    num_train_worlds: int = 1600
    num_test_worlds: int = 800
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    num_threads: int = 1
    num_failures: int = 48

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        unknown = [name for name in self.pictures if name not in PICTURES]
        if unknown or not self.pictures:
            raise ValueError(
                f"pictures is {self.pictures}; legal: one or more of {', '.join(PICTURES)}"
            )
        check_at_least(self, num_train_worlds=1, num_test_worlds=1)
        check_at_least(self, num_threads=1, num_failures=0)
        self.probe.check("probe")
        self.run.check()
