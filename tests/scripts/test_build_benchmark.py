"""`scripts/build_benchmark.py` and `scripts/check_guessing.py`, on one scene type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import build_benchmark
from sims.avr.benchmark import load_manifest
from tests.scripts.benchmarks import build, check
from training.benchmark_references import load_references


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built")
    assert build(root) == 0
    return root / "build_benchmark"


def test_a_build_gives_a_manifest_and_its_references(built: Path) -> None:
    manifest = load_manifest(str(built / "small.json"))
    assert len(manifest.entries) == 30
    references = load_references(built / "small.references.json", manifest.sha256)
    rows = references.rows()
    assert set(rows) == {"random", "constant", "plan"}
    assert rows["plan"]["acc_fa"]["mean"] == rows["plan"]["path_efficiency"]["mean"] == 1.0
    assert rows["plan"]["turns"]["mean"] == rows["plan"]["optimal_turns"]["mean"] > 1.5
    assert rows["constant"]["turns"]["mean"] == 1.0
    assert rows["random"]["acc_fa"]["mean"] < 0.8
    summary = json.loads((built / "summary.json").read_text())
    assert summary["figures"]["num_questions"] == 30
    assert {c["sufficient"]["mean"] for c in summary["tables"]["sufficient"].values()} == {0.4}


def test_an_interrupted_build_goes_on_to_the_same_manifest(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_cells = build_benchmark.draw_cells

    def stop_after_three(blueprint, done):
        for count, cell in enumerate(draw_cells(blueprint, done)):
            if count == 3:
                raise KeyboardInterrupt
            yield cell

    monkeypatch.setattr(build_benchmark, "draw_cells", stop_after_three)
    assert build(tmp_path) == 130
    kept = tmp_path / "build_benchmark" / "cells.jsonl"
    assert kept.read_text().count("\n") == 3
    with kept.open("a") as file:
        file.write('{"entries": [{"scene')  # a line that was cut off
    monkeypatch.setattr(build_benchmark, "draw_cells", draw_cells)
    monkeypatch.setattr(build_benchmark, "reference_policies", lambda config: {})
    monkeypatch.setattr(build_benchmark.References, "rows", lambda self: {})
    assert build(tmp_path, "run.resume=true") == 0
    again = (tmp_path / "build_benchmark" / "small.json").read_text()
    assert again == (built / "small.json").read_text()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "scene_types=[on_the_moon]",
            "scene_types has ['on_the_moon']; legal: behind_large_object",
        ),
        ("seeds_per_cell=2", "seeds_per_cell is 2; it must be at least 5"),
        ("first_index=99999999", "test seed index 100029998 is outside"),
    ],
)
def test_bad_settings(setting: str, told: str, tmp_path: Path, capsys) -> None:
    assert build(tmp_path, setting) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_guessing_is_checked_on_questions_and_on_a_benchmark(built: Path, tmp_path: Path) -> None:
    bench = ("benchmark=clevr_avr", f"benchmark.name={built / 'small.json'}")
    few = ("num_questions=120", "guesser.num_folds=2", "guesser.hash_bits=14")
    assert check(tmp_path, *bench, *few) == 0
    run = tmp_path / "check_guessing"
    summary = json.loads((run / "summary.json").read_text())
    tables = summary["tables"]
    assert set(tables) == {"answer", "sufficient", "best_action", "benchmark"}
    assert tables["answer"]["all"]["classifier"]["n"] == 120
    assert tables["benchmark"]["first_view"]["acc_fa"]["n"] == 18
    # Given exactly what the first view shows, all answers on offer are equally likely.
    assert tables["benchmark"]["first_view"]["excess"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert summary["figures"]["num_scenes_compared_with_the_benchmark"] == 120
    # A longer run keeps what was drawn.
    kept = (run / "questions.jsonl").read_text()
    longer = ("num_questions=126", *few[1:], "run.resume=true")
    assert check(tmp_path, *longer) == 0
    assert (run / "questions.jsonl").read_text().startswith(kept)
    assert set(json.loads((run / "summary.json").read_text())["tables"]) == set(tables) - {
        "benchmark"
    }
