"""Worlds drawn from a seed and what can be done to them, for the tests of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from sims.avr.actions import SIDES, Action
from sims.avr.candidates import is_openable
from sims.avr.config import AvrConfig
from sims.avr.layouts import draw_layout
from sims.avr.prior import Prior
from sims.avr.scene_types import SCENE_TYPES
from sims.avr.things import Body, Contents, Layout, Thing
from sims.avr.viewer import AZIMUTH_STEP_DEG, ELEVATIONS_DEG, FIRST_STATION, Station
from sims.avr.vocabulary import ATTRIBUTE_VALUES
from sims.avr.world import World
from sims.rendering import RenderSettings

WORDS = {name: ATTRIBUTE_VALUES[name] for name in ("color", "shape", "material")}
PRIOR = Prior(fill=0.6, vocabulary=WORDS)
FULL = Prior(fill=1.0, vocabulary=WORDS)
TYPES = tuple(SCENE_TYPES)
STATIONS = tuple(
    Station(azimuth=azimuth, elevation=elevation)
    for azimuth in range(0, 360, AZIMUTH_STEP_DEG)
    for elevation in ELEVATIONS_DEG
)
PICTURE = RenderSettings(height=112, width=112, shadows=False)
RED_CUBE = Thing(color="red", shape="cube", size="small", material="rubber")
BLUE_BALL = Thing(color="blue", shape="sphere", size="small", material="metal")


def small_config(**settings) -> AvrConfig:
    """Small pictures without shadows: quick, and as true as large ones."""
    given = {"image_height": 84, "image_width": 84, "shadows": False, **settings}
    return AvrConfig(**given)


def draw_parts(
    scene_type: str, seed: int, *, hide: float = 0.75, prior: Prior = PRIOR
) -> tuple[Layout, Contents, dict[str, float]]:
    """What a world is made of. Each device hides its place with probability `hide`."""
    rng = np.random.default_rng([seed, TYPES.index(scene_type)])
    layout = draw_layout(rng, scene_type, hide=[bool(rng.random() < hide) for _ in range(3)])
    contents = {place.name: prior.draw(rng) for place in layout.places()}
    yaws = {place.name: float(rng.uniform(0, np.pi / 2)) for place in layout.places()}
    return layout, contents, yaws


def draw_world(scene_type: str, seed: int, **settings) -> World:
    """A world from its seed; settings as for `draw_parts`."""
    return World(*draw_parts(scene_type, seed, **settings))


def world_with(scene_type: str, wanted: Callable[[World], bool], **settings) -> World:
    """The first world of a type that has what is wanted."""
    worlds = (draw_world(scene_type, seed, **settings) for seed in range(40))
    return next(world for world in worlds if wanted(world))


@dataclass
class StillWorld:
    """A world as those see it who plan for it, without physics."""

    layout: Layout
    station: Station = FIRST_STATION
    picked: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)

    def body(self, name: str) -> Body | None:
        return next((body for body in self.layout.bodies() if body.name == name), None)

    def is_open(self, name: str) -> bool | None:
        body = self.body(name)
        return name in self.opened if body and body.mount == "sliding" else None


def still_world(scene_type: str, seed: int, hide: float = 0.75) -> StillWorld:
    """A world from its seed, of which nothing is simulated."""
    return StillWorld(layout=draw_parts(scene_type, seed, hide=hide)[0])


def handles(world: World) -> list[str]:
    """Everything that can be acted on, from left to right."""
    return [name for device in world.layout.devices for name in device.handles]


def draw_deed(world: World, rng: np.random.Generator, *, push: bool = True) -> Action:
    """Something to do to what is still there: pick or open, or (if `push`) push as often."""
    left = [name for name in handles(world) if name not in world.picked] or handles(world)
    name = left[int(rng.integers(len(left)))]
    if is_openable(name):
        return Action(kind="close" if world.is_open(name) else "open", target=name)
    if push and rng.random() < 0.5:
        return Action(kind="move_object", target=name, direction=SIDES[int(rng.integers(2))])
    return Action(kind="pick", target=name)


def draw_station(rng: np.random.Generator) -> Station:
    """Any of the stations."""
    return STATIONS[int(rng.integers(len(STATIONS)))]


def stacked(world: World) -> Iterator[tuple[str, str]]:
    """(upper, lower) for every loose body that stands on a loose one."""
    for body in world.layout.bodies():
        below = world.body(body.below)
        if below is not None and body.mount == below.mount == "free":
            yield body.name, below.name


def position(world: World, name: str) -> np.ndarray:
    """Where the frame of a body is, (3,) [m]."""
    return world.data.xpos[world.model.body(name).id].copy()
