"""The benchmark script, from its command line."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import numpy as np
import pytest

from scripts.bench import (
    TARGETS,
    as_case,
    compare_boxes,
    describe_target,
    measure,
    measure_all,
    peer_cases,
    run,
    shares,
)


@pytest.mark.render
def test_the_figures_are_written_with_their_unit(tmp_path, capsys):
    assert run(["sims", "seconds=0.001", "rounds=1", f"run.root={tmp_path}"]) == 0
    figures = json.loads((tmp_path / "bench" / "summary.json").read_text())["figures"]
    assert set(TARGETS) <= set(figures)
    units = ("_per_core_second", "_ms", "_percent_of_rendering", "_percent_of_reset")
    assert all(name.endswith(units) and figure > 0 for name, figure in figures.items())
    ours = figures["ours.observation_shadow_per_core_second"]
    assert ours > 3 * figures["mujoco_default.observation_per_core_second"]
    assert figures["ours.belief_percent_of_rendering"] < 100
    printed = capsys.readouterr().out
    assert all(name in printed for name in figures)
    assert "(target: at least 130)" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["physics"], "what is 'physics'; legal: sims"),
        (["sims", "seconds=0"], "seconds is 0.0; it must be above 0"),
        (["sims", "seconds=nan"], "seconds is nan; it must be above 0"),
        (["sims", "rounds=0"], "rounds is 0; it must be 1 or more"),
        (["video", "minutes=0"], "minutes is 0; it must be 1 or more"),
        (["training", "prompt_words=0"], "prompt_words is 0; it must be 1 or more"),
        (["sims", "hours=1"], "hours"),
    ],
)
def test_bad_input_is_named(arguments, message, tmp_path, capsys):
    assert run([*arguments, f"run.root={tmp_path}"]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_mean_is_over_units_and_lasts_as_long_as_asked():
    calls = []

    def case() -> tuple[float, int]:
        calls.append(None)
        return 0.3, 2

    assert measure(case, 1.0) == pytest.approx(0.15)
    assert len(calls) == 4
    assert measure(case, 0.01) == pytest.approx(0.15), "at least one call"


def test_the_best_round_counts_in_the_unit_of_the_name():
    times = iter([9.0, 0.5, 0.25, 0.4])  # the first warms up
    again = iter([9.0, 0.5, 0.25, 0.4])
    cases = {"a_ms": lambda: (next(times), 1), "a_per_core_second": lambda: (next(again), 1)}
    figures = measure_all(cases, 0.3, rounds=3)
    assert figures == pytest.approx({"a_ms": 250.0, "a_per_core_second": 4.0})


def test_process_time_grows_with_the_work():
    def work() -> None:
        sum(range(300_000))

    once = measure(as_case(work), 0.2)
    twice = measure(as_case(lambda: (work(), work())), 0.2)
    assert twice / once == pytest.approx(2, rel=0.5)


KIND_MS = {"occlusion": 8.0, "stack": 12.0, "composite": 10.0}


def test_shares_are_of_the_rendering_and_of_the_mean_reset():
    resets = {f"ours.reset_{kind}_per_core_second": 1000 / ms for kind, ms in KIND_MS.items()}
    given = {"ours.belief_ms": 1.0, "ours.rendering_ms": 4.0, "ours.settling_ms": 2.0, **resets}
    assert shares(given) == pytest.approx(
        {"ours.belief_percent_of_rendering": 25.0, "ours.settling_percent_of_reset": 20.0}
    )


def test_targets_say_which_way_is_better():
    assert describe_target("ours.expected_gains_ms") == "   (target: at most 1.5)"
    assert describe_target("ours.reset_stack_per_core_second") == "   (target: at least 80)"
    assert describe_target("ours.pick_ms") == ""


def test_renderings_that_disagree_are_not_timed():
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:5, 3:7] = True
    compare_boxes({"a": (3, 2, 7, 5), "b": (4, 2, 7, 5)}, {"a": mask, "b": mask})
    with pytest.raises(AssertionError, match=r"a is at \(3, 2, 9, 5\) by ours and at \(3, 2, 7, 5"):
        compare_boxes({"a": (3, 2, 9, 5)}, {"a": mask})
    with pytest.raises(AssertionError, match="a is seen by ours alone"):
        compare_boxes({"a": (3, 2, 9, 5)}, {"a": np.zeros((10, 10), dtype=bool)})


def test_peers_that_do_not_work_are_left_out_by_name(monkeypatch, capsys):
    def broken(name):
        return object() if name == "robosuite" else None

    monkeypatch.setattr("importlib.util.find_spec", broken)
    monkeypatch.setitem(sys.modules, "robosuite", ModuleType("robosuite"))  # without `make`
    assert peer_cases() == {}
    assert "robosuite is left out: AttributeError" in capsys.readouterr().out


def test_a_peer_that_works_is_measured(monkeypatch):
    class Env:
        sim = None

        def reset(self) -> None:
            self.sim = self

        def render(self, *, width: int, height: int, camera_name: str) -> np.ndarray:
            return np.zeros((height, width, 3), dtype=np.uint8)

    suite = ModuleType("robosuite")
    suite.make = lambda name, **settings: Env()
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: object() if name == "robosuite" else None
    )
    monkeypatch.setitem(sys.modules, "robosuite", suite)
    cases = peer_cases()
    assert list(cases) == ["robosuite.frame_per_core_second"]
    assert cases["robosuite.frame_per_core_second"]()[1] == 1
