"""Schema of `bench.yaml`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from configs.schemas import RunConfig

BENCHES = ("sims", "manipulation", "video", "rollout", "training")


@dataclass(kw_only=True)
class BenchScript:
    """Measurements of speed.

    Attributes:
        what: what is measured: sims, manipulation, video, rollout or training.
        run: where the figures go.
        seconds: process time spent on each case of sims and manipulation [s], above 0.
        rounds: how often the cases take turns, the best of which counts, 1 or more.
        peers: the directory of the virtual environments of manipulation's peers and training's
            TRL, which scripts/external_venvs.py makes; peers that have none are left out.
        minutes: length of the film that the readers of video are timed on [min], 1 or more.
        prompt_words: words of training's prompts, each a token, to which the chat format adds 9;
            1 or more.
    """

    what: str = "sims"
    run: RunConfig = field(default_factory=RunConfig)
    seconds: float = 3.0
    rounds: int = 3
    peers: str = ".venv-external"
    minutes: int = 20
    prompt_words: int = 55

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.what not in BENCHES:
            raise ValueError(f"what is {self.what!r}; legal: {', '.join(BENCHES)}")
        if not 0 < self.seconds < math.inf:  # also false for NaN
            raise ValueError(f"seconds is {self.seconds}; it must be above 0 and finite")
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; it must be 1 or more")
        if self.minutes < 1:
            raise ValueError(f"minutes is {self.minutes}; it must be 1 or more")
        if self.prompt_words < 1:
            raise ValueError(f"prompt_words is {self.prompt_words}; it must be 1 or more")
        self.run.check()
