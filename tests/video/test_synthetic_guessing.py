"""Questions about films cannot be guessed from their words or their films' metadata."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scripts.film_checks import (
    FilmMetadata,
    draw_pairs,
    file_metadata,
    film_metadata,
    guess_hits,
    guessing_table,
    search_table,
    uniformity_figures,
)
from training.text_guesser import GuesserConfig
from video.questions import LETTERS
from video.synthetic.config import NEEDLE_KINDS, FilmConfig, nursery_film_config
from video.synthetic.encoding import write_film
from video.synthetic.film import draw_film

GUESSER = GuesserConfig(num_folds=3, num_epochs=25, batch_size=32, hash_bits=18)


def test_words_and_metadata_tell_nothing_about_needles() -> None:
    config = FilmConfig(question_kinds=list(NEEDLE_KINDS))
    pairs = draw_pairs(config, range(80))
    metadata = {film.name: film_metadata(film) for film, _ in pairs}
    row = guessing_table(pairs, metadata, GUESSER)["needles"]
    assert row["blind_excess"]["mean"] < 0.05
    assert row["metadata_excess"]["mean"] < 0.05


def test_files_tell_nothing_either(tmp_path: Path) -> None:
    pairs = draw_pairs(nursery_film_config(20.0), range(80))
    metadata = []
    for film, _ in pairs:
        metadata.append(file_metadata(film, write_film(film, tmp_path / "film.mp4")))
    assert len({facts.size_bytes for facts in metadata}) > 10
    hits = guess_hits([question for _, question in pairs], metadata, GUESSER)
    assert hits.mean() < 0.25 + 3 * np.sqrt(0.25 * 0.75 / len(hits))


def test_the_classifier_finds_what_metadata_do_give_away() -> None:
    """Were the length of a film to tell the answer, it would be found."""
    pairs = draw_pairs(nursery_film_config(30.0), range(300))
    leaky = [
        replace(film_metadata(film), num_frames=2 ** (8 + 2 * LETTERS.index(str(q.answer))))
        for film, q in pairs
    ]
    questions = [question for _, question in pairs]
    assert guess_hits(questions, leaky, GUESSER).mean() > 0.9
    letters = [replace(q, text=f"{q.text} ({q.answer})") for q in questions]
    assert guess_hits(letters, None, GUESSER).mean() > 0.9


def test_metadata_are_told_in_steps() -> None:
    one = FilmMetadata(num_frames=1000, fps=10, size_bytes=10_000, modified_seconds=65.0)
    assert one.tokens() == ["frames 39", "fps 10", "size 53", "bit rate 38", "second 5"]
    film = draw_film(nursery_film_config(128.0), 0)
    assert film_metadata(film).tokens() == ["frames 36", "fps 4"]


def test_the_table_of_searches() -> None:
    config = FilmConfig(question_kinds=["what_taken", "how_many"])
    pairs = draw_pairs(config, range(15))
    table = search_table(pairs, scan_frames=12, look_frames=12, max_turns=5)
    assert table["all"]["accuracy"]["mean"] == pytest.approx(1.0)
    assert table["needles"]["frames"]["mean"] > table["how_many"]["frames"]["mean"]
    assert "uniform_scan" in table["what_taken"]
    assert "uniform_scan" not in table["how_many"]


def test_the_figures_of_uniformity() -> None:
    figures = uniformity_figures([draw_film(FilmConfig(), seed) for seed in range(10)])
    assert figures["passers_ks_distance"] < figures["passers_ks_critical"]
    assert set(figures) == {
        f"{kind}_ks_{what}"
        for kind in ("changes", "switches", "passers")
        for what in ("distance", "critical")
    }
