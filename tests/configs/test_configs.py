"""Every YAML file composes, passes its checks, and can be taught with."""

from __future__ import annotations

import copy
import dataclasses
import typing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from configs.dataset_schema import FilmDatasetConfig
from configs.store import register_schemas
from configs.train_schema import TrainScript
from policies.scripted import ExpertPolicy, RandomPolicy
from scripts.config_errors import list_options
from scripts.hydra_door import CONFIG_DIR, load_config
from scripts.script_help import field_docs, fitting_options, option_doc
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.scripts.real_scripts import SCHEMAS, schema_of
from tests.training.small_agent import make_agent, num_changed, offer_num_chars, weights_of
from training.grpo import collect_groups, reinforce
from training.rewards.compose import RewardConfig, RewardTermConfig, reward_group
from training.rewards.records import family_of
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from video.benchmarks.config import VideoBenchmarkConfig
from video.spotlight.config import SpotlightEnvConfig

SCRIPTS = {name: schema_of(name) for name in SCHEMAS}
register_schemas()
NEEDED = {
    "compare": ["first=a", "second=b"],
    "export": ["episodes=runs/record/episodes"],
    "policy=model": ["policy.path=somewhere"],
    "reward=video/video_rft": ["annotations.semantic_scorer=tests.training.toy_scorer:make_scorer"],
    **{f"cluster=gpus_{count}": ["engine.device=cpu"] for count in (1, 8, 64)},
    **{
        f"experiment=cluster/{family}": ["engine.device=cpu"]
        for family in ("avr", "manipulation", "video")
    },
    "policy=openai": ["policy.base_url=http://127.0.0.1:8000/v1", "policy.model=any"],
}
GROUPS = {
    "train": (
        "env",
        "model",
        "algorithm",
        "reward",
        "rollout",
        "logger",
        "cluster",
        "experiment",
        "debug",
    ),
    "rollout": ("env", "policy", "rollout"),
    "evaluate": ("env", "policy", "rollout", "benchmark"),
    "build_benchmark": ("env",),
    "check_guessing": ("env", "benchmark"),
    "record": ("env", "policy"),
    "play": ("env",),
    "clevr": ("env",),
    "generate": ("env", "dataset"),
}
CHOICES = [
    (script, f"{group}={option}")
    for script, groups in GROUPS.items()
    for group in groups
    for option in fitting_options(CONFIG_DIR, group, SCRIPTS[script])
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_defaults_compose_and_pass(script: str) -> None:
    config, text = load_config(script, SCRIPTS[script], NEEDED.get(script, []))
    assert type(config) is SCRIPTS[script]
    assert "???" not in text
    assert yaml.safe_load(text).get("run", {"name": script})["name"]


@pytest.mark.parametrize(("script", "choice"), CHOICES, ids=[f"{s}-{c}" for s, c in CHOICES])
def test_every_option_composes_and_passes(script: str, choice: str) -> None:
    config, _ = load_config(script, SCRIPTS[script], [choice, *NEEDED.get(choice, [])])
    config.check()
    assert type(config) is SCRIPTS[script]


def test_every_yaml_file_is_offered_by_some_script() -> None:
    offered = {choice.replace("=", "/") for _, choice in CHOICES}
    files = {
        path.relative_to(CONFIG_DIR).with_suffix("").as_posix()
        for path in CONFIG_DIR.rglob("*.yaml")
        if path.parent != CONFIG_DIR
    }
    assert files == offered


def test_every_option_says_in_a_line_what_it_is() -> None:
    silent = [
        path.relative_to(CONFIG_DIR).as_posix()
        for path in CONFIG_DIR.rglob("*.yaml")
        if path.parent != CONFIG_DIR and not option_doc(path)
    ]
    assert silent == []


def schemas_under(schema: type) -> Iterator[type]:
    """A dataclass and all that its fields are made of."""
    yield schema
    for hint in typing.get_type_hints(schema).values():
        for part in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(part):
                yield from schemas_under(part)


KINDS = (AvrEnvConfig, SpotlightEnvConfig, VideoBenchmarkConfig, FilmDatasetConfig)
"""What a script's fields may hold in place of what they are declared as."""


def all_schemas() -> list[type]:
    register_schemas()
    found = {s for script in SCRIPTS.values() for s in schemas_under(script)}
    return sorted(
        found | {own for kind in KINDS for own in schemas_under(kind)}, key=lambda s: s.__name__
    )


@pytest.mark.parametrize("schema", all_schemas(), ids=lambda schema: schema.__name__)
def test_every_setting_is_documented(schema: type) -> None:
    docs: dict[str, str] = {}
    for cls in reversed(schema.__mro__[:-1]):
        docs |= field_docs(cls)
    fields = {field.name for field in dataclasses.fields(schema)}
    assert {name for name in fields if not docs.get(name)} == set()
    own = field_docs(schema).keys() - {""}
    assert own <= fields, "the docstring names settings that do not exist"


def test_the_nursery_file_is_the_nursery_of_the_code() -> None:
    config, _ = load_config("train", TrainScript, ["env=avr/nursery"])
    assert config.env == AvrEnvConfig(config=nursery_config())


def test_the_settings_of_the_demo() -> None:
    config, _ = load_config("train", TrainScript, ["experiment=demo"])
    assert config.run.name == "demo"
    assert config.evaluation.num_episodes >= 300
    assert config.evaluation.purpose == "test"
    assert set(config.rows) == {
        "random",
        "constant",
        "cold_start",
        "sft_continued",
        "grpo",
        "blind",
        "expert",
    }
    assert config.continue_imitation


def test_experiment_and_command_line_win_over_the_groups() -> None:
    config, _ = load_config("train", TrainScript, ["experiment=demo", "debug=tiny", "seed=4"])
    assert (config.run.name, config.seed, config.cold_start.num_steps) == ("demo", 4, 6)


def test_a_reward_of_the_users_own_folder(tmp_path: Path) -> None:
    (tmp_path / "reward").mkdir()
    (tmp_path / "reward" / "mine.yaml").write_text(
        "terms:\n  final_answer: {weight: 2}\n  num_turns: {weight: -0.1, gate: final_answer}\n"
    )
    config, _ = load_config(
        "train", TrainScript, [f"hydra.searchpath=[file://{tmp_path}]", "reward=mine"]
    )
    assert config.reward.terms == {
        "final_answer": RewardTermConfig(weight=2.0),
        "num_turns": RewardTermConfig(weight=-0.1, gate="final_answer"),
    }


@pytest.mark.parametrize("algorithm", list_options(CONFIG_DIR, "algorithm"))
def test_every_algorithm_takes_a_step(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_num_chars(monkeypatch)
    config, _ = load_config("train", TrainScript, [f"algorithm={algorithm}", "debug=tiny"])
    learner = dataclasses.replace(config.algorithm.learner, learning_rate=1e-3)
    settings = dataclasses.replace(config.algorithm, num_steps=1, learner=learner)
    agent, seen = make_agent(max_new_tokens=4), []
    before = weights_of(agent)
    pool = LocalPool(lambda: make_env(config.env), 8)
    reinforce(
        agent,
        agent.learner(settings.learner),
        pool,
        settings,
        RewardConfig(terms={"num_chars": RewardTermConfig()}),  # differs even when untrained
        first_step=0,
        run_seed=0,
        on_step=lambda step, metrics: seen.append(metrics),
        reference=copy.deepcopy(agent.model),
    )
    pool.close()
    assert num_changed(before, weights_of(agent)) > 10
    assert all(np.isfinite(value) for value in seen[0].values())
    assert seen[0]["signal_share"] > 0


FOR_OTHERS = ("video/", "manipulation/", "look/", "mixture")
"""Rewards that are tried elsewhere: tests/training/test_{video,manipulation,look}_rewards.py, and
the mixture's below.
"""
FOR_SCENES = [r for r in list_options(CONFIG_DIR, "reward") if not r.startswith(FOR_OTHERS)]


def test_the_reward_of_a_mixture_pays_every_family_its_own() -> None:
    config, _ = load_config("train", TrainScript, ["env=mixture", "reward=mixture"])
    pool = LocalPool(lambda: make_env(config.env), 4)
    expert = ExpertPolicy("demonstrator")
    specs = [EpisodeSpec(seed=seed) for seed in range(9)]
    episodes = collect_episodes(pool, expert, specs)
    pool.close()
    assert {family_of(e) for e in episodes} == {"scenes", "films", "hand"}
    for episode in episodes:
        terms = reward_group([episode], config.reward).terms
        paid = {name for name, values in terms.items() if values.any()}
        own = {n for n, t in config.reward.terms.items() if family_of(episode) in t.families}
        assert paid <= own
        assert paid & {"reply_format", "vla_r1_format"}


@pytest.mark.parametrize("reward", FOR_SCENES)
def test_every_reward_tells_good_episodes_from_bad(reward: str) -> None:
    choices = [f"reward={reward}", "env.config.foresee=true"]  # some pay for expected gains
    config, _ = load_config("train", TrainScript, choices)
    settings = dataclasses.replace(config.algorithm, groups_per_step=3, group_size=6)
    pool = LocalPool(lambda: make_env(config.env), 8)
    groups, metrics = collect_groups(
        pool, RandomPolicy(), settings, config.reward, step=0, run_seed=0
    )
    pool.close()
    assert groups
    assert {f"reward/{name}" for name in config.reward.terms} <= metrics.keys()
    for group in groups:
        right = np.array([episode.success for episode in group.collected])
        if right.any() and not right.all():
            assert group.reward.total[right].min() > group.reward.total[~right].max() - 0.5
