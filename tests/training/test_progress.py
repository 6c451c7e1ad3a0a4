"""The bar, the printed table, and the report that is rewritten while a run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.records import make_episode, make_truth
from training.episode import save_episode
from training.progress import print_table, progress_bar
from training.report import NOTICES
from training.reporter import Reporter
from training.run_directory import RunDirectory, open_run_directory
from training.statistics import mean_stderr

ROW = {"acc_fa": mean_stderr([1.0, 0.0, 1.0, 1.0]), "turns": mean_stderr([2.0])}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = open_run_directory(tmp_path / "mine")
    run.write_config("seed: 3\n")
    return run


def test_the_bar_moves_by_steps_and_shows_metrics(capsys) -> None:
    with progress_bar("grpo", 3, 5) as advance:
        advance({"reward": 0.25, "loss": 1.0, "grad_norm": 9.0})
        advance({"reward": 0.5})
    shown = capsys.readouterr().err
    assert "grpo" in shown
    assert "3/5" in shown
    assert "5/5" in shown
    assert "reward=0.500" in shown
    assert "grad_norm" not in shown


def test_a_printed_table(capsys) -> None:
    print_table({"test": ROW}, {"episodes_per_second": 12.3456})
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "test",
        "  acc_fa     0.750 +- 0.250  (n = 4)",
        "  turns      2.000  (n = 1)",
        "episodes_per_second 12.35",
    ]


def test_the_table_survives_a_resume(run: RunDirectory) -> None:
    Reporter(run, title="t", num_films=0).add_row("random", ROW)
    assert Reporter(run, title="t", num_films=0).table == {"random": ROW}


def test_seconds_are_those_of_the_phase(run: RunDirectory) -> None:
    for step, (phase, seconds) in enumerate([("a", 1.0), ("b", 10.0), ("a", 0.5)]):
        run.log(step, {"seconds": seconds}, phase=phase)
    reporter = Reporter(run, title="t", num_films=0)
    assert [reporter.step_seconds(phase) for phase in "abc"] == [[1.0, 0.5], [10.0], []]


def test_a_run_that_goes_on_has_a_report_and_no_summary(run: RunDirectory) -> None:
    reporter = Reporter(run, title="Mine <b>", num_films=1)
    reporter.update()
    reporter.add_row("random", ROW)
    run.log(1, {"loss": 2.0, "seconds": 0.5}, phase="grpo")
    reporter.update()
    page = run.report_path.read_text()
    assert "Mine &lt;b&gt;" in page
    assert NOTICES["running"] in page
    assert "seed: 3" in page
    assert "0.750" in page
    assert not run.summary_path.exists()
    reporter.interrupted()
    assert run.status == "interrupted"
    assert NOTICES["interrupted"] in run.report_path.read_text()
    assert not run.summary_path.exists()


def test_the_end_writes_the_summary_in_the_one_form(run: RunDirectory) -> None:
    reporter = Reporter(run, title="t", num_films=0)
    reporter.add_row("grpo", ROW)
    for step in (1, 2):
        run.log(step, {"seconds": 0.25}, phase="cold_start")
    reporter.finish()
    summary = json.loads(run.summary_path.read_text())
    assert set(summary) == {"command", "seconds", "peak_rss_mib", "figures", "tables"}
    assert summary["command"] == "train"
    assert summary["figures"] == {"seconds.cold_start": 0.5}
    assert summary["tables"] == {"evaluation": {"grpo": ROW}}
    assert run.status == "finished"
    assert 'notice">' not in run.report_path.read_text()


def test_films_show_the_same_worlds_before_and_after_improved_ones_first(run) -> None:
    outcomes = {1: (True, True), 2: (False, True), 3: (True, False)}
    for seed, (before, after) in outcomes.items():
        for row, success in (("cold_start", before), ("grpo", after)):
            episode = make_episode(make_truth("answer"), success=success, seed=seed)
            save_episode(run.episodes_path / row, episode)
    films = Reporter(run, title="t", num_films=2)._films()
    assert [film.title for film in films] == [
        "World 2, before reinforcement",
        "World 2, after reinforcement",
        "World 1, before reinforcement",
        "World 1, after reinforcement",
    ]
    assert [film.group for film in films] == ["World 2", "World 2", "World 1", "World 1"]
    assert "final answer wrong" in films[0].caption
    assert "final answer right" in films[1].caption
    assert all(film.mp4_bytes[4:8] == b"ftyp" for film in films)
