"""A table being laid for one episode: everything is drawn from the episode's generator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sims.manipulation.scene import Body, Scene
from sims.manipulation.splits import CAMERA_FOVY, Variation, draw_pair
from sims.manipulation.tasks.things import (
    COLORS,
    HELD_OUT_COLORS,
    HELD_OUT_SHAPES,
    SHAPES,
    Spot,
    make_thing,
)
from sims.manipulation.wording import write_instruction

GAP = 0.045
"""Free table between two things, so that open fingers fit between them [m]."""
_TRIES = 60


class CrowdedError(Exception):
    """No free place was found; draw the whole table anew."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """How an episode is asked for.

    Attributes:
        variation: in which respect it differs from training.
        num_distractors: as of `ManipulationConfig`.
        paraphrases: as of `ManipulationConfig`.
        front_fovy: as of `ManipulationConfig`.
    """

    variation: Variation
    num_distractors: int = 2
    paraphrases: bool = True
    front_fovy: float = CAMERA_FOVY


@dataclass(kw_only=True)
class Table:
    """What stands where so far.

    Attributes:
        request: how the episode is asked for.
        rng: the episode's generator, the only source of chance.
        bodies: what was laid.
        words: body name -> (colour, shape), as they are called.
    """

    request: Request
    rng: np.random.Generator
    bodies: list[Body] = field(default_factory=list)
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    _taken: list[tuple[float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.variation = self.request.variation
        self._look = self.variation.look(self.rng, self.request.front_fovy)
        names = ("friction", "mass", "damping")
        self._dynamics = {name: self.variation.number(name, self.rng) for name in names}

    @property
    def damping(self) -> float:
        """Of what slides in this episode [N s/m]."""
        return self._dynamics["damping"]

    def take_place(self, radius: float, *, is_target: bool = False) -> tuple[float, float]:
        """A place for something of a radius [m], clear of all others by `GAP`.

        Raises:
            CrowdedError: where none is found.
        """
        for _ in range(_TRIES):
            x, y = self.variation.place(self.rng, is_target=is_target)
            if self.take(x, y, radius):
                return x, y
        raise CrowdedError

    def take(self, x: float, y: float, radius: float) -> bool:
        """Keep a place for something of a radius [m], unless it is too near to another."""
        free = all(math.hypot(x - a, y - b) >= radius + r + GAP for a, b, r in self._taken)
        if free:
            self._taken.append((x, y, radius))
        return free

    def block(self, x: float, y: float, radius: float) -> None:
        """Let nothing be put within a radius [m] of a place from now on."""
        self._taken.append((x, y, radius))

    def spot(self, x: float, y: float, *, turned: bool = True) -> Spot:
        """A place with the look and dynamics of this episode, turned at random."""
        return Spot(
            x=x,
            y=y,
            yaw=float(self.rng.uniform(-math.pi / 4, math.pi / 4)) if turned else 0.0,
            texture=self._look.thing_texture,
            mass=self._dynamics["mass"],
            friction=self._dynamics["friction"],
        )

    def add(self, body: Body, color: str, shape: str) -> str:
        """Lay a body; returns its name."""
        self.bodies.append(body)
        self.words[body.name] = (color, shape)
        return body.name

    def add_thing(self, color: str, shape: str, *, is_target: bool = False) -> str:
        """Lay a thing at a free place; returns its name."""
        x, y = self.take_place(SHAPES[shape].radius, is_target=is_target)
        return self.add(make_thing(color, shape, self.spot(x, y)), color, shape)

    def add_distractors(self, count: int, shapes: Sequence[str], avoid: Sequence[str]) -> None:
        """Lay things of training's colours, all different, none of those to avoid."""
        colors = self.draw_colors(count, avoid)
        for color in colors:
            self.add_thing(color, self.draw(shapes))

    def draw(self, choices: Sequence[str]) -> str:
        """One of them."""
        return choices[int(self.rng.integers(len(choices)))]

    def draw_colors(self, count: int, avoid: Sequence[str]) -> list[str]:
        """Different colours of training, none of those to avoid."""
        legal = [color for color in COLORS if color not in avoid]
        return [legal[i] for i in self.rng.permutation(len(legal))[:count]]

    def draw_color_and_shape(
        self, shapes: Sequence[str], held_out: Sequence[str] = HELD_OUT_SHAPES
    ) -> tuple[str, str]:
        """Of what is asked for, where the instruction names both and no other colour."""
        first, second = draw_pair(self.variation, self.rng, len(COLORS), len(shapes), alike=True)
        return self._target_color(first), self.draw_shape([shapes[second]], held_out)

    def draw_colors_of_pair(self) -> tuple[str, str]:
        """Of what is asked for and of where it goes."""
        first, second = draw_pair(self.variation, self.rng, len(COLORS), len(COLORS), alike=False)
        return self._target_color(first), list(COLORS)[second]

    def draw_color_and_index(self, count: int) -> tuple[str, int]:
        """Of what is asked for and its number in a row of `count`."""
        first, second = draw_pair(self.variation, self.rng, len(COLORS), count, alike=True)
        return self._target_color(first), second

    def _target_color(self, index: int) -> str:
        held_out = self.variation.kind == "color"
        return self.draw(list(HELD_OUT_COLORS)) if held_out else list(COLORS)[index]

    def draw_shape(self, shapes: Sequence[str], held_out: Sequence[str] = HELD_OUT_SHAPES) -> str:
        """Of what is asked for: one of `shapes`, or one of `held_out`."""
        return self.draw(held_out if self.variation.kind == "shape" else shapes)

    def write(self, task: str, **fields: str) -> str:
        """The instruction."""
        return write_instruction(
            task,
            self.rng,
            paraphrases=self.request.paraphrases,
            held_out=self.variation.kind == "words",
            fields=fields,
        )

    def scene(self) -> Scene:
        """All that was laid."""
        return Scene(
            bodies=tuple(self.bodies),
            cameras=self._look.cameras,
            lighting=self._look.lighting,
            table_color=self._look.table_color,
            table_texture=self._look.table_texture,
            table_friction=self._dynamics["friction"],
        )
