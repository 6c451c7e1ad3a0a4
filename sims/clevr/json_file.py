"""CLEVR's files: one JSON object with `info` about the data set and a list of entries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sims.clevr.checks import Place, check_list, check_record

Entry = TypeVar("Entry")


def load_info(path: str | Path) -> dict[str, Any]:
    """What a scene or question file says of its data set: split, version, date, license.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not JSON, or has no such record.
    """
    with Place(str(path)):
        return check_record("info", _load_record(Path(path)).get("info"))


def load_entries(
    path: str | Path, key: str, read_entry: Callable[[dict[str, Any]], Entry]
) -> list[Entry]:
    """The list under a key of a file, each entry read by `read_entry`.

    Raises:
        OSError: if the file cannot be read.
        ValueError: naming file and entry, if the file is not JSON or an entry is not legal.
    """
    with Place(str(path)):
        records = check_list(repr(key), _load_record(Path(path)).get(key))
        entries = []
        for i, record in enumerate(records):
            with Place(key, i):
                entries.append(read_entry(check_record("an entry", record)))
        return entries


def save_entries(
    path: str | Path, key: str, records: Iterable[Mapping[str, Any]], info: Mapping[str, Any]
) -> None:
    """Write a file that `load_entries` reads. Nothing is written if something is not JSON.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if a value has no JSON form.
    """
    with Place(str(path)):
        try:
            text = json.dumps({"info": dict(info), key: list(records)}, allow_nan=False)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"only values with a JSON form can be written: {error}") from error
    Path(path).write_text(text, encoding="utf-8")


def _load_record(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the file must be JSON; it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the file must be JSON in UTF-8; {error}") from error
    return check_record("the file", content)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
