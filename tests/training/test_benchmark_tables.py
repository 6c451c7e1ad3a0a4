"""The tables of a benchmark, and policies between a random one and the planner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.records import make_episode, make_truth
from training.benchmark_references import References, load_references, references_text
from training.benchmark_tables import (
    PUBLISHED,
    QuestionFacts,
    benchmark_tables,
    normalised_tables,
    published_note,
    table_text,
)
from training.episode import Episode, Failure


def facts(kind: str, question_type: str, *, sufficient: bool, held_out: bool = False):
    return QuestionFacts(
        scene_kind=kind,
        scene_type=f"some_{kind}",
        question_type=question_type,
        held_out=held_out,
        sufficient=sufficient,
        optimal_turns=1 if sufficient else 2,
    )


FACTS = [
    facts("stack", "exist", sufficient=True),
    facts("stack", "query", sufficient=False),
    facts("occlusion", "exist", sufficient=False, held_out=True),
]


def episodes(*right: bool) -> list[Episode]:
    """One reply each: an answer where the first view suffices, else a look that gains."""
    made = []
    for success, fact in zip(right, FACTS, strict=True):
        kind = "answer" if fact.sufficient else "action"
        step = make_truth(kind, sufficient=fact.sufficient, gained=success)
        episode = make_episode(step, success=success, sufficient=fact.sufficient)
        episode.truth.turns[0]["entropy_drop"] = 0.1
        made.append(episode)
    return made


def test_every_question_is_in_one_row_of_every_table() -> None:
    tables = benchmark_tables("b", episodes(True, False, True), FACTS)
    rows = {
        table: {row: cells["acc_fa"]["n"] for row, cells in t.items()}
        for table, t in tables.items()
    }
    assert rows == {
        "evaluation": {"b": 3},
        "by_kind": {"stack": 2, "occlusion": 1},
        "by_first_view": {"sufficient": 1, "insufficient": 2},
        "by_training": {"in_training": 2, "held_out": 1},
        "by_question_type": {"exist": 2, "query": 1},
        "by_scene_type": {"some_stack": 2, "some_occlusion": 1},
    }
    means = {row: cells["acc_fa"]["mean"] for row, cells in tables["by_kind"].items()}
    assert means == {"stack": 0.5, "occlusion": 1.0}
    # right in 1 turn of 1; wrong; right in 1 turn where the planner needs 2
    assert tables["evaluation"]["b"]["path_efficiency"]["mean"] == pytest.approx(2 / 3)
    assert tables["evaluation"]["b"]["optimal_turns"]["mean"] == pytest.approx(5 / 3)
    assert tables["by_first_view"]["sufficient"].keys().isdisjoint({"igr", "acc_isj_balanced"})


def test_failed_episodes_are_left_out_with_their_facts() -> None:
    played = episodes(True, False, True)
    played[1] = replace(played[1], turns=[], failure=Failure(stage="env", message="x"))
    tables = benchmark_tables("b", played, FACTS)
    assert tables["evaluation"]["b"]["acc_fa"]["mean"] == 1.0
    assert set(tables["by_question_type"]) == {"exist"}


def cell(mean: float, stderr: float | None = 0.1, n: int = 9) -> dict:
    return {"mean": mean, "stderr": stderr, "n": n}


def test_normalised_by_hand() -> None:
    policy = {
        "evaluation": {"b": {"acc_fa": cell(0.5), "igr": cell(0.2), "turns": cell(3)}},
        "by_kind": {"stack": {"acc_fa": cell(0.9, None, 1), "igr": cell(0.2)}},
    }
    random = {
        "evaluation": {"random": {"acc_fa": cell(0.25), "igr": cell(0.5), "turns": cell(1)}},
        "by_kind": {"stack": {"acc_fa": cell(0.4)}},
    }
    planner = {
        "evaluation": {"plan": {"acc_fa": cell(0.75), "igr": cell(0.5), "turns": cell(5)}},
        "by_kind": {"stack": {"acc_fa": cell(0.9), "igr": cell(0.7)}},
    }
    # turns are no merit; igr has no span, and in the second table no random reference
    assert normalised_tables(policy, random, planner) == {
        "evaluation_normalised": {"b": {"acc_fa": cell(0.5, 0.2)}},
        "by_kind_normalised": {"stack": {"acc_fa": cell(1.0, None, 1)}},
    }


def test_a_table_as_text() -> None:
    text = table_text(
        "by_kind", {"stack": {"igr": cell(-0.0001, None)}, "b": {"igr": cell(0.25), "z": cell(1)}}
    )
    assert text.splitlines() == [
        "by_kind             igr               z",
        "stack             0.000               -",
        "b        0.250 +- 0.100  1.000 +- 0.100",
    ]


def test_the_papers_figures_are_marked_as_not_comparable() -> None:
    note = published_note()
    assert "not comparable one to one" in note
    assert "GPT-4o 88.4 / 50.8 / 45.7" in note
    assert PUBLISHED["PhysVLM-AVR-3B"] == (90.5, 29.9, 39.7)


def test_references_come_back_and_belong_to_one_manifest(tmp_path: Path) -> None:
    tables = benchmark_tables("b", episodes(True, False, True), FACTS)
    references = References(
        manifest_sha256="ab" * 32, tables={"plan": tables}, num_drawn=7, num_unsolved=1
    )
    path = tmp_path / "b.references.json"
    assert load_references(path, "ab" * 32) is None
    path.write_text(references_text(references))
    loaded = load_references(path, "ab" * 32)
    assert (loaded.num_drawn, loaded.num_unsolved) == (7, 1)
    assert loaded.rows()["plan"]["acc_fa"]["mean"] == pytest.approx(2 / 3, abs=1e-6)
    assert loaded.tables["plan"].keys() == tables.keys()
    with pytest.raises(ValueError, match="belongs to a manifest with sha256 abab"):
        load_references(path, "cd" * 32)
