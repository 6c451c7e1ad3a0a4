"""What frames are called: by their number in the film, or by their place among all frames shown so
far, the first of the scan being 1. Small models point at what they see more easily than they copy
long numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from video.spotlight.looks import RefusedError
from video.spotlight.replies import Request, echo

NUM_FRAME_ARGUMENTS = {"choose_frames": 2, "find_frame": 1, "zoom": 1}
"""Tool -> how many of its arguments, the first ones, are frames."""


def names_of(frames: Sequence[int], naming: str, *, num_before: int) -> list[str]:
    """What the frames of a turn are called.

    Args:
        frames: their numbers in the film.
        naming: "numbers" or "shown".
        num_before: frames shown at earlier turns, repeats counted.
    """
    if naming == "shown":
        return [str(num_before + place) for place in range(1, len(frames) + 1)]
    return [str(frame) for frame in frames]


def by_numbers(request: Request, shown: Sequence[int]) -> Request:
    """A request that calls frames by their places, with their numbers in the film instead.

    Args:
        request: as it was understood.
        shown: numbers of all frames shown so far, in the order in which they were shown.

    Raises:
        RefusedError: where a place is none of a frame that was shown.
    """
    count = NUM_FRAME_ARGUMENTS.get(request.tool, 0)
    places = [_read_place(words, len(shown)) for words in request.arguments[:count]]
    frames = [shown[place - 1] for place in places]
    if request.tool == "choose_frames" and frames[0] >= frames[1]:
        raise RefusedError(
            f"Frame {places[0]} does not come before frame {places[1]}; legal: two frames that "
            "were shown, the earlier one first."
        )
    return replace(request, arguments=(*map(str, frames), *request.arguments[count:]))


def _read_place(words: str, num_shown: int) -> int:
    is_number = words.isascii() and words.isdecimal() and len(words) <= 9
    if not is_number or not 1 <= int(words) <= num_shown:
        raise RefusedError(f"{echo(words)} is no frame that was shown; legal: 1 to {num_shown}.")
    return int(words)
