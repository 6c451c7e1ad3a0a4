"""The tables of a benchmark: all questions, and each kind, scene type, question type and first view
by itself; and the same between a random policy (0) and the planning expert (1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from training.avr_metrics import METRICS, Cell, Row, path_efficiency
from training.episode import Episode
from training.run_directory import Tables
from training.statistics import mean_stderr

CellView = Mapping[str, float | int | None]
RowView = Mapping[str, CellView]

ALL = "evaluation"
NORMALISED = "_normalised"
NORMALISED_METRICS = (
    "acc_isj",
    "acc_isj_balanced",
    "igr",
    "igr_entropy",
    "acc_fa",
    "information",
    "path_efficiency",
)
"""Those of which more is better."""
SMALLEST_SPAN = 0.01
"""Where random policy and planner are closer than this, what lies between them means nothing."""

PUBLISHED: dict[str, tuple[float, float, float]] = {
    "Qwen2.5-VL-7B": (4.9, 3.7, 2.6),
    "R1-Onevision-7B": (4.2, 3.7, 1.8),
    "RoboBrain-7B": (3.6, 2.3, 1.6),
    "Embodied-Reasoner-7B": (20.2, 10.9, 1.6),
    "Gemini-2.0-flash": (53.2, 31.3, 30.2),
    "GPT-4o": (88.4, 50.8, 45.7),
    "AVR-Qwen2.5-VL-7B": (89.3, 34.7, 38.1),
    "PhysVLM-AVR-3B": (90.5, 29.9, 39.7),
}
"""Model -> ACC_ISJ, IGR, ACC_FA [%] on the paper's own CLEVR-AVR (arXiv 2510.21111)."""


@dataclass(frozen=True, kw_only=True)
class QuestionFacts:
    """What is known of a question before anybody plays it.

    Attributes:
        scene_kind: "occlusion", "stack" or "composite".
        scene_type: what hides what.
        question_type: one of the six.
        held_out: whether the scene type is held out of training.
        sufficient: whether the first view proves the answer.
        optimal_turns: what the planning expert needs.
    """

    scene_kind: str
    scene_type: str
    question_type: str
    held_out: bool
    sufficient: bool
    optimal_turns: int


GROUPINGS: dict[str, Callable[[QuestionFacts], str]] = {
    "by_kind": lambda facts: facts.scene_kind,
    "by_first_view": lambda facts: "sufficient" if facts.sufficient else "insufficient",
    "by_training": lambda facts: "held_out" if facts.held_out else "in_training",
    "by_question_type": lambda facts: facts.question_type,
    "by_scene_type": lambda facts: facts.scene_type,
}
"""Table -> the row that a question belongs to."""


def benchmark_tables(
    name: str, episodes: Sequence[Episode], facts: Sequence[QuestionFacts]
) -> dict[str, dict[str, Row]]:
    """All tables of one policy's episodes; failed ones are left out.

    Args:
        name: the row of the table `evaluation`.
        episodes: one per question.
        facts: of each question, in the order of the episodes.

    Returns:
        Table -> row -> metric -> mean, stderr, n. A metric that a row says nothing about is left
        out of it.
    """
    pairs = [
        (episode, fact)
        for episode, fact in zip(episodes, facts, strict=True)
        if episode.failure is None
    ]
    tables = {ALL: {name: _row(pairs)}}
    for table, row_of in GROUPINGS.items():
        rows = dict.fromkeys(row_of(fact) for _, fact in pairs)
        tables[table] = {row: _row([p for p in pairs if row_of(p[1]) == row]) for row in rows}
    return tables


def normalised_tables(tables: Tables, random: Tables, planner: Tables) -> dict[str, dict[str, Row]]:
    """(policy - random) / (planner - random) of each metric of which more is better.

    Standard errors are the policy's: the two references are taken as exact.

    Args:
        tables: the policy's.
        random, planner: of the references, on the same questions. Their tables `evaluation` have
            one row each, whatever its name.

    Returns:
        Table + "_normalised" -> the same rows.
    """
    return {
        table + NORMALISED: {
            row: _normalised_row(
                cells, _reference(random, table, row), _reference(planner, table, row)
            )
            for row, cells in rows.items()
        }
        for table, rows in tables.items()
    }


def published_note() -> str:
    """The paper's figures in one paragraph, for a report."""
    figures = "; ".join(
        f"{model} {isj} / {gain} / {final}" for model, (isj, gain, final) in PUBLISHED.items()
    )
    return (
        "Published CLEVR-AVR figures (PhysVLM-AVR, arXiv 2510.21111; ACC_ISJ / IGR / ACC_FA, %), "
        f"from the paper's own simulator and questions, not comparable one to one: {figures}."
    )


def table_text(title: str, rows: Mapping[str, RowView]) -> str:
    """A table as lines of text: a row a line, mean and standard error in the columns."""
    fullest = sorted(rows.values(), key=len, reverse=True)
    metrics = list(dict.fromkeys(metric for cells in fullest for metric in cells))
    lines = [[title, *metrics]]
    for row, cells in rows.items():
        lines.append([row, *(_cell_text(cells.get(metric)) for metric in metrics)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )


def _row(pairs: Sequence[tuple[Episode, QuestionFacts]]) -> Row:
    episodes = [episode for episode, _ in pairs]
    if not episodes:
        return {}
    optimal_turns = [fact.optimal_turns for _, fact in pairs]
    cells = {
        **{name: metric(episodes) for name, metric in METRICS.items()},
        "optimal_turns": mean_stderr(optimal_turns),
        "path_efficiency": path_efficiency(episodes, optimal_turns),
    }
    return {name: cell for name, cell in cells.items() if cell is not None}


def _reference(tables: Tables, table: str, row: str) -> RowView:
    rows = tables.get(table, {})
    if table == ALL:
        return next(iter(rows.values())) if rows else {}
    return rows.get(row, {})


def _normalised_row(cells: RowView, random: RowView, planner: RowView) -> Row:
    row: Row = {}
    for metric in NORMALISED_METRICS:
        if metric in cells and metric in random and metric in planner:
            low, high = _number(random[metric]["mean"]), _number(planner[metric]["mean"])
            if high - low > SMALLEST_SPAN:
                row[metric] = _scaled(cells[metric], low, high)
    return row


def _scaled(cell: CellView, low: float, high: float) -> Cell:
    stderr = cell["stderr"]
    return {
        "mean": (_number(cell["mean"]) - low) / (high - low),
        "stderr": None if stderr is None else stderr / (high - low),
        "n": cell["n"],
    }


def _number(value: float | int | None) -> float:
    assert value is not None  # a mean always is a number
    return float(value)


def _cell_text(cell: CellView | None) -> str:
    if cell is None:
        return "-"
    stderr = cell["stderr"]
    mean = round(_number(cell["mean"]), 3) + 0.0  # no minus before a zero
    return f"{mean:.3f}" + ("" if stderr is None else f" +- {stderr:.3f}")
