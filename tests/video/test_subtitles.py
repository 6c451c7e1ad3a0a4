"""Subtitles of SRT and of LongVideoBench."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.video.sets import write, write_json
from video.subtitles import (
    SubtitleLine,
    Subtitles,
    clock,
    load_subtitles,
    parse_json,
    parse_srt,
    subtitle_text,
)

SRT = """1
00:00:01,000 --> 00:00:02,500
<font color="white" size=".72c">Hello &amp; <i>welcome</i></font>

2
00:00:02,000 --> 00:00:04,000 X1:40 X2:600
{\\an8}It is 2 < 3
and <3

3
01:00:00.5 --> 01:00:02
42

"""


def lines(subtitles: Subtitles) -> list[tuple[float, float, str]]:
    return [(line.start_seconds, line.end_seconds, line.text) for line in subtitles.lines]


EXPECTED = [
    (1.0, 2.5, "Hello & welcome"),
    (2.0, 4.0, "It is 2 < 3 and <3"),
    (3600.5, 3602.0, "42"),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_srt_with_tags_entities_and_overlaps(tmp_path: Path, newline: str, mark: str) -> None:
    path = write(tmp_path / "a.srt", (mark + SRT).replace("\n", newline))
    assert lines(load_subtitles(path)) == EXPECTED


def test_bad_blocks_are_counted_and_left_out() -> None:
    text = "\n".join(
        [
            "1",
            "00:00:01,000 --> 00:00:02,000",
            "fine",
            "",
            "2",
            "00:00:05,000 --> 00:00:04,000",
            "reversed",
            "",
            "3",
            "00:00:xx --> 00:00:07,000",
            "no time",
            "",
            "4",
            "00:00:08,000 --> 00:00:09,000",
            "<b></b>",
            "",
            "00:00:10,000 --> 00:00:11,000",
            "without a number",
            "00:00:06,000 --> 00:00:06,500",
            "out of order, no empty line",
        ]
    )
    subtitles = parse_srt(text)
    assert subtitles.num_bad == 3
    assert [line.text for line in subtitles.lines] == [
        "fine",
        "out of order, no empty line",
        "without a number",
    ]


@pytest.mark.parametrize("text", ["", "\ufeff\n\n", "no subtitles at all", "\0"])
def test_nothing_to_read_is_no_subtitles(text: str) -> None:
    assert parse_srt(text) == Subtitles(lines=())


def test_strange_encodings_lose_letters_and_not_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.srt", SRT.encode().replace(b"welcome", b"caf\xe9"))
    assert lines(load_subtitles(path))[0][2] == "Hello & caf\ufffd"


def test_both_shapes_of_long_video_bench(tmp_path: Path) -> None:
    spoken = [
        {"timestamp": [100.0, 102.5], "text": "first"},
        {"timestamp": [103, None], "text": "to the end"},
        {"timestamp": [90.0, 100.0], "text": "before the film"},
        {"timestamp": [98.0, 101.0], "text": "begins before"},
        {"timestamp": ["x", 1.0], "text": "bad"},
        {"timestamp": [1.0], "text": "bad"},
        "bad",
        {"text": "bad"},
    ]
    path = write_json(tmp_path / "a.json", spoken)
    read = load_subtitles(path, starting_seconds=100.0, duration_seconds=10.0)
    assert lines(read) == [
        (-2.0, 1.0, "begins before"),
        (0.0, 2.5, "first"),
        (3.0, 10.0, "to the end"),
    ]
    assert read.num_bad == 5
    timed = [
        {"start": "00:00:01.500", "end": "00:00:03.000", "line": "hello"},
        {"start": "01:00:00.000", "end": "01:00:01.000", "line": "late"},
        {"start": "1.5", "end": "00:00:03.000", "line": "bad"},
    ]
    assert lines(parse_json(json.dumps(timed), "b")) == [
        (1.5, 3.0, "hello"),
        (3600.0, 3601.0, "late"),
    ]


def test_an_open_end_lasts_until_the_next_line_where_the_length_is_unknown() -> None:
    entries = [{"timestamp": [1.0, None], "text": "a"}, {"timestamp": [4.0, None], "text": "b"}]
    read = parse_json(json.dumps(entries), "x")
    assert lines(read) == [(1.0, 4.0, "a")] and read.num_bad == 1


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[" * 100_000])
def test_json_that_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match="a.json: (not JSON|subtitles must be a list)"):
        parse_json(text, "a.json")


def make(*spans: tuple[float, float]) -> Subtitles:
    found = [
        SubtitleLine(start_seconds=start, end_seconds=end, text=f"{start:g}")
        for start, end in spans
    ]
    return Subtitles(lines=tuple(found))


def test_lines_of_a_half_open_stretch() -> None:
    subtitles = make((0.0, 1.0), (0.5, 3.0), (2.0, 4.0))
    assert [line.text for line in subtitles.between(1.0, 2.0)] == ["0.5"]
    assert [line.text for line in subtitles.between(0.9, 2.1)] == ["0", "0.5", "2"]
    assert subtitles.between(4.0, 9.0) == ()


def test_lines_on_show_at_frames() -> None:
    subtitles = make((0.0, 1.0), (0.5, 3.0), (2.0, 4.0))
    assert [line.text for line in subtitles.at([3.5, 1.0])] == ["0.5", "2"]
    assert subtitles.at([]) == () and subtitles.at([4.0]) == ()


def test_subtitles_as_text() -> None:
    said = [
        SubtitleLine(start_seconds=-2.0, end_seconds=1.0, text="one"),
        SubtitleLine(start_seconds=1.0, end_seconds=2.0, text="one"),
        SubtitleLine(start_seconds=3725.9, end_seconds=3730.0, text="two"),
    ]
    assert subtitle_text(said) == "[0:00] one\n[1:02:05] two"
    assert [clock(t) for t in (59.9, 60.0, 3599.0, 3600.0)] == ["0:59", "1:00", "59:59", "1:00:00"]
