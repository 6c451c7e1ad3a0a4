"""A CLEVR scene as plain data, checked when it is made, and its relationships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sims.avr.vocabulary import ATTRIBUTE_VALUES
from sims.clevr.checks import (
    check_choice,
    check_filename,
    check_index,
    check_number,
    check_text,
    check_vector,
    is_integer,
    show,
)

Vector = tuple[float, float, float]

ATTRIBUTES = ("size", "color", "material", "shape")
"""In the order in which CLEVR's composite filters take them."""

RELATIONS = ("left", "right", "behind", "front")
AREAS = ("left", "middle", "right")
"""Parts of the scene as first seen. Ours, not CLEVR's."""

RELATION_EPS = 0.2
"""How much farther along a direction an object stands before it is said to be, e.g., to the left,
in CLEVR's units of length (`compute_all_relationships` of the generator)."""


@dataclass(frozen=True, kw_only=True)
class ClevrObject:
    """One object. Objects of CLEVR's own files have everything but an area.

    Attributes:
        size: "small" or "large".
        color: one of CLEVR's eight colours.
        material: "rubber" or "metal".
        shape: "cube", "sphere" or "cylinder".
        coords_3d: centre (x, y, z) in CLEVR's units; in files `3d_coords`. None: not known.
        pixel_coords: column and row of the centre in the picture [px], and its depth from the
            camera in CLEVR's units. None: not known.
        rotation: turn about the vertical [degrees]. None: not known.
        area: which of `AREAS` it stands in; ours, not CLEVR's. None: in no area.
        extra: further fields of its record, kept as they are.

    Raises:
        ValueError: if a value is not legal.
    """

    size: str
    color: str
    material: str
    shape: str
    coords_3d: Vector | None = None
    pixel_coords: Vector | None = None
    rotation: float | None = None
    area: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ATTRIBUTES:
            check_choice(name, getattr(self, name), ATTRIBUTE_VALUES[name])
        if self.coords_3d is not None:
            check_vector("3d_coords", self.coords_3d)
        if self.pixel_coords is not None:
            check_vector("pixel_coords", self.pixel_coords)
        if self.rotation is not None:
            check_number("rotation", self.rotation)
        if self.area is not None:
            check_choice("area", self.area, AREAS)


@dataclass(frozen=True, kw_only=True)
class ClevrScene:
    """The objects of one picture and how they stand to each other.

    Attributes:
        objects: programs and relationships name them by their index.
        image_index: number of the picture in its split, from 0.
        image_filename: name of the picture, by which questions find their scene.
        split: "train", "val", "test", "new" or any other name.
        directions: name -> unit vector (x, y, z), of left, right, front, behind, above and below.
        relationships: relation -> adjacency list: j is in `relationships["left"][i]` if and only
            if object j is left of object i. Empty for a scene that is not asked about relations.
        extra: further fields of its record, kept as they are.

    Raises:
        ValueError: if a value is not legal.
    """

    objects: list[ClevrObject]
    image_index: int = 0
    image_filename: str = "scene.png"
    split: str = "new"
    directions: dict[str, Vector] = field(default_factory=dict)
    relationships: dict[str, list[list[int]]] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_index("image_index", self.image_index)
        check_filename("image_filename", self.image_filename)
        check_text("split", self.split)
        for name, vector in self.directions.items():
            check_vector(f"directions[{name!r}]", vector)
        for name, neighbours in self.relationships.items():
            _check_adjacency(f"relationships[{name!r}]", neighbours, len(self.objects))


def _check_adjacency(name: str, lists: object, num_objects: int) -> None:
    if not isinstance(lists, list) or len(lists) != num_objects:
        raise ValueError(
            f"{name} must be a list of {num_objects} lists, one per object; got {show(lists)}"
        )
    for i, neighbours in enumerate(lists):
        in_range = isinstance(neighbours, list) and all(
            is_integer(j) and 0 <= j < num_objects for j in neighbours
        )
        if not in_range:
            raise ValueError(
                f"{name}[{i}] must be a list of indices of objects, "
                f"each from 0 to {num_objects - 1}; got {show(neighbours)}"
            )


def compute_relationships(
    objects: Sequence[ClevrObject], directions: Mapping[str, Vector], eps: float = RELATION_EPS
) -> dict[str, list[list[int]]]:
    """The relationships of a scene, as the CLEVR generator computes them.

    Object j has a relation to object i if (position j - position i) · direction > eps
    (`compute_all_relationships` in the generator's `render_images.py`).

    Args:
        objects: their `coords_3d` must be known.
        directions: name -> unit vector. "above" and "below" give no relation.
        eps: least distance, exclusive, in the units of the coordinates; at least 0.

    Returns:
        Relation -> adjacency list, each of its lists in rising order; see `ClevrScene`.

    Raises:
        ValueError: if an object has no coordinates, or eps is negative.
    """
    if not eps >= 0:
        raise ValueError(f"eps must be at least 0; got {eps!r}")
    places = [_known_place(i, thing) for i, thing in enumerate(objects)]
    return {
        name: [
            [j for j, there in enumerate(places) if j != i and _offset(here, there, vector) > eps]
            for i, here in enumerate(places)
        ]
        for name, vector in directions.items()
        if name not in ("above", "below")
    }


def _known_place(index: int, thing: ClevrObject) -> Vector:
    if thing.coords_3d is None:
        raise ValueError(
            f"relationships need the 3d_coords of every object; objects[{index}] has none"
        )
    return thing.coords_3d


def _offset(here: Vector, there: Vector, direction: Vector) -> float:
    """How much farther `there` lies along the direction than `here`."""
    x, y, z = ((b - a) * d for a, b, d in zip(here, there, direction, strict=True))
    return x + y + z  # not sum(): from Python 3.12 on it rounds differently from the generator
