"""Schema of the script that reads and writes CLEVR's files."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from configs.schemas import RunConfig
from sims.config import AvrEnvConfig
from training.checks import check_at_least


@dataclass(kw_only=True)
class ClevrScript:
    """CLEVR's scene and question files: answered, or written from worlds of ours.

    Attributes:
        run: where the results go.
        scenes: a scene file of CLEVR's format to answer questions about; null to write one.
        questions: the question file to answer; null to write one.
        env: the worlds that are written.
        purpose: which of their seeds: train, validation or test.
        num_scenes: how many of them, at least 1.
    """

    run: RunConfig = field(default_factory=RunConfig)
    scenes: str | None = None
    questions: str | None = None
    env: AvrEnvConfig = MISSING
    purpose: str = "train"
    num_scenes: int = 100

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if (self.scenes is None) != (self.questions is None):
            raise ValueError(
                f"scenes is {self.scenes!r} and questions is {self.questions!r}; "
                "legal: two files, to answer questions, or neither, to write worlds of ours"
            )
        check_at_least(self, num_scenes=1)
        for part in (self.run, self.env):
            part.check()
