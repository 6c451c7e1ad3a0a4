"""The two tools of FrameThinker's released environment, with its arithmetic (arXiv 2509.24304; see
`video.spotlight.published`). What it does not admit is refused without a word to the policy.
"""

from __future__ import annotations

from sims.tools.tool import Tool, ToolResult, tool
from video.spotlight.arguments import ClockWord, FrameWord
from video.spotlight.looks import Look, RefusedError
from video.spotlight.published import minutes_and_seconds, whole
from video.spotlight.reel import Reel
from video.spotlight.tools import spotlight_indices


@tool
def choose_frames(reel: Reel, start: FrameWord, end: FrameWord) -> ToolResult:
    """a fixed number of frames between two, the end cut to the film's in silence"""
    film, first, last = reel.film, whole(start), whole(end)
    num, stop = reel.config.look_frames(film.duration_seconds), min(last, film.num_frames)
    if first > film.num_frames or first >= stop - num:
        raise RefusedError(f"The released code admits no frames {first} to {last} here.")
    look = Look(
        tool="choose_frames",
        numbers=(first, last),
        indices=spotlight_indices(first, stop, num),
        frame_range=(first, stop),
    )
    return reel.put_on(look)


@tool
def frame_number_at(reel: Reel, time: ClockWord) -> ToolResult:
    """the number of the frame at a time MM:SS, by the average frame rate"""
    seconds = minutes_and_seconds(time)
    if seconds is None:
        raise RefusedError("The released code reads no time there.")
    told = int(seconds * reel.film.average_fps)
    reel.look = Look(
        tool="frame_number_at",
        numbers=(seconds,),
        frame_range=(told, told),
        told=told,
        details={"time": str(time), "seconds": seconds},
    )
    return ToolResult(text=f"Frame number at time {time} is: {told}.")


PUBLISHED_TOOLS: dict[str, Tool] = {t.name: t for t in (choose_frames, frame_number_at)}
"""Name -> tool."""
