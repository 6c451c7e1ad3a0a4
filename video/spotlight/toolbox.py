"""The tools of the spotlight environment, by name. A new one is a function more in this list.

Each works on a `Reel`, reads its words, and ends by showing frames or by telling something. The
first line of its docstring says what comes back; in braces stand facts about the film (see
`describe_tools`). How a tool is asked for in words is for `video.spotlight.replies` to say; any
tool can be asked for by its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sims.tools.tool import Tool, ToolResult, tool
from video.frames import FrameSource
from video.spotlight.arguments import ClockWord, FrameWord, MomentWord, PartWords, SegmentWord
from video.spotlight.clock import LEGAL, parse_clock, parse_time
from video.spotlight.config import SpotlightConfig
from video.spotlight.looks import (
    WHOLE_NUMBER,
    Look,
    RefusedError,
    check_in_film,
    past_the_end,
    read_frame,
    segments_of,
)
from video.spotlight.reel import Reel
from video.spotlight.replies import echo
from video.spotlight.tools import rewatch_times, spotlight_indices, widen_interval

MIN_ZOOM = 0.01
"""Least width and height of a part that is zoomed into, as a share of the frame's."""
_SHARE = re.compile(r"[0-9]{0,9}\.?[0-9]{1,9}")


@tool
def choose_frames(reel: Reel, start: FrameWord, end: FrameWord) -> ToolResult:
    """{look} frames spread evenly between two frame numbers"""
    film = reel.film
    words = reel.words_of("choose_frames", start, end)
    first, last = (read_frame(word, film) for word in words)
    stop, note = min(last, film.num_frames), ""
    if last > film.num_frames:
        note = f"The film ends at frame {film.num_frames - 1}, so frames up to there are shown."
    if first >= last:
        raise RefusedError(
            f"The frames {first} and {last} are reversed or equal; legal: START below END, from 0 "
            f"to {film.num_frames - 1}."
        )
    if first >= film.num_frames:
        raise RefusedError(past_the_end(f"Frame {first}", film))
    if stop - first < 2:
        raise RefusedError(f"No frame lies between {first} and {last}; legal: END >= START + 2.")
    look = Look(
        tool="choose_frames",
        numbers=(first, last),
        indices=spotlight_indices(first, stop, reel.config.look_frames(film.duration_seconds)),
        frame_range=(first, stop),
        note=note,
    )
    return reel.show(look)


@tool
def frame_number_at(reel: Reel, time: ClockWord) -> ToolResult:
    """the number of the frame on show at a time, MM:SS or H:MM:SS"""
    seconds = parse_clock(time)
    if seconds is None:
        raise RefusedError(f"{echo(time)} is no time; legal: {LEGAL}.")
    check_in_film(seconds, reel.film)
    told = int(reel.film.indices_at([seconds])[0])
    look = Look(
        tool="frame_number_at",
        numbers=(seconds,),
        frame_range=(told, told),
        told=told,
        details={"time": str(time), "seconds": seconds},
    )
    return reel.tell(look, f"Frame number at time {time} is: {told}.")


@tool
def rewatch(reel: Reel, start: MomentWord, end: MomentWord) -> ToolResult:
    """that stretch, in seconds or MM:SS, at {rewatch_fps:g} frames a second"""
    film, config = reel.film, reel.config
    words = reel.words_of("rewatch", start, end)
    times = [parse_time(word) for word in words]
    first, last = times
    if first is None or last is None:
        word = words[times.index(None)]
        raise RefusedError(f"{echo(word)} is no time; legal: seconds, or {LEGAL}.")
    if first >= last:
        raise RefusedError(
            f"The stretch from {first:g} to {last:g} s is reversed or empty; legal: START before "
            f"END, from 0 to {film.duration_seconds:.1f} s."
        )
    check_in_film(first, film)
    stop, note = min(last, film.duration_seconds), ""
    if last > film.duration_seconds:
        note = f"The film ends at {film.duration_seconds:.1f} s, so it is shown up to there."
    stretch = widen_interval(
        first,
        stop,
        min_seconds=config.rewatch_min_seconds,
        duration_seconds=film.duration_seconds,
    )
    num = {"min_frames": config.rewatch_min_frames, "max_frames": config.rewatch_max_frames}
    at = rewatch_times(*stretch, fps=config.rewatch_fps, **num)
    indices = sorted({int(index) for index in film.indices_at(at.tolist())})
    look = Look(
        tool="rewatch",
        numbers=(first, last),
        indices=indices,
        frame_range=(indices[0], indices[-1]),
        details={"start_seconds": stretch[0], "end_seconds": stretch[1]},
        note=note,
    )
    return reel.show(look)


@tool
def find_segment(reel: Reel, number: SegmentWord) -> ToolResult:
    """{segment_frames} frames of one of the film's equal segments, 1 to {segments}"""
    (word,) = reel.words_of("find_segment", number)
    segments = segments_of(reel.film, reel.config)
    found = int(word) if WHOLE_NUMBER.fullmatch(word) else 0
    if not 1 <= found <= len(segments):
        raise RefusedError(f"{echo(word)} is no segment of this film; legal: 1 to {len(segments)}.")
    start, end = segments[found - 1]
    num = reel.config.segment_frames
    at = rewatch_times(start, end, fps=1.0, min_frames=num, max_frames=num)
    indices = sorted({int(index) for index in reel.film.indices_at(at.tolist())})
    look = Look(
        tool="find_segment",
        numbers=(found,),
        indices=indices,
        frame_range=(indices[0], indices[-1]),
        details={"segment": found, "start_seconds": start, "end_seconds": end},
    )
    return reel.show(look)


@tool
def find_frame(reel: Reel, frame: FrameWord) -> ToolResult:
    """that one frame"""
    (word,) = reel.words_of("find_frame", frame)
    index = read_frame(word, reel.film, must_exist=True)
    look = Look(tool="find_frame", numbers=(index,), indices=[index], frame_range=(index, index))
    return reel.show(look)


@tool
def zoom(reel: Reel, frame: FrameWord, box: PartWords) -> ToolResult:
    """that part of the frame, larger; x and y go from 0 at the left and top to 1"""
    word, *sides = reel.words_of("zoom", frame, *box.split(" "))
    index = read_frame(word, reel.film, must_exist=True)
    shares = [float(side) if _SHARE.fullmatch(side) else -1.0 for side in sides]
    is_box = len(shares) == 4 and all(0 <= share <= 1 for share in shares)
    if not is_box or min(shares[2] - shares[0], shares[3] - shares[1]) < MIN_ZOOM:
        raise RefusedError(
            f"{echo(' '.join(sides))} is no part of a frame; legal: X0 Y0 X1 Y1 from 0 to "
            f"1, X1 above X0 and Y1 above Y0 by at least {MIN_ZOOM}."
        )
    x0, y0, x1, y1 = shares
    look = Look(
        tool="zoom",
        numbers=(index, x0, y0, x1, y1),
        indices=[index],
        box_xyxy_norm=(x0, y0, x1, y1),
        frame_range=(index, index),
        details={"box_xyxy_norm": shares},
    )
    return reel.show(look)


TOOLS: dict[str, Tool] = {
    t.name: t for t in (choose_frames, frame_number_at, rewatch, find_segment, find_frame, zoom)
}
"""Name -> tool."""


def choose_tools(names: Sequence[str]) -> dict[str, Tool]:
    """The tools of these names, in this order."""
    return {name: TOOLS[name] for name in names}


def describe_tools(config: SpotlightConfig, film: FrameSource) -> dict[str, Tool]:
    """The tools that a configuration offers, each saying what comes back in this film."""
    facts = {
        "look": config.look_frames(film.duration_seconds),
        "rewatch_fps": config.rewatch_fps,
        "segment_frames": config.segment_frames,
        "segments": len(segments_of(film, config)),
    }
    tools = choose_tools(config.tools)
    return {name: replace(t, says=t.says.format(**facts)) for name, t in tools.items()}
