"""Parquet tables in numbered files of bounded size, which come into being all at once.

While a data set is being written, its files carry the ending `.part`, which no reader looks for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from training.lerobot.layout import LerobotError, file_path

PART = ".part"
MIB = 2**20


class NumberedFiles:
    """Numbers files in chunks, and says when the next is due.

    Args:
        root: of the data set.
        template: of a file's path.
        limit_mb: how large a file may grow [MiB].
        chunks_size: most files in a chunk.
        start: chunk and file of the first.
    """

    def __init__(
        self,
        root: Path,
        template: str,
        *,
        limit_mb: int,
        chunks_size: int,
        start: tuple[int, int] = (0, 0),
        video_key: str = "",
    ) -> None:
        self._root, self._template, self._video_key = root, template, video_key
        self._limit, self._chunks_size = limit_mb * MIB, chunks_size
        self.place = start
        self.parts: list[Path] = []

    def is_due(self, size: int, coming: int) -> bool:
        """Whether a file of `size` bytes has no room for `coming` more. An empty one has."""
        return size > 0 and size + coming > self._limit

    def advance(self) -> None:
        """Go on to the next number."""
        self.place = next_place(self.place, self._chunks_size)

    def make_part(self) -> Path:
        """The path to write the current file to, until it is finished."""
        chunk, file = self.place
        final = file_path(self._root, self._template, chunk, file, self._video_key)
        final.parent.mkdir(parents=True, exist_ok=True)
        self.parts.append(final.with_name(final.name + PART))
        return self.parts[-1]


def next_place(place: tuple[int, int], chunks_size: int) -> tuple[int, int]:
    """The (chunk, file) after this one."""
    chunk, file = place
    return (chunk, file + 1) if file + 1 < chunks_size else (chunk + 1, 0)


class TableFiles:
    """Writes tables one after another into numbered Parquet files.

    Args:
        files: numbers them.
    """

    def __init__(self, files: NumberedFiles) -> None:
        self.files = files
        self._sink: BinaryIO | None = None
        self._writer: parquet.ParquetWriter | None = None

    def place_for(self, num_bytes: int) -> tuple[int, int]:
        """Chunk and file of the next table, of about this many bytes."""
        if self._sink is not None and self.files.is_due(self._sink.tell(), num_bytes):
            self.close()
            self.files.advance()
        return self.files.place

    def write(self, table: pa.Table) -> None:
        """Append a table, as one row group, to the file that `place_for` has named."""
        if self._writer is None:
            self._sink = self.files.make_part().open("wb")
            self._writer = parquet.ParquetWriter(self._sink, table.schema, compression="snappy")
        self._writer.write_table(table, row_group_size=max(1, len(table)))

    def close(self) -> None:
        """Finish the current file."""
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._sink.close()
        self._writer = self._sink = None


def tasks_table(tasks: Sequence[str]) -> pa.Table:
    """`meta/tasks.parquet`: pandas finds the task as its index, named "task"."""
    table = pa.table(
        {
            "task_index": pa.array(range(len(tasks)), pa.int64()),
            "task": pa.array(tasks, pa.string()),
        }
    )
    plain = {"field_name": None, "metadata": None}
    note = {
        "index_columns": ["task"],
        "column_indexes": [
            {
                "name": None,
                "field_name": None,
                "pandas_type": "unicode",
                "numpy_type": "object",
                "metadata": {"encoding": "UTF-8"},
            }
        ],
        "columns": [
            plain
            | {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_type}
            for name, kind, numpy_type in (
                ("task_index", "int64", "int64"),
                ("task", "unicode", "object"),
            )
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    return table.replace_schema_metadata({b"pandas": json.dumps(note).encode()})


def open_table(root: Path, path: Path) -> parquet.ParquetFile:
    """A Parquet file of the data set.

    Raises:
        LerobotError: where it is missing or no Parquet.
    """
    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise LerobotError(f"{name_of(root, path)}: cannot be read ({error})") from error


def read_rows(root: Path, path: Path, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """All rows of a small table.

    Raises:
        LerobotError: where it cannot be read, or has no such columns.
    """
    table = open_table(root, path)
    names = table.schema_arrow.names
    if missing := [name for name in columns or () if name not in names]:
        raise LerobotError(f"{name_of(root, path)}: column {missing[0]} is missing")
    try:
        return table.read(columns=list(columns) if columns else None).to_pylist()
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise LerobotError(f"{name_of(root, path)}: cannot be read ({error})") from error


def name_of(root: Path, path: Path) -> str:
    """A file's path within the data set."""
    return path.relative_to(root.resolve() if path.is_absolute() else root).as_posix()
