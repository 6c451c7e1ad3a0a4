"""A film for tests that costs nothing: each frame is one flat color, which its number decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from video.frames import FrameBatch, VideoError
from video.questions import EvidenceBox, Interval, VideoQuestion
from video.spotlight.sources import QuestionSet
from video.subtitles import SubtitleLine


class FlatFilm:
    """Frame i shows the color (i mod 251, i // 251 mod 251, 7) and is first shown at i / fps."""

    def __init__(
        self,
        num_frames: int = 1000,
        *,
        fps: float = 10.0,
        size: tuple[int, int] = (30, 40),
        broken: Sequence[int] = (),
        name: str = "flat",
    ) -> None:
        self.name, self.num_frames, self.average_fps = name, num_frames, fps
        self.height, self.width = size
        self.broken = set(broken)
        self.asked: list[int] = []
        self.num_closed = 0

    @property
    def duration_seconds(self) -> float:
        return self.num_frames / self.average_fps

    def frames(self, indices: Sequence[int]) -> FrameBatch:
        for index in indices:
            if not 0 <= index < self.num_frames:
                raise VideoError(self.name, f"there is no frame {index}")
            if index in self.broken:
                raise VideoError(self.name, "the data is corrupt", seconds=index / self.average_fps)
        self.asked += indices
        index = np.array(indices, dtype=np.int64)
        data = np.zeros((len(index), self.height, self.width, 3), dtype=np.uint8)
        data[..., 0] = (index % 251)[:, None, None]
        data[..., 1] = (index // 251 % 251)[:, None, None]
        data[..., 2] = 7
        return FrameBatch(data=data, frame_index=index, pts_seconds=index / self.average_fps)

    def frames_at(self, seconds: Sequence[float]) -> FrameBatch:
        return self.frames(self.indices_at(seconds).tolist())

    def indices_at(self, seconds: Sequence[float]) -> np.ndarray:
        if not all(0 <= at < self.duration_seconds for at in seconds):
            raise VideoError(self.name, f"a time of {list(seconds)} is outside")
        return np.floor(np.array(seconds) * self.average_fps + 1e-9).astype(np.int64)

    def close(self) -> None:
        self.num_closed += 1


def number_shown(picture: np.ndarray) -> int:
    """Which frame of a `FlatFilm` a picture is."""
    return int(picture[-1, -1, 0]) + 251 * int(picture[-1, -1, 1])


def choice(number: int = 0, **fields) -> VideoQuestion:
    """A question with three options whose evidence lies from 40 to 42 s; the answer is B."""
    defaults = {
        "question_id": f"q{number}",
        "video": f"film{number}",
        "text": f"Which color comes at 0:4{number}?",
        "kind": "color",
        "options": ("red", "blue", "green"),
        "answer": "B",
        "evidence": (Interval(start_seconds=40.0, end_seconds=42.0),),
    }
    return VideoQuestion(**{**defaults, **fields})


def grounding(number: int = 0, **fields) -> VideoQuestion:
    """A question whose answer is from 10 to 20 s or from 50 to 54 s."""
    golds = (
        Interval(start_seconds=10.0, end_seconds=20.0),
        Interval(start_seconds=50.0, end_seconds=54.0),
    )
    defaults = {
        "question_id": f"g{number}",
        "video": f"film{number}",
        "text": "When is it red?",
        "kind": "when",
        "intervals": golds,
        "evidence": golds[:1],
        "evidence_boxes": (EvidenceBox(interval=golds[0], box_xyxy_norm=(0.0, 0.0, 0.5, 0.5)),),
    }
    return VideoQuestion(**{**defaults, **fields})


def question_set(*questions: VideoQuestion, captions=(), **film_fields) -> QuestionSet:
    """A set whose films are all alike, but that each later one has a frame more."""
    questions = questions or tuple(choice(number) for number in range(4))
    lines = [SubtitleLine(start_seconds=s, end_seconds=e, text=t) for s, e, t in captions]

    def open_film(question, size):
        fields = dict(film_fields)
        own = fields.pop("size", (30, 40))
        extra = int(question.question_id[-1])
        num_frames = fields.pop("num_frames", 1000) + extra
        return FlatFilm(num_frames, size=size or own, name=question.video, **fields)

    return QuestionSet(
        questions=questions, open_film=open_film, captions_of=(lambda _: lines) if lines else None
    )
