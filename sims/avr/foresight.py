"""What an action would show, foreseen without doing it.

Foresight is quasi-static: a picked body is gone, what stood on it comes down by its height, a
pushed body stands a step aside, a drawer stands open, and nothing falls over or rolls. It knows no
more than a viewer does: what stands in places that nobody has looked into is left out of its world.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from sims.avr.actions import Action
from sims.avr.exposure import ABSENT_GROUP, shown_shares
from sims.avr.handling.table import takes_along
from sims.avr.things import Body, Contents
from sims.avr.viewer import Station
from sims.avr.world import PUSH_DISTANCE, SEEN_FRACTION, World
from sims.rendering import import_mujoco


class Foresight:
    """Foresees for one world, whatever becomes of it.

    Args:
        world: the world; it is left as it was after each question.
        by_arm: whether a robot arm carries deeds out, which takes what stands in a box along with
            the box.
    """

    def __init__(self, world: World, *, by_arm: bool = False) -> None:
        self._mj, self.world, self._by_arm = import_mujoco(), world, by_arm
        self._impossible: set[Action] = set()
        self._stands_as: object = None
        self._views: dict[tuple[object, ...], frozenset[str]] = {}

    def shows(self, actions: Sequence[Action], known: Contents) -> frozenset[str]:
        """Places that the actions, done one after the other, would lay open to the view.

        Args:
            actions: what would be done, in order.
            known: places whose content is known; they are not asked about.

        Returns:
            Names of unknown places that at least one of the pictures would show.
        """
        self._forget_if_changed()
        closed = {*known, *self.world.lost_places}
        unknown = tuple(p.name for p in self.world.layout.places() if p.name not in closed)
        station = self.world.station
        deeds: tuple[Action, ...] = ()
        found: frozenset[str] = frozenset()
        for action in actions:
            if action.moves_viewer:
                move = station.moved if action.kind == "move_viewer" else station.rotated
                station = move(action.direction)
            else:
                deeds = (*deeds, action)
            found |= self._view_after(deeds, station, unknown)
        return found

    def learn(self, action: Action, *, is_possible: bool) -> None:
        """Take in whether the arm could do something. What it could not changes nothing in what is
        foreseen, until the arm has done something else.
        """
        self._views.clear()
        if is_possible:
            self._impossible.clear()
        else:
            self._impossible.add(action)

    def _forget_if_changed(self) -> None:
        """Drop what was foreseen for the world as it stood before."""
        world = self.world
        now = world.data.qpos.tobytes(), len(world.picked), float(world.model.cam_fovy[0])
        if now != self._stands_as:
            self._stands_as = now
            self._views.clear()

    def _view_after(
        self, deeds: tuple[Action, ...], station: Station, unknown: tuple[str, ...]
    ) -> frozenset[str]:
        """The unknown places in view from a station when some deeds have been done."""
        key = (deeds, station, unknown)
        if key not in self._views:
            with self._imagined(unknown):
                possible = [deed for deed in deeds if deed not in self._impossible]
                for deed in possible:
                    self._imagine(deed)
                left = [name for name in unknown if name not in self._taken_along(possible)]
                self._views[key] = self._open_to(station.eye(), left)
        return self._views[key]

    @contextmanager
    def _imagined(self, unknown: Sequence[str]) -> Iterator[None]:
        """The world as it stands, without what nobody has seen; undone at the end."""
        world = self.world
        groups, positions = world.model.geom_group.copy(), world.data.qpos.copy()
        for name in unknown:
            if world.contents.get(name) is not None:
                self._hide(name)
        try:
            yield
        finally:
            world.model.geom_group[:] = groups
            world.data.qpos[:] = positions
            self._mj.mj_kinematics(world.model, world.data)

    def _imagine(self, action: Action) -> None:
        world, body = self.world, self.world.body(action.target)
        if action.kind in ("pick", "move_object"):
            loose = body.mount == "free" if body else world.contents.get(action.target) is not None
            if not loose or action.target in world.picked:
                return
        if action.kind == "pick":
            self._hide(action.target)
            if body is not None:
                self._lower_above(body, _height(body))
        elif action.kind == "move_object":
            side = 1.0 if action.direction == "right" else -1.0
            self._shift(action.target, np.array([side * PUSH_DISTANCE, 0.0, 0.0]))
        elif world.is_open(action.target) is not None:
            travel = world.travel(action.target) if action.kind == "open" else 0.0
            world.data.qpos[world.joint_address(action.target)] = travel
        self._mj.mj_kinematics(world.model, world.data)

    def _taken_along(self, deeds: Sequence[Action]) -> set[str]:
        """Places that an arm which does this carries off."""
        picked = {deed.target for deed in deeds if deed.kind == "pick"}
        places = self.world.layout.places() if self._by_arm else ()
        return {p.name for p in places if p.carrier in picked and takes_along(self.world, p)}

    def _lower_above(self, body: Body, height: float) -> None:
        for other in self.world.layout.bodies():
            if other.below == body.name and other.mount == "free":
                self._shift(other.name, np.array([0.0, 0.0, -height]))
                self._lower_above(other, height)

    def _open_to(self, eye: np.ndarray, names: Sequence[str]) -> frozenset[str]:
        """Which of these places lie open to an eye somewhere."""
        world = self.world
        centres = [world.place_position(p) for p in world.layout.places() if p.name in names]
        if not centres:
            return frozenset()
        shares = shown_shares(world.model, world.data, eye, np.array(centres))
        pairs = zip(names, shares, strict=True)
        return frozenset(name for name, share in pairs if share >= SEEN_FRACTION)

    def _hide(self, name: str) -> None:
        self.world.model.geom_group[self.world.geoms_of(name)] = ABSENT_GROUP

    def _shift(self, name: str, by: np.ndarray) -> None:
        start = self.world.joint_address(name)
        self.world.data.qpos[start : start + 3] += by


def _height(body: Body) -> float:
    """From a body's lowest to its highest point, upright [m]."""
    tops = [geom.pos[2] + _half_height(geom.shape, geom.size) for geom in body.geoms]
    bottoms = [geom.pos[2] - _half_height(geom.shape, geom.size) for geom in body.geoms]
    return max(tops) - min(bottoms)


def _half_height(shape: str, size: tuple[float, ...]) -> float:
    """Half of a primitive's height [m]."""
    return {"box": size[-1], "cylinder": size[-1], "sphere": size[0]}[shape]
