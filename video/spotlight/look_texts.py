"""What is said of frames that are shown: a line for each, and the subtitles that go with them."""

from __future__ import annotations

from collections.abc import Sequence

from video.spotlight.clock import format_clock
from video.spotlight.config import SpotlightConfig
from video.spotlight.naming import names_of
from video.spotlight.truth import Shown
from video.subtitles import SubtitleLine

IMAGE = "<image>"
"""Where a picture stands in the text: one marker for each picture of the turn."""


def escape(text: str) -> str:
    """A text of others, in which nothing stands for a picture."""
    return text.replace(IMAGE, "[image]").encode(errors="replace").decode()


def look_text(
    shown: Shown,
    config: SpotlightConfig,
    captions: Sequence[SubtitleLine],
    *,
    whole_stretch: bool,
    num_before: int = 0,
) -> str:
    """A line for each frame shown, and the subtitles that go with them.

    Args:
        shown: which frames, and when they are.
        config: says whether times and subtitles are given.
        captions: subtitles of the film.
        whole_stretch: whether subtitles between the frames are wanted too.
        num_before: frames shown at earlier turns.
    """
    box = shown.box_xyxy_norm
    part = "" if box is None else " part " + " ".join(f"{share:g}" for share in box)
    names = names_of(shown.frames, config.frame_names, num_before=num_before)
    if config.show_times:
        pairs = zip(names, shown.seconds, strict=True)
        names = [f"{name} [{format_clock(at)}]" for name, at in pairs]
    if config.grid_columns and names:
        lines = [f"frames {', '.join(names)}{part}: {IMAGE}"]
    else:
        lines = [f"frame {name}{part}: {IMAGE}" for name in names]
    if config.subtitles:
        lines += caption_lines(
            captions,
            shown.seconds,
            whole_stretch=whole_stretch,
            max_lines=config.max_subtitle_lines,
        )
    return "\n".join(lines)


def caption_lines(
    captions: Sequence[SubtitleLine],
    seconds: Sequence[float],
    *,
    whole_stretch: bool,
    max_lines: int,
) -> list[str]:
    """The subtitles of what is shown, a line for each, under a heading; none where there are none.

    Args:
        captions: of the film.
        seconds: when the frames shown are.
        whole_stretch: whether those between the frames are wanted too. Where these are more than
            `max_lines`, only those on show at a frame are given.
        max_lines: most lines.
    """
    if not seconds or not captions:
        return []
    first, last = min(seconds), max(seconds)
    lines = [c for c in captions if c.start_seconds <= last and first < c.end_seconds]
    if not whole_stretch or len(lines) > max_lines:
        lines = [c for c in lines if any(c.start_seconds <= s < c.end_seconds for s in seconds)]
    shown = [
        f"[{format_clock(max(0.0, c.start_seconds))} - {format_clock(c.end_seconds)}] "
        f"{escape(' '.join(c.text.split()))}"
        for c in lines[:max_lines]
    ]
    return ["Subtitles:", *shown] if shown else []
