"""What the tools of a film work on: the film, the rules, and what has been shown so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from sims.tools.tool import ToolResult
from video.frames import FrameSource, VideoError
from video.spotlight.config import SpotlightConfig
from video.spotlight.look_texts import look_text
from video.spotlight.looks import Look, RefusedError, shrink
from video.spotlight.naming import by_numbers
from video.spotlight.replies import Request
from video.spotlight.showing import Pictures
from video.spotlight.truth import Shown
from video.subtitles import SubtitleLine

Asked = Set[tuple[str, tuple[float, ...]]]
"""(tool, numbers) of the requests that were met."""
Projector = Callable[[Look], Pictures]
"""Shows what a look is about. Raises `VideoError` where a frame cannot be read."""


@dataclass(kw_only=True)
class Reel:
    """A film as it stands at one reply; the tool that is asked for notes in it what it did.

    Attributes:
        film: says how long it is, and which frame is on show when.
        config: how many frames each tool shows, and how they are spoken of.
        asked: requests that were met.
        frames_left: of the budget; None for no budget.
        shown: numbers of all frames shown so far, in the order in which they were shown.
        captions: subtitles of the film.
        project: makes the pictures; None for none, where only a plan is wanted.
        look: what the tool showed or told; None before that.
        seconds: when the frames that it showed are [s].
    """

    film: FrameSource
    config: SpotlightConfig
    asked: Asked
    frames_left: int | None
    shown: Sequence[int] = ()
    captions: Sequence[SubtitleLine] = ()
    project: Projector | None = None
    look: Look | None = None
    seconds: tuple[float, ...] = ()

    def words_of(self, tool: str, *words: str) -> tuple[str, ...]:
        """The words of a request for frames, in which frames go by their numbers in the film.

        Raises:
            RefusedError: where a frame is meant that was not shown, or no frame is left to show.
        """
        request = Request(tool=tool, arguments=words)
        if self.config.frame_names == "shown":
            request = by_numbers(request, self.shown)
        if self.frames_left == 0:
            raise RefusedError("No frames are left to be shown.")
        return request.arguments

    def show(self, look: Look) -> ToolResult:
        """Show a look, as far as the budget goes.

        Raises:
            RefusedError: where it has been asked for before, or a frame cannot be read.
        """
        if self.frames_left is not None:
            look = shrink(look, self.frames_left)
        self._check_is_new(look)
        return self.put_on(look)

    def tell(self, look: Look, text: str) -> ToolResult:
        """Tell something about the film, and show nothing.

        Raises:
            RefusedError: where it has been asked for before.
        """
        self._check_is_new(look)
        self.look = look
        return ToolResult(text=text, facts={"request": [look.tool, *look.numbers]})

    def put_on(self, look: Look) -> ToolResult:
        """Show a look, whatever has been asked for before and however many frames are left.

        Raises:
            RefusedError: where a frame cannot be read.
        """
        facts = {"request": [look.tool, *look.numbers], "frames": list(look.indices)}
        if self.project is None:
            self.look = look
            return ToolResult(facts=facts)
        try:
            pictures, self.seconds = self.project(look)
        except VideoError as error:
            raise RefusedError(
                f"These frames cannot be read ({error.problem}); ask for others."
            ) from error
        self.look = look
        body = look_text(
            Shown(
                frames=tuple(look.indices), seconds=self.seconds, box_xyxy_norm=look.box_xyxy_norm
            ),
            self.config,
            self.captions,
            whole_stretch=look.box_xyxy_norm is None,
            num_before=len(self.shown),
        )
        text = "\n".join(filter(None, [look.note, body]))
        return ToolResult(text=text, images=pictures, facts=facts)

    def _check_is_new(self, look: Look) -> None:
        if (look.tool, look.numbers) in self.asked:
            raise RefusedError("That has been asked for before; ask for something else.")
