"""Configuration of the active visual reasoning environments. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field

from sims.avr.vocabulary import COLORS, MATERIALS, SHAPES

QUESTION_TYPES = ("query", "exist", "count", "compare", "math_count", "math_compare")
QUERY_ATTRIBUTES = ("color", "shape", "material")
ACTION_FORMS = ("lettered", "typed")
TARGET_NAMES = ("marks", "regions")
EXECUTORS = ("magic", "arm")
MAY_BE_EMPTY = ("filter_attributes", "large_colors")


@dataclass(kw_only=True)
class AvrConfig:
    """An active visual reasoning environment.

    Attributes:
        image_height, image_width: size of a picture [px], 28 to 1024.
        shadows: whether the key light casts shadows.
        scene_types: names of the scene types to draw from; empty for all of the environment's kind
            but those held out of training.
        include_held_out: whether an empty `scene_types` means the held-out ones too.
        colors, shapes, materials: the vocabulary in use; names of CLEVR.
        large_colors: of what stands in the way, so of large objects; empty for `colors`.
        question_types: any of query, exist, count, compare, math_count, math_compare; each episode
            asks one, all equally often.
        query_attributes: what a query may ask for: color, shape, material.
        filter_attributes: what a question may tell objects apart by; their size is always small.
        max_count: largest number that a question has for an answer, 2 to 6.
        max_answers: most answers on offer, 2 to 8.
        fill_probability: chance that a place holds something, in (0, 1).
        hide_probability: chance that a device hides its place, where the first view is not to
            suffice, in (0, 1].
        wall_probability: chance of a wall on each of three sides, in [0, 1].
        num_open_places: places that lie in the open before the devices, 0 to 3.
        balanced: whether the answer is drawn first, evenly over those on offer, and the scene made
            to fit; if not, scenes come from the prior and all answers are on offer.
        sufficient_share: share of balanced episodes whose first view suffices, in [0, 1].
        action_form: "lettered" (answers and actions in one list) or "typed" (free-form actions that
            point into the picture, free-form answers).
        target_names: what options call their targets: "marks" (numbers drawn into the picture) or
            "regions" (left, middle, right; counted where a column has several handles).
        executor: who carries out Pick and Move Object: "magic" (what is picked is gone, what is
            pushed slides along) or "arm" (a robot arm grasps, carries and pushes it, and may fail;
            see `sims.avr.arm_executor`).
        min_actions, max_actions: how many action options are offered, 5 to 8; the first list always
            holds as many as may be.
        offer_lift: whether lists offer to lift the viewer, so that it looks down on the scene, and
            to lower it again.
        redraw_options: whether the actions on offer are drawn anew after each turn.
        shuffle_options: whether letters are dealt at random; if not, answers come first and actions
            follow, both in a fixed order.
        foresee: whether the truth holds the expected gain of every action on offer (it costs about
            as much as a picture).
        brief: short texts without instructions, for very small models.
        max_turns: an episode is truncated after this many replies, at least 2.
        max_reply_chars: longest reply the action space admits.
    """

    image_height: int = 224
    image_width: int = 224
    shadows: bool = True
    scene_types: list[str] = field(default_factory=list)
    include_held_out: bool = False
    colors: list[str] = field(default_factory=lambda: list(COLORS))
    shapes: list[str] = field(default_factory=lambda: list(SHAPES))
    materials: list[str] = field(default_factory=lambda: list(MATERIALS))
    large_colors: list[str] = field(default_factory=list)
    question_types: list[str] = field(default_factory=lambda: list(QUESTION_TYPES))
    query_attributes: list[str] = field(default_factory=lambda: list(QUERY_ATTRIBUTES))
    filter_attributes: list[str] = field(default_factory=lambda: list(QUERY_ATTRIBUTES))
    max_count: int = 4
    max_answers: int = 4
    fill_probability: float = 0.5
    hide_probability: float = 0.8
    wall_probability: float = 0.35
    num_open_places: int = 3
    balanced: bool = True
    sufficient_share: float = 0.4
    action_form: str = "lettered"
    target_names: str = "marks"
    executor: str = "magic"
    min_actions: int = 6
    max_actions: int = 8
    offer_lift: bool = True
    redraw_options: bool = True
    shuffle_options: bool = True
    foresee: bool = True
    brief: bool = False
    max_turns: int = 12
    max_reply_chars: int = 8192

    def vocabulary(self) -> dict[str, list[str]]:
        """Attribute -> the values that small objects take."""
        return {"color": self.colors, "shape": self.shapes, "material": self.materials}

    def large_vocabulary(self) -> dict[str, list[str]]:
        """Attribute -> the values that large objects take."""
        return {**self.vocabulary(), "color": self.large_colors or self.colors}

    def named_attributes(self) -> tuple[str, ...]:
        """What questions tell objects apart by, in CLEVR's order of words."""
        used = {*self.query_attributes, *self.filter_attributes}
        varied = ("color", "material", "shape")
        vocabulary = self.vocabulary()
        return (
            "size",
            *(name for name in varied if name in used and len(vocabulary[name]) > 1),
        )

    def check(self, prefix: str = "") -> None:
        """Raise `ValueError` naming the first field that is out of range, `prefix` before it."""
        self._check_names(prefix)
        self._check_choices(prefix)
        self._check_ranges(prefix)
        self._check_questions(prefix)

    def _check_names(self, prefix: str) -> None:
        legal = {
            "colors": tuple(COLORS),
            "large_colors": tuple(COLORS),
            "shapes": SHAPES,
            "materials": MATERIALS,
            "question_types": QUESTION_TYPES,
            "query_attributes": QUERY_ATTRIBUTES,
            "filter_attributes": QUERY_ATTRIBUTES,
        }
        for name, values in legal.items():
            chosen = getattr(self, name)
            unknown = [value for value in chosen if value not in values]
            if unknown or (not chosen and name not in MAY_BE_EMPTY):
                raise ValueError(
                    f"{prefix}{name} is {chosen}; legal: one or more of {', '.join(values)}"
                )
            if len(set(chosen)) != len(chosen):
                raise ValueError(f"{prefix}{name} is {chosen}; each name may stand once")

    def _check_choices(self, prefix: str) -> None:
        legal = {
            "action_form": ACTION_FORMS,
            "target_names": TARGET_NAMES,
            "executor": EXECUTORS,
        }
        for name, values in legal.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)!r}; legal: {', '.join(values)}"
                )

    def _check_questions(self, prefix: str) -> None:
        """Two types need an attribute that can vary: to ask for, or to take things away by."""
        varied = {name for name, values in self.vocabulary().items() if len(values) > 1}
        needs = {"query": "query_attributes", "math_compare": "filter_attributes"}
        for kind, name in needs.items():
            if kind in self.question_types and not varied.intersection(getattr(self, name)):
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)}; {kind} needs one with two values or "
                    f"more; those that have are {', '.join(sorted(varied)) or 'none'}"
                )

    def _check_ranges(self, prefix: str) -> None:
        ranges = {
            "image_height": (28, 1024),
            "image_width": (28, 1024),
            "max_count": (2, 6),
            "max_answers": (2, 8),
            "fill_probability": (0.01, 0.99),
            "hide_probability": (0.01, 1.0),
            "wall_probability": (0.0, 1.0),
            "num_open_places": (0, 3),
            "sufficient_share": (0.0, 1.0),
            "min_actions": (5, 8),
            "max_actions": (self.min_actions, 8),
            "max_turns": (2, 64),
            "max_reply_chars": (16, 1_000_000),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also false for NaN
                raise ValueError(f"{prefix}{name} is {value}; legal: {low} to {high}")


def nursery_config() -> AvrConfig:
    """Small pictures, few objects, few words: what a two-core machine learns in minutes."""
    return AvrConfig(
        image_height=84,
        image_width=168,
        shadows=False,
        scene_types=["behind_large_object"],
        colors=["red", "blue", "green", "yellow"],
        large_colors=["gray", "brown", "purple"],
        materials=["rubber"],
        question_types=["query", "exist", "count"],
        query_attributes=["color"],
        filter_attributes=["color"],
        max_count=2,
        fill_probability=0.4,
        hide_probability=0.4,
        wall_probability=0.6,
        num_open_places=0,
        target_names="regions",
        min_actions=5,
        max_actions=6,
        offer_lift=False,
        redraw_options=False,
        shuffle_options=False,
        brief=True,
        max_turns=3,
        max_reply_chars=2048,
    )
