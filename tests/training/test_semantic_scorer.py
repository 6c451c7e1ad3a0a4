"""A scorer of the user's own, named in the configuration: found, refused, and used in training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from policies.scripted import ExpertPolicy
from scripts.hydra_door import BadInputError, load_config
from tests.training.film_records import load_preset
from tests.training.guessing import make_pool
from tests.training.small_agent import make_agent
from tests.training.toy_scorer import CALLS, ToyScorer
from training.annotations import AnnotationConfig
from training.evaluation import EvaluationConfig
from training.experiment import Experiment, ExperimentConfig
from training.grpo import GrpoConfig, reinforce
from training.held_out import HeldOut, HeldOutConfig
from training.interrupts import StopRequest
from training.learner_config import LearnerConfig
from training.reporter import Reporter
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.run_directory import open_run_directory
from training.wandb_mirror import LoggerConfig, WandbMirror

TOY = "tests.training.toy_scorer:"
PAID = RewardConfig(terms={"semantic_consistency": RewardTermConfig(params={"factor": 1.0})})


def test_the_function_named_makes_the_scorer_where_one_is_needed() -> None:
    config = AnnotationConfig(semantic_scorer=f"{TOY}make_scorer")
    config.check(["semantic_cosine"])
    assert isinstance(config.make_scorer(["semantic_cosine"]), ToyScorer)
    assert config.make_scorer(["causal_sufficiency"]) is None
    AnnotationConfig().check(["causal_sufficiency"])
    assert AnnotationConfig().make_scorer([]) is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("make_scorer", "legal: module:function, such as my_scorers:make_scorer"),
        ("toy:make()", "legal: module:function"),
        ("os; x:y", "legal: module:function"),
        ("no_such_module_of_ours:f", "but No module named 'no_such_module_of_ours'; .* PYTHONPATH"),
        (f"{TOY}absent", "but module .* has no attribute 'absent'; legal: a function in a module"),
        (f"{TOY}NOT_A_FUNCTION", "legal: a function that is called without arguments"),
        (f"{TOY}make_of_size", "legal: a function that is called without arguments"),
    ],
)
def test_what_is_no_function_is_refused_by_name(path: str, told: str) -> None:
    with pytest.raises(ValueError, match=rf"^annotations\.semantic_scorer is '.*{told}"):
        HeldOutConfig(annotations=AnnotationConfig(semantic_scorer=path)).check()


def test_a_reward_without_the_scorer_that_it_needs_is_refused_before_anything_is_built(
    tmp_path: Path,
) -> None:
    told = r"^annotations\.semantic_scorer is null, but a term of the reward \(semantic_consis"
    config = ExperimentConfig(reward=load_preset("video_rft"))
    with pytest.raises(ValueError, match=told):
        config.check()
    run = open_run_directory(tmp_path)
    mirror = WandbMirror(LoggerConfig(), tmp_path, {})

    def make_env() -> None:
        pytest.fail("an environment was made")

    with pytest.raises(ValueError, match=told):
        Experiment(config, make_env, run, title="t", mirror=mirror)
    gated = RewardConfig(terms={"final_answer": RewardTermConfig(gate="semantic_consistency")})
    with pytest.raises(ValueError, match=told):
        HeldOutConfig(reward=gated).check()
    nothing = AnnotationConfig(semantic_scorer=f"{TOY}make_nothing")
    config = replace(config, annotations=nothing)
    with pytest.raises(ValueError, match="make_nothing', which returned a NoneType; it must"):
        Experiment(config, make_env, run, title="t", mirror=mirror)


def test_the_command_line_says_so_too() -> None:
    from configs.train_schema import TrainScript

    choices = ["env=video/nursery", "reward=video/video_rft"]
    with pytest.raises(BadInputError, match=r"annotations\.semantic_scorer is null"):
        load_config("train", TrainScript, choices)
    choices.append(f"annotations.semantic_scorer={TOY}make_scorer")
    config, _ = load_config("train", TrainScript, choices)
    assert config.annotations.semantic_scorer == f"{TOY}make_scorer"


def test_reinforcement_pays_what_the_scorer_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures are noise, so the mean is near a half. An untrained model has no thoughts of its
    own.
    """
    monkeypatch.setattr("training.annotations.semantics.described", lambda episode: "thoughts")
    agent, seen = make_agent(max_new_tokens=12), []
    config = GrpoConfig(
        num_steps=1,
        groups_per_step=2,
        group_size=2,
        refill_rounds=0,
        learner=LearnerConfig(learning_rate=1e-3),
    )
    settings = {"first_step": 0, "run_seed": 0, "on_step": lambda step, line: seen.append(line)}
    with pytest.raises(ValueError, match=r"'semantic_cosine' needs AnnotationTools\.scorer"):
        reinforce(agent, agent.learner(config.learner), make_pool(), config, PAID, **settings)
    CALLS.clear()
    scorer = AnnotationConfig(semantic_scorer=f"{TOY}make_scorer").make_scorer(["semantic_cosine"])
    learner = agent.learner(config.learner)
    reinforce(agent, learner, make_pool(), config, PAID, scorer=scorer, **settings)
    assert seen[0]["num_failed"] == 0
    assert seen[0]["reward/semantic_consistency"] == pytest.approx(0.5, abs=0.02)
    assert [text for text, _ in CALLS] == ["thoughts"] * 4


class Thinker(ExpertPolicy):
    """The expert's replies from what counts as a learned policy."""


def test_the_rows_of_the_table_have_that_reward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every reply thinks "best", of one to three noisy pictures."""
    monkeypatch.setattr("training.held_out.VLMPolicy", Thinker)
    scorer = AnnotationConfig(semantic_scorer=f"{TOY}make_scorer").make_scorer(["semantic_cosine"])
    config = HeldOutConfig(
        reward=PAID, evaluation=EvaluationConfig(num_episodes=6), rows=["grpo"], num_films=0
    )
    run = open_run_directory(tmp_path)
    reporter = Reporter(run, title="t", num_films=0)
    held_out = HeldOut(config, make_pool(), reporter, run, stop=StopRequest(), scorer=scorer)
    CALLS.clear()
    held_out.evaluate("grpo", Thinker)
    table = json.loads((tmp_path / "evaluation.json").read_text())
    assert table["grpo"]["reward"]["mean"] == pytest.approx(0.5, abs=0.02)
    assert len(CALLS) == 6
    assert {text for text, _ in CALLS} == {"best"}
    assert {number for _, number in CALLS} <= {1, 2, 3}
