"""Where the environment's questions and films come from: a set of questions, or films drawn from
seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from video.frames import FrameSource
from video.questions import VideoQuestion
from video.spotlight.config import SpotlightConfig
from video.spotlight.truth import Shown
from video.subtitles import SubtitleLine

OpenFilm = Callable[[VideoQuestion, tuple[int, int] | None], FrameSource]
"""(question, (height, width) of its frames [px] or None for the film's own) -> its film."""


class Expert(Protocol):
    """Answers from what it has been shown."""

    def reply(self, history: Sequence[Shown]) -> str:
        """What it says after these turns, the first of which is the scan."""
        ...


@dataclass(frozen=True, kw_only=True)
class SpotlightTask:
    """What one episode is about.

    Attributes:
        key: finds it again (see `TaskSource.find`); JSON-able.
        question: what is asked.
        open_film: gives its film at a size.
        captions: its subtitles, in order of their start.
        make_expert: makes an expert of a style that solves it under a task's settings; None where
            there is none.
    """

    key: int | str
    question: VideoQuestion
    open_film: Callable[[tuple[int, int] | None], FrameSource]
    captions: tuple[SubtitleLine, ...] = ()
    make_expert: Callable[[str, SpotlightConfig], Expert] | None = None


class TaskSource(Protocol):
    """Finds the task of a number, or of a question's id.

    Attributes:
        has_expert: whether its tasks have one.
    """

    @property
    def has_expert(self) -> bool: ...

    def find(self, key: int | str) -> SpotlightTask:
        """The task of a number, 0 or more, or of a question's id.

        Raises:
            ValueError: where there is no question with this id.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class QuestionSet:
    """A list of questions about films, such as a benchmark's.

    Attributes:
        questions: at least one; ids are unique.
        open_film: opens the film of a question.
        captions_of: gives the subtitles of a question's film; None where the set has none.
        has_expert: False.
    """

    questions: Sequence[VideoQuestion]
    open_film: OpenFilm
    captions_of: Callable[[VideoQuestion], Sequence[SubtitleLine]] | None = None
    has_expert: bool = field(default=False, init=False)
    _by_id: Mapping[str, VideoQuestion] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        by_id = {question.question_id: question for question in self.questions}
        if not self.questions or len(by_id) != len(self.questions):
            raise ValueError(
                f"a QuestionSet needs one question at least, and no id twice; this one has "
                f"{len(self.questions)} questions with {len(by_id)} different ids"
            )
        object.__setattr__(self, "_by_id", by_id)

    def keep(self, kinds: Sequence[str]) -> QuestionSet:
        """The set with questions of these kinds alone; all where none is named.

        Raises:
            ValueError: where a kind does not occur.
        """
        present = {question.kind for question in self.questions}
        unknown = [kind for kind in kinds if kind not in present]
        if unknown:
            raise ValueError(
                f"env.config.question_kinds is {list(kinds)}; the set has no {unknown[0]!r}, it "
                f"has {', '.join(sorted(present))}"
            )
        kept = [question for question in self.questions if not kinds or question.kind in kinds]
        return QuestionSet(questions=kept, open_film=self.open_film, captions_of=self.captions_of)

    def find(self, key: int | str) -> SpotlightTask:
        """Question number `key` modulo how many there are, or the question with this id.

        Raises:
            ValueError: where there is no question with this id.
        """
        if isinstance(key, int):
            question = self.questions[key % len(self.questions)]
        elif key in self._by_id:
            question = self._by_id[key]
        else:
            raise ValueError(
                f"options.question_id is {key!r}; the set has {len(self.questions)} questions, the "
                f"first of them {self.questions[0].question_id!r}"
            )
        captions = self.captions_of(question) if self.captions_of is not None else ()
        return SpotlightTask(
            key=question.question_id,
            question=question,
            open_film=lambda size: self.open_film(question, size),
            captions=tuple(sorted(captions, key=lambda line: line.start_seconds)),
        )
