"""The report of a training run, rewritten while the run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from training.avr_metrics import Row
from training.budget_study import BudgetStudy
from training.episode import Episode, is_robots, load_episode
from training.frame_curve_chart import draw_frame_curve
from training.recording import episode_mp4
from training.report import Chart, Film, ReportData, write_report
from training.reward_study import RewardStudy
from training.run_directory import RunDirectory, Tables, write_atomic
from training.world_study import WorldStudy


class Reporter:
    """Keeps the evaluation table and writes the report.

    Args:
        run: the run's directory.
        title: heading of the report.
        num_films: before-and-after pairs to show.
        rows: the order of the table's rows; others follow as they come.

    Attributes:
        table: row -> metric -> mean, stderr, n; survives a resume.
    """

    def __init__(
        self, run: RunDirectory, *, title: str, num_films: int, rows: Sequence[str] = ()
    ) -> None:
        self._run, self._title, self._num_films = run, title, num_films
        self._place = {row: place for place, row in enumerate(rows)}
        self._table_path = run.path / "evaluation.json"
        self._study: BudgetStudy | None = None
        self._rewards: RewardStudy | None = None
        self._worlds: WorldStudy | None = None
        self.table: dict[str, Row] = {}
        if self._table_path.exists():
            self.table = json.loads(self._table_path.read_text())

    def add_row(self, row: str, values: Row) -> None:
        """Set one row of the evaluation."""
        filled = {**self.table, row: values}
        order = sorted(filled, key=lambda name: self._place.get(name, len(self._place)))
        self.table = {name: filled[name] for name in order}
        write_atomic(self._table_path, json.dumps(self.table, indent=1))

    def show_study(self, study: BudgetStudy) -> None:
        """Put a study of frame budgets into the summary and the report."""
        self._study = study
        self.update()

    def show_rewards(self, study: RewardStudy) -> None:
        """Put a study of rewards into the summary and the report."""
        self._rewards = study
        self.update()

    def show_worlds(self, study: WorldStudy) -> None:
        """Put a study of other worlds into the summary and the report."""
        self._worlds = study
        self.update()

    def step_seconds(self, phase: str) -> list[float]:
        """How long each optimizer step of a phase took, collecting its episodes included [s]."""
        lines = self._run.load_metrics()
        return [float(line["seconds"]) for line in lines if line.get("phase") == phase]

    def update(self) -> None:
        """Rewrite the report of a run that goes on."""
        self._write("running", films=[])

    def interrupted(self) -> None:
        """Rewrite the report of a run that stops here."""
        self._run.set_status("interrupted")
        self._write("interrupted", films=self._films())

    def finish(self) -> None:
        """Write the summary and the whole report."""
        phases = sorted({line["phase"] for line in self._run.load_metrics() if line.get("phase")})
        figures = {f"seconds.{phase}": sum(self.step_seconds(phase)) for phase in phases}
        if self._study is not None:
            figures |= self._study.figures("grpo", "cold_start")
        if self._rewards is not None:
            figures |= self._rewards.figures()
        self._run.write_summary("train", figures, self._tables())
        self._write("finished", films=self._films(), figures=figures)

    def _tables(self) -> Tables:
        studies = {} if self._study is None else dict(self._study.tables())
        studies |= {} if self._worlds is None else self._worlds.tables()
        studies |= {} if self._rewards is None else self._rewards.tables()
        return {"evaluation": self.table, **studies} if self.table else studies

    def _charts(self) -> list[Chart]:
        curves = {} if self._study is None else self._study.curves()
        charts = [] if self._rewards is None else self._rewards.charts()
        if curves:
            body = draw_frame_curve(curves)
            charts = [Chart(title="Accuracy over frame budgets", body=body), *charts]
        return charts

    def _write(
        self, status: str, *, films: list[Film], figures: dict[str, float] | None = None
    ) -> None:
        config = self._run.config_path
        data = ReportData(
            title=self._title,
            intro=INTRO,
            status=status,
            tables=self._tables(),
            charts=self._charts(),
            metrics=self._run.load_metrics(),
            films=films,
            config_yaml=config.read_text() if config.exists() else "",
            figures=figures or {},
            notes=list(NOTES),
        )
        write_report(self._run.report_path, data)

    def _films(self) -> list[Film]:
        """The same tasks before and after reinforcement."""
        before = _load_row(self._run.episodes_path / "cold_start")
        after = _load_row(self._run.episodes_path / "grpo")
        seeds = sorted(before, key=lambda s: s in after and after[s].success <= before[s].success)
        films = []
        for seed in seeds[: self._num_films]:
            for name, episodes in (("before", before), ("after", after)):
                if seed in episodes:
                    films.append(_film(episodes[seed], name))
        return films


def _load_row(path: Path) -> dict[int, Episode]:
    folders = sorted(path.iterdir()) if path.exists() else []
    episodes = [load_episode(folder) for folder in folders]
    return {episode.seed: episode for episode in episodes}


def _film(episode: Episode, name: str) -> Film:
    replied = f"{len(episode.turns)} replies"
    if is_robots(episode):
        verdict = "task done" if episode.success else "task not done"
    else:
        verdict = f"final answer {'right' if episode.success else 'wrong'}"
    return Film(
        title=f"World {episode.seed}, {name} reinforcement",
        caption=f"{replied}, {verdict}.",
        mp4_bytes=episode_mp4(episode, title=f"{name} reinforcement"),
        group=f"World {episode.seed}",
    )


INTRO = (
    "A small vision-language model, built on this machine, first imitates a scripted demonstrator, "
    "and then learns by reinforcement what its rewards ask for. All figures are on worlds that no "
    "training step has met."
)
NOTES = (
    "success: tasks done. acc_fa: right final answers. acc_isj: first replies that judged rightly "
    "whether the first view suffices. igr: decisions about looking that gained "
    "information. The last three are those of CLEVR-AVR (arXiv 2510.21111).",
    "random chooses among all options; constant gives the best answer per question type without "
    "looking; blind is the policy after reinforcement with every picture black; sft_continued is "
    "the cold start trained on by imitation for as long as reinforcement took.",
    "Films show the same worlds before and after. Worlds whose outcome improved come first, so "
    "the films illustrate the change and do not measure it; the table does.",
)
