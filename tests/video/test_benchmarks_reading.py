"""Annotation files as rows, files of a set in a folder, options and answers in all their forms."""

from __future__ import annotations

import builtins
import json
import os
from pathlib import Path

import pytest

from tests.video.sets import touch, write, write_json
from video.benchmarks.locating import (
    check_relative,
    film_candidates,
    find_annotations,
    find_inside,
)
from video.benchmarks.options import (
    check_options,
    drop_padding,
    letter_of,
    letter_of_index,
    letter_of_text,
    read_list,
    split_question,
    strip_letters,
)
from video.benchmarks.rows import Row, RowError, RowFault, load_json, read_rows


def test_rows_of_a_json_list_say_on_which_line_they_begin(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '[\n {"q": 1},\n\n {"q":\n  2}, 7, {"q": 3}\n]\n')
    rows = list(read_rows(path))
    assert [row.place for row in rows] == ["a.json:2", "a.json:4", "a.json:5", "a.json:5"]
    assert isinstance(rows[2], RowFault) and "named fields, not 7" in rows[2].reason
    assert [row.fields for row in rows if isinstance(row, Row)] == [{"q": 1}, {"q": 2}, {"q": 3}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[\n{"q": 1},\n{"q": ', r"a\.json:3: not JSON .*may be cut off"),
        ('[\n{"q": 1}\n{"q": 2}]', r"a\.json:3: not JSON .*expected"),
        ('[\n{"q": 1},\n', r"a\.json:3: not JSON"),
        ("", "must be a JSON list"),
        ('{"q": 1}', "must be a JSON list"),
        ("[" * 100_000, "nested too deeply"),
        ("\0\0\0", "must be a JSON list"),
        (f'[\n{{"q": 1}},\n{{"q": {"9" * 5000}}}]', r"a\.json:3: not JSON .*limit"),
    ],
)
def test_a_list_that_is_cut_off_is_no_list(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(read_rows(write(tmp_path / "a.json", content)))


def test_bytes_that_are_not_utf8_spoil_a_row_and_not_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", b'\xef\xbb\xbf{"q": "\xc3\xa9"}\n{"q": "\xff"}\n\n{"q": 3}\n'
    )
    rows = list(read_rows(path))
    assert [type(row) for row in rows] == [Row, RowFault, Row]
    assert rows[0] == Row(place="a.jsonl:1", fields={"q": "é"})
    assert isinstance(rows[1], RowFault) and "not UTF-8" in rows[1].reason
    assert rows[2].place == "a.jsonl:4"


def test_a_bad_line_of_json_lines_is_one_bad_row(tmp_path: Path) -> None:
    lines = ['{"q": 1}\r', '{"q": ', "[1]", '{"q": ' + "9" * 5000 + "}", "[" * 100_000, '{"q": 2}']
    rows = list(read_rows(write(tmp_path / "a.jsonl", "\n".join(lines))))
    assert [isinstance(row, Row) for row in rows] == [True, False, False, False, False, True]


def test_csv_with_quoted_line_breaks_and_a_short_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'q,a0\n"one\ntwo, three",x\nshort\nlong,x,y\n')
    rows = list(read_rows(path))
    assert rows[0] == Row(place="a.csv:3", fields={"q": "one\ntwo, three", "a0": "x"})
    assert [row.place for row in rows[1:]] == ["a.csv:4", "a.csv:5"]
    assert all(isinstance(row, RowFault) and "2 columns" in row.reason for row in rows[1:])


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="reading Parquet needs pyarrow")
    from pyarrow import parquet

    rows = [{"q": "ä", "options": ["A. x", "B. y"]}, {"q": None, "options": []}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    read = list(read_rows(tmp_path / "a.parquet"))
    assert read == [
        Row(place="a.parquet:1", fields=rows[0]),
        Row(place="a.parquet:2", fields=rows[1]),
    ]
    with pytest.raises(ValueError, match="not Parquet"):
        list(read_rows(write(tmp_path / "b.parquet", b"PAR1")))


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError("no pyarrow", name="pyarrow")
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"needs pyarrow: pip install -e '\.\[parquet\]'"):
        list(read_rows(write(tmp_path / "a.parquet", b"PAR1")))


def test_unknown_kinds_of_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"legal: \.json, \.jsonl, \.csv, \.parquet"):
        list(read_rows(write(tmp_path / "a.tsv", "")))


def test_fields_are_found_whatever_the_spaces_around_their_names() -> None:
    row = Row(place="p", fields={" video  ID ": "x", "Question ID": " 7 ", "question id": "other"})
    assert row.text("video ID") == "x"
    assert row.text("Question ID") == "7"
    assert row.optional_text("Explanation") == ""
    with pytest.raises(RowError, match="'Answer' is missing; fields: +video +ID"):
        row.need("Answer")


@pytest.mark.parametrize("value", [True, ["a"], {"a": 1}, None, "  "])
def test_a_text_is_a_text(value: object) -> None:
    with pytest.raises(RowError):
        Row(place="p", fields={"q": value}).text("q")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e999", "x", True, [1]])
def test_a_number_is_finite(value: object) -> None:
    with pytest.raises(RowError, match="must be a number"):
        Row(place="p", fields={"t": value}).number("t")


def test_a_json_object_that_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.json:2: not JSON"):
        load_json(write(tmp_path / "a.json", '{\n"a": '))
    with pytest.raises(ValueError, match="not UTF-8"):
        load_json(write(tmp_path / "a.json", b'{"a": "\xff"}'))


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../a", "a/../../b", "", "a\0b", "C:\\films\\a.mp4", "..\\a", "\\\\host\\a"],
)
def test_paths_that_lead_out_of_the_folder(path: str) -> None:
    with pytest.raises(RowError, match="leads out|is no path"):
        check_relative(path)


def test_links_out_of_the_folder_are_followed_only_on_request(tmp_path: Path) -> None:
    inside, outside = tmp_path / "set", tmp_path / "cache"
    touch(inside, "here.mp4")
    touch(outside, "there.mp4")
    os.symlink(outside / "there.mp4", inside / "out.mp4")
    os.symlink(inside / "here.mp4", inside / "in.mp4")
    assert find_inside(inside, ["none.mp4", "in.mp4"]) == inside / "in.mp4"
    with pytest.raises(RowError, match=r"out\.mp4 is a link that leads out"):
        find_inside(inside, ["out.mp4"])
    assert find_inside(inside, ["out.mp4"], allow_links=True) == inside / "out.mp4"
    assert find_inside(inside, ["x" * 5000]) is None


def test_a_film_may_have_another_suffix() -> None:
    assert {"data/a.b.mp4", "a.b.mp4", "a.b.mkv"} < set(film_candidates("a.b", ("data", "")))
    named = film_candidates("x/a.webm", ("videos", ""))
    assert named[:3] == ["videos/x/a.webm", "x/a.webm", "videos/x/a.mp4"]


def test_annotations_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Set: found none of a\.json, \*/a\.json in "):
        find_annotations(tmp_path, ("a.json", "*/a.json"), what="Set")
    write_json(tmp_path / "x" / "a.json", [])
    assert find_annotations(tmp_path, ("a.json", "*/a.json"), what="Set").parent.name == "x"


def test_options_lose_their_letters() -> None:
    assert strip_letters(["A. red", "B.  a (C) b", "C) x"]) == ("red", "a (C) b", "x")
    assert strip_letters(["A man", "A. dot"]) == ("A man", "A. dot")  # not all are lettered
    with pytest.raises(RowError, match="lettered A, C"):
        strip_letters(["A. red", "C. blue"])
    with pytest.raises(RowError, match="option B is empty"):
        strip_letters(["A. red", "B. "])
    with pytest.raises(RowError, match="there are 1 options"):
        check_options(["red"])


def test_padding_is_dropped_at_the_end_only() -> None:
    assert drop_padding(["x", "N/A", "y", "N/A", None, ""]) == ["x", "N/A", "y"]


@pytest.mark.parametrize(
    ("text", "question", "options"),
    [
        ("What?\n(A) red\n(B) blue", "What?", ("red", "blue")),
        ("What is (A) in it?\n(A) red (B)\n(B) blue\n", "What is (A) in it?", ("red (B)", "blue")),
        ("What?\nA. one\nmore\nB. two", "What?", ("one\nmore", "two")),
        ("Which?\nA. no\nSo: which?\nA. x\nB. y", "Which?\nA. no\nSo: which?", ("x", "y")),
        ("Plan (A) x (B) y (C) z", "Plan", ("x", "y", "z")),
        ("Wer?\n(A) Jürgen\n(B) 李", "Wer?", ("Jürgen", "李")),
    ],
)
def test_options_inside_the_question(text: str, question: str, options: tuple[str, ...]) -> None:
    assert split_question(text) == (question, options)


@pytest.mark.parametrize("text", ["What?", "What?\n(A) only", "(A) x\n(B) y", "A\n(A) x\n(B) "])
def test_questions_without_options(text: str) -> None:
    with pytest.raises(RowError):
        split_question(text)


@pytest.mark.parametrize(
    ("told", "letter"),
    [
        ("B", "B"),
        (" (B) ", "B"),
        ("B.", "B"),
        ("B. blue", "B"),
        ("<answer>B</answer>", "B"),
        ("<answer>\n blue </answer>", "B"),
        (1, "B"),
        (1.0, "B"),
        ("  Blue ", "B"),
    ],
)
def test_right_answers_in_all_their_forms(told: object, letter: str) -> None:
    assert letter_of(told, ("red", "blue")) == letter


@pytest.mark.parametrize("told", ["C", "green", "A. blue", True, None, 2, -1, 0.5, ""])
def test_answers_that_are_no_option(told: object) -> None:
    with pytest.raises(RowError):
        letter_of(told, ("red", "blue"))


def test_a_text_answer_prefers_the_closest_option() -> None:
    assert letter_of_text("red ", ["Red", "red", "red "]) == "C"
    assert letter_of_text(" red", ["Red", "red"]) == "B"
    assert letter_of_text("RED  car", ["car", "red car"]) == "B"
    assert letter_of_text("x", ["x", "x"]) == "A"  # as the sets' own code has it


def test_indices_written_as_text() -> None:
    assert letter_of_index("2", ("a", "b", "c")) == "C"
    with pytest.raises(RowError, match="option 3, and there are 3"):
        letter_of_index(3, ("a", "b", "c"))


def test_lists_in_tables_of_text() -> None:
    assert read_list(json.dumps(["A. x", "B. y"])) == ["A. x", "B. y"]
    assert read_list("A. x\nB. y") == ["A. x", "B. y"]
    for bad in ("['A. x']", "x", 3, None):
        with pytest.raises(RowError):
            read_list(bad)
