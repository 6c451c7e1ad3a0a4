"""Reward terms about handling things, and the presets made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.training.handling_records import (
    BOX,
    PATH,
    PRESETS,
    handling_episode,
    load_preset,
    moved,
    predicted,
    values_of,
)
from tests.training.records import make_episode, make_truth
from training.rewards.compose import reward_group
from training.rewards.spread import BOXES, PATHS, changed_path, far_box, spread_tables
from training.rewards.terms import REWARD_TERMS

WHOLE = [0.0, 0.0, 1.0, 1.0]
HALF = [0.25, 0.25, 0.75, 0.75]
REGIONS = [name for name in REWARD_TERMS if name.startswith("region_")]
ALONG = [name for name in REWARD_TERMS if name.startswith("trajectory_")]
SALIENT = {"camera": "front", "box_xyxy_norm": BOX, "body": "cube", "salience": [[1, 0]]}


@pytest.mark.parametrize("name", REGIONS)
def test_the_right_box_earns_most(name: str) -> None:
    affordance = SALIENT | {"salience": [[1, 1]]}
    right, whole, path, none = (
        handling_episode(turn, affordance=affordance)
        for turn in (
            predicted("box", BOX),
            predicted("box", WHOLE),
            predicted("trajectory", PATH),
            predicted("none"),
        )
    )
    values = values_of(name, right, whole, path, none)
    assert values[0] == pytest.approx(1)
    assert values[1] < 1 or name == "region_point_in_box"
    assert values[2:] == [0, 0]


@pytest.mark.parametrize("name", ALONG)
def test_the_right_path_earns_most(name: str) -> None:
    right, off, box, none = (
        handling_episode(turn)
        for turn in (
            predicted("trajectory", PATH),
            predicted("trajectory", moved(PATH, 0.1, 0.1)),
            predicted("box", BOX),
            predicted("none"),
        )
    )
    values = values_of(name, right, off, box, none)
    assert values[0] == pytest.approx(1)
    assert values[1] < 1
    assert values[2:] == [0, 0]


def test_distances_become_rewards_by_the_diagonal() -> None:
    """All points 0.1 to the right and 0.1 down: a tenth of the diagonal."""
    off = handling_episode(predicted("trajectory", moved(PATH, 0.1, 0.1)))
    for name in ("frechet", "rmse", "end"):
        assert values_of(f"trajectory_{name}", off) == [pytest.approx(0.9)]
    alaf = 1 - math.hypot(0.1, 0.1) / (math.sqrt(2) + 0.25 * math.pi + 0.10 * math.log(10))
    assert values_of("trajectory_alaf", off) == [pytest.approx(alaf)]


def test_region_terms_by_hand() -> None:
    """Twice as wide to the right: IoU 1 / 2, the middle on the right box's edge or beyond."""
    wide = handling_episode(predicted("box", [0.40, 0.44, 0.58, 0.56]))
    assert values_of("region_iou", wide) == [pytest.approx(0.5)]
    assert values_of("region_giou", wide) == [pytest.approx(0.5)]
    assert values_of("region_giou_scaled", wide) == [pytest.approx(0.75)]
    wider = handling_episode(predicted("box", [0.40, 0.44, 0.60, 0.56]))
    assert values_of("region_point_in_box", wider) == [0]


def test_salience_reads_the_map_of_the_start() -> None:
    left = [0.40, 0.44, 0.445, 0.56]
    group = [handling_episode(predicted("box", b), affordance=SALIENT) for b in (left, BOX)]
    np.testing.assert_allclose(values_of("region_salience", *group), [1.0, 0.5])
    with pytest.raises(ValueError, match="'region_salience' needs 'salience' in the truth"):
        values_of("region_salience", handling_episode(predicted("box", BOX)))


def test_detection_charges_for_every_box_named() -> None:
    turn = predicted("box", BOX)
    turn["prediction"]["boxes"] = [BOX, WHOLE, HALF]
    assert values_of("region_detection", handling_episode(turn)) == [pytest.approx(1 / 3)]
    other = [0.1, 0.1, 0.2, 0.2]
    both = {"camera": "front", "box_xyxy_norm": BOX, "boxes_xyxy_norm": [BOX, other]}
    turn["prediction"]["boxes"] = [BOX, other]
    assert values_of("region_detection", handling_episode(turn, affordance=both)) == [1]


def test_a_part_out_of_sight_earns_nothing_by_a_box() -> None:
    hidden = {"camera": "front", "box_xyxy_norm": None, "salience": None, "body": "cube"}
    episode = handling_episode(predicted("box", BOX), affordance=hidden)
    for name in REGIONS:
        assert values_of(name, episode) == [0]


def test_the_first_prediction_counts_and_all_replies_have_form() -> None:
    """It is about the start, which the truth describes; unreadable replies change no world."""
    stray = predicted("none", well_formed=False)
    episode = handling_episode(stray, predicted("box", BOX), predicted("box", WHOLE))
    assert values_of("region_iou", episode) == [1]
    assert values_of("vla_r1_format", episode) == [pytest.approx(2 / 3)]
    nothing = handling_episode()
    assert values_of("region_iou", nothing) == values_of("vla_r1_format", nothing) == [0]


def test_progress_and_success() -> None:
    turns = [{"progress_best": p, "success_once": p == 1.0} for p in (0.25, 0.25, 1.0)]
    episode = handling_episode(*turns)
    assert values_of("progress", episode) == [1]
    assert values_of("success_once", episode, handling_episode(*turns[:2])) == [1, 0]
    (gains,) = REWARD_TERMS["progress_gain"]([episode])
    np.testing.assert_allclose(gains, [0.25, 0, 0.75])


def test_whether_the_hand_got_there() -> None:
    group = [
        handling_episode(predicted("trajectory", PATH, executed=executed))
        for executed in ({"reached": True}, {"reached": False}, None)
    ]
    assert values_of("execution_reached", *group) == [1, 0, 0]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("region_iou", "prediction"),
        ("vla_r1_format", "prediction"),
        ("progress", "progress_best"),
        ("success_once", "success_once"),
        ("execution_reached", "executed"),
    ],
)
def test_other_environments_are_told_what_is_missing(name: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' needs '{key}' in the truth of episode .*text"):
        REWARD_TERMS[name]([make_episode(make_truth("answer"))])


def totals(preset: str, *turns: dict) -> list[float]:
    group = [handling_episode(turn) for turn in turns]
    return reward_group(group, load_preset(preset)).total.tolist()


def test_the_published_preset_gives_the_measured_numbers() -> None:
    """Box: exact, whole picture, half of it; path: exact. Without form 0.1 less; with nothing but
    form 0.1.
    """
    turns = [predicted("box", box) for box in (BOX, WHOLE, HALF)]
    np.testing.assert_allclose(totals("vla_r1", *turns), [1.0, 0.555, 0.569], atol=5e-4)
    path = predicted("trajectory", PATH)
    bare = predicted("trajectory", PATH, well_formed=False)
    np.testing.assert_allclose(totals("vla_r1", path, bare, predicted("none")), [1.0, 0.9, 0.1])


WRONG = {
    "whole": predicted("box", WHOLE),
    "half": predicted("box", HALF),
    "far": predicted("box", [0.75, 0.05, 0.80, 0.10]),
    "turned": predicted("trajectory", [[0.6, 0.5], [0.6, 0.6], [0.6, 0.7], [0.6, 0.8]]),
    "reversed": predicted("trajectory", PATH[::-1]),
    "turned on the spot": predicted("trajectory", [[0.3, 0.5], [0.3, 0.55], [0.3, 0.6]]),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_sharpened_preset_sets_wrong_further_from_right(case: str) -> None:
    right = predicted("box", BOX) if "box" in WRONG[case]["prediction"]["kind"] else None
    right = right or predicted("trajectory", PATH)
    published, sharp = (totals(p, right, WRONG[case]) for p in ("vla_r1", "vla_r1_sharp"))
    assert published[0] == pytest.approx(1)
    assert sharp[0] == pytest.approx(1)
    assert sharp[0] - sharp[1] > published[0] - published[1]
    assert sharp[1] < 0.35


def test_the_sharpened_preset_forgives_a_repeated_point() -> None:
    repeated = predicted("trajectory", [PATH[0], *PATH])
    assert totals("vla_r1", repeated) == [pytest.approx(0.1)]
    assert totals("vla_r1_sharp", repeated) == [pytest.approx(1)]


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_presets_pay_for_what_is_right(preset: str) -> None:
    done = {"progress_best": 1.0, "success_once": True}
    right = handling_episode(predicted("trajectory", PATH, **done), success=True)
    idle = {"progress_best": 0.0, "success_once": False}
    wrong = handling_episode(predicted("none", well_formed=False, **idle))
    best, worst = reward_group([right, wrong], load_preset(preset)).total
    assert best >= 1
    assert worst == 0


def test_the_table_of_spreads() -> None:
    """The sharpened reward sets right further apart from wrong than the published one."""
    rewards = {name: load_preset(name) for name in ("vla_r1", "vla_r1_sharp")}
    tables, figures = spread_tables(rewards, 20, np.random.default_rng(0))
    assert list(tables["box"]) == list(BOXES)
    assert list(tables["path"]) == list(PATHS)
    for rows in tables.values():
        assert [rows["exact"][name]["mean"] for name in rewards] == pytest.approx([1, 1])
        assert {cell["n"] for row in rows.values() for cell in row.values()} == {20}
    whole = tables["box"]["whole picture"]
    assert whole["vla_r1"]["mean"] == pytest.approx(0.9 * 0.505 + 0.1, abs=0.003)
    assert figures["box_spread.vla_r1_sharp"] > 0.8 > 0.5 > figures["box_spread.vla_r1"]
    assert figures["path_spread.vla_r1_sharp"] > 0.7 > 0.2 > figures["path_spread.vla_r1"]


def test_how_predictions_err() -> None:
    """Turned by 90 degrees, doubled and moved; the corner that is furthest off."""
    path = changed_path(np.array([[0.2, 0.2], [0.3, 0.2]]), 0.1, math.pi / 2, 2.0)
    np.testing.assert_allclose(path, [[0.3, 0.2], [0.3, 0.4]])
    np.testing.assert_allclose(far_box(np.array([0.1, 0.6, 0.2, 0.7])), [0.95, 0.0, 1.0, 0.05])
