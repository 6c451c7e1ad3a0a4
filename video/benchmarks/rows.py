"""Annotation files as rows: JSON, JSON lines, CSV and Parquet, every row with its place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARQUET_HINT = (
    "reading Parquet needs pyarrow: pip install -e '.[parquet]', or export the same columns as "
    "JSON, JSON lines or CSV beside it"
)


class RowError(ValueError):
    """One row that cannot be used; the others can."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entry of an annotation file.

    Field names are found whatever white space is around or inside them and in upper or lower case,
    since releases differ in both; a name that is spelt exactly so comes first.

    Attributes:
        place: where it stands, as `file:line`.
        fields: its fields, as they are.
    """

    place: str
    fields: Mapping[str, Any]

    def get(self, *names: str) -> Any:
        """The first of the fields that is there and not null, else None."""
        for name in names:
            value = self._find(name)
            if value is not None:
                return value
        return None

    def need(self, *names: str) -> Any:
        """The first of the fields that is there and not null.

        Raises:
            RowError: where there is none.
        """
        value = self.get(*names)
        if value is None:
            there = ", ".join(map(str, self.fields)) or "none"
            raise RowError(f"the field {' or '.join(map(repr, names))} is missing; fields: {there}")
        return value

    def text(self, *names: str) -> str:
        """A field's text without outer white space; numbers are written out.

        Raises:
            RowError: where it is missing, empty, or neither text nor number.
        """
        value = self.need(*names)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise RowError(f"the field {names[0]!r} must be a text, not {show(value)}")
        text = str(value).strip()
        if not text:
            raise RowError(f"the field {names[0]!r} is empty")
        return text

    def optional_text(self, *names: str, default: str = "") -> str:
        """As `text`, with `default` where the field is missing or empty."""
        value = self.get(*names)
        return default if value is None or not str(value).strip() else self.text(*names)

    def number(self, *names: str) -> float:
        """A field's finite number, which may be written as text.

        Raises:
            RowError: where it is missing or no finite number.
        """
        value = self.need(*names)
        number = to_number(value)
        if number is None:
            raise RowError(f"the field {names[0]!r} must be a number, not {show(value)}")
        return number

    def _find(self, name: str) -> Any:
        if name in self.fields:
            return self.fields[name]
        wanted = _plain(name)
        for key, value in self.fields.items():
            if _plain(str(key)) == wanted:
                return value
        return None


def read_rows(path: Path) -> Iterator[Row | RowFault]:
    """The rows of a file, in order; a row that cannot be read comes as a `RowFault`.

    Args:
        path: `.json` (a list of objects), `.jsonl`, `.csv` or `.parquet`.

    Raises:
        ValueError: where the file as a whole cannot be read; says which line.
        OSError: where it cannot be opened.
    """
    readers = {
        ".json": _json_rows,
        ".jsonl": _json_line_rows,
        ".csv": _csv_rows,
        ".parquet": _parquet_rows,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: unknown kind of file; legal: {', '.join(readers)}")
    yield from reader(path)


@dataclass(frozen=True, kw_only=True)
class RowFault:
    """A row that cannot be read, or a part of it.

    Attributes:
        place: where it stands, as `file:line`.
        reason: what is wrong.
    """

    place: str
    reason: str


def read_text(path: Path) -> str:
    """A file's text. Bytes that are not UTF-8 become lone surrogates, which `check_encoding`
    finds, so that they spoil a row and not the file.
    """
    return path.read_bytes().decode("utf-8-sig", "surrogateescape")


def check_encoding(text: str) -> None:
    """Raise `RowError` where a text holds what was no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowError(f"not UTF-8 at character {error.start + 1} of the row") from None


def load_json(path: Path) -> Any:
    """A whole JSON file.

    Raises:
        ValueError: naming the line, where it is no JSON or not UTF-8.
        OSError: where it cannot be opened.
    """
    text = read_text(path)
    try:
        check_encoding(text)
        return json.loads(text)
    except RowError as error:
        raise ValueError(f"{path}: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: not JSON: nested too deeply") from None
    except ValueError as error:
        raise _cut_off(path, getattr(error, "lineno", 1), error) from None


def to_number(value: object) -> float | None:
    """A finite number, also written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def show(value: object) -> str:
    """A value in a message, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _problem(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error).partition(";")[0]


def _cut_off(path: Path, line: int, error: ValueError) -> ValueError:
    return ValueError(f"{path}:{line}: not JSON ({_problem(error)}); the file may be cut off")


def _checked(place: str, value: object) -> Row | RowFault:
    if not isinstance(value, dict):
        return RowFault(place=place, reason=f"a row must have named fields, not {show(value)}")
    try:
        check_encoding(json.dumps(value, ensure_ascii=False, default=str))
    except RowError as error:
        return RowFault(place=place, reason=str(error))
    except RecursionError:
        return RowFault(place=place, reason="nested too deeply")
    return Row(place=place, fields=value)


def _json_rows(path: Path) -> Iterator[Row | RowFault]:
    """Entries of one list, each with the line on which it begins."""
    text = read_text(path)
    decoder = json.JSONDecoder()
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise ValueError(f"{path}:1: must be a JSON list of objects, and begins {text[:20]!r}")
    at, line, counted = _skip(text, at + 1), 1, 0
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError:
            raise ValueError(f"{path}:{line}: not JSON: nested too deeply") from None
        except ValueError as error:  # also a number with too many digits
            raise _cut_off(path, getattr(error, "lineno", line), error) from None
        yield _checked(f"{path.name}:{line}", value)
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            line = text.count("\n", 0, at) + 1
            raise _cut_off(path, line, ValueError("expected ',' or ']'"))


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _json_line_rows(path: Path) -> Iterator[Row | RowFault]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        place = f"{path.name}:{number}"
        if not line.strip():
            continue
        try:
            yield _checked(place, json.loads(line))
        except RecursionError:
            yield RowFault(place=place, reason="not JSON: nested too deeply")
        except ValueError as error:
            yield RowFault(place=place, reason=f"not JSON ({_problem(error)})")


def _csv_rows(path: Path) -> Iterator[Row | RowFault]:
    """Rows by column name, each with the line on which it ends."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for fields in reader:
            place = f"{path.name}:{reader.line_num}"
            if None in fields or None in fields.values():
                yield RowFault(
                    place=place,
                    reason=f"must have {len(reader.fieldnames or ())} columns, as the first line",
                )
            else:
                yield _checked(place, fields)
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: not CSV ({error})") from None


def _parquet_rows(path: Path) -> Iterator[Row | RowFault]:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError:
        raise ValueError(f"{path}: {PARQUET_HINT}") from None
    try:
        values = parquet.read_table(path).to_pylist()
    except ArrowException as error:
        raise ValueError(f"{path}: not Parquet ({error})") from None
    for number, value in enumerate(values, start=1):
        yield _checked(f"{path.name}:{number}", value)
