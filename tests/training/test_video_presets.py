"""The published rewards as presets, against totals done by hand, and how terms are put together."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.training.film_records import (
    ANNOTATED,
    BOXES,
    PRESETS,
    TIME,
    film_episode,
    grounded,
    load_preset,
    look,
)
from training.episode import Episode
from training.rewards.compose import RewardConfig, RewardTermConfig, reward_group
from training.rewards.terms import REWARD_TERMS


def totals(preset: str, *episodes: Episode) -> list[float]:
    """What each would earn if it were alone, as GRPO sees no group in these presets."""
    return [float(reward_group([e], load_preset(preset)).total[0]) for e in episodes]


FRAME_THINKER = [
    film_episode({}, success=True),
    film_episode(look(1.0), {}, success=True),
    film_episode(TIME, look(13.0), {}, success=True),
    film_episode(TIME, look(13.0), {}, success=True, mentions_time=True),
    film_episode(TIME, look(13.0), {}, success=False, mentions_time=True),
    film_episode(look(1.0), {"consistent": False}, success=True),
]


def test_frame_thinker_as_in_the_paper() -> None:
    earned = totals("frame_thinker", *FRAME_THINKER)
    np.testing.assert_allclose(earned, [1, 1, 1.2, 1.2, 0, 0])


def test_frame_thinker_as_released() -> None:
    earned = totals("frame_thinker_code", *FRAME_THINKER)
    np.testing.assert_allclose(earned, [1, 1.02, 1.02, 1.52, 0, 0])


def test_revisor() -> None:
    enough, short = ({"causal_sufficiency": value} for value in (1, 0))
    group = [
        film_episode(look(13.0), {}, success=True, annotations=enough),
        film_episode(look(13.0), {}, success=True, annotations=short),
        film_episode(look(13.0), {}, annotations=enough),
        film_episode({}, replies=["A"], success=True, annotations=short),
    ]
    np.testing.assert_allclose(totals("revisor", *group), [0.9, 0.6, 0.3, 0.5])


def test_presets_of_grounding() -> None:
    good = grounded([10, 20], [15, 30])
    loose = replace(good, turns=film_episode({}, replies=["10 to 20"]).turns)
    np.testing.assert_allclose(totals("revisor_grounding", good, loose), [0.25, 0.15])
    np.testing.assert_allclose(totals("temporal_r1_grounding", good, loose), [0.625, 0.125])
    np.testing.assert_allclose(totals("time_r1", good, loose), [1.21375, 0.21375])
    group = [film_episode({}, success=True), film_episode({})]
    assert totals("temporal_r1", *group) == [1, 0.5]


def test_video_com() -> None:
    """Not gated by the answer: right picks are paid for in wrong episodes too."""
    frame = look(13.0, tool="find_frame")
    missed = look(40.0, tool="find_frame")
    group = [
        film_episode(frame, missed, {}, success=True, evidence_boxes=BOXES),
        film_episode(frame, {}, evidence_boxes=BOXES),
        film_episode({}, success=True, evidence_boxes=BOXES),
    ]
    np.testing.assert_allclose(totals("video_com", *group), [2.5, 2, 2])
    np.testing.assert_allclose(totals("video_com_ours", *group), [2.25, 1 + 1 / 3, 2])


def test_video_rft_pays_for_meaning_only_where_the_answer_is_right() -> None:
    near = {"semantic_cosine": 0.3}
    group = [film_episode({}, success=s, annotations=near) for s in (True, False)]
    np.testing.assert_allclose(totals("video_rft", *group), [2.6, 1])


def test_video_r1() -> None:
    group = [
        film_episode({}, success=i == 0, num_tokens=400, annotations={"shuffled_correct": i == 1})
        for i in range(2)
    ]
    earned = reward_group(group, load_preset("video_r1")).total
    np.testing.assert_allclose(earned, [2.5, 1])


def test_economy_counts_in_solved_episodes_only() -> None:
    steps = (look(13.0, gained=True), {"num_frames_used": 10})
    group = [film_episode(*steps, success=s) for s in (True, False)]
    np.testing.assert_allclose(totals("economy", *group), [1.3 + 0.3 * 0.75, 0.3])


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_every_preset_pays_more_for_a_good_episode(preset: str) -> None:
    answer = {"predicted_interval": [12.0, 15.0], "evidence_seen": [True]}
    good = film_episode(
        look(13.0),
        answer,
        success=True,
        num_tokens=200,
        annotations=ANNOTATED,
        gold_intervals=[[12.0, 15.0]],
    )
    bad = film_episode({"kind": "invalid"}, replies=["?"], num_tokens=1, annotations=ANNOTATED)
    earned = reward_group([good, bad], load_preset(preset)).total
    assert earned[0] > earned[1]


def test_a_scale_multiplies_and_a_gate_lets_through() -> None:
    group = [film_episode({"num_frames_used": 30}, success=s) for s in (True, False)]
    terms = {
        "frames_used": RewardTermConfig(weight=2.0, gate="final_answer", scale="frame_economy"),
        "information_gain": RewardTermConfig(scale="final_answer"),
    }
    group[1].truth.turns[0]["gained"] = group[0].truth.turns[0]["gained"] = True
    earned = reward_group(group, RewardConfig(terms=terms))
    np.testing.assert_allclose(earned.outcome, [2 * 30 * 0.25, 0])
    assert [row.tolist() for row in earned.turns] == [[1], [0]]
    np.testing.assert_allclose(earned.terms["frames_used"], [30, 30])


@pytest.mark.parametrize("role", ["gate", "scale"])
def test_a_factor_has_one_number_per_episode(role: str) -> None:
    config = RewardConfig(terms={"final_answer": RewardTermConfig(**{role: "information_gain"})})
    with pytest.raises(
        ValueError, match=f"'information_gain' gives numbers per turn; a {role} needs"
    ):
        reward_group([film_episode({})], config)


@pytest.mark.parametrize(
    ("settings_", "told"),
    [
        (
            {"scale": "consistency"},
            "reward term 'consistency' is unknown; legal: .*asked_named_time, ",
        ),
        ({"params": {"iou": 0.5}}, r"frames_used\.params\.iou is unknown; legal: none"),
        ({"params": {"iou": float("inf")}}, r"frames_used\.params\.iou is inf; it must be finite"),
    ],
)
def test_a_wrong_setting_says_what_is_legal(settings_: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RewardConfig(terms={"frames_used": RewardTermConfig(**settings_)}).check()


def test_a_wrong_parameter_lists_those_of_the_term() -> None:
    config = RewardConfig(terms={"evidence_fraction_ours": RewardTermConfig(params={"box": 1.0})})
    with pytest.raises(ValueError, match="legal: box_iou, segments, frames, boxes"):
        config.check()


def test_every_parameter_has_a_number_for_default() -> None:
    for name, term in REWARD_TERMS.items():
        for one in list(inspect.signature(term).parameters.values())[1:]:
            assert isinstance(one.default, int | float), (name, one.name)
