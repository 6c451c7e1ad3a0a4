"""Rows of an experiment's table, where its reward needs to ask the model again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from policies.interface import Conversation, Policy, PolicyOutput
from policies.scripted import ConstantPolicy, ExpertPolicy, RandomPolicy
from policies.vlm import VLMPolicy
from tests.training.guessing import make_pool
from training.episode import load_episode
from training.evaluation import EvaluationConfig
from training.held_out import HeldOut, HeldOutConfig
from training.interrupts import StopRequest
from training.reporter import Reporter
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.run_directory import open_run_directory

PLAIN = RewardConfig()
ASKING = RewardConfig(
    terms={"final_answer": RewardTermConfig(), "causal_sufficiency": RewardTermConfig(weight=0.5)}
)
GATED = RewardConfig(terms={"final_answer": RewardTermConfig(gate="causal_sufficiency")})


class AlwaysA(VLMPolicy):
    """What counts as a model, and needs none."""

    def __init__(self) -> None:
        self.asked_again = 0

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        self.asked_again += sum("Answer now" in c.observations[-1].text for c in conversations)
        return [PolicyOutput(text="<answer>A</answer>") for _ in conversations]


def evaluate(path: Path, reward: RewardConfig, **policies: Policy) -> dict:
    """The table after each of these policies has been evaluated."""
    config = HeldOutConfig(
        reward=reward, evaluation=EvaluationConfig(num_episodes=12), rows=[*policies], num_films=3
    )
    run = open_run_directory(path)
    reporter = Reporter(run, title="t", num_films=0)
    held_out = HeldOut(config, make_pool(), reporter, run, stop=StopRequest())
    for row, policy in policies.items():
        held_out.evaluate(row, lambda policy=policy: policy)
    return json.loads((path / "evaluation.json").read_text())


def test_every_policy_has_a_reward_that_needs_no_model(tmp_path: Path) -> None:
    table = evaluate(tmp_path, PLAIN, random=RandomPolicy(), expert=ExpertPolicy())
    assert table["expert"]["reward"] == {"mean": 1.0, "stderr": 0.0, "n": 12}
    assert table["random"]["reward"] == table["random"]["acc_fa"]


@pytest.mark.parametrize("reward", [ASKING, GATED])
def test_policies_without_a_model_have_no_reward_that_needs_one(
    reward: RewardConfig, tmp_path: Path
) -> None:
    policies = {
        "random": RandomPolicy(),
        "constant": ConstantPolicy("<answer>A</answer>"),
        "expert": ExpertPolicy(),
    }
    table = evaluate(tmp_path, reward, **policies)
    assert set(table) == set(policies)
    for row in table.values():
        assert "reward" not in row
        assert row["acc_fa"]["n"] == 12
    assert table["expert"]["acc_fa"]["mean"] == 1.0
    assert "constant" in (tmp_path / "report.html").read_text()


def test_a_model_is_asked_again_and_has_the_reward(tmp_path: Path) -> None:
    """Each "A" is right from the later pictures too, where there are any."""
    policy = AlwaysA()
    table = evaluate(tmp_path, ASKING, grpo=policy, expert=ExpertPolicy())
    episodes = [load_episode(folder) for folder in (tmp_path / "episodes" / "grpo").iterdir()]
    assert len(episodes) == 12
    gold = [episode.truth.initial["gold_letter"] == "A" for episode in episodes if episode.truth]
    later = [len(episode.turns) > 1 for episode in episodes]
    assert policy.asked_again == sum(later) > 0
    worth = [right + 0.5 * (right and more) for right, more in zip(gold, later, strict=True)]
    assert 0 < sum(worth) < 18
    assert table["grpo"]["reward"]["mean"] == pytest.approx(sum(worth) / 12)
    assert "reward" not in table["expert"]
