"""What stands where: the layout of an occlusion scene, as plain data.

A scene is a row of columns. Each column has a *front* place and, behind it, a *back* place. A large
object at the front hides what stands at the back. Two walls may stand at the sides. Coordinates are
metres in MuJoCo's
world frame: x to the right of the first viewpoint, y away from it, z up; the floor is z = 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

REGION_NAMES = {
    3: ("left", "middle", "right"),
    5: ("far left", "left", "middle", "right", "far right"),
}
COLUMN_SPACING = 1.9
FRONT_Y, BACK_Y = 0.0, 1.4
STATIONS = ("front", "half left", "half right", "left side", "right side")
"""Where the viewer can stand."""


def column_x(column: int, num_columns: int) -> float:
    """x of a column's centre [m]."""
    return COLUMN_SPACING * (column - (num_columns - 1) / 2)


@dataclass(kw_only=True)
class SceneObject:
    """One object.

    Attributes:
        color, shape, size, material: names of CLEVR's vocabulary.
        column: the column it was placed in.
        row: "front" or "back".
        x, y: where it stands now [m].
        yaw: turn about the vertical [rad].
        present: False once it has been picked aside.
    """

    color: str
    shape: str
    size: str
    material: str
    column: int
    row: str
    x: float = 0.0
    y: float = 0.0
    yaw: float = 0.0
    present: bool = True

    def matches(self, attributes: dict[str, str]) -> bool:
        """Whether every named attribute has the given value."""
        return all(getattr(self, name) == value for name, value in attributes.items())

    def describe(self) -> str:
        """CLEVR's order of words, e.g. "large red metal cube"."""
        return f"{self.size} {self.color} {self.material} {self.shape}"


@dataclass(kw_only=True)
class HidingPlace:
    """A spot behind an occluder where something may stand.

    Attributes:
        column: which column.
        x, y: its centre on the floor [m].
    """

    column: int
    x: float
    y: float


@dataclass(kw_only=True)
class Scene:
    """Everything that stands in the world, and from where it is seen.

    Attributes:
        num_columns: 3 or 5.
        objects: front row and back row together.
        hiding_places: one per occluded column, whether or not something stands there.
        walls: the sides, "left" or "right", that have a wall.
        station: where the viewer stands, one of `STATIONS`.
    """

    num_columns: int
    objects: list[SceneObject] = field(default_factory=list)
    hiding_places: list[HidingPlace] = field(default_factory=list)
    walls: list[str] = field(default_factory=list)
    station: str = "front"

    def front_object(self, column: int) -> SceneObject | None:
        """The object standing at the front of a column now, or None."""
        for thing in self.objects:
            if thing.present and thing.row == "front" and thing.column == column:
                return thing
        return None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able copy."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Scene:
        """Inverse of `to_dict`."""
        return cls(
            num_columns=record["num_columns"],
            objects=[SceneObject(**thing) for thing in record["objects"]],
            hiding_places=[HidingPlace(**place) for place in record["hiding_places"]],
            walls=list(record["walls"]),
            station=record["station"],
        )
