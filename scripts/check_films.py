"""Evidence that questions about synthetic films are hard, and fair: what can be guessed without
looking, what a uniform scan shows, what the expert finds, and when things happen.

Draws films and all their questions. Guesses come from chance, from always the same letter, from a
classifier that reads question and options, and from one that is told the film's metadata too, each
tried on questions that it was not made from. The uniform scan has as many frames as the expert's
search for the same question. Writes runs/check_films/summary.json.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from configs.check_films_schema import CheckFilmsScript
from scripts.evaluate import print_tables
from scripts.film_checks import (
    GUESSERS,
    FilmMetadata,
    Row,
    draw_pairs,
    file_metadata,
    film_metadata,
    guessing_table,
    search_table,
    uniformity_figures,
)
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run
from training.progress import progress_bar
from training.seeding import task_seeds
from video.synthetic.encoding import write_film
from video.synthetic.record import Film

EXAMPLES = (
    "python scripts/check_films.py",
    "python scripts/check_films.py num_films=2000 film.question_kinds='[what_taken, what_card]'",
    "python scripts/check_films.py num_films=100 write_files=true run.name=check_films_on_disk",
)
LEAST_SUCCESS, MOST_EXCESS = 0.97, 0.05
GOALS = {
    "expert.success": f"at least {LEAST_SUCCESS}",
    **dict.fromkeys(
        (f"needles.{name}_excess" for name in (*GUESSERS, "uniform_scan")),
        f"at most {MOST_EXCESS}",
    ),
}
"""Figure -> what it should be."""


def main(config: CheckFilmsScript, config_yaml: str) -> None:
    """Draw, guess, search, and write it down."""
    run = open_run(config.run, config_yaml)
    films: list[Film] = []
    with progress_bar("draw", 0, config.num_films) as advance:

        def take(film: Film) -> None:
            films.append(film)
            advance({})

        seeds = task_seeds(config.purpose, config.first_index, config.num_films)
        pairs = draw_pairs(config.film, seeds, take)
    if not any(question.options for _, question in pairs):
        kinds = ", ".join(config.film.question_kinds)
        raise BadInputError(f"film.question_kinds is {kinds}; nothing to guess: no options")
    metadata = read_metadata(films, config.write_files, run.path)
    print(f"Guessing at {len(pairs)} questions about {len(films)} films ...", flush=True)
    guessing = guessing_table(pairs, metadata, config.guesser, config.seed)
    with progress_bar("search", 0, len(pairs)) as advance:
        search = search_table(
            pairs,
            scan_frames=config.scan_frames,
            look_frames=config.look_frames,
            max_turns=config.max_turns,
            report=lambda found: advance({}),
            frame_budget=config.frame_budget,
            hears=config.subtitles,
        )
    tables = {"guessing": guessing, "search": search}
    figures = {
        "num_films": float(len(films)),
        "num_questions": float(len(pairs)),
        "hours": sum(film.duration_seconds for film in films) / 3600,
        **headlines(guessing, search),
        **{f"event_times.{name}": value for name, value in uniformity_figures(films).items()},
    }
    run.write_summary("check_films", figures, tables)
    print_tables(tables, {})
    for name, value in figures.items():
        goal = f"   (goal: {GOALS[name]})" if name in GOALS else ""
        print(f"{name:<40} {value:10.4f}{goal}")
    print(f"Results: {run.summary_path}")


def read_metadata(
    films: Iterable[Film], write_files: bool, folder: Path
) -> dict[str, FilmMetadata]:
    """Name of a film -> what is known of it without looking into it.

    Args:
        films: drawn.
        write_files: whether each is encoded, for the metadata of its file, which is not kept.
        folder: where files lie for a moment.
    """
    if not write_files:
        return {film.name: film_metadata(film) for film in films}
    found, films = {}, list(films)
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        progress_bar("encode", 0, len(films)) as advance,
    ):
        for film in films:
            path = write_film(film, Path(place) / "film.mp4")
            found[film.name] = file_metadata(film, path)
            advance({})
    return found


def headlines(guessing: Mapping[str, Row], search: Mapping[str, Row]) -> dict[str, float]:
    """The figures that have goals, as far as the questions asked have them: how often the expert is
    right, and how far above chance needles are without it.
    """
    figures = {"expert.success": search["all"]["accuracy"]["mean"]}
    for table in (guessing, search):
        row = table.get("needles", {})
        for name in (*GUESSERS, "uniform_scan"):
            if f"{name}_excess" in row:
                figures[f"needles.{name}_excess"] = row[f"{name}_excess"]["mean"]
    return {name: float(value) for name, value in figures.items() if value is not None}


if __name__ == "__main__":
    sys.exit(
        run_script(main, config_name="check_films", schema=CheckFilmsScript, examples=EXAMPLES)
    )
