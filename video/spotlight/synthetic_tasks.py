"""Tasks about synthetic films, each decided by a number."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from video.questions import VideoQuestion
from video.spotlight.config import SpotlightConfig
from video.spotlight.sources import SpotlightTask
from video.subtitles import SubtitleLine
from video.synthetic.expert import SpotlightExpert, make_expert
from video.synthetic.film import draw_film
from video.synthetic.questions import draw_questions
from video.synthetic.record import Film
from video.synthetic.source import FilmSource

POOL_SPAN = 100_000_000
"""Pools of films never reach across a multiple of this many numbers, so that ranges of seeds that
begin there (training, validation, test) share no film."""
MAX_DRAWS = 100
NUM_FILMS_KEPT = 256
"""How many films a thread keeps as records."""
KEPT_PICTURES = 128
MAX_PICTURE_BYTES = 256 << 20
"""How many pictures of a film are kept, and what the pictures of all films may take in a thread."""
_QUESTION_STREAM = 0x5A11
_kept = threading.local()
Kept = TypeVar("Kept")


class SyntheticTasks:
    """A task for every number: a film, and a question about it.

    Args:
        config: what films look like, from how many, and which kinds of question are asked.
    """

    def __init__(self, config: SpotlightConfig) -> None:
        self._config = config
        self._film_key = repr(config.film)
        kinds = config.question_kinds or config.film.question_kinds
        self._kinds = [kind for kind in kinds if _can_be_asked(kind, config)]

    def find(self, key: int | str) -> SpotlightTask:
        """The task of a number.

        Raises:
            ValueError: for an id, which synthetic questions are not found by, or where the films
                have none of the kinds of question asked for.
        """
        if not isinstance(key, int):
            raise ValueError(
                f"options.question_id is {key!r}, but questions about synthetic films are found by "
                "the seed alone"
            )
        film, question = self._draw(key)
        return SpotlightTask(
            key=key,
            question=question,
            open_film=partial(self._open, film),
            captions=tuple(
                SubtitleLine(start_seconds=s.start_seconds, end_seconds=s.end_seconds, text=s.text)
                for s in film.subtitles
            ),
            make_expert=partial(self._make_expert, question, film),
        )

    @property
    def has_expert(self) -> bool:
        """Whether the expert's ways are open to a policy: it chooses frames, or answers at once."""
        return self._config.scan_only or "choose_frames" in self._config.tools

    def _make_expert(
        self, question: VideoQuestion, film: Film, style: str, config: SpotlightConfig
    ) -> SpotlightExpert:
        return make_expert(
            question,
            film,
            look_frames=config.look_frames(film.duration_seconds),
            max_turns=config.num_turns(),
            frame_budget=config.frame_budget,
            style=style,
            brief=config.brief,
            can_ask_times="frame_number_at" in config.tools,
            hears=config.subtitles,
            contract=config.contract,
            frame_names=config.frame_names,
        )

    def _draw(self, number: int) -> tuple[Film, VideoQuestion]:
        """The film of a number and its question; where that film has none of the kinds asked for,
        another film that only this number can mean.
        """
        pool = self._config.num_films
        seed = number if pool is None else number - number % POOL_SPAN + number % POOL_SPAN % pool
        rng = np.random.default_rng([_QUESTION_STREAM, number])
        for attempt in range(MAX_DRAWS):
            film = self._film(seed + (attempt << 64))
            found = draw_questions(film, rng, kinds=self._kinds, num=1)
            if found:
                return film, found[0]
        raise ValueError(
            f"none of {MAX_DRAWS} films of env.config.film has a question of the kinds "
            f"{', '.join(self._kinds) or 'asked for'} (env.config.question_kinds)"
        )

    def _film(self, seed: int) -> Film:
        key = (self._film_key, seed)
        return _keep("films", key, lambda: draw_film(self._config.film, seed), NUM_FILMS_KEPT)

    def _open(self, film: Film, size: tuple[int, int] | None) -> FilmSource:
        height, width = size or (film.config.height, film.config.width)
        most = max(2, MAX_PICTURE_BYTES // (3 * height * width * KEPT_PICTURES))
        key = (self._film_key, film.seed, size)
        return _keep(
            "sources", key, lambda: FilmSource(film, size, cache_frames=KEPT_PICTURES), most
        )


def _can_be_asked(kind: str, config: SpotlightConfig) -> bool:
    """Whether there is what a kind of question needs: subtitles for what is only said, a contract
    that knows stretches of film for those whose answer is one.
    """
    if kind == "spoken":
        return config.subtitles
    return kind != "when" or config.contract == "saccade"


def _keep(shelf_name: str, key: tuple[object, ...], make: Callable[[], Kept], most: int) -> Kept:
    """What was made for this key; of more than `most` the least recently used are given up."""
    if not hasattr(_kept, shelf_name):
        setattr(_kept, shelf_name, OrderedDict())
    shelf = getattr(_kept, shelf_name)
    if key not in shelf:
        shelf[key] = make()
        while len(shelf) > most:
            shelf.popitem(last=False)
    shelf.move_to_end(key)
    return shelf[key]
