"""The belief beside brute force: the process run and counted, and many episodes played."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sims.avr.calibration import (
    CHOOSERS,
    Turn,
    calibration_error,
    play,
    statements,
)
from sims.avr.config import QUESTION_TYPES, AvrConfig
from sims.avr.env import AvrEnv
from sims.avr.scene_types import KINDS, SCENE_TYPES
from sims.avr.small_scenes import Cell, compare, small_config

FAR = 5.0
"""Standard errors. A share is further from its probability once in two million cells."""


def turn(belief: dict[str, float], gold: str, **others) -> Turn:
    fields = {"question_kind": "exist", "scene_type": "in_box", "turn": 0} | others
    return Turn(belief=belief, gold=gold, **fields)


class TestNumbers:
    def test_of_a_turn(self):
        one = turn({"yes": 0.25, "no": 0.75}, "yes", reference={"yes": 0.5, "no": 0.5})
        assert one.log_loss == pytest.approx(math.log(4))
        assert one.entropy == pytest.approx(0.5623351446)
        assert one.excess == pytest.approx(math.log(2))
        assert one.expected_excess == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
        assert not one.settled
        assert turn({"yes": 1.0, "no": 0.0}, "yes").settled
        assert turn({"yes": 1.0, "no": 0.0}, "yes").entropy == 0
        with pytest.raises(ValueError, match="has no reference"):
            _ = turn({"yes": 1.0}, "yes").excess

    def test_calibration_error_by_hand(self):
        """Two bins of ten: 0.1 said thrice and never true, 0.9 said once and false."""
        said, came = np.array([0.1, 0.1, 0.1, 0.9]), np.array([0.0, 0.0, 0.0, 0.0])
        assert calibration_error(said, came, num_bins=2) == pytest.approx(0.3 * 1 / 4 + 0.9 / 4)
        assert calibration_error(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0
        assert calibration_error(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == 0

    @pytest.mark.parametrize("size", [0, 2])
    def test_calibration_error_needs_statements(self, size):
        with pytest.raises(ValueError, match=r"probabilities \(.*must be of one shape"):
            calibration_error(np.zeros(size), np.zeros(size and 3))

    def test_statements_leave_out_what_is_settled(self):
        names, said, came = statements(
            [turn({"yes": 0.3, "no": 0.7}, "no"), turn({"yes": 1.0, "no": 0.0}, "yes")]
        )
        assert names == ["exist:yes", "exist:no"]
        assert said.tolist() == [0.3, 0.7]
        assert came.tolist() == [0.0, 1.0]

    def test_statements_may_be_made_true_as_often_as_said(self):
        said = [turn({"yes": 0.3, "no": 0.7}, "no")] * 2000
        _, probabilities, came = statements(said, np.random.default_rng(0))
        assert came.reshape(-1, 2).sum(axis=1).tolist() == [1.0] * 2000
        assert came[::2].mean() == pytest.approx(0.3, abs=0.04)
        assert calibration_error(probabilities, came) < 0.04

    def test_deviations_of_a_cell(self):
        """2 (40 ln(40 / 30) + 60 ln(60 / 70)) is 4.5165; fewer worlds than expected are below 0."""
        cell = Cell(turn=0, answer="yes", count=40, number=100, belief=0.3, reference=1.0)
        assert cell.deviation(0.3) == pytest.approx(2.12521, abs=1e-5)
        assert replace(cell, count=60).deviation(0.7) == pytest.approx(-2.12521, abs=1e-5)
        assert cell.deviation(0.4) == pytest.approx(0, abs=1e-6)
        assert abs(cell.deviation(0.0)) == abs(cell.deviation(1.0)) == math.inf
        assert replace(cell, count=100).deviation(1.0) == 0
        assert replace(cell, count=0).deviation(0.0) == 0


SCENES = [
    ("behind_large_object", "random"),
    ("in_box", "deeds"),
    ("behind_tower", "deeds"),
    ("under_slab", "deeds"),
    ("in_drawer", "expert"),
    ("screens_and_drawers", "hopeful"),
]


@pytest.mark.render
@pytest.mark.parametrize("balanced", [False, True], ids=["natural", "balanced"])
@pytest.mark.parametrize("index", range(6), ids=QUESTION_TYPES)
def test_small_scenes_cell_by_cell(index: int, balanced: bool) -> None:
    """Worlds drawn from the process, acted on alike, and counted by answer."""
    scene_type, policy = SCENES[(index + balanced) % len(SCENES)]
    settings = small_config(QUESTION_TYPES[index], scene_type, balanced=balanced, shapes=("cube",))
    env = AvrEnv(settings, SCENE_TYPES[scene_type].kind)
    cells = compare(env, 10 + index, CHOOSERS[policy], num_actions=3, num_draws=5000)
    assert any(cell.number > 300 and 0.01 < cell.reference < 0.99 for cell in cells)
    for cell in cells:
        assert abs(cell.deviation(cell.reference)) < FAR, cell
        if cell.belief == pytest.approx(cell.reference, abs=1e-9):
            assert abs(cell.deviation(cell.belief)) < FAR, cell


@pytest.mark.slow
@pytest.mark.render
@pytest.mark.parametrize("kind", KINDS)
def test_small_scenes_of_every_type(kind: str) -> None:
    """As above, with two shapes and every scene type of a kind."""
    names = [name for name, scene_type in SCENE_TYPES.items() if scene_type.kind == kind]
    for index, name in enumerate(names):
        settings = small_config(QUESTION_TYPES[index % 6], name, balanced=index % 4 >= 2)
        choose = CHOOSERS[("random", "deeds")[index % 2]]
        cells = compare(AvrEnv(settings, kind), index, choose, num_actions=3, num_draws=5000)
        assert max(abs(cell.deviation(cell.reference)) for cell in cells) < FAR, name


@pytest.mark.slow
@pytest.mark.render
def test_log_loss_over_many_episodes() -> None:
    """Natural episodes under every way of acting, each beside its reference."""
    settings = AvrConfig(
        image_height=112, image_width=112, shadows=False, balanced=False, max_turns=6
    )
    turns: list[Turn] = []
    for index in range(90):
        env = AvrEnv(settings, KINDS[index % 3])
        choose = list(CHOOSERS.values())[index // 3 % len(CHOOSERS)]
        turns += play(env, index, choose, num_actions=4, with_reference=True)[0]
    excess = np.array([[t.turn, t.expected_excess, t.excess] for t in turns])
    assert excess[:, 1].mean() < 0.01
    assert abs((excess[:, 2] - excess[:, 1]).mean()) < 0.02
    for number in range(5):
        assert excess[excess[:, 0] == number, 1].mean() < 0.02


@pytest.mark.slow
@pytest.mark.render
def test_calibration_over_many_episodes() -> None:
    """One turn of each episode, so that all are independent."""
    settings = AvrConfig(
        image_height=64, image_width=64, shadows=False, balanced=False, max_turns=6
    )
    envs = [AvrEnv(settings, kind) for kind in KINDS]
    turns: list[Turn] = []
    for index in range(600):
        choose = list(CHOOSERS.values())[index // 3 % len(CHOOSERS)]
        count = index // 15 % 5
        turns.append(
            play(envs[index % 3], index, choose, num_actions=count, with_reference=False)[0][-1]
        )
    surprise = [t.log_loss - t.entropy for t in turns]
    assert abs(np.mean(surprise)) < 4 * np.std(surprise) / math.sqrt(len(surprise))
    rng, found = np.random.default_rng(0), statements(turns)
    if_right = [calibration_error(*statements(turns, rng)[1:]) for _ in range(20)]
    assert len(found[0]) > 600
    assert calibration_error(*found[1:]) < np.mean(if_right) + 4 * np.std(if_right)
