"""A set of questions as it was read: what can be asked, and what is missing or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from video.benchmarks.locating import check_relative, find_inside
from video.benchmarks.rows import Row, RowError, RowFault
from video.questions import VideoQuestion


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The questions of one split of a set.

    Attributes:
        name: of the set, a key of `video.benchmarks.catalogue.BENCHMARKS`.
        split: which part of it.
        directory: the folder that it was read from; resolved.
        questions: all that could be read, in the order of the files, those without a film included.
        video_paths: `question.video` -> the film's file, for the films that are there.
        missing_videos: the `question.video` that are not there, each once.
        bad_rows: rows that are left out.
        remarks: rows that are kept, of which a part could not be read.
        with_subtitles: whether subtitles were asked for.
        missing_subtitles: films whose subtitles were asked for and are not there, each once; some
            sets have none for some films.
    """

    name: str
    split: str
    directory: Path
    questions: tuple[VideoQuestion, ...]
    video_paths: dict[str, Path]
    missing_videos: tuple[str, ...] = ()
    bad_rows: tuple[RowFault, ...] = ()
    remarks: tuple[RowFault, ...] = ()
    with_subtitles: bool = False
    missing_subtitles: tuple[str, ...] = ()

    def playable(self) -> tuple[VideoQuestion, ...]:
        """The questions whose film is there."""
        missing = set(self.missing_videos)
        return tuple(q for q in self.questions if q.video not in missing)

    def report(self, *, num_listed: int = 20) -> str:
        """What is missing or wrong, listed in plain lines; empty where nothing is.

        Args:
            num_listed: of each sort, how many are listed; the rest is counted.
        """
        parts = (
            ("film(s) missing", self.missing_videos),
            ("row(s) left out", [f"{row.place}: {row.reason}" for row in self.bad_rows]),
            ("remark(s)", [f"{row.place}: {row.reason}" for row in self.remarks]),
        )
        return "\n".join(_listed(title, lines, num_listed) for title, lines in parts if lines)


@dataclass(kw_only=True)
class Collector:
    """Gathers the questions of a set, and whatever is wrong with them.

    Attributes:
        directory: the folder of the set; resolved.
        with_subtitles: whether subtitles are looked for.
        allow_links: whether links may lead out of the folder.
    """

    directory: Path
    with_subtitles: bool = False
    allow_links: bool = False
    questions: list[VideoQuestion] = field(default_factory=list)
    bad_rows: list[RowFault] = field(default_factory=list)
    remarks: list[RowFault] = field(default_factory=list)
    _videos: dict[str, Path] = field(default_factory=dict)
    _films: dict[tuple[str, ...], str] = field(default_factory=dict)
    _subtitles: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    _missing: dict[str, None] = field(default_factory=dict)
    _missing_subtitles: dict[str, None] = field(default_factory=dict)
    _first_place: dict[str, str] = field(default_factory=dict)

    def add(self, rows: Iterable[Row | RowFault], read: Callable[[Row], VideoQuestion]) -> None:
        """Read rows; those that `read` raises `ValueError` for are listed and left out."""
        for row in rows:
            if isinstance(row, RowFault):
                self.bad_rows.append(row)
                continue
            try:
                self._take(read(row), row.place)
            except ValueError as error:
                self.bad_rows.append(RowFault(place=row.place, reason=str(error)))

    def remark(self, place: str, reason: str) -> None:
        """Note that a part of a row could not be read."""
        self.remarks.append(RowFault(place=place, reason=reason))

    def film(self, candidates: Sequence[str]) -> str:
        """The film's path relative to the folder; where there is none, the first candidate, noted
        as missing.

        Raises:
            RowError: where a candidate leads out of the folder.
        """
        key = tuple(candidates)
        if key not in self._films:
            found = find_inside(self.directory, candidates, allow_links=self.allow_links)
            name = check_relative(candidates[0]) if found is None else self._relative(found)
            self._films[key] = name
            if found is None:
                self._missing[name] = None
            else:
                self._videos[name] = found
        return self._films[key]

    def subtitle(self, video: str, candidates: Sequence[str]) -> str | None:
        """The path of a film's subtitles relative to the folder; None where there are none, or
        none are looked for.

        Raises:
            RowError: where a candidate leads out of the folder.
        """
        if not self.with_subtitles:
            return None
        key = tuple(candidates)
        if key not in self._subtitles:
            found = find_inside(self.directory, candidates, allow_links=self.allow_links)
            self._subtitles[key] = None if found is None else self._relative(found)
            if found is None:
                self._missing_subtitles[video] = None
        return self._subtitles[key]

    def finish(self, name: str, split: str) -> Benchmark:
        """The set.

        Raises:
            ValueError: where no row at all could be read.
        """
        if not self.questions:
            first = [f"; the first: {row.place}: {row.reason}" for row in self.bad_rows[:1]]
            raise ValueError(
                f"{name} {split} in {self.directory} has no question that can be read: "
                f"{len(self.bad_rows)} rows are wrong{''.join(first)}"
            )
        used = {question.video for question in self.questions}
        return Benchmark(
            name=name,
            split=split,
            directory=self.directory,
            questions=tuple(self.questions),
            video_paths={video: path for video, path in self._videos.items() if video in used},
            missing_videos=tuple(video for video in self._missing if video in used),
            bad_rows=tuple(self.bad_rows),
            remarks=tuple(self.remarks),
            with_subtitles=self.with_subtitles,
            missing_subtitles=tuple(v for v in self._missing_subtitles if v in used),
        )

    def _take(self, question: VideoQuestion, place: str) -> None:
        first = self._first_place.get(question.question_id)
        if first is not None:
            raise RowError(f"the question id {question.question_id!r} comes twice; first: {first}")
        self._first_place[question.question_id] = place
        self.questions.append(question)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.directory).as_posix()


def _listed(title: str, lines: Sequence[str], count: int) -> str:
    more = [f"  and {len(lines) - count} more"] if len(lines) > count else []
    shown = [f"  {line}" for line in lines[:count]]
    return "\n".join([f"{len(lines)} {title}:", *shown, *more])
