"""`scripts/evaluate.py`: held-out worlds and benchmarks, for scripted policies, trained models and
endpoints, interrupted and resumed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from policies.scripted import RandomPolicy
from sims.avr.benchmark import Manifest, load_manifest, manifest_text
from sims.avr.benchmark_builder import Blueprint, draw_cells
from tests.policies.fake_endpoint import Failure, serve
from tests.scripts.real_scripts import call
from tests.training.small_agent import make_agent
from training.benchmark_references import References, references_text
from training.seeding import purpose_of

METRICS = {"acc_fa", "acc_isj", "igr", "turns", "reward"}
BLUEPRINT = Blueprint(
    name="small",
    version=1,
    settings={"image_height": 32, "image_width": 32, "shadows": False},
    first_seed=1_150_000_000,
    scene_types=("behind_wall", "in_corner"),
    question_types=("exist", "compare"),
)


def evaluate(root: Path, *argv: str) -> dict:
    command = ("env=avr/nursery", "evaluation.num_episodes=4", f"run.root={root}", *argv)
    assert call("evaluate", *command) == 0
    return json.loads((root / "evaluate" / "summary.json").read_text())["tables"]["evaluation"]


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return BLUEPRINT.manifest([entry for cell in draw_cells(BLUEPRINT) for entry in cell.entries])


@pytest.fixture
def bench(manifest: Manifest, tmp_path: Path) -> tuple[str, ...]:
    """What to type to play the small benchmark."""
    path = tmp_path / "small.json"
    path.write_text(manifest_text(manifest))
    return ("benchmark=clevr_avr", f"benchmark.name={path}", f"run.root={tmp_path}")


def summary_of(tmp_path: Path, name: str = "evaluate") -> dict:
    return json.loads((tmp_path / name / "summary.json").read_text())


def test_the_expert_on_each_split(tmp_path: Path) -> None:
    test = evaluate(tmp_path / "a", "env.config.max_turns=8")
    assert set(test) == {"test"}
    assert set(test["test"]) == METRICS
    assert test["test"]["acc_fa"]["mean"] == 1.0
    validation = evaluate(tmp_path / "b", "evaluation.purpose=validation")
    assert set(validation) == {"validation"}
    assert (tmp_path / "a" / "evaluate" / "report.html").is_file()


def test_worlds_are_held_out(tmp_path: Path) -> None:
    evaluate(tmp_path)
    kept = [int(f.name.split("-")[0]) for f in (tmp_path / "evaluate" / "episodes").iterdir()]
    assert {purpose_of(seed) for seed in kept} == {"test"}
    assert len(kept) == 4


def test_a_trained_model_and_its_blind_twin(tmp_path: Path) -> None:
    make_agent().save(tmp_path / "model")
    model = ("policy=model", f"policy.path={tmp_path / 'model'}", "policy.max_new_tokens=4")
    row = evaluate(tmp_path / "seeing", *model)["test"]
    assert row["acc_fa"]["n"] == 4
    assert np.isfinite(row["turns"]["mean"])
    assert evaluate(tmp_path / "blind", *model, "policy.blind=true")["test"]["acc_fa"]["n"] == 4


def test_the_planner_on_a_benchmark(
    bench: tuple[str, ...], manifest: Manifest, tmp_path: Path, capsys
) -> None:
    assert call("evaluate", *bench, "policy.style=plan") == 0
    tables = summary_of(tmp_path)["tables"]
    assert {len(rows) for rows in tables.values()} == {1, 2}
    row = tables["evaluation"]["small"]
    assert row["acc_fa"] == {"mean": 1.0, "stderr": 0.0, "n": 20}
    assert row["path_efficiency"]["mean"] == row["acc_isj_balanced"]["mean"] == 1.0
    assert row["turns"]["mean"] == np.mean([entry.optimal_turns for entry in manifest.entries])
    assert set(tables["by_training"]) == {"in_training", "held_out"}
    assert tables["by_first_view"]["sufficient"]["acc_fa"]["n"] == 8
    printed = capsys.readouterr().out
    assert "by_question_type" in printed
    report = (tmp_path / "evaluate" / "report.html").read_text()
    assert "not comparable one to one" in report
    assert manifest.sha256 in report


def test_references_make_the_scale(
    bench: tuple[str, ...], manifest: Manifest, tmp_path: Path
) -> None:
    for name, policy in (("random", "random"), ("plan", "expert")):
        style = ("policy.style=plan",) if policy == "expert" else ()
        assert call("evaluate", *bench, f"policy={policy}", f"run.name={name}", *style) == 0
    references = References(
        manifest_sha256=manifest.sha256,
        tables={name: summary_of(tmp_path, name)["tables"] for name in ("random", "plan")},
        num_drawn=20,
        num_unsolved=0,
    )
    (tmp_path / "small.references.json").write_text(references_text(references))
    assert call("evaluate", *bench, "policy=random", "run.name=again") == 0
    tables = summary_of(tmp_path, "again")["tables"]
    for cell in tables["evaluation_normalised"]["small"].values():
        assert cell["mean"] == pytest.approx(0.0, abs=1e-4)
    assert set(tables["references"]) == {"random", "plan"}
    # Means over the whole manifest say nothing of a part of it.
    part = ("policy=random", "run.name=part", "benchmark.num_questions=10")
    assert call("evaluate", *bench, *part) == 0
    tables = summary_of(tmp_path, "part")["tables"]
    assert tables["evaluation"]["small"]["acc_fa"]["n"] == 10
    assert "evaluation_normalised" not in tables


def test_an_interrupted_evaluation_goes_on_where_it_stopped(
    bench: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ("policy=random", "num_envs=3")
    assert call("evaluate", *bench, *wanted, "run.name=whole") == 0
    asked: list[str] = []
    act = RandomPolicy.act

    def stop_soon(self, conversations):
        asked.extend(c.task_id for c in conversations if c.turn == 0)
        if len(asked) > 9:
            raise KeyboardInterrupt
        return act(self, conversations)

    monkeypatch.setattr(RandomPolicy, "act", stop_soon)
    assert call("evaluate", *bench, *wanted) == 130
    assert (
        json.loads((tmp_path / "evaluate" / "status.json").read_text())["status"] == "interrupted"
    )
    kept = len(list((tmp_path / "evaluate" / "episodes").iterdir()))
    assert 0 < kept < 20
    before, asked[:] = len(asked), []
    monkeypatch.setattr(
        RandomPolicy,
        "act",
        lambda self, cs: asked.extend(c.task_id for c in cs if c.turn == 0) or act(self, cs),
    )
    assert call("evaluate", *bench, *wanted, "run.resume=true", "num_envs=5") == 0
    assert len(asked) == 20 - kept
    assert before < 20
    assert summary_of(tmp_path)["tables"] == summary_of(tmp_path, "whole")["tables"]


def test_a_run_is_not_resumed_with_other_settings(
    bench: tuple[str, ...], tmp_path: Path, capsys
) -> None:
    few = ("policy=random", "benchmark.num_questions=2")
    assert call("evaluate", *bench, *few) == 0
    assert call("evaluate", *bench, *few, "seed=1", "run.resume=true") == 2
    assert "was made with seed=0, not 1" in capsys.readouterr().err
    assert call("evaluate", *bench, *few[1:], "policy=expert", "run.resume=true") == 2
    assert "policy.kind=random, not expert" in capsys.readouterr().err


def test_a_world_that_is_drawn_otherwise_stops_the_evaluation(
    bench: tuple[str, ...], manifest: Manifest, tmp_path: Path, capsys
) -> None:
    settings = {**manifest.settings, "fill_probability": 0.8}
    changed = Manifest(name="small", version=1, settings=settings, entries=manifest.entries)
    (tmp_path / "small.json").write_text(manifest_text(changed))
    assert call("evaluate", *bench) == 2
    told = capsys.readouterr().err
    assert "this suite draws another world for the entry" in told
    assert not (tmp_path / "evaluate" / "summary.json").exists()


def first_answer(body: dict) -> str:
    """A model that picks the first option that is an answer; sees what is sent, no more."""
    text = next(p["text"] for p in body["messages"][0]["content"] if p["type"] == "text")
    return f"<answer>{re.search(r'^([A-Z])[.] [^[]', text, re.MULTILINE).group(1)}</answer>"


def endpoint(base_url: str) -> tuple[str, ...]:
    settings = ("base_url=" + base_url, "model=m", "max_retries=1", "max_concurrency=4")
    prices = ("prompt_price=1", "completion_price=10")
    return ("policy=openai", *(f"policy.{each}" for each in (*settings, *prices)))


def test_an_endpoint_plays_a_benchmark_and_its_tokens_are_counted(
    bench: tuple[str, ...], tmp_path: Path
) -> None:
    with serve(first_answer, Failure(status=503)) as server:
        assert call("evaluate", *bench, *endpoint(server.base_url), "num_envs=8") == 0
        assert len(server.bodies) == 21
    summary = summary_of(tmp_path)
    assert summary["tables"]["evaluation"]["small"]["turns"]["mean"] == 1.0
    figures = summary["figures"]
    assert (figures["num_replies"], figures["prompt_tokens"]) == (20, 2000)
    assert figures["cost"] == pytest.approx((2000 * 1 + 140 * 10) / 1e6)


def test_an_endpoint_that_went_away_is_come_back_to_and_paid_once(
    bench: tuple[str, ...], tmp_path: Path, capsys
) -> None:
    def leave(body: dict) -> object:
        return first_answer(body) if len(server.bodies) <= 8 else Failure(status=400)

    with serve(leave) as server:
        assert call("evaluate", *bench, *endpoint(server.base_url), "num_envs=4") == 2
        told = capsys.readouterr().err
        assert "of 20 episodes failed (stages: policy)" in told
        assert "run.resume=true goes on" in told
        server.play = first_answer
        again = ("num_envs=4", "run.resume=true")
        assert call("evaluate", *bench, *endpoint(server.base_url), *again) == 0
    summary = summary_of(tmp_path)
    assert summary["tables"]["evaluation"]["small"]["acc_fa"]["n"] == 20
    assert summary["figures"]["num_replies"] == 20
    assert summary["figures"]["num_failed"] == 4


def test_a_benchmark_that_is_not_there(tmp_path: Path, capsys) -> None:
    missing = ("benchmark=clevr_avr", "benchmark.name=nothing", f"run.root={tmp_path}")
    assert call("evaluate", *missing) == 2
    assert "benchmark.name is 'nothing'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_file_is_what_was_drawn(bench: tuple[str, ...], manifest: Manifest) -> None:
    assert load_manifest(bench[1].partition("=")[2]) == manifest
