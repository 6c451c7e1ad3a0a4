"""Schema of `check_films.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field

from configs.schemas import RunConfig
from training.checks import check_at_least
from training.seeding import task_seed
from training.text_guesser import GuesserConfig
from video.synthetic.config import FilmConfig


@dataclass(kw_only=True)
class CheckFilmsScript:
    """Evidence that questions about synthetic films are hard, and fair.

    Attributes:
        run: where tables and figures go.
        film: what films look like, and what is asked about them.
        num_films: at least 10; about a tenth of a second for each.
        write_files: whether every film is also encoded, so that the classifier is told the size,
            bit rate and time of writing of its file; about 20 s for each film of default length.
        scan_frames: frames that the expert is shown at first, at least 1.
        look_frames: most frames that one of its looks shows, at least 1.
        max_turns: most replies that it may give, at least 2.
        frame_budget: most frames that it may be shown in all; null for no limit.
        subtitles: whether it is told the subtitles of what it is shown.
        guesser: how the classifiers are trained.
        purpose: whose seeds the films have: train, validation or test.
        first_index: index of the first seed, 0 or more.
        seed: decides the classifiers' folds and order.
    """

    run: RunConfig = field(default_factory=RunConfig)
    film: FilmConfig = field(default_factory=FilmConfig)
    num_films: int = 600
    write_files: bool = False
    scan_frames: int = 12
    look_frames: int = 12
    max_turns: int = 5
    frame_budget: int | None = None
    subtitles: bool = True
    guesser: GuesserConfig = field(default_factory=lambda: GuesserConfig(num_epochs=10))
    purpose: str = "validation"
    first_index: int = 0
    seed: int = 0

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, num_films=10, scan_frames=1, look_frames=1, max_turns=2)
        check_at_least(self, first_index=0, seed=0)
        if self.frame_budget is not None:
            check_at_least(self, frame_budget=1)
        task_seed(self.purpose, self.first_index + self.num_films - 1)
        self.film.check("film.")
        for part in (self.run, self.guesser):
            part.check()
