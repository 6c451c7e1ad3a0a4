"""The world in motion: compiled, settled, picked from, pushed, opened, looked at.

Physics runs only while something moves: after a deed until everything is at rest, and not at all
while the viewer walks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.avr.exposure import shown_shares
from sims.avr.physics import STILL_SPEED, Physics
from sims.avr.things import Body, Contents, Layout, Place
from sims.avr.viewer import DISTANCE, HALF_WIDTH, Station, camera_pose
from sims.avr.vocabulary import SIZES
from sims.avr.world_model import PHYSICS_DT, world_xml
from sims.rendering import import_mujoco

if TYPE_CHECKING:
    import mujoco

SLACK = 0.005
"""How far anything may move until a world as drawn has come to rest [m, or parts of a turn]."""
PUSH_DISTANCE = 1.05
"""How far Move Object pushes [m]."""
PUSH_SPEED = 1.5
OPENING_SPEED = 1.5
"""Of drawers and shutters [m/s]."""
SEEN_FRACTION = 0.6
"""A place is examined, and what stands there seen, when at least this share of a small sphere's
silhouette there is in view.
"""
STRAYED = 0.3
"""A thing this far from its place no longer stands in it [m]."""


class UnsettledError(RuntimeError):
    """A world did not come to rest."""


class World:
    """One world, from its start.

    Args:
        layout: devices, places, walls.
        contents: what stands in each place.
        yaws: place name -> turn of the thing there [rad].

    Attributes:
        model, data: MuJoCo's.
        layout, contents: as given.
        station: where the viewer stands.
        picked: names of the bodies that have been taken away.
        lost_places: names of the places that went with them, which nobody can look into any more.

    Raises:
        UnsettledError: where it does not come to rest.
    """

    def __init__(
        self, layout: Layout, contents: Contents, yaws: dict[str, float] | None = None
    ) -> None:
        self._mj = import_mujoco()
        self.layout, self.contents = layout, contents
        self.model: mujoco.MjModel = self._mj.MjModel.from_xml_string(
            world_xml(layout, contents, yaws or {})
        )
        self.data = self._mj.MjData(self.model)
        self._physics = Physics(self.model, self.data)
        self.picked: set[str] = set()
        self._bodies = {body.name: body for body in layout.bodies()}
        self._open = {
            body.name: body.is_open for body in layout.bodies() if body.mount == "sliding"
        }
        for name, is_open in self._open.items():
            self.data.qpos[self.joint_address(name)] = self.travel(name) if is_open else 0.0
        self._mj.mj_kinematics(self.model, self.data)
        self._carried_from = {  # where a carrier stood when its place was measured
            place.carrier: self._position(place.carrier).copy()
            for place in layout.places()
            if place.carrier
        }
        self._left_behind: dict[str, np.ndarray] = {}
        self.lost_places: set[str] = set()
        self._check_rests()
        self.set_picture_size(1, 1)
        self.look_from(Station())

    def look_from(self, station: Station) -> None:
        """Put the viewer there."""
        self.station = station
        self.model.cam_pos[0], self.model.cam_quat[0] = camera_pose(station)
        self._physics.update()

    def set_picture_size(self, height: int, width: int) -> None:
        """Choose the field of view, so that the scene fills a picture of that size [px]."""
        self.model.cam_fovy[0] = math.degrees(2 * math.atan(height * HALF_WIDTH / width / DISTANCE))

    def full_pixels(self, width: int) -> float:
        """Pixels of a small sphere in the middle of the scene, in a picture of that width [px]."""
        return math.pi * (SIZES["small"] * width / (2 * HALF_WIDTH)) ** 2

    def pick(self, name: str) -> bool:
        """Take a body away; what it carried falls. False for what is fixed, or gone already."""
        if not self._is_loose(name):
            return False
        self.rearrange({}, gone=[name])
        return True

    def rearrange(
        self,
        poses: Mapping[str, tuple[np.ndarray, np.ndarray]],
        *,
        gone: Sequence[str],
        lost_places: Collection[str] = (),
    ) -> None:
        """Put bodies elsewhere or take them away, and let everything settle.

        Args:
            poses: name of a loose body -> its new position (3,) [m] and turn (w, x, y, z).
            gone: names of loose bodies to take away.
            lost_places: places that go with them; others stay where their carriers leave them.
        """
        for place in self.layout.places():
            if place.carrier in gone and place.name not in lost_places:
                self._left_behind[place.name] = self._carried(place)
        self.lost_places.update(lost_places)
        for name, (position, quat) in poses.items():
            start = self.joint_address(name)
            self.data.qpos[start : start + 7] = (*position, *quat)
        self.picked.update(gone)
        self._physics.keep_away([self.model.body(name).id for name in sorted(self.picked)])
        self._physics.settle()

    def push(self, name: str, direction: str) -> bool:
        """Push a body to the "left" or "right" of the first view. False where nothing moves."""
        if not self._is_loose(name):
            return False
        speed = PUSH_SPEED if direction == "right" else -PUSH_SPEED
        velocity = self._velocity_address(name)
        for _ in range(round(PUSH_DISTANCE / PUSH_SPEED / PHYSICS_DT)):
            self.data.qvel[velocity : velocity + 2] = (speed, 0.0)
            self._physics.step()
        self.data.qvel[velocity : velocity + 2] = 0.0
        self._physics.settle()
        return True

    def set_open(self, name: str, is_open: bool) -> bool:
        """Open or close a drawer or shutter. False where there is nothing to open or close."""
        if self._open.get(name, is_open) == is_open:
            return False
        self._open[name] = is_open
        target = self.travel(name) if is_open else 0.0
        lock = list(self._open).index(name)  # equalities stand in the order of the bodies
        start = float(self.model.eq_data[lock, 0])
        steps = math.ceil(abs(target - start) / OPENING_SPEED / PHYSICS_DT)
        for step in range(1, steps + 1):
            self.model.eq_data[lock, 0] = start + (target - start) * step / steps
            self._physics.step()
        self._physics.settle()
        return True

    def is_open(self, name: str) -> bool | None:
        """Whether a drawer or shutter stands open; None for other bodies."""
        return self._open.get(name)

    def examined(self) -> frozenset[str]:
        """Names of the places that lie open to the view, whatever stands there or does not."""
        return self._in_view(self._strayed())

    def seen(self) -> frozenset[str]:
        """Places whose content the view shows: examined ones, and those whose thing has come away
        from its place and is in view elsewhere.
        """
        strayed = self._strayed()
        return self._in_view(strayed, elsewhere=strayed)

    def exposure(self, place: Place) -> float:
        """Share of a small sphere at the place that the viewer would see, in [0, 1].

        What stands at the place itself is left out of the way, so that the number is the same
        whether or not the place is occupied.
        """
        return float(self._shares([place], self._strayed(), elsewhere=())[0])

    def place_position(self, place: Place) -> np.ndarray:
        """Centre of a small sphere at one of the layout's places, (3,) [m]."""
        position = np.array(place.pos)
        position[2] += SIZES["small"]
        return position + self._carried(place) if place.carrier else position

    def _carried(self, place: Place) -> np.ndarray:
        """How far its carrier has taken a place since the start, (3,) [m]. A carrier that is picked
        leaves it behind.
        """
        if place.name in self._left_behind:
            return self._left_behind[place.name]
        carrier = self.model.body(place.carrier).id
        return self.data.xpos[carrier] - self._carried_from[place.carrier]

    def geoms_of(self, name: str) -> slice:
        """The geom ids of a body."""
        body = self.model.body(name).id
        start = int(self.model.body_geomadr[body])
        return slice(start, start + int(self.model.body_geomnum[body]))

    def joint_address(self, name: str) -> int:
        """Where the position of a body that moves starts in `data.qpos`."""
        return int(self.model.joint(name).qposadr[0])

    def travel(self, name: str) -> float:
        """How far a drawer or shutter opens [m]."""
        return math.hypot(*self._bodies[name].travel)

    def get_state(self) -> dict[str, Any]:
        """What distinguishes this world from its start, JSON-able."""
        return {
            "qpos": self.data.qpos.tolist(),
            "picked": sorted(self.picked),
            "open": dict(self._open),
            "station": [self.station.azimuth, self.station.elevation],
        }

    def max_speed(self) -> float:
        """The fastest motion of any part [m/s or rad/s]."""
        return self._physics.max_speed()

    def body(self, name: str) -> Body | None:
        """The device part of that name, or None for a small thing."""
        return self._bodies.get(name)

    def _is_loose(self, name: str) -> bool:
        """Whether a body can be picked and pushed."""
        if name in self.picked:
            return False
        body = self._bodies.get(name)
        return self.contents.get(name) is not None if body is None else body.mount == "free"

    def _strayed(self) -> frozenset[str]:
        """Places whose thing no longer stands in them."""
        return frozenset(p.name for p in self.layout.places() if self._has_strayed(p))

    def _has_strayed(self, place: Place) -> bool:
        if self.contents.get(place.name) is None:
            return False
        away = self._position(place.name) - self.place_position(place)
        return math.hypot(away[0], away[1]) > STRAYED or abs(away[2]) > STRAYED

    def _in_view(self, strayed: Collection[str], elsewhere: Collection[str] = ()) -> frozenset[str]:
        """Names of the places of which enough is in view; see `_shares`."""
        places = [p for p in self.layout.places() if p.name not in self.lost_places]
        shares = self._shares(places, strayed, elsewhere)
        pairs = zip(places, shares, strict=True)
        return frozenset(place.name for place, share in pairs if share >= SEEN_FRACTION)

    def _shares(
        self, places: Sequence[Place], strayed: Collection[str], elsewhere: Collection[str]
    ) -> np.ndarray:
        """Shares of small spheres that the viewer would see, (n,) in [0, 1].

        Args:
            places: where they stand.
            strayed: names of the places whose thing no longer stands in them.
            elsewhere: names of the places whose sphere stands where that thing is now.
        """
        centres, without = [], []
        for place in places:
            moved = place.name in elsewhere
            stands_there = self.contents.get(place.name) is not None and place.name not in strayed
            centres.append(self._position(place.name) if moved else self.place_position(place))
            without.append(self.model.body(place.name).id if moved or stands_there else -1)
        eye = self.data.cam_xpos[0]
        return shown_shares(self.model, self.data, eye, np.array(centres), without)

    def _check_rests(self) -> None:
        """Make sure that the world rests as it was drawn, and leave it exactly so.

        Settling moves things by micrometres, which depend on what is hidden and show as single
        pixels: the first picture must not.

        Raises:
            UnsettledError: where something moves by more than `SLACK`.
        """
        drawn = self.data.qpos.copy()
        speed = self._physics.settle()
        if speed > STILL_SPEED or np.abs(self.data.qpos - drawn).max(initial=0.0) > SLACK:
            raise UnsettledError(f"a {self.layout.scene_type!r} world does not rest as drawn")
        self.data.qpos[:] = drawn

    def _position(self, name: str) -> np.ndarray:
        return self.data.xpos[self.model.body(name).id]

    def _velocity_address(self, name: str) -> int:
        return int(self.model.joint(name).dofadr[0])
