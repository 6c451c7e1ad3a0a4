"""Every experiment of the cluster composes, is planned with a real model's numbers, and fits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import pytest

from configs.plan_schema import PlanScript
from configs.train_schema import TrainScript
from policies.checkpoints import ModelConfig
from policies.families import SIZES
from scripts.config_errors import list_options
from scripts.hydra_door import CONFIG_DIR, load_config
from scripts.plan_workload import environment_episode, make_workload
from tests.training.meta_models import make_meta_model
from training.planning import make_plan
from training.planning_refusals import find_refusal

FAMILIES = ("avr", "manipulation", "video")
CLUSTERS = ("gpus_1", "gpus_8", "gpus_64")


@cache
def num_real_parameters(size: str) -> int:
    return sum(p.numel() for p in make_meta_model(size).parameters())


@pytest.mark.parametrize(("family", "cluster"), list(product(FAMILIES, CLUSTERS)))
def test_every_experiment_fits_its_cluster(family, cluster):
    choices = [f"experiment=cluster/{family}", f"cluster={cluster}"]
    config, _ = load_config("plan", PlanScript, choices)
    workload = make_workload(config)
    for size in SIZES:  # all that a file of the group `model` sets, as the test below says
        sized = replace(config, model=replace(config.model, size=size))
        inputs = (sized, config.cluster, workload, config.utilization)
        plan = make_plan(*inputs)
        figures = plan.figures()
        assert find_refusal(plan, *inputs) is None
        assert figures["model.parameters"] == num_real_parameters(size)
        assert figures["learner.free_gib"] >= 0
        assert figures["engine.sequences"] >= 4
    assert config.cluster.num_gpus == int(cluster.removeprefix("gpus_"))
    assert config.run.name == "plan", "never the folder of the run that the plan is for"
    assert config.rollout.kind == "ray"


@pytest.mark.parametrize(("family", "cluster"), list(zip(FAMILIES, CLUSTERS, strict=True)))
def test_training_composes_with_the_same_choices(family, cluster):
    choices = [f"experiment=cluster/{family}", "model=qwen3_vl_8b", f"cluster={cluster}"]
    config, _ = load_config("train", TrainScript, [*choices, "engine.device=cpu"])
    assert config.model.size == "qwen3-vl-8b"
    assert config.run.name == f"cluster_{family}"
    assert config.engine.backend == "vllm"
    learner, before = config.algorithm.learner, config.cold_start.learner
    collects = config.cluster.num_learners > 1  # every process a share of the batch
    assert learner.sharding.batches == ("share" if collects else "whole")
    assert (replace(learner.sharding, batches="whole"), learner.lora, learner.freeze) == (
        before.sharding,
        before.lora,
        before.freeze,
    )
    with pytest.raises(ValueError, match="model.path is not set; qwen3-vl-8b is trained from its"):
        config.model.check_path()


def test_every_published_size_is_a_model_of_the_configuration():
    found = []
    for option in list_options(CONFIG_DIR, "model"):
        config, _ = load_config("plan", PlanScript, [f"model={option}"])
        assert config.model == ModelConfig(size=config.model.size)
        found.append(config.model.size)
    assert sorted(found) == sorted(SIZES)


def test_episodes_come_from_the_environment():
    config, _ = load_config("plan", PlanScript, ["env=video/spotlight"])
    films = config.env.config
    episode = environment_episode(config.env)
    # Short films: 8 frames of 360 x 640 and four looks at 8; long ones show 60 of 252 x 448.
    assert (films.scan_frames, films.max_turns) == (8, 5)
    assert episode == {"image_height": 360, "image_width": 640, "num_images": 40, "num_turns": 5}
    config, _ = load_config("plan", PlanScript, ["env=avr/nursery", "episode.num_turns=2"])
    workload = make_workload(config)
    assert (workload.image_height, workload.image_width) == (84, 168)
    assert (workload.num_images, workload.num_turns) == (3, 2)
    assert workload.reply_tokens == config.engine.max_new_tokens
