"""Configuration of the visual tool environments. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

TASKS = ("search", "compare", "inspect")
QUESTION_KINDS = {
    "search": ("symbol",),
    "compare": ("same", "most", "carrier"),
    "inspect": ("count", "sum", "only"),
}
"""Task -> the kinds of its questions; see `sims.tools.questions`."""
LAYOUTS = ("table", "shelves", "counter")
SYMBOLS = ("letter", "dots", "color")
COORDINATES = ("unit", "thousand", "pixels")
ZOOM_RULES = ("fit", "native", "area")
IMAGE_TOOLS = ("crop", "zoom", "mark", "draw_box", "draw_line")
ORACLE_TOOLS = ("detect", "segment", "read", "depth")
TOOLS = (*IMAGE_TOOLS, *ORACLE_TOOLS)
ITEM_COLORS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
ITEM_KINDS = ("box", "can", "bottle", "book", "mug", "ball")
ASPECT = 4 / 3
READABLE_PX = 12.0
"""A label can be read where it is shown with sides of this many pixels or more."""
FULL_READABLE_PX = 20.0
"""Labels have at least this side in the photograph, or nobody could read them."""


@dataclass(kw_only=True)
class NoiseConfig:
    """How wrong the oracle tools are. The same call always gets the same answer.

    Attributes:
        miss: chance that `detect` and `segment` overlook a thing, in [0, 1].
        jitter: standard deviation of each side of a box, as a share of the box's size, 0 to 10.
        confusion: chance that a name or a label is taken for another, in [0, 1].
        depth: standard deviation of a distance, as a share of it, 0 to 10.
    """

    miss: float = 0.0
    jitter: float = 0.0
    confusion: float = 0.0
    depth: float = 0.0

    def check(self, prefix: str) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        for name, high in {"miss": 1.0, "jitter": 10.0, "confusion": 1.0, "depth": 10.0}.items():
            _check_range(prefix, name, getattr(self, name), 0.0, high)


@dataclass(kw_only=True)
class LookConfig:
    """A large photograph that is shown small, a question, and tools to look closer.

    Attributes:
        full_width: of the photograph [px], 640 to 4096; all pictures are 4 wide to 3 high.
        small_width: of the picture that is shown at first [px], 56 to 672.
        look_width: largest width of a picture that a tool shows [px], 56 to 1344; its largest
            height is three quarters of that.
        shadows: whether the light casts shadows; dearer.
        cache_mib: photographs kept for all environments of a process together [MiB], 16 to 65536;
            others are taken again when they are needed.
        layouts: any of table, shelves, counter; each episode has one, all equally often.
        num_items: things with names and labels, 4 to 15; no more than there are names.
        item_colors: any of red, orange, yellow, green, cyan, blue, purple, pink; empty for all.
        item_kinds: any of box, can, bottle, book, mug, ball; empty for all. "inspect" is about
            things of one colour, and needs as many kinds.
        num_scraps: small things without, 0 to 16.
        label_pixels: side of a label in the small picture [px], 0.5 to 6. Up to 1.5, labels tell
            next to nothing there, even to a network that is told where they are.
        readable_share: share of episodes in which labels are as large as things have room for, so
            that a small picture of 224 pixels or more mostly suffices, in [0, 1].
        symbols: what labels show: letter, dots, color; each episode has one, all equally often.
            "most" and "sum" are always about dots.
        question_kinds: what is asked; empty for all kinds of the task. For "search": symbol; for
            "compare": same, most, carrier; for "inspect": count, sum, only.
        num_options: answers on offer, 2 to 4; "same" always has two.
        num_compared: things that "most" compares, and that "inspect" inspects, 2 to 4; "carrier"
            and "only" have as many as there are options.
        tools: which there are, in the order in which they are told: crop, zoom, mark, draw_box,
            draw_line, detect, segment, read, depth.
        noise: how wrong detect, segment, read and depth are.
        coordinates: how places are written: "unit" (0 to 1), "thousand" (0 to 1000) or "pixels" (of
            the picture pointed into).
        zoom_rule: how large a part of the photograph is shown: "fit" (as large as fits a look),
            "native" (pixel by pixel, made smaller where it does not fit) or "area" (VLM-R3: twice
            that for parts below an eighth of the photograph's area, less for larger ones).
        zoom_factor: of `zoom` where a call names none, 1 to 64.
        max_marks: marks, boxes and lines that may be drawn in an episode, 0 to 64.
        memory_window: pictures of earlier looks that each turn shows again, after the question and
            the small picture, so that a policy may read the newest turn alone, 0 to 8; null shows
            at each turn what is new.
        shuffle_options: whether the letters of answers are dealt at random; if not, answers that
            have an order stand in it.
        brief: short texts without instructions, and numbers with two decimals, for very small
            models.
        max_turns: an episode is truncated after this many replies, 1 to 64.
        max_reply_chars: longest reply the action space admits, 16 to 1000000.
    """

    full_width: int = 2560
    small_width: int = 168
    look_width: int = 224
    shadows: bool = True
    cache_mib: int = 256
    layouts: list[str] = field(default_factory=lambda: list(LAYOUTS))
    num_items: int = 13
    item_colors: list[str] = field(default_factory=list)
    item_kinds: list[str] = field(default_factory=list)
    num_scraps: int = 14
    label_pixels: float = 1.5
    readable_share: float = 0.0
    symbols: list[str] = field(default_factory=lambda: list(SYMBOLS))
    question_kinds: list[str] = field(default_factory=list)
    num_options: int = 4
    num_compared: int = 3
    tools: list[str] = field(default_factory=lambda: ["crop", "zoom", "mark", "draw_box"])
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    coordinates: str = "unit"
    zoom_rule: str = "fit"
    zoom_factor: float = 5.0
    max_marks: int = 12
    memory_window: int | None = None
    shuffle_options: bool = True
    brief: bool = False
    max_turns: int = 8
    max_reply_chars: int = 8192

    @property
    def full_size(self) -> tuple[int, int]:
        """Width and height of the photograph [px]."""
        return self.full_width, round(self.full_width / ASPECT)

    @property
    def small_size(self) -> tuple[int, int]:
        """Width and height of the small picture [px]."""
        return self.small_width, round(self.small_width / ASPECT)

    @property
    def look_size(self) -> tuple[int, int]:
        """Largest width and height of a look [px]."""
        return self.look_width, round(self.look_width / ASPECT)

    def max_images(self) -> int:
        """Most pictures of one turn."""
        return 1 if self.memory_window is None else 2 + self.memory_window

    def check(self, prefix: str = "env.config.") -> None:
        """Raise `ValueError` naming the first field that is out of range, `prefix` before it."""
        self._check_names(prefix)
        ranges: dict[str, tuple[float, float]] = {
            "full_width": (640, 4096),
            "small_width": (56, 672),
            "look_width": (56, 1344),
            "cache_mib": (16, 65536),
            "num_items": (4, 15),
            "num_scraps": (0, 16),
            "label_pixels": (0.5, 6.0),
            "readable_share": (0.0, 1.0),
            "num_options": (2, 4),
            "num_compared": (2, 4),
            "zoom_factor": (1.0, 64.0),
            "max_marks": (0, 64),
            "max_turns": (1, 64),
            "max_reply_chars": (16, 1_000_000),
        }
        for name, (low, high) in ranges.items():
            _check_range(prefix, name, getattr(self, name), low, high)
        if self.memory_window is not None:
            _check_range(prefix, "memory_window", self.memory_window, 0, 8)
        side = self.label_pixels * self.full_width / self.small_width
        if side < FULL_READABLE_PX:
            raise ValueError(
                f"{prefix}label_pixels is {self.label_pixels}: with {prefix}full_width="
                f"{self.full_width} and {prefix}small_width={self.small_width} a label has "
                f"{side:.1f} pixels in the photograph; it needs {FULL_READABLE_PX:g} to be read"
            )
        num_names = len(self.palette()[0]) * len(self.palette()[1])
        if num_names < self.num_items:
            raise ValueError(
                f"{prefix}num_items is {self.num_items}, but {prefix}item_colors and "
                f"{prefix}item_kinds make {num_names} names"
            )
        self.noise.check(f"{prefix}noise.")

    def palette(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The colours and the kinds of named things."""
        return tuple(self.item_colors) or ITEM_COLORS, tuple(self.item_kinds) or ITEM_KINDS

    def num_targets(self, kind: str) -> int:
        """How many things a question of this kind hangs on."""
        if kind in ("carrier", "only"):
            return self.num_options
        return {"symbol": 1, "same": 2}.get(kind, self.num_compared)

    def check_task(self, task: str, prefix: str = "env.config.") -> None:
        """Raise `ValueError` for question kinds that are none of a task's, and for fewer names than
        its questions need.
        """
        if task not in TASKS:
            raise ValueError(f"the task is {task!r}; legal: {', '.join(TASKS)}")
        _check_list(prefix, "question_kinds", self.question_kinds, QUESTION_KINDS[task])
        colors, kinds = self.palette()
        asked = self.question_kinds or QUESTION_KINDS[task]
        num = max(self.num_targets(kind) for kind in asked) if task == "inspect" else 0
        if num > len(kinds) or (num and (len(colors) - 1) * len(kinds) + num < self.num_items):
            raise ValueError(
                f"{prefix}item_kinds is {list(kinds)} and {prefix}item_colors {list(colors)}; "
                f"inspecting {num} things of one colour takes as many kinds, and others enough for "
                f"{prefix}num_items={self.num_items}"
            )

    def _check_names(self, prefix: str) -> None:
        every = tuple(kind for kinds in QUESTION_KINDS.values() for kind in kinds)
        lists = {
            "layouts": LAYOUTS,
            "symbols": SYMBOLS,
            "item_colors": ITEM_COLORS,
            "item_kinds": ITEM_KINDS,
            "question_kinds": every,
            "tools": TOOLS,
        }
        for name, legal in lists.items():
            _check_list(prefix, name, getattr(self, name), legal)
        for name in ("layouts", "symbols"):
            if not getattr(self, name):
                raise ValueError(f"{prefix}{name} is empty; legal: {', '.join(lists[name])}")
        for name, legal in {"coordinates": COORDINATES, "zoom_rule": ZOOM_RULES}.items():
            if getattr(self, name) not in legal:
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)!r}; legal: {', '.join(legal)}"
                )


def _check_list(prefix: str, name: str, chosen: list[str], legal: tuple[str, ...]) -> None:
    if not set(chosen) <= set(legal) or len(set(chosen)) != len(chosen):
        raise ValueError(f"{prefix}{name} is {chosen}; legal, each once: {', '.join(legal)}")


def _check_range(prefix: str, name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{prefix}{name} is {value}; it must be from {low:g} to {high:g}")
