"""The reward that is chosen is the whole reward: nothing of the default is left in it."""

from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from configs.store import register_schemas
from scripts.hydra_door import CONFIG_DIR
from training.rewards.compose import RewardConfig


def load(name: str, *overrides: str) -> object:
    register_schemas(name)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIG_DIR), version_base=None):
        return OmegaConf.to_object(compose(config_name=name, overrides=list(overrides)))


@pytest.mark.parametrize(
    ("name", "choice"),
    [("train", "reward=manipulation/vla_r1"), ("evaluate", "+reward=manipulation/vla_r1")],
)
def test_a_reward_without_the_final_answer_has_none(name: str, choice: str) -> None:
    config = load(name, choice)
    terms = {"region_giou_scaled", "trajectory_alaf", "vla_r1_format"}
    assert set(config.reward.terms) == terms  # type: ignore[attr-defined]


def test_rewards_side_by_side_are_whole_as_well() -> None:
    config = load("train", "experiment=vla_r1_tiny")
    config.check()  # type: ignore[attr-defined]
    rewards = config.reward_study.rewards  # type: ignore[attr-defined]
    assert list(rewards) == ["published", "sharpened"]
    assert set(rewards["sharpened"].terms) == {"region_sharp", "trajectory_sharp", "vla_r1_format"}


def test_where_none_is_chosen_the_final_answer_counts() -> None:
    assert set(RewardConfig().terms) == {"final_answer"}
    assert set(load("evaluate").reward.terms) == {"final_answer"}  # type: ignore[attr-defined]
