"""Configuration of the active visual reasoning environments. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field

from sims.avr.vocabulary import COLORS, MATERIALS, SHAPES

QUESTION_TYPES = ("query", "exist", "count")
QUERY_ATTRIBUTES = ("color", "shape", "material")


@dataclass(kw_only=True)
class AvrConfig:
    """An active visual reasoning environment.

    Attributes:
        image_height, image_width: size of a picture [px], 28 to 1024.
        shadows: whether the key light casts shadows.
        num_columns: hiding places side by side, 3 or 5.
        colors, shapes, materials: the vocabulary in use; names of CLEVR.
        question_types: any of query, exist, count; each episode asks one, all equally often.
        query_attributes: what a query may ask for: color, shape, material.
        filter_attributes: what a question may tell objects apart by; `size` is always small.
        min_occluders, max_occluders: how many large objects hide something.
        back_large_probability: chance that a column without occluder has a large object at the
            back, which hides nothing, in [0, 1].
        hidden_fill_probability: chance that a hiding place with nothing to prove holds something,
            in [0, 1].
        visible_fill_probability: chance that an open column with nothing to prove holds something,
            in [0, 1].
        wall_probability: chance of a wall on each side, which blocks the view from that side, in
            [0, 1].
        max_count: largest true answer of a count question, at least 1.
        sufficient_share: share of episodes whose first view suffices, in [0, 1].
        min_actions, max_actions: how many action options are offered, 5 to 8.
        shuffle_options: whether letters are dealt anew in each episode; if not, answers come first
            and actions follow, both in a fixed order.
        brief: short texts without instructions, for very small models.
        max_turns: an episode is truncated after this many replies, at least 2.
        max_reply_chars: longest reply the action space admits.
    """

    image_height: int = 224
    image_width: int = 224
    shadows: bool = True
    num_columns: int = 5
    colors: list[str] = field(default_factory=lambda: list(COLORS))
    shapes: list[str] = field(default_factory=lambda: list(SHAPES))
    materials: list[str] = field(default_factory=lambda: list(MATERIALS))
    question_types: list[str] = field(default_factory=lambda: list(QUESTION_TYPES))
    query_attributes: list[str] = field(default_factory=lambda: list(QUERY_ATTRIBUTES))
    filter_attributes: list[str] = field(default_factory=lambda: list(QUERY_ATTRIBUTES))
    min_occluders: int = 1
    max_occluders: int = 3
    back_large_probability: float = 0.4
    hidden_fill_probability: float = 0.5
    visible_fill_probability: float = 0.7
    wall_probability: float = 0.6
    max_count: int = 3
    sufficient_share: float = 0.4
    min_actions: int = 6
    max_actions: int = 8
    shuffle_options: bool = True
    brief: bool = False
    max_turns: int = 6
    max_reply_chars: int = 8192

    def named_attributes(self) -> tuple[str, ...]:
        """What questions tell objects apart by, in CLEVR's order of words."""
        varied = {"color": self.colors, "material": self.materials, "shape": self.shapes}
        used = {*self.query_attributes, *self.filter_attributes}
        return (
            "size",
            *(name for name, values in varied.items() if name in used and len(values) > 1),
        )

    def check(self, prefix: str = "") -> None:
        """Raise `ValueError` naming the first field that is out of range, `prefix` before it."""
        self._check_names(prefix)
        self._check_ranges(prefix)

    def _check_names(self, prefix: str) -> None:
        legal = {
            "colors": tuple(COLORS),
            "shapes": SHAPES,
            "materials": MATERIALS,
            "question_types": QUESTION_TYPES,
            "query_attributes": QUERY_ATTRIBUTES,
            "filter_attributes": QUERY_ATTRIBUTES,
        }
        for name, values in legal.items():
            chosen = getattr(self, name)
            unknown = [value for value in chosen if value not in values]
            if unknown or (not chosen and name != "filter_attributes"):
                raise ValueError(
                    f"{prefix}{name} is {chosen}; legal: one or more of {', '.join(values)}"
                )
            if len(set(chosen)) != len(chosen):
                raise ValueError(f"{prefix}{name} is {chosen}; each name may stand once")

    def _check_ranges(self, prefix: str) -> None:
        ranges = {
            "image_height": (28, 1024),
            "image_width": (28, 1024),
            "num_columns": (3, 5),
            "min_occluders": (1, self.num_columns),
            "max_occluders": (self.min_occluders, self.num_columns),
            "max_count": (1, self.num_columns),
            "min_actions": (5, 8),
            "max_actions": (self.min_actions, 8),
            "max_turns": (2, 64),
            "max_reply_chars": (16, 1_000_000),
            **{
                name: (0.0, 1.0)
                for name in (
                    "back_large_probability",
                    "hidden_fill_probability",
                    "visible_fill_probability",
                    "wall_probability",
                    "sufficient_share",
                )
            },
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also false for NaN
                raise ValueError(f"{prefix}{name} is {value}; legal: {low} to {high}")
        if self.num_columns == 4:
            raise ValueError(f"{prefix}num_columns is 4; legal: 3 or 5")


def nursery_config() -> AvrConfig:
    """Small pictures, few objects, few words: what a two-core machine learns in minutes."""
    return AvrConfig(
        image_height=56,
        image_width=112,
        shadows=False,
        num_columns=3,
        colors=["red", "blue", "green", "yellow"],
        materials=["rubber"],
        query_attributes=["color"],
        filter_attributes=["color"],
        max_occluders=2,
        back_large_probability=0.0,
        hidden_fill_probability=0.3,
        visible_fill_probability=0.3,
        max_count=2,
        shuffle_options=False,
        brief=True,
        max_turns=3,
        wall_probability=0.8,
        min_actions=5,
        max_actions=6,
        max_reply_chars=2048,
    )
