"""Schema of `play.yaml`."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from sims.config import EnvConfig
from training.seeding import task_seed

INTERFACES = ("browser", "terminal")


@dataclass(kw_only=True)
class PlayScript:
    """A person plays.

    Attributes:
        env: the environment; one that is answered in words.
        purpose: which seeds: train, validation or test.
        first_index: index of the first seed, 0 or more.
        interface: browser or terminal.
        port: of the page, on this machine only, 0 to 65535; 0 takes any free one.
        open_browser: whether to open the page at once.
        show_belief: whether the belief over the answers is shown from the start.
        show_gains: whether the gain expected of each action is shown from the start.
    """

    env: EnvConfig = MISSING
    purpose: str = "validation"
    first_index: int = 0
    interface: str = "browser"
    port: int = 0
    open_browser: bool = False
    show_belief: bool = True
    show_gains: bool = False

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.interface not in INTERFACES:
            legal = ", ".join(INTERFACES)
            raise ValueError(f"interface is {self.interface!r}; legal: {legal}")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}; legal: 0 to 65535")
        task_seed(self.purpose, self.first_index)
        self.env.check()
