"""A film as a record of what happens in it, and what it looks like at any frame."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from types import MappingProxyType

from video.synthetic.config import FilmConfig
from video.synthetic.events import Chapter, Event, Subtitle
from video.synthetic.visits import visit_box
from video.synthetic.vocabulary import Item


@dataclass(frozen=True, kw_only=True)
class Film:
    """A film: a pure function of its configuration and seed.

    Attributes:
        name: names it in messages, questions and file names.
        config: what it was drawn from.
        seed: what it was drawn with.
        num_frames: at least 1.
        chapters: in order, covering the film.
        things: everything that ever stands on the shelf; no two have the same name.
        initial: place on the shelf -> what stands there at the start.
        events: in order of time; one visitor at a time.
        subtitles: in order of time.
    """

    name: str
    config: FilmConfig
    seed: int
    num_frames: int
    chapters: tuple[Chapter, ...]
    things: tuple[Item, ...]
    initial: tuple[tuple[int, Item], ...]
    events: tuple[Event, ...]
    subtitles: tuple[Subtitle, ...]

    @property
    def fps(self) -> int:
        """Frames per second."""
        return self.config.fps

    @property
    def duration_seconds(self) -> float:
        """Until the last frame stops being shown [s]."""
        return self.num_frames / self.fps

    @cached_property
    def _event_starts(self) -> list[int]:
        return [event.start_frame for event in self.events]

    @cached_property
    def _chapter_starts(self) -> list[int]:
        return [chapter.start_frame for chapter in self.chapters]

    @cached_property
    def _shelf_history(self) -> tuple[list[int], list[dict[int, Item]]]:
        """First frames of the states of the shelf, and the states."""
        frames, states = [0], [dict(self.initial)]
        for event in self.events:
            if event.kind in ("take", "move"):
                frames.append(event.hold_start)
                states.append({k: v for k, v in states[-1].items() if k != event.place_from})
            if event.kind in ("bring", "move"):
                assert event.thing is not None
                assert event.place_to is not None
                frames.append(event.hold_end)
                states.append({**states[-1], event.place_to: event.thing})
        return frames, states

    @cached_property
    def _switch_frames(self) -> list[int]:
        return [event.change_frame for event in self.events if event.kind == "switch"]

    def chapter_at(self, frame: int) -> Chapter:
        """The chapter that a frame belongs to, its card included."""
        return self.chapters[bisect_right(self._chapter_starts, frame) - 1]

    def event_at(self, frame: int) -> Event | None:
        """The visit that a frame shows, None where nobody is in the picture."""
        index = bisect_right(self._event_starts, frame) - 1
        if index < 0 or frame >= self.events[index].end_frame:
            return None
        return self.events[index]

    def shelf_at(self, frame: int) -> Mapping[int, Item]:
        """Place -> what stands there at a frame. Not to be changed."""
        frames, states = self._shelf_history
        return MappingProxyType(states[bisect_right(frames, frame) - 1])

    def switches_before(self, frame: int) -> int:
        """How often the lamp, off at the start, has been switched by a frame."""
        return bisect_right(self._switch_frames, frame)

    def event_of(self, kind: str, thing: str) -> Event:
        """The visit in which the thing of this name was taken, brought or moved.

        Raises:
            KeyError: where there is none.
        """
        for event in self.events:
            if event.kind == kind and event.thing is not None and event.thing.name == thing:
                return event
        raise KeyError(f"{self.name} has no event {kind!r} of the {thing}")

    def log(self) -> dict[str, object]:
        """Everything that happens in it, JSON-able.

        Of every event: what (`kind`), who and what, which places, counted from 0, the half-open
        interval in frames and seconds, when the thing is held or the lamp touched, and the box
        around where in the frame the visitor and what it carries are in all that time.
        """
        return {
            "name": self.name,
            "seed": self.seed,
            "num_frames": self.num_frames,
            "fps": self.fps,
            "duration_seconds": self.duration_seconds,
            "config": asdict(self.config),
            "chapters": [asdict(chapter) for chapter in self.chapters],
            "things": [thing.name for thing in self.things],
            "initial": [[place, thing.name] for place, thing in self.initial],
            "events": [self._event_log(event) for event in self.events],
            "subtitles": [asdict(line) for line in self.subtitles],
        }

    def _event_log(self, event: Event) -> dict[str, object]:
        box = visit_box(self.config, event, event.start_frame, event.end_frame)
        return {
            **asdict(event),
            "interval_seconds": [event.start_frame / self.fps, event.end_frame / self.fps],
            "held_seconds": [event.hold_start / self.fps, event.hold_end / self.fps],
            "box_xyxy_norm": list(box),
        }
