"""The benchmark script, from its command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scripts.bench import TARGETS, check_agreement, measure, measure_all, run


@pytest.mark.render
def test_the_figures_are_written_with_their_unit(tmp_path):
    for _ in range(2):  # a second run replaces the first
        assert run(["sims", "seconds=0.03", f"run.root={tmp_path}"]) == 0
    figures = json.loads((tmp_path / "bench" / "summary.json").read_text())["figures"]
    assert set(TARGETS) <= set(figures)
    assert all(name.endswith("_per_core_second") and rate > 0 for name, rate in figures.items())
    ours = figures["ours.observation_shadow_per_core_second"]
    assert ours > 3 * figures["mujoco_default.observation_per_core_second"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["physics"], "what is 'physics'; legal: sims"),
        (["sims", "seconds=0"], "seconds is 0.0; it must be above 0"),
        (["sims", "seconds=nan"], "seconds is nan; it must be above 0"),
        (["sims", "minutes=1"], "minutes"),
    ],
)
def test_bad_input_is_named(arguments, message, tmp_path, capsys):
    assert run([*arguments, f"run.root={tmp_path}"]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_rates_count_calls_per_second_of_process_time():
    def work() -> None:
        sum(range(200_000))

    once = 1 / measure(work, 0.2)
    twice = 1 / measure(lambda: (work(), work()), 0.2)
    assert twice / once == pytest.approx(2, rel=0.5)
    assert set(measure_all({"a": work, "b": work}, 0.03)) == {"a", "b"}


def test_renderings_that_disagree_are_not_timed():
    ids = np.full((10, 10), -1)
    ids[2:5, 3:7] = 4
    check_agreement(((3, 2, 7, 5),), ids, first_geom=4)
    with pytest.raises(AssertionError, match=r"object 0 is at \(3, 2, 9, 5\) by ours and at"):
        check_agreement(((3, 2, 9, 5),), ids, first_geom=4)
    with pytest.raises(AssertionError, match="object 0 is not seen by both renderers"):
        check_agreement((None,), ids, first_geom=4)
