"""Views of small things, most of them partly hidden: what a perception probe is trained and judged
on.

A view is a crop of a picture round one thing, with a mask that says which pixels are the thing's,
what the thing is, and how much of it is in view. The pictures are those that a policy meets: every
scene type, every station, worlds as they start and after deeds, with and without marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import product

import numpy as np

from sims.avr.actions import perform
from sims.avr.candidates import draw_candidates
from sims.avr.config import AvrConfig
from sims.avr.layouts import draw_layout
from sims.avr.marks import deal_marks, draw_marks
from sims.avr.prior import Prior
from sims.avr.scene_types import SCENE_TYPES
from sims.avr.selection import ATTRIBUTE_NAMES
from sims.avr.sight import Box, look
from sims.avr.things import Place
from sims.avr.viewer import AZIMUTH_STEP_DEG, ELEVATIONS_DEG, HALF_WIDTH, Station
from sims.avr.world import STRAYED, UnsettledError, World
from sims.rendering import RenderSettings

CROP_METRES = 1.2
"""Side of a crop in the middle of the scene; a small thing is 0.7 across [m]."""
FILL = 0.8
"""How likely a place holds a thing."""
HIDE = 0.7
"""How likely a device hides its place."""
MAX_DEEDS = 2
"""Most actions that were taken before the pictures."""
LEAST_EXPOSURE = 0.3
"""Things of which less is in view are left out."""
WHOLE = 0.5
"""How likely one of the things that a picture shows whole is taken; the others are left out."""
MAX_PICTURES = 8
"""Most pictures of one world, all of which show some thing in part."""
STATIONS = tuple(
    Station(azimuth=azimuth, elevation=elevation)
    for azimuth, elevation in product(range(0, 360, AZIMUTH_STEP_DEG), ELEVATIONS_DEG)
)


@dataclass(frozen=True, kw_only=True)
class Views:
    """N views of things, crops S pixels wide.

    Attributes:
        plain: crops without marks, uint8 (N, 4, S, S): red, green, blue, and 255 where the thing
            is, else 0.
        marked: the same crops with marks drawn.
        labels: int64 (N, A): what the thing is, by `probed_attributes`, as indices into the
            vocabulary in use.
        exposure: float64 (N,): share of a small sphere in the thing's place that would be in view,
            in [0, 1].
        pixels: int64 (N,): pixels of the thing that are in view.
        distance: float32 (N,): from the eye to the thing [m].
    """

    plain: np.ndarray
    marked: np.ndarray
    labels: np.ndarray
    exposure: np.ndarray
    pixels: np.ndarray
    distance: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def probed_attributes(config: AvrConfig) -> dict[str, list[str]]:
    """What is read off things: the attributes that questions name, with the values in use."""
    vocabulary, named = config.vocabulary(), config.named_attributes()
    return {name: vocabulary[name] for name in ATTRIBUTE_NAMES if name in named}


def draw_views(config: AvrConfig, seeds: Sequence[int]) -> Iterator[Views | None]:
    """The views of one world after the other.

    Args:
        config: of the pictures and worlds; empty `scene_types` means all thirty.
        seeds: one per world; equal seeds give equal views.

    Yields:
        The views of each world; None where it shows no thing in part, or does not settle.
    """
    for seed in seeds:
        rng = np.random.default_rng(seed)
        world = _draw_world(config, rng)
        parts = [] if world is None else list(_views_of_world(world, config, rng))
        yield join_views(parts) if parts else None


def join_views(parts: Sequence[Views]) -> Views:
    """Several sets of views as one.

    Raises:
        ValueError: where there are none.
    """
    if not parts:
        raise ValueError("there are no views: no world shows a thing in part; draw more worlds")
    names = [field.name for field in fields(Views)]
    return Views(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


def crop_side(width: int) -> int:
    """Side of the crops from pictures of that width, an even number [px]."""
    return 2 * round(CROP_METRES * width / (4 * HALF_WIDTH))


def _draw_world(config: AvrConfig, rng: np.random.Generator) -> World | None:
    """A world of the prior, after 0 to `MAX_DEEDS` deeds; None where it does not settle."""
    names = config.scene_types or list(SCENE_TYPES)
    layout = draw_layout(
        rng,
        names[int(rng.integers(len(names)))],
        hide=[bool(rng.random() < HIDE) for _ in range(3)],
        wall_probability=config.wall_probability,
        vocabulary=config.large_vocabulary(),
        num_open_places=config.num_open_places,
    )
    prior = Prior(fill=FILL, vocabulary=config.vocabulary())
    contents = {place.name: prior.draw(rng) for place in layout.places()}
    yaws = {place.name: float(rng.uniform(0.0, np.pi / 2)) for place in layout.places()}
    try:
        world = World(layout, contents, yaws)
    except UnsettledError:
        return None
    for _ in range(int(rng.integers(MAX_DEEDS + 1))):
        actions = draw_candidates(config, world, rng)
        perform(actions[int(rng.integers(len(actions)))], world)
    return world


def _views_of_world(world: World, config: AvrConfig, rng: np.random.Generator) -> Iterator[Views]:
    """The views from some of the stations that show a thing in part."""
    world.set_picture_size(config.image_height, config.image_width)  # what is outside is not seen
    exposures = {station: _exposures(world, station) for station in STATIONS}
    partial = [
        station
        for station, shares in exposures.items()
        if any(LEAST_EXPOSURE <= share < 1 for share in shares.values())
    ]
    handles = [name for device in world.layout.devices for name in device.handles]
    marks = deal_marks(handles, rng) if config.target_names == "marks" else {}
    for index in rng.permutation(len(partial))[:MAX_PICTURES]:
        shares = exposures[partial[int(index)]]
        whole = [name for name, share in shares.items() if share == 1]
        if whole and rng.random() < WHOLE:
            whole.pop(int(rng.integers(len(whole))))
        chosen = {
            name: share
            for name, share in shares.items()
            if share >= LEAST_EXPOSURE and name not in whole
        }
        yield from _views_of_picture(world, config, partial[int(index)], marks, chosen)


def _exposures(world: World, station: Station) -> dict[str, float]:
    """Place name -> exposure, for every thing that stands in its place."""
    world.look_from(station)
    places = [place for place in world.layout.places() if _stands_in(place, world)]
    return {place.name: world.exposure(place) for place in places}


def _stands_in(place: Place, world: World) -> bool:
    """Whether the place holds a thing, and the thing has stayed there."""
    if world.contents.get(place.name) is None:
        return False
    away = world.data.body(place.name).xpos - world.place_position(place)
    return bool(np.abs(away).max() < STRAYED)


def _views_of_picture(
    world: World,
    config: AvrConfig,
    station: Station,
    marks: dict[str, int],
    exposures: dict[str, float],
) -> Iterator[Views]:
    """Views of the named things from one station."""
    world.look_from(station)
    settings = RenderSettings(
        height=config.image_height, width=config.image_width, shadows=config.shadows
    )
    sight = look(world, settings)
    marked = sight.picture.copy()
    draw_marks(marked, marks, sight, world)
    side = crop_side(config.image_width)
    for name, exposure in exposures.items():
        if name not in sight.boxes:  # every ray may pass where no pixel lies
            continue
        mask = 255 * (sight.body_ids == world.model.body(name).id).astype(np.uint8)
        crops = [
            _crop(np.dstack([picture, mask]), sight.boxes[name], side)[None]
            for picture in (sight.picture, marked)
        ]
        offset = world.data.body(name).xpos - station.eye()
        yield Views(
            plain=crops[0],
            marked=crops[1],
            labels=np.array([_label(world, name, config)]),
            exposure=np.array([exposure]),
            pixels=np.array([sight.pixels[name]]),
            distance=np.array([np.linalg.norm(offset)], dtype=np.float32),
        )


def _label(world: World, name: str, config: AvrConfig) -> list[int]:
    thing = world.contents[name]
    return [values.index(getattr(thing, a)) for a, values in probed_attributes(config).items()]


def _crop(layers: np.ndarray, box: Box, side: int) -> np.ndarray:
    """The square round the middle of a box, (C, side, side); black beyond the picture's edge."""
    half = side // 2
    padded = np.pad(layers, ((half, half), (half, half), (0, 0)))
    top, left = (box[1] + box[3]) // 2, (box[0] + box[2]) // 2  # half comes on, half goes off
    return np.ascontiguousarray(padded[top : top + side, left : left + side].transpose(2, 0, 1))
