"""`sweep.py`: a policy at several values of a setting, resumable, with a table and a chart."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from scripts.sweep import plan_curve, points_of
from scripts.sweep_chart import SweepPoint, draw_sweep, standalone_sweep
from tests.scripts.real_scripts import call

SMALL = (
    "env.config.full_width=768",
    "env.config.small_width=56",
    "env.config.num_items=6",
    "env.config.num_scraps=0",
    "env.config.shadows=false",
    "evaluation.num_episodes=4",
    "num_envs=4",
)


def test_values_go_where_the_names_say() -> None:
    assert plan_curve("noise.miss", [0.0, 1]) == {
        "0.0": {"noise": {"miss": 0.0}},
        "1": {"noise": {"miss": 1}},
    }
    both = plan_curve("noise.miss + noise.jitter+max_turns", [2])
    assert both == {"2": {"noise": {"miss": 2, "jitter": 2}, "max_turns": 2}}


@pytest.mark.render
def test_useless_tools_leave_guessing_and_a_second_run_plays_nothing_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = (*SMALL, f"run.root={tmp_path}", "settings=[noise.miss]", "values=[0.0,1.0]")
    assert call("sweep", *argv) == 0
    run = tmp_path / "sweep"
    rows = json.loads((run / "summary.json").read_text())["tables"]["sweep"]
    assert rows["noise.miss=0.0"]["acc_fa"] == {"mean": 1.0, "stderr": 0.0, "n": 4}
    assert rows["noise.miss=0.0"]["turns"]["mean"] == 3.0  # asks where, asks what, answers
    assert rows["noise.miss=1.0"]["turns"]["mean"] == 2.0  # is told nowhere, guesses
    assert "accuracy over the value" in (run / "report.html").read_text()
    ElementTree.parse(run / "curves.svg")
    kept = {path: path.stat().st_mtime_ns for path in (run / "episodes").rglob("truth.json")}
    assert len(kept) == 8
    assert call("sweep", *argv, "run.resume=true") == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    capsys.readouterr()
    assert call("sweep", *argv, "values=[0.0,0.5]", "run.resume=true") != 0
    assert "was made with values=" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("settings=[]",), "settings is []; legal: 1 to 5, each once"),
        (("settings=[noise.miss,noise.miss]",), "each once"),
        (("settings=[noise.miss+]",), "legal: names, with + between"),
        (("values=[0.5]",), "values is [0.5]; legal: at least 2"),
        (("chance=2",), "chance is 2.0; legal: 0 to 1, or null"),
        (("settings=[noise.mist]",), "settings=noise.mist, value 0.0: "),
        (("settings=[noise.miss]", "values=[0,7]"), "value 7: env.config.noise.miss is 7"),
        (("settings=[max_turns]", "values=[often,seldom]"), "value often: "),
    ],
)
def test_bad_input_is_said_before_anything_is_written(
    argv: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("sweep", *argv, f"run.root={tmp_path}") != 0
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_curves_are_drawn_where_values_are_numbers() -> None:
    cell = {"mean": 0.5, "stderr": 0.1, "n": 4}
    assert points_of({"1": {"acc_fa": cell}, "0.5": {"success": cell}}) == [
        SweepPoint(value=0.5, mean=0.5, stderr=0.1),
        SweepPoint(value=1.0, mean=0.5, stderr=0.1),
    ]
    assert points_of({"fit": {"acc_fa": cell}}) == []


def test_the_chart_names_its_curves_and_stands_alone() -> None:
    curves = {
        "a<b": [SweepPoint(value=v, mean=1 - v, stderr=None) for v in (0.0, 0.5, 1.0)],
        "flat": [SweepPoint(value=0.0, mean=0.5, stderr=0.1)],
    }
    assert draw_sweep(curves, chance=0.25).count("<polyline") == 2
    svg = ElementTree.fromstring(standalone_sweep(curves, chance=0.25))
    texts = [node.text for node in svg.iter() if node.tag.endswith("text")]
    assert {"a<b", "flat", "chance", "value"} <= set(texts)
    (first, _) = [n.get("points") for n in svg.iter() if n.tag.endswith("polyline")]
    heights = [float(place.split(",")[1]) for place in str(first).split()]
    assert heights[1] == pytest.approx((heights[0] + heights[2]) / 2, abs=0.1)
    assert heights[0] < heights[2], "1 is above 0"
