"""Predictions on a set as tables, figures, and the files that its own scorer reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from video.benchmarks import official
from video.benchmarks.benchmark import Benchmark
from video.benchmarks.catalogue import BenchmarkSet, find_set
from video.metrics import (
    Measure,
    Row,
    Rows,
    Scored,
    Tables,
    looking_measures,
    macro_cell,
    row_of,
    score_all,
    split_by,
)
from video.scoring import Prediction


def benchmark_tables(benchmark: Benchmark, predictions: Iterable[Prediction]) -> Tables:
    """All tables of a set's predictions.

    Returns:
        `evaluation`, with one row named after the set and split; `by_<group>` for each of the set's
        groups; `official`, with the metrics of the set's own scorer, over its own denominators.
        Empty tables are left out.

    Raises:
        ValueError: for predictions that fit no question, or the same one.
    """
    chosen, scored = find_set(benchmark.name), score_all(benchmark, predictions)
    own = chosen.measures()
    measures = measures_of(benchmark)
    main = {**row_of(scored, measures), **_macro_cells(chosen, scored, own)}
    tables: Tables = {"evaluation": {f"{benchmark.name}_{benchmark.split}": main}}
    for group in chosen.groups:
        tables[f"by_{group}"] = _group_rows(scored, group, measures)
    if benchmark.name == "lvbench":
        tables["by_category"] = official.category_rows(scored, lambda part: row_of(part, measures))
    if chosen.official is not None:
        tables["official"] = chosen.official(scored)
    return {name: rows for name, rows in tables.items() if any(rows.values())}


def measures_of(benchmark: Benchmark) -> dict[str, Measure]:
    """All measures of a question of the set, those of watching included: what predictions are saved
    with.
    """
    return {**find_set(benchmark.name).measures(), **looking_measures()}


def coverage(benchmark: Benchmark, predictions: Iterable[Prediction]) -> dict[str, float]:
    """How much of a set was asked: figures for a summary.

    `chance` is the accuracy of a guess, `best_constant` that of always the same letter, over the
    questions that have a prediction and whose answer is known: those that the accuracies are over.
    """
    asked = {prediction.question_id for prediction in predictions}
    num_predictions = len(asked)
    figures = {
        "num_questions": len(benchmark.questions),
        "num_predictions": num_predictions,
        "num_without_prediction": len(benchmark.questions) - num_predictions,
        "num_missing_videos": len(benchmark.missing_videos),
        "num_questions_without_video": len(benchmark.questions) - len(benchmark.playable()),
        "num_bad_rows": len(benchmark.bad_rows),
        "num_remarks": len(benchmark.remarks),
    }
    if benchmark.with_subtitles:
        figures["num_videos_without_subtitles"] = len(benchmark.missing_subtitles)
    known = [q for q in benchmark.questions if q.question_id in asked and q.answer is not None]
    numbers = {name: float(value) for name, value in figures.items()}
    if known:
        answers = [question.answer for question in known]
        numbers["chance"] = sum(1 / len(question.options) for question in known) / len(known)
        numbers["best_constant"] = max(map(answers.count, set(answers))) / len(known)
    return numbers


def write_official(
    benchmark: Benchmark, predictions: Iterable[Prediction], directory: Path
) -> list[Path]:
    """Write what the set's own scorer or leaderboard reads.

    Args:
        benchmark: the set.
        predictions: any number, at most one a question.
        directory: where to; made when needed.

    Returns:
        The files, none where the set has no such file.

    Raises:
        ValueError: for predictions that fit no question, or the same one.
    """
    by_id = {
        one.prediction.question_id: one.prediction for one in score_all(benchmark, predictions)
    }
    written = []
    for name, content in (find_set(benchmark.name).files or {}).items():
        path = Path(directory) / name.format(split=benchmark.split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_as_text(content(benchmark, by_id), path.suffix), encoding="utf-8")
        written.append(path)
    return written


def _as_text(content: Any, suffix: str) -> str:
    # Replies may hold what UTF-8 cannot; ASCII escapes hold anything.
    if suffix == ".jsonl":
        return "".join(f"{json.dumps(entry)}\n" for entry in content)
    return json.dumps(content, indent=1) + "\n"


def _group_rows(scored: Sequence[Scored], group: str, measures: Mapping[str, Measure]) -> Rows:
    def key(one: Scored) -> str | None:
        return one.question.kind if group == "kind" else one.question.groups.get(group)

    return {name: row_of(part, measures) for name, part in split_by(scored, key).items()}


def _macro_cells(
    chosen: BenchmarkSet, scored: Sequence[Scored], measures: Mapping[str, Measure]
) -> Row:
    """The set's main figure where that is a mean over the values of a group."""
    if not chosen.macro_over:
        return {}
    parts = split_by(scored, lambda one: one.question.groups.get(chosen.macro_over))
    cells = {
        f"m_avg_{name}": macro_cell(parts.values(), measures[f"accuracy_{name}"])
        for name in ("strict", "lenient")
    }
    return {name: cell for name, cell in cells.items() if cell is not None}
