"""Which set of questions about films, as plain data. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from sims.config import BenchmarkConfig


@dataclass(kw_only=True)
class VideoBenchmarkConfig(BenchmarkConfig):
    """A public set of questions about films, or films of our own on disk.

    Attributes:
        name: a key of `video.benchmarks.catalogue.BENCHMARKS`.
        split: which part of it; null for its default.
        allow_links: whether symbolic links may lead out of the set's folder, as in a model hub's
            cache.
        stop_on_missing: whether a film that is not there stops the run; if not, its questions are
            counted and left out.
    """

    name: str = "video_mme"
    split: str | None = None
    allow_links: bool = False
    stop_on_missing: bool = False
