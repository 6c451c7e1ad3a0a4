"""Whether questions about synthetic films are fair: what can be guessed without looking, what a
uniform scan shows, and what the expert finds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.statistics import mean_stderr
from training.text_guesser import Choice, GuesserConfig, cross_guess, hash_tokens, words_of
from video.questions import VideoQuestion
from video.synthetic.checks import (
    Search,
    event_positions,
    ks_critical,
    ks_distance,
    run_expert,
    uniform_scan_hits,
)
from video.synthetic.config import FilmConfig
from video.synthetic.film import draw_film
from video.synthetic.questions import draw_questions, is_needle
from video.synthetic.record import Film

Pair = tuple[Film, VideoQuestion]
Row = dict[str, dict[str, float | int | None]]
BUCKETS_PER_DOUBLING = 4
"""How finely a classifier is told lengths, sizes and bit rates."""
GUESSERS = ("constant", "blind", "metadata")
"""Ways of guessing, by their names in tables."""


@dataclass(frozen=True, kw_only=True)
class FilmMetadata:
    """What can be known of a film's file without decoding it.

    Attributes:
        num_frames: how many.
        fps: frames per second.
        size_bytes: of the file; None where there is no file.
        modified_seconds: when the file was written [s since 1970]; None where there is no file.
    """

    num_frames: int
    fps: float
    size_bytes: int | None = None
    modified_seconds: float | None = None

    def tokens(self) -> list[str]:
        """Length, size, bit rate and time of writing, in steps, for a classifier."""
        seconds = self.num_frames / self.fps
        found = [_bucket("frames", self.num_frames), f"fps {self.fps:g}"]
        if self.size_bytes is not None:
            found.append(_bucket("size", self.size_bytes))
            found.append(_bucket("bit rate", 8 * self.size_bytes / seconds))
        if self.modified_seconds is not None:
            found.append(f"second {int(self.modified_seconds) % 60}")
        return found


def _bucket(name: str, value: float) -> str:
    return f"{name} {math.floor(BUCKETS_PER_DOUBLING * math.log2(max(value, 1)))}"


def file_metadata(film: Film, path: Path) -> FilmMetadata:
    """The metadata of a film's file."""
    status = Path(path).stat()
    return FilmMetadata(
        num_frames=film.num_frames,
        fps=film.fps,
        size_bytes=status.st_size,
        modified_seconds=status.st_mtime,
    )


def film_metadata(film: Film) -> FilmMetadata:
    """The metadata of a film that has no file."""
    return FilmMetadata(num_frames=film.num_frames, fps=film.fps)


def draw_pairs(
    config: FilmConfig,
    seeds: Sequence[int],
    report: Callable[[Film], None] = lambda film: None,
) -> list[Pair]:
    """Films and all their questions, as `write_dataset` draws them.

    Args:
        config: what films look like, and what is asked about them.
        seeds: of the films.
        report: told of each film that is drawn.
    """
    pairs: list[Pair] = []
    for seed in seeds:
        film = draw_film(config, seed)
        found = draw_questions(film, np.random.default_rng((film.seed, 1)))
        pairs += [(film, question) for question in found]
        report(film)
    return pairs


def answer_choice(question: VideoQuestion, metadata: FilmMetadata | None) -> Choice:
    """The options for a classifier: their words and letters, beside the question's words, its other
    options and, unless it is blind to it, the film's metadata.
    """
    letters = question.letters()
    own = tuple(
        hash_tokens([f"letter {letter}", f"text {text.lower()}", *words_of(text)])
        for letter, text in letters.items()
    )
    context = [*words_of(question.text), *(f"on offer {text}" for text in question.options)]
    context += [] if metadata is None else metadata.tokens()
    right = np.array([letter == question.answer for letter in letters])
    return Choice(own=own, context=hash_tokens(context), right=right)


def guess_hits(
    questions: Sequence[VideoQuestion],
    metadata: Sequence[FilmMetadata] | None,
    guesser: GuesserConfig,
    seed: int = 0,
) -> np.ndarray:
    """(questions,) 1 where a classifier guesses right that was trained on the other questions.

    Args:
        questions: with options.
        metadata: of each one's film; None for a classifier that reads the words alone.
        guesser, seed: how it is trained.
    """
    told = [None] * len(questions) if metadata is None else list(metadata)
    choices = [answer_choice(q, facts) for q, facts in zip(questions, told, strict=True)]
    guesses = cross_guess(choices, guesser, seed)
    return np.array([c.right[g] for c, g in zip(choices, guesses, strict=True)], dtype=float)


def constant_hits(films: Sequence[str], questions: Sequence[VideoQuestion]) -> np.ndarray:
    """(questions,) 1 where a letter is right that is always given: for each kind of question, the
    one that is right most often in the other half of the films.

    Args:
        films: name of each question's.
        questions: with options.
    """
    half = {name: number % 2 for number, name in enumerate(dict.fromkeys(films))}
    counts: Counter[tuple[str, int, str]] = Counter()
    for film, question in zip(films, questions, strict=True):
        counts[question.kind, half[film], str(question.answer)] += 1
    return np.array(
        [
            float(_commonest(counts, question, 1 - half[film]) == question.answer)
            for film, question in zip(films, questions, strict=True)
        ]
    )


def _commonest(
    counts: Mapping[tuple[str, int, str], int], question: VideoQuestion, half: int
) -> str:
    return max(question.letters(), key=lambda letter: counts[question.kind, half, letter])


def guessing_table(
    pairs: Sequence[Pair],
    metadata: Mapping[str, FilmMetadata],
    guesser: GuesserConfig,
    seed: int = 0,
) -> dict[str, Row]:
    """What can be guessed without looking, by kind of question, and for all needles.

    Args:
        pairs: films and questions.
        metadata: film name -> its metadata.
        guesser, seed: how the classifiers are trained.

    Returns:
        Rows with `chance`, `constant` (always the same letter), `blind` (a classifier that reads
        question and options) and `metadata` (one that is told the film's metadata too), and the
        latter three's excess over chance.
    """
    asked = [(film, question) for film, question in pairs if question.options]
    questions = [question for _, question in asked]
    even = np.array([1 / len(question.options) for question in questions])
    told = [metadata[film.name] for film, _ in asked]
    columns = {
        "chance": even,
        "constant": constant_hits([film.name for film, _ in asked], questions),
        "blind": guess_hits(questions, None, guesser, seed),
        "metadata": guess_hits(questions, told, guesser, seed),
    }
    columns |= {f"{name}_excess": columns[name] - even for name in GUESSERS}
    return _rows(questions, columns)


def search_table(
    pairs: Sequence[Pair],
    *,
    scan_frames: int,
    look_frames: int,
    max_turns: int,
    report: Callable[[Search], None] = lambda search: None,
    **options: Any,
) -> dict[str, Row]:
    """What the expert finds, and what a uniform scan of as many frames would.

    Args:
        pairs: films and questions.
        scan_frames, look_frames, max_turns, options: see `run_expert`.
        report: told of each search.

    Returns:
        Rows by kind of question, and for all needles, with the expert's `accuracy`, `frames`,
        `replies` and `evidence_seen`; for needles also `uniform_scan` and its excess over chance.
    """
    searches = []
    for film, question in pairs:
        search = run_expert(
            film,
            question,
            scan_frames=scan_frames,
            look_frames=look_frames,
            max_turns=max_turns,
            **options,
        )
        searches.append(search)
        report(search)
    table = _rows([question for _, question in pairs], _search_columns(searches))
    needles = [i for i, (_, question) in enumerate(pairs) if is_needle(question)]
    if needles:
        kept = [pairs[i] for i in needles]
        hits = uniform_scan_hits(kept, [searches[i].num_frames for i in needles])
        even = np.array([1 / len(question.options) for _, question in kept])
        columns = {"uniform_scan": hits, "uniform_scan_excess": hits - even}
        for name, row in _rows([question for _, question in kept], columns).items():
            table[name].update(row)
    return table


def _search_columns(searches: Sequence[Search]) -> dict[str, np.ndarray]:
    return {
        "accuracy": np.array([search.success for search in searches], dtype=float),
        "frames": np.array([search.num_frames for search in searches], dtype=float),
        "replies": np.array([search.num_replies for search in searches], dtype=float),
        "evidence_seen": np.array([search.evidence_seen for search in searches], dtype=float),
    }


def _rows(questions: Sequence[VideoQuestion], columns: Mapping[str, np.ndarray]) -> dict[str, Row]:
    """Means by kind, for all needles, and for all questions."""
    members: dict[str, list[int]] = {}
    for index, question in enumerate(questions):
        members.setdefault(question.kind, []).append(index)
    needles = [index for index, question in enumerate(questions) if is_needle(question)]
    members |= {"needles": needles} if needles else {}
    members["all"] = list(range(len(questions)))
    return {
        name: {column: mean_stderr(values[rows]) for column, values in columns.items()}
        for name, rows in members.items()
    }


def uniformity_figures(films: Sequence[Film]) -> dict[str, float]:
    """How evenly events start over their films: the distance of Kolmogorov and Smirnov for those
    that change the shelf, those that switch the lamp, and the rest, each with the distance that
    even times exceed in one of twenty samples.
    """
    kinds = {
        "changes": ("take", "bring", "move"),
        "switches": ("switch",),
        "passers": ("pass",),
    }
    figures: dict[str, float] = {}
    for name, chosen in kinds.items():
        positions = event_positions(films, chosen)
        if len(positions):
            figures[f"{name}_ks_distance"] = ks_distance(positions)
            figures[f"{name}_ks_critical"] = ks_critical(len(positions))
    return figures
