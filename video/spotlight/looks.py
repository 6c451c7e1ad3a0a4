"""From a request to the frames that it shows, or to why there are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from video.frames import FrameSource
from video.spotlight.clock import LEGAL, format_clock, parse_clock, parse_time
from video.spotlight.config import SpotlightConfig
from video.spotlight.replies import Request, echo
from video.spotlight.tools import (
    cut_segments,
    evenly_chosen,
    rewatch_times,
    spotlight_indices,
    widen_interval,
)

Box = tuple[float, float, float, float]
MIN_ZOOM = 0.01
"""Least width and height of a part that is zoomed into, as a share of the frame's."""
_WHOLE = re.compile(r"[0-9]{1,18}")
_SHARE = re.compile(r"[0-9]{0,9}\.?[0-9]{1,9}")


class RefusedError(Exception):
    """A request that cannot be met; its text, for the policy, says why and what is legal."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A request, worked out.

    Attributes:
        tool: what was asked for.
        numbers: those of the request as they were written (see `video.spotlight.consistency`).
        indices: the frames to show, in order; none for a time query.
        box_xyxy_norm: the part of them to show; None for the whole.
        frame_range: (first, last) frame that it is about.
        told: the frame number that a time query is told, or None.
        details: further facts about the request, JSON-able.
        note: what was changed about it, for the policy; "" where nothing was.
    """

    tool: str
    numbers: tuple[float, ...]
    indices: list[int] = field(default_factory=list)
    box_xyxy_norm: Box | None = None
    frame_range: tuple[int, int]
    told: int | None = None
    details: dict[str, object] = field(default_factory=dict)
    note: str = ""


def plan_look(
    request: Request, film: FrameSource, config: SpotlightConfig, frames_left: int | None
) -> Look:
    """Work a request out.

    Args:
        request: what was asked for.
        film: says how long it is, and which frame is on show when.
        config: how many frames each tool shows.
        frames_left: of the budget; None for no budget.

    Raises:
        RefusedError: where it cannot be met.
    """
    if request.tool == "frame_number_at":
        return _plan_time_query(request, film)
    if frames_left == 0:
        raise RefusedError("No frames are left to be shown.")
    planner = {
        "choose_frames": _plan_choice,
        "rewatch": _plan_rewatch,
        "find_segment": _plan_segment,
        "find_frame": _plan_frame,
        "zoom": _plan_zoom,
    }[request.tool]
    look = planner(request.arguments, film, config)
    return look if frames_left is None else _shrink(look, frames_left, config)


def segments_of(film: FrameSource, config: SpotlightConfig) -> list[tuple[float, float]]:
    """The segments that a film is cut into, each (start, end) [s]."""
    return cut_segments(
        film.duration_seconds,
        num=config.num_segments,
        min_seconds=config.segment_min_seconds,
        max_seconds=config.segment_max_seconds,
    )


def _plan_time_query(request: Request, film: FrameSource) -> Look:
    words = request.arguments[0]
    seconds = parse_clock(words)
    if seconds is None:
        raise RefusedError(f"{echo(words)} is no time; legal: {LEGAL}.")
    _check_in_film(seconds, film)
    told = int(film.indices_at([seconds])[0])
    return Look(
        tool=request.tool,
        numbers=(seconds,),
        frame_range=(told, told),
        told=told,
        details={"time": words, "seconds": seconds},
    )


def _plan_choice(arguments: Sequence[str], film: FrameSource, config: SpotlightConfig) -> Look:
    start, end = (_read_frame(words, film) for words in arguments)
    last = film.num_frames
    stop, note = min(end, last), ""
    if end > last:
        note = f"The film ends at frame {last - 1}, so frames up to there are shown."
    if start >= end:
        raise RefusedError(
            f"The frames {start} and {end} are reversed or equal; legal: START below END, from 0 "
            f"to {last - 1}."
        )
    if start >= last:
        raise RefusedError(_past_the_end(f"Frame {start}", film))
    if stop - start < 2:
        raise RefusedError(f"No frame lies between {start} and {end}; legal: END >= START + 2.")
    return Look(
        tool="choose_frames",
        numbers=(start, end),
        indices=spotlight_indices(start, stop, config.look_frames(film.duration_seconds)),
        frame_range=(start, stop),
        note=note,
    )


def _plan_rewatch(arguments: Sequence[str], film: FrameSource, config: SpotlightConfig) -> Look:
    times = [parse_time(words) for words in arguments]
    start, end = times
    if start is None or end is None:
        words = arguments[times.index(None)]
        raise RefusedError(f"{echo(words)} is no time; legal: seconds, or {LEGAL}.")
    if start >= end:
        raise RefusedError(
            f"The stretch from {start:g} to {end:g} s is reversed or empty; legal: START before "
            f"END, from 0 to {film.duration_seconds:.1f} s."
        )
    _check_in_film(start, film)
    stop, note = min(end, film.duration_seconds), ""
    if end > film.duration_seconds:
        note = f"The film ends at {film.duration_seconds:.1f} s, so it is shown up to there."
    first, stop = widen_interval(
        start,
        stop,
        min_seconds=config.rewatch_min_seconds,
        duration_seconds=film.duration_seconds,
    )
    at = rewatch_times(
        first,
        stop,
        fps=config.rewatch_fps,
        min_frames=config.rewatch_min_frames,
        max_frames=config.rewatch_max_frames,
    )
    indices = sorted({int(index) for index in film.indices_at(at.tolist())})
    return Look(
        tool="rewatch",
        numbers=(start, end),
        indices=indices,
        frame_range=(indices[0], indices[-1]),
        details={"start_seconds": first, "end_seconds": stop},
        note=note,
    )


def _plan_segment(arguments: Sequence[str], film: FrameSource, config: SpotlightConfig) -> Look:
    segments = segments_of(film, config)
    found = _WHOLE.fullmatch(arguments[0])
    number = int(found.group()) if found else 0
    if not 1 <= number <= len(segments):
        raise RefusedError(
            f"{echo(arguments[0])} is no segment of this film; legal: 1 to {len(segments)}."
        )
    start, end = segments[number - 1]
    at = rewatch_times(
        start, end, fps=1.0, min_frames=config.segment_frames, max_frames=config.segment_frames
    )
    indices = sorted({int(index) for index in film.indices_at(at.tolist())})
    return Look(
        tool="find_segment",
        numbers=(number,),
        indices=indices,
        frame_range=(indices[0], indices[-1]),
        details={"segment": number, "start_seconds": start, "end_seconds": end},
    )


def _plan_frame(arguments: Sequence[str], film: FrameSource, config: SpotlightConfig) -> Look:
    index = _read_frame(arguments[0], film, must_exist=True)
    return Look(tool="find_frame", numbers=(index,), indices=[index], frame_range=(index, index))


def _plan_zoom(arguments: Sequence[str], film: FrameSource, config: SpotlightConfig) -> Look:
    index = _read_frame(arguments[0], film, must_exist=True)
    shares = [float(w) if _SHARE.fullmatch(w) else -1.0 for w in arguments[1:]]
    x0, y0, x1, y1 = shares
    if not all(0 <= share <= 1 for share in shares) or min(x1 - x0, y1 - y0) < MIN_ZOOM:
        raise RefusedError(
            f"{echo(' '.join(arguments[1:]))} is no part of a frame; legal: X0 Y0 X1 Y1 from 0 to "
            f"1, X1 above X0 and Y1 above Y0 by at least {MIN_ZOOM}."
        )
    return Look(
        tool="zoom",
        numbers=(index, x0, y0, x1, y1),
        indices=[index],
        box_xyxy_norm=(x0, y0, x1, y1),
        frame_range=(index, index),
        details={"box_xyxy_norm": shares},
    )


def _shrink(look: Look, frames_left: int, config: SpotlightConfig) -> Look:
    """The look with no more frames than are left of the budget, spread as evenly as before."""
    if len(look.indices) <= frames_left:
        return look
    if look.tool == "choose_frames":
        indices = spotlight_indices(*look.frame_range, frames_left)
    else:
        indices = evenly_chosen(look.indices, frames_left)
    note = f"{look.note} Only {frames_left} of the frames asked for are left to be shown.".strip()
    return Look(**{**vars(look), "indices": indices, "note": note})


def _read_frame(words: str, film: FrameSource, *, must_exist: bool = False) -> int:
    """A frame number of the film; one past the end only where it need not exist."""
    if _WHOLE.fullmatch(words) is None:
        raise RefusedError(
            f"{echo(words)} is no frame number; legal: whole numbers from 0 to "
            f"{film.num_frames - 1}."
        )
    if must_exist and int(words) >= film.num_frames:
        raise RefusedError(_past_the_end(f"Frame {int(words)}", film))
    return int(words)


def _check_in_film(seconds: float, film: FrameSource) -> None:
    if seconds >= film.duration_seconds:
        raise RefusedError(_past_the_end(f"{seconds:g} s", film))


def _past_the_end(what: str, film: FrameSource) -> str:
    end = format_clock(film.duration_seconds)
    return (
        f"{what} is past the end of the film; legal: frames 0 to {film.num_frames - 1}, times "
        f"before {end}."
    )
