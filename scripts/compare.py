"""Compare two evaluations on the same questions, question by question.

McNemar's exact test where scores are right or wrong, and a paired bootstrap of the difference, by
films. Questions that only one of the two has are counted and left out. Writes
runs/<name>/summary.json and report.html.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from configs.compare_schema import CompareScript
from scripts.evaluate import print_tables
from scripts.hydra_door import BadInputError, run_script
from scripts.making import open_run
from training.comparison import BootstrapResult, McNemarResult, mcnemar, paired_bootstrap
from training.report import ReportData, write_report
from training.run_directory import Tables

EXAMPLES = (
    "python scripts/compare.py first=runs/spotlight second=runs/single_pass",
    "python scripts/compare.py first=runs/a second=runs/b metric=accuracy_lenient run.name=a_b",
)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One evaluation's scores by one metric.

    Attributes:
        path: the file that they come from.
        subject: the set and its split.
        by_question: question id -> (score, film).
        num_unscored: predictions that the metric says nothing about.
    """

    path: Path
    subject: str
    by_question: dict[str, tuple[float, str]]
    num_unscored: int


def main(config: CompareScript, config_yaml: str) -> None:
    """Pair the questions, test, and write."""
    first, second = (load_scores(Path(p), config.metric) for p in (config.first, config.second))
    if first.subject != second.subject:
        raise BadInputError(
            f"{first.path} is of {first.subject}, {second.path} of {second.subject}: "
            "two evaluations are compared on the same questions"
        )
    shared = [name for name in first.by_question if name in second.by_question]
    if not shared:
        raise BadInputError(f"{first.path} and {second.path} have no question in common")
    run = open_run(config.run, config_yaml)
    pairs = [[one.by_question[name][0] for name in shared] for one in (first, second)]
    films = [first.by_question[name][1] for name in shared]
    bootstrap, test = compare(pairs, films, config)
    figures = {
        **figures_of(bootstrap, test),
        "num_only_in_first": float(len(first.by_question) - len(shared)),
        "num_only_in_second": float(len(second.by_question) - len(shared)),
        "num_unscored_in_first": float(first.num_unscored),
        "num_unscored_in_second": float(second.num_unscored),
    }
    tables = table_of(config.metric, pairs, bootstrap)
    run.write_summary("compare", figures, tables)
    write_report(
        run.report_path,
        ReportData(
            title=f"{config.first} - {config.second} on {first.subject}",
            status="finished",
            tables=tables,
            figures=figures,
            config_yaml=config_yaml,
        ),
    )
    print_tables(tables, figures)
    print(f"Results: {run.summary_path}, {run.report_path}")


def compare(
    pairs: Sequence[Sequence[float]], films: Sequence[str], config: CompareScript
) -> tuple[BootstrapResult, McNemarResult | None]:
    """Both tests of two runs' scores; without McNemar's where scores are not right or wrong."""
    bootstrap = paired_bootstrap(
        pairs[0],
        pairs[1],
        rng=np.random.default_rng(config.seed),
        clusters=films if config.by_video else None,
        num_resamples=config.num_resamples,
        confidence=config.confidence,
    )
    binary = all(score in (0.0, 1.0) for scores in pairs for score in scores)
    return bootstrap, mcnemar(pairs[0], pairs[1]) if binary else None


def load_scores(path: Path, metric: str) -> Scores:
    """The scores of an evaluation.

    Raises:
        BadInputError: where the file is not there, is not such a file, or lacks the metric.
    """
    path = path / "predictions.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise BadInputError(f"{path} is not there; an evaluation of a video benchmark writes it")
    subjects, scores, known, num_lines = set(), {}, set(), 0
    for num_lines, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        try:
            record = json.loads(line)
            subjects.add(f"{record['benchmark']} {record['split']}")
            known |= set(record["scores"])
            if metric in record["scores"]:
                score = float(record["scores"][metric])
                scores[str(record["question_id"])] = (score, str(record["video"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadInputError(f"{path}:{num_lines}: no prediction ({error!r})") from error
    if not scores:
        legal = ", ".join(sorted(known)) or "none"
        raise BadInputError(f"{path} has no score {metric!r}; legal: {legal}")
    if len(subjects) > 1:
        raise BadInputError(f"{path} is of several sets: {', '.join(sorted(subjects))}")
    return Scores(
        path=path,
        subject=subjects.pop(),
        by_question=scores,
        num_unscored=num_lines - len(scores),
    )


def figures_of(bootstrap: BootstrapResult, test: McNemarResult | None) -> dict[str, float]:
    """Both tests as figures of a summary; a figure that does not exist is left out. `num_draws` is
    the number of films, or of questions where these are drawn.
    """
    figures = {
        "difference": bootstrap.difference,
        "difference_low": bootstrap.low,
        "difference_high": bootstrap.high,
        "p_bootstrap": bootstrap.p_value,
        "num_questions": float(bootstrap.n),
        "num_draws": float(bootstrap.num_clusters),
    }
    if bootstrap.stderr is not None:
        figures["difference_stderr"] = bootstrap.stderr
    if test is not None:
        figures |= {
            "p_mcnemar": test.p_value,
            "num_only_first_right": float(test.only_first),
            "num_only_second_right": float(test.only_second),
            "num_both_right": float(test.both),
            "num_neither_right": float(test.neither),
        }
    return figures


def table_of(metric: str, pairs: Sequence[Sequence[float]], bootstrap: BootstrapResult) -> Tables:
    """Both means and their difference, on the questions that both have."""
    rows = {
        name: {metric: {"mean": float(np.mean(scores)), "stderr": None, "n": bootstrap.n}}
        for name, scores in zip(("first", "second"), pairs, strict=True)
    }
    difference = {"mean": bootstrap.difference, "stderr": bootstrap.stderr, "n": bootstrap.n}
    return {"evaluation": {**rows, "difference": {metric: difference}}}


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="compare", schema=CompareScript, examples=EXAMPLES))
