"""The scripts of the video half, from their command lines: films are written, a set is evaluated,
and two evaluations are compared.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from configs.train_schema import TrainScript
from policies.scripted import RandomPolicy
from scripts.hydra_door import load_config
from scripts.variants import variants_of
from sims.config import EnvConfig
from tests.scripts.film_runs import (
    FILMS,
    about,
    evaluate,
    films_of,
    questions_of,
    read_lines,
    summary_of,
)
from tests.scripts.real_scripts import call
from tests.video.sets import write_json
from video.synthetic import dataset

pytestmark = pytest.mark.render


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `generate.py dataset=long_video` wrote."""
    root = tmp_path_factory.mktemp("made")
    assert call("generate", f"run.root={root}", *FILMS) == 0
    return root / "films"


@pytest.fixture
def damaged(films: Path, tmp_path: Path) -> Path:
    """The same with one film missing and one cut short."""
    folder = Path(shutil.copytree(films, tmp_path / "damaged"))
    first, second, *_ = films_of(folder)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-500])
    return folder


def test_films_are_counted(films: Path) -> None:
    figures = summary_of(films.parent, "films")["figures"]
    questions = questions_of(films)
    assert figures["num_films"] == len(films_of(films)) == 4
    assert figures["num_questions"] == len(questions) > 16
    assert figures["num_questions.when"] == sum(q["kind"] == "when" for q in questions)
    assert figures["times_real_time"] > 0
    assert {path.suffix for path in (films / "logs").iterdir()} == {".json"}


def test_films_that_were_interrupted_come_out_the_same(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Interrupted in the first film, and again in the third; then the same command goes on."""
    write = dataset.write_film
    for patience in (0, 2):
        waiting = iter([True] * patience)

        def stop(film: Any, path: Path, waiting: Any = waiting) -> Path:
            if not next(waiting, False):
                raise KeyboardInterrupt
            return write(film, path)

        monkeypatch.setattr(dataset, "write_film", stop)
        assert call("generate", f"run.root={tmp_path}", *FILMS) == 130
        assert "the same command goes on" in capsys.readouterr().err
        status = json.loads((tmp_path / "films" / "status.json").read_text())
        assert status["status"] == "interrupted"
        assert not (tmp_path / "films" / "summary.json").exists()
    written = [path.stat().st_mtime_ns for path in films_of(tmp_path / "films")]
    assert len(written) == 2
    monkeypatch.setattr(dataset, "write_film", write)
    assert call("generate", f"run.root={tmp_path}", *FILMS) == 0
    again = films_of(tmp_path / "films")
    assert [path.stat().st_mtime_ns for path in again[:2]] == written
    assert [path.read_bytes() for path in again] == [p.read_bytes() for p in films_of(films)]
    ours, whole = (folder / "questions.jsonl" for folder in (tmp_path / "films", films))
    assert ours.read_bytes() == whole.read_bytes()
    assert call("generate", f"run.root={tmp_path}", *FILMS) == 2, "a finished set is not rewritten"
    assert "overwrite=true deletes it" in capsys.readouterr().err


def test_a_uniform_scan_of_every_question(films: Path, tmp_path: Path) -> None:
    assert evaluate(tmp_path, films) == 0
    summary, num = summary_of(tmp_path), len(questions_of(films))
    row = summary["tables"]["evaluation"]["synthetic_test"]
    assert row["frames"] == {"mean": 32.0, "stderr": 0.0, "n": num}
    assert row["accuracy_strict"]["n"] == num - row["miou_strict"]["n"] > 0
    assert row["unparsable_strict"]["mean"] == 0.0
    assert {"evidence_hit", "evidence_seen", "accuracy_lenient"} <= set(row)
    figures = summary["figures"]
    assert figures["num_predictions"] == num
    assert figures["num_failed"] == figures["num_unreadable_videos"] == 0
    asked = json.loads((tmp_path / "evaluate" / "asked.json").read_text())
    assert asked["settings"]["frame_budget"] == 32
    assert len(asked["prompt_sha256"]) == 64
    assert asked["prompt_sha256"][:8] in (tmp_path / "evaluate" / "report.html").read_text()
    predictions = read_lines(tmp_path / "evaluate" / "predictions.jsonl")
    assert [p["question_id"] for p in predictions] == [
        q["question_id"] for q in questions_of(films)
    ]
    right = [p["strict"] == p["answer"] for p in predictions if p["answer"] is not None]
    assert sum(right) / len(right) == pytest.approx(row["accuracy_strict"]["mean"])


def test_turns_subtitles_and_a_comparison(films: Path, tmp_path: Path) -> None:
    spotlight = ("env=video/spotlight", "env.config.subtitles=true", "run.name=spotlight")
    assert evaluate(tmp_path, films, *spotlight) == 0
    assert evaluate(tmp_path, films, "seed=1", "run.name=scan") == 0
    row = summary_of(tmp_path, "spotlight")["tables"]["evaluation"]["synthetic_test"]
    assert row["frames"]["mean"] == 8.0
    assert summary_of(tmp_path, "spotlight")["figures"]["num_videos_without_subtitles"] == 0
    runs = (f"first={tmp_path / 'spotlight'}", f"second={tmp_path / 'scan'}")
    assert call("compare", *runs, f"run.root={tmp_path}") == 0
    figures = summary_of(tmp_path, "compare")["figures"]
    assert figures["num_questions"] == row["accuracy_strict"]["n"]
    assert figures["num_draws"] == 4
    assert 0 <= figures["p_mcnemar"] <= 1


def test_missing_and_unreadable_films_are_listed_once_and_the_run_goes_on(
    damaged: Path, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Far more than `evaluation.max_failed_share` of the episodes; the files are to blame."""
    missing, short = films_of(films)[:2]
    for env in ("single_pass", "spotlight"):
        assert evaluate(tmp_path, damaged, f"env=video/{env}", f"run.name={env}") == 0
        out = capsys.readouterr().out
        assert out.count(f"videos/{missing.name}") == out.count(f"videos/{short.name}") == 1
        assert f"1 film(s) missing:\n  videos/{missing.name}" in out
        assert "1 film(s) that cannot be read:\n" in out
        assert "is cut short" in out
        figures = summary_of(tmp_path, env)["figures"]
        assert figures["num_questions_without_video"] == len(about(films, missing)) > 1
        assert figures["num_questions_with_unreadable_video"] == len(about(films, short)) > 1
        assert (figures["num_missing_videos"], figures["num_unreadable_videos"]) == (1, 1)
        assert figures["num_failed"] == 0
        lost = {*about(films, missing), *about(films, short)}
        assert figures["num_without_prediction"] == len(lost)
        predictions = read_lines(tmp_path / env / "predictions.jsonl")
        whole = [q["question_id"] for q in questions_of(films) if q["question_id"] not in lost]
        assert [p["question_id"] for p in predictions] == whole
        assert "is cut short" in (tmp_path / env / "report.html").read_text()


def test_films_that_come_later_are_asked_about_when_a_run_is_resumed(
    damaged: Path, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evaluate(tmp_path, damaged) == 0
    for film in films_of(films)[:2]:
        shutil.copy(film, damaged / "videos")
    asked: list[str] = []
    act = RandomPolicy.act
    monkeypatch.setattr(
        RandomPolicy, "act", lambda self, talks: asked.extend(talks) or act(self, talks)
    )
    assert evaluate(tmp_path, damaged, "run.resume=true") == 0
    new = [name for film in films_of(films)[:2] for name in about(films, film)]
    assert len(asked) == len(new)
    assert evaluate(tmp_path, films, "run.name=whole") == 0
    names = ("evaluate", "whole")
    lines, others = ((tmp_path / name / "predictions.jsonl").read_text() for name in names)
    assert lines == others


def test_episodes_of_other_questions_are_not_taken_for_these(films: Path, tmp_path: Path) -> None:
    """Where rows were added between an attempt and the next, a seed asks something else."""
    folder = Path(shutil.copytree(films, tmp_path / "grown"))
    rows = (folder / "questions.jsonl").read_text().splitlines(keepends=True)
    (folder / "questions.jsonl").write_text("".join(rows[2:]))
    assert evaluate(tmp_path, folder) == 0
    (folder / "questions.jsonl").write_text("".join(rows))
    assert evaluate(tmp_path, folder, "run.resume=true") == 0
    predictions = read_lines(tmp_path / "evaluate" / "predictions.jsonl")
    assert len(predictions) == len(rows)


def test_some_of_the_questions(films: Path, tmp_path: Path) -> None:
    assert evaluate(tmp_path, films, "benchmark.num_questions=6") == 0
    assert len(read_lines(tmp_path / "evaluate" / "predictions.jsonl")) == 6
    assert len({p["video"] for p in read_lines(tmp_path / "evaluate" / "predictions.jsonl")}) == 4
    assert summary_of(tmp_path)["figures"]["num_predictions"] == 6
    kinds = ("env.config.question_kinds=[when,where]", "run.name=kinds")
    assert evaluate(tmp_path, films, *kinds) == 0
    assert set(summary_of(tmp_path, "kinds")["tables"]["by_kind"]) == {"when", "where"}


def test_the_file_of_the_official_scorer(films: Path, tmp_path: Path) -> None:
    """A set in Video-MME's own format over two of the films."""
    folder = tmp_path / "mme"
    rows = []
    for number, film in enumerate(films_of(films)[:2]):
        (folder / "data").mkdir(parents=True, exist_ok=True)
        shutil.copy(film, folder / "data" / f"vid{number}.mp4")
        facts = {"domain": "Knowledge", "sub_category": "Law", "task_type": "Counting Problem"}
        question = {"question": "How many?", "options": ["A. one.", "B. two."], "answer": "A"}
        name = {"video_id": f"00{number}", "videoID": f"vid{number}", "duration": "short"}
        rows.append({**name, **facts, **question, "url": "", "question_id": f"00{number}-1"})
    write_json(folder / "videomme" / "test.json", rows)
    given = ("benchmark=video_mme", f"data_dir={folder}", "policy=random", "run.name=run")
    assert call("evaluate", *given, f"run.root={tmp_path}") == 0
    (result,) = (tmp_path / "run" / "official").iterdir()
    found = json.loads(result.read_text())
    replies = {p["reply_text"] for p in read_lines(tmp_path / "run" / "predictions.jsonl")}
    said = {question["response"] for film in found for question in film["questions"]}
    assert {f"<answer>{letter}</answer>" for letter in said} == replies
    tables = summary_of(tmp_path, "run")["tables"]
    accuracy = tables["evaluation"]["video_mme_test"]["accuracy_strict"]["mean"]
    assert tables["official"]["overall"]["accuracy"]["mean"] == accuracy


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("benchmark.stop_on_missing=true",), "benchmark.stop_on_missing=false leaves them out"),
        (("env=avr/nursery",), "which shows no films; choose env=video/single_pass, "),
        (("data_dir=''",), "data_dir is empty; give the folder with the files of "),
        (("data_dir=/nowhere",), "data_dir=/nowhere for Synthetic films is no folder"),
        (("benchmark.num_questions=999",), "benchmark.num_questions is 999; "),
        (("benchmark.num_questions=0",), "benchmark.num_questions is 0; "),
        (("env.config.question_kinds=[who]",), "the set has no 'who', it has "),
        (("benchmark.split=train",), "split"),
    ],
)
def test_bad_input_writes_nothing(
    overrides: tuple[str, ...], message: str, damaged: Path, tmp_path: Path, capsys: Any
) -> None:
    assert evaluate(tmp_path, damaged, *overrides) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "evaluate").exists()


def test_an_unreadable_film_stops_the_run_where_the_user_says_so(
    damaged: Path, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(films_of(films)[0], damaged / "videos")
    assert evaluate(tmp_path, damaged, "benchmark.stop_on_missing=true") == 2
    assert "is cut short" in capsys.readouterr().err
    assert not (tmp_path / "evaluate" / "summary.json").exists()


def test_where_no_film_can_be_read_there_is_no_result(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(films, tmp_path / "empty"))
    for film in films_of(folder):
        film.write_bytes(b"")
    assert evaluate(tmp_path, folder) == 2
    err = capsys.readouterr().err
    assert "questions could be asked\n4 film(s) that cannot be read:" in err
    assert "is empty: 0 bytes" in err
    assert not (tmp_path / "evaluate" / "summary.json").exists()


def test_a_study_of_frame_budgets_has_one_budget_for_all_tasks() -> None:
    config, _ = load_config("train", TrainScript, ["experiment=spotlight_tiny"])
    assert len(config.env.config.frame_budgets) > 1
    make_variant = variants_of(config.env)
    assert make_variant is not None
    for budget in config.budget_study.budgets:
        settings = {"frame_budget": budget, "frame_budgets": []}
        env = make_variant(settings)
        told = [env.reset(seed=seed)[1]["truth"]["frame_budget"] for seed in range(3)]
        assert told == [budget] * 3
        scan = make_variant({**settings, "scan_only": True})
        assert len(scan.reset(seed=0)[1]["truth"]["shown_frames"]) == budget
    with pytest.raises(ValueError, match=r"env\.config has no setting chunk_length; legal: .*fram"):
        make_variant({"chunk_length": 4})
    assert variants_of(EnvConfig(id="AVR/Stack-v0")) is None
