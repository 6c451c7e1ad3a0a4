"""Configuration of synthetic films. Standard library and names only."""

from __future__ import annotations

from dataclasses import dataclass, field

from video.synthetic.vocabulary import FILM_COLORS, SHAPES

NEEDLE_KINDS = (
    "what_taken",
    "what_brought",
    "what_moved",
    "what_switched",
    "what_card",
    "what_after_card",
    "what_at_time",
)
"""Questions whose answer is to be seen only during one short event that a cue leads to."""
OTHER_KINDS = (
    "when",
    "when_choice",
    "how_many",
    "order",
    "before_after",
    "next_to",
    "where",
    "spoken",
)
QUESTION_KINDS = (*NEEDLE_KINDS, *OTHER_KINDS)
LAMP_REST_SHARE = 1 / 6
"""The lamp stays as it is for at least this share of the film between two switchings."""


@dataclass(kw_only=True)
class FilmConfig:
    """What films look like and what happens in them.

    Things stand on a shelf. Visitors come, cross and leave, one at a time. Some take a thing away,
    bring one, or move one to another place, which lasts; some switch a lamp; most change nothing.

    Attributes:
        height, width: of a frame [px], even, 28 to 1080 and 28 to 1920.
        fps: frames per second, 1 to 60.
        min_seconds, max_seconds: how long a film lasts, drawn evenly between the two; at least 20.
        min_chapters, max_chapters: how many chapters it has, drawn evenly. With more than one, each
            begins with a card and carries its number in a corner; with one there is neither.
        card_seconds: how long a card is shown [s].
        visit_seconds: how long a visitor is in the picture [s].
        mean_gap_seconds: mean time between a visitor that changes nothing and the next [s].
        visitor_radius: of a spherical visitor, in halves of the frame's height, 0.15 to 0.3; a
            smaller one leaves more room for what it carries.
        luggage_share: share of those that carry something of their own, in [0, 1].
        colors: names in use, of visitors and things.
        standing_shapes, visitor_shapes: shapes in use.
        num_places: on the shelf, a multiple of 3, 3 to 12.
        num_taken, num_brought, num_moved: things that are taken away, brought, moved in the film.
        num_kept: things that stand on the shelf from the start to the end.
        max_switches: most times that the lamp is switched, drawn evenly from 1; 0 for no lamp.
        hop: whether visitors jump from place to place in place of gliding.
        spoken_lines: lines that the narrator says per chapter beside its title and its word.
        question_kinds: which kinds of question are asked, names of `QUESTION_KINDS`; kinds that
            the films cannot have are left out.
        num_options: of a choice between attributes or things, 2 to 8; fewer where the vocabulary
            has fewer.
    """

    height: int = 180
    width: int = 320
    fps: int = 10
    min_seconds: float = 1200.0
    max_seconds: float = 3600.0
    min_chapters: int = 6
    max_chapters: int = 12
    card_seconds: float = 2.0
    visit_seconds: float = 2.0
    mean_gap_seconds: float = 6.0
    visitor_radius: float = 0.3
    luggage_share: float = 0.5
    colors: list[str] = field(default_factory=lambda: list(FILM_COLORS))
    standing_shapes: list[str] = field(default_factory=lambda: list(SHAPES))
    visitor_shapes: list[str] = field(default_factory=lambda: list(SHAPES))
    num_places: int = 9
    num_taken: int = 3
    num_brought: int = 1
    num_moved: int = 1
    num_kept: int = 2
    max_switches: int = 4
    hop: bool = False
    spoken_lines: int = 2
    question_kinds: list[str] = field(default_factory=lambda: list(QUESTION_KINDS))
    num_options: int = 4

    @property
    def visit_frames(self) -> int:
        """Frames that a visitor is in the picture."""
        return round(self.visit_seconds * self.fps)

    @property
    def card_frames(self) -> int:
        """Frames that a card is shown; 0 where there are no chapters."""
        return round(self.card_seconds * self.fps) if self.max_chapters > 1 else 0

    @property
    def has_lamp(self) -> bool:
        """Whether there is a lamp."""
        return self.max_switches > 0

    @property
    def has_chapters(self) -> bool:
        """Whether there are cards and captions."""
        return self.max_chapters > 1

    def num_initial(self) -> int:
        """Things on the shelf at the start."""
        return self.num_taken + self.num_moved + self.num_kept

    def check(self, prefix: str = "") -> None:
        """Raise `ValueError` naming the first field that is out of range, `prefix` before it."""
        self._check_ranges(prefix)
        self._check_names(prefix)
        self._check_room(prefix)

    def _check_ranges(self, prefix: str) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "height": (28, 1080),
            "width": (28, 1920),
            "fps": (1, 60),
            "min_seconds": (20.0, 86400.0),
            "max_seconds": (self.min_seconds, 86400.0),
            "min_chapters": (1, 99),
            "max_chapters": (self.min_chapters, 99),
            "card_seconds": (0.5, 10.0),
            "visit_seconds": (0.5, 10.0),
            "mean_gap_seconds": (0.5, 3600.0),
            "visitor_radius": (0.15, 0.3),
            "luggage_share": (0.0, 1.0),
            "num_places": (3, 12),
            **dict.fromkeys(("num_taken", "num_brought", "num_moved", "num_kept"), (0, 12)),
            "max_switches": (0, 4),
            "spoken_lines": (0, 20),
            "num_options": (2, 8),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also false for NaN
                raise ValueError(f"{prefix}{name} is {value}; legal: {low} to {high}")
        for name in ("height", "width"):
            if getattr(self, name) % 2:
                raise ValueError(f"{prefix}{name} is {getattr(self, name)}; legal: even numbers")
        if self.num_places % 3:
            raise ValueError(f"{prefix}num_places is {self.num_places}; legal: multiples of 3")

    def _check_names(self, prefix: str) -> None:
        legal = {
            "colors": tuple(FILM_COLORS),
            "standing_shapes": SHAPES,
            "visitor_shapes": SHAPES,
            "question_kinds": QUESTION_KINDS,
        }
        for name, known in legal.items():
            chosen = getattr(self, name)
            if not chosen or set(chosen) - set(known) or len(set(chosen)) != len(chosen):
                raise ValueError(
                    f"{prefix}{name} is {chosen}; legal: at least one, each once, of "
                    f"{', '.join(known)}"
                )

    def _check_room(self, prefix: str) -> None:
        """What only several fields together can get wrong."""
        spare = 1 if self.num_moved else 0
        needed = self.num_initial() + self.num_brought + spare
        if needed > self.num_places:
            raise ValueError(
                f"{prefix}num_places is {self.num_places}; legal: at least {needed}, for the things"
                " that stand at the start, are brought, and a free place where one is moved"
            )
        names = len(self.colors) * len(self.standing_shapes)
        if needed - spare > names or (self.luggage_share > 0 and needed - spare >= names):
            raise ValueError(
                f"{prefix}colors and {prefix}standing_shapes make {names} things; legal: at least "
                f"{needed - spare}, and one more where luggage_share is above 0"
            )
        if self.visit_frames < 4:
            raise ValueError(
                f"{prefix}visit_seconds is {self.visit_seconds}; legal: at least 4 frames, which "
                f"are {4 / self.fps:g} s at {self.fps} frames per second"
            )
        if self.has_chapters and self.min_seconds < 30 * self.max_chapters:
            raise ValueError(
                f"{prefix}max_chapters is {self.max_chapters}; legal: at most one per 30 s of "
                f"{prefix}min_seconds ({self.min_seconds:g})"
            )


def nursery_film_config(
    seconds: float = 64.0, *, height: int = 56, width: int = 84, timed: bool = False
) -> FilmConfig:
    """Films for models of a few million weights.

    Coloured cubes stand in three places, two of which are taken away by coloured spheres. A frame
    of 56 x 84 px is six patches of 28 x 28: three places above, and below each a place for the
    visitor.

    Args:
        seconds: how long every film lasts.
        height, width: of a frame [px].
        timed: whether questions that name a time are asked too.
    """
    return FilmConfig(
        height=height,
        width=width,
        fps=4,
        min_seconds=seconds,
        max_seconds=seconds,
        min_chapters=1,
        max_chapters=1,
        visit_seconds=1.5,
        mean_gap_seconds=0.5,
        visitor_radius=0.22,
        luggage_share=0.8,
        colors=["red", "blue", "green", "yellow"],
        standing_shapes=["cube"],
        visitor_shapes=["sphere"],
        num_places=3,
        num_taken=2,
        num_brought=0,
        num_moved=0,
        num_kept=1,
        max_switches=0,
        hop=True,
        spoken_lines=0,
        question_kinds=["what_taken", "what_at_time"] if timed else ["what_taken"],
    )
