"""A request, worked out; and what the tools that work requests out share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sims.tools.tool import ToolError
from video.frames import FrameSource
from video.spotlight.clock import format_clock
from video.spotlight.config import SpotlightConfig
from video.spotlight.replies import echo
from video.spotlight.tools import cut_segments, evenly_chosen, spotlight_indices

Box = tuple[float, float, float, float]
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")


class RefusedError(ToolError):
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


def segments_of(film: FrameSource, config: SpotlightConfig) -> list[tuple[float, float]]:
    """The segments that a film is cut into, each (start, end) [s]."""
    return cut_segments(
        film.duration_seconds,
        num=config.num_segments,
        min_seconds=config.segment_min_seconds,
        max_seconds=config.segment_max_seconds,
    )


def shrink(look: Look, frames_left: int) -> Look:
    """The look with no more frames than are left of the budget, spread as evenly as before."""
    if len(look.indices) <= frames_left:
        return look
    if look.tool == "choose_frames":
        indices = spotlight_indices(*look.frame_range, frames_left)
    else:
        indices = evenly_chosen(look.indices, frames_left)
    note = f"{look.note} Only {frames_left} of the frames asked for are left to be shown.".strip()
    return Look(**{**vars(look), "indices": indices, "note": note})


def read_frame(words: str, film: FrameSource, *, must_exist: bool = False) -> int:
    """A frame number of the film; one past the end only where it need not exist.

    Raises:
        RefusedError: for all else.
    """
    if WHOLE_NUMBER.fullmatch(words) is None:
        raise RefusedError(
            f"{echo(words)} is no frame number; legal: whole numbers from 0 to "
            f"{film.num_frames - 1}."
        )
    if must_exist and int(words) >= film.num_frames:
        raise RefusedError(past_the_end(f"Frame {int(words)}", film))
    return int(words)


def check_in_film(seconds: float, film: FrameSource) -> None:
    """Raise `RefusedError` for a time at or past the end of the film."""
    if seconds >= film.duration_seconds:
        raise RefusedError(past_the_end(f"{seconds:g} s", film))


def past_the_end(what: str, film: FrameSource) -> str:
    """What is said of something that lies past the end."""
    end = format_clock(film.duration_seconds)
    return (
        f"{what} is past the end of the film; legal: frames 0 to {film.num_frames - 1}, times "
        f"before {end}."
    )
