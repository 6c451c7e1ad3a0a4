"""What is written beside the turns of a demonstration."""

from __future__ import annotations

import pytest

from tests.training.lerobot_episodes import arm_episodes, scene_episodes
from training.demonstrations import (
    DemonstrationConfig,
    label_turns,
    make_demonstration,
    style_of,
)
from training.episode import Episode, EpisodeTruth

STAGES = ["approach", "grasp", "lift"]
INSTRUCTION = "Lift the cup."


def facts(stage: str) -> dict:
    secret = {"bodies": {"gem": {"position": [0.4, 0.1, 0.0]}}}
    return {"stage": stage, "stages": STAGES, "instruction": INSTRUCTION, **secret}


def episode_with_stages(*after: str) -> Episode:
    episode = arm_episodes(1)[0]
    assert len(episode.turns) == len(after)
    turns = [facts(stage) for stage in after]
    episode.truth = EpisodeTruth(initial=facts("approach"), turns=turns)
    return episode


def test_a_turn_is_labelled_with_what_held_before_it() -> None:
    labels = label_turns(episode_with_stages("approach", "grasp", "lift"))
    assert labels["subtask"] == ["approach", "approach", "grasp"]
    assert labels["rationale"] == [
        'The task is: "Lift the cup." Now: approach. Then: grasp, lift.',
        'The task is: "Lift the cup." Now: approach. Then: grasp, lift.',
        'The task is: "Lift the cup." Done so far: approach. Now: grasp. Then: lift.',
    ]


def test_nothing_but_the_stage_and_the_instruction_is_told() -> None:
    labels = label_turns(episode_with_stages("lift", "lift", "lift"))
    assert "gem" not in str(labels)
    assert "0.4" not in str(labels)
    assert labels["rationale"][2].endswith("Done so far: approach, grasp. Now: lift.")


def test_words_and_worlds_without_stages_are_not_labelled() -> None:
    assert label_turns(scene_episodes(1)[0]) == {}
    assert label_turns(arm_episodes(1)[0]) == {}


def test_the_truth_goes_unless_it_is_wanted() -> None:
    episode = episode_with_stages("approach", "grasp", "lift")
    kept = make_demonstration(episode, DemonstrationConfig())
    assert kept.truth is None
    assert kept.annotations["subtask"][0] == "approach"
    assert kept.turns == episode.turns
    bare = make_demonstration(episode, DemonstrationConfig(keep_truth=True, rationale=False))
    assert bare.truth == episode.truth
    assert bare.annotations == {}
    assert episode.annotations == {}


def test_styles_are_drawn_by_seed_alone_as_their_weights_say() -> None:
    config = DemonstrationConfig(styles={"best": 3.0, "noisy": 1.0})
    styles = [style_of(config, seed) for seed in range(400)]
    assert styles == [style_of(config, seed) for seed in range(400)]
    assert 0.68 < styles.count("best") / 400 < 0.82


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "../up", "dataset.name is"),
        ("styles", {"best": 0.0}, "dataset.styles is"),
        ("max_failed_share", 2.0, "dataset.max_failed_share is 2.0"),
    ],
)
def test_wrong_settings_are_told(field: str, value: object, told: str) -> None:
    config = DemonstrationConfig(**{field: value})
    with pytest.raises(ValueError, match=told):
        config.check()
