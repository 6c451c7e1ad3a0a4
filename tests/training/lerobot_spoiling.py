"""Spoils LeRobot data sets in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def change_info(root: Path, **changes: Any) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_feature(root: Path, name: str, **changes: Any) -> None:
    features = json.loads((root / "meta/info.json").read_text())["features"]
    features[name] |= changes
    change_info(root, features=features)


def change_column(root: Path, file: str, name: str, change: Callable[[list[Any]], Any]) -> None:
    """Write a table anew with one column changed; row groups as they were."""
    path = root / file
    table = parquet.read_table(path)
    index = table.column_names.index(name)
    values = pa.array(change(table[name].to_pylist()), table.schema.field(name).type)
    table = table.set_column(index, table.schema.field(name), values)
    sizes = [parquet.ParquetFile(path).metadata.row_group(k).num_rows for k in range(1)]
    parquet.write_table(table, path, row_group_size=sizes[0])


def drop_column(root: Path, file: str, name: str) -> None:
    path = root / file
    parquet.write_table(parquet.read_table(path).drop_columns([name]), path)


def first(value: Any) -> Callable[[list[Any]], list[Any]]:
    """Sets the first cell."""
    return lambda cells: [value, *cells[1:]]
