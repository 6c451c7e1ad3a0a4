"""CLEVR's scene files: `{"info": ..., "scenes": [...]}`.

The schema is that of the data set's README and of the generator's `render_images.py`. The README
calls the adjacency lists `relations`, the files themselves say `relationships`; both are read, and
the latter is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sims.clevr.checks import Place, check_list, check_record
from sims.clevr.json_file import load_entries, load_info, save_entries
from sims.clevr.scene import ATTRIBUTES, ClevrObject, ClevrScene

__all__ = ["load_info", "load_scenes", "save_scenes"]

OBJECT_KEYS = (*ATTRIBUTES, "3d_coords", "pixel_coords", "rotation", "area")
SCENE_KEYS = (
    "split",
    "image_index",
    "image_filename",
    "directions",
    "objects",
    "relationships",
    "relations",
)


def load_scenes(path: str | Path) -> list[ClevrScene]:
    """The scenes of a file, in its order.

    Fields that CLEVR does not have are kept in `extra` and written again by `save_scenes`.

    Raises:
        OSError: if the file cannot be read.
        ValueError: naming the file, the entry and what is legal, if something is not.
    """
    return load_entries(path, "scenes", _read_scene)


def save_scenes(path: str | Path, scenes: Iterable[ClevrScene], info: Mapping[str, Any]) -> None:
    """Write scenes in CLEVR's format.

    Args:
        path: the file, replaced if it is there.
        scenes: in the order in which they are to stand.
        info: about the data set; CLEVR has split, version, date and license, all texts.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if an `extra` field has no JSON form, or the name of one of CLEVR's.
    """
    records = []
    for i, scene in enumerate(scenes):
        with Place(f"{path}: scenes", i):
            records.append(_scene_record(scene))
    save_entries(path, "scenes", records, info)


def _read_scene(record: dict[str, Any]) -> ClevrScene:
    if "relations" in record and "relationships" in record:
        raise ValueError(
            "a scene has relationships or, under their other name, relations; not both"
        )
    _check_keys(record, ("image_index", "image_filename", "objects"))
    directions = check_record("directions", record.get("directions", {}))
    relationships = record.get("relationships", record.get("relations", {}))
    return ClevrScene(
        objects=_read_objects(record["objects"]),
        image_index=record["image_index"],
        image_filename=record["image_filename"],
        split=record.get("split", ""),
        directions={name: _vector(value) for name, value in directions.items()},
        relationships=check_record("relationships", relationships),
        extra={key: value for key, value in record.items() if key not in SCENE_KEYS},
    )


def _read_objects(records: object) -> list[ClevrObject]:
    objects = []
    for i, record in enumerate(check_list("objects", records)):
        with Place("objects", i):
            objects.append(_read_object(check_record("an object", record)))
    return objects


def _read_object(record: dict[str, Any]) -> ClevrObject:
    _check_keys(record, ATTRIBUTES)
    return ClevrObject(
        **{name: record[name] for name in ATTRIBUTES},
        coords_3d=_vector(record.get("3d_coords")),
        pixel_coords=_vector(record.get("pixel_coords")),
        rotation=record.get("rotation"),
        area=record.get("area"),
        extra={key: value for key, value in record.items() if key not in OBJECT_KEYS},
    )


def _check_keys(record: Mapping[str, Any], required: Iterable[str]) -> None:
    for key in required:
        if key not in record:
            raise ValueError(f"the field {key!r} is missing; there are: {', '.join(record)}")


def _vector(value: Any) -> Any:
    """JSON has lists where we have tuples; the scene checks the rest."""
    return tuple(value) if isinstance(value, list) else value


def _scene_record(scene: ClevrScene) -> dict[str, Any]:
    _check_extra(scene.extra, SCENE_KEYS)
    return {
        "split": scene.split,
        "image_index": scene.image_index,
        "image_filename": scene.image_filename,
        "directions": scene.directions,
        "objects": [_object_record(thing) for thing in scene.objects],
        "relationships": scene.relationships,
        **scene.extra,
    }


def _object_record(thing: ClevrObject) -> dict[str, Any]:
    _check_extra(thing.extra, OBJECT_KEYS)
    places = {
        "3d_coords": thing.coords_3d,
        "pixel_coords": thing.pixel_coords,
        "rotation": thing.rotation,
        "area": thing.area,
    }
    return {
        **{name: getattr(thing, name) for name in ATTRIBUTES},
        **{name: value for name, value in places.items() if value is not None},
        **thing.extra,
    }


def _check_extra(extra: Mapping[str, Any], known: Iterable[str]) -> None:
    if clash := set(known) & extra.keys():
        raise ValueError(
            f"extra may not hold {', '.join(sorted(clash))}, which have their own field"
        )
