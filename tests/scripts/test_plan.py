"""The planner's command line: a table, a summary, and refusals that name a setting."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from configs.plan_schema import PlanScript
from scripts.hydra_door import load_config
from scripts.plan_workload import make_workload
from tests.scripts.real_scripts import call
from training.planning import make_plan
from training.planning_refusals import find_refusal


def test_a_plan_is_printed_and_written(tmp_path, capsys):
    assert call("plan", "experiment=cluster/avr", f"run.root={tmp_path}") == 0
    printed = capsys.readouterr().out
    assert "qwen2.5-vl-3b, AVR/Composite-v0, 8 x h200: 4 learn, 4 engines beside" in printed
    assert "3,754,622,976" in printed
    summary = json.loads((tmp_path / "plan" / "summary.json").read_text())
    assert summary["command"] == "plan"
    assert summary["figures"]["model.parameters"] == 3_754_622_976
    assert summary["figures"]["episode.image_tokens_per_picture"] == 64


def test_json_is_the_summary_and_nothing_else(tmp_path, capsys):
    assert call("plan", "json=true", f"run.root={tmp_path}") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "plan" / "summary.json").read_text())


def test_what_cannot_fit_is_refused_and_not_written(tmp_path, capsys):
    arguments = ["experiment=cluster/avr", "model=qwen2_5_vl_7b", "cluster.gpu=h100-80gb"]
    assert call("plan", *arguments, f"run.root={tmp_path}") == 2
    output = capsys.readouterr()
    assert "Each GPU that learns" in output.out
    assert output.err.startswith("plan.py: the learner needs ")
    assert "of a GPU that has 79.1 for it; set algorithm.learner." in output.err
    assert output.err.count("\n") == 1
    assert not (tmp_path / "plan" / "summary.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.size=null"], "model.size is not set; a plan is for a published size"),
        (["utilization.decoding=0"], "utilization.decoding is 0.0; it must be above 0"),
        (["episode.num_turns=0"], "episode.num_turns is 0; it must be at least 1"),
        (["cluster.gpu=abacus"], "cluster.gpu is 'abacus'; legal: a100-80gb"),
        (["model.size=qwen9"], "model.size is 'qwen9'; legal: qwen2.5-vl-3b"),
    ],
)
def test_bad_input_is_named(arguments, message, tmp_path, capsys):
    assert call("plan", *arguments, f"run.root={tmp_path}") == 2
    assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def config() -> PlanScript:
    return load_config("plan", PlanScript, ["experiment=cluster/avr"])[0]


def refusal(config: PlanScript) -> str:
    assert config.cluster is not None
    inputs = (config, config.cluster, make_workload(config), config.utilization)
    return find_refusal(make_plan(*inputs), *inputs) or ""


def with_vllm(config: PlanScript, **settings: object) -> PlanScript:
    engine = replace(config.engine, vllm=replace(config.engine.vllm, **settings))
    return replace(config, engine=engine)


def with_learner(config: PlanScript, **settings: object) -> PlanScript:
    learner = replace(config.algorithm.learner, **settings)
    return replace(config, algorithm=replace(config.algorithm, learner=learner))


def test_engines_that_cannot_be(config):
    assert refusal(config) == ""
    many = with_vllm(config, num_engines=5)
    assert "num_engines is 5, which takes 5 GPUs where cluster.num_gpus=8 leaves 4" in refusal(many)
    assert "tensor_parallel_size is 3; it must divide the 16 heads" in refusal(
        with_vllm(config, tensor_parallel_size=3)
    )
    assert "max_model_len is 4096, but an episode may have" in refusal(
        with_vllm(config, max_model_len=4096)
    )
    assert "max_images is 4, but an episode may have 12 pictures" in refusal(
        with_vllm(config, max_images=4)
    )
    small = refusal(with_vllm(config, gpu_memory_utilization=0.05))
    assert small.startswith("engine.vllm.gpu_memory_utilization is 0.05, 7.0 GiB of each GPU")


def test_learners_that_cannot_be(config):
    assert refusal(with_learner(config, sharding=None)).startswith(
        "algorithm.learner.sharding is null with cluster.num_learners=4"
    )
    sharding = config.algorithm.learner.sharding
    uneven = with_learner(config, sharding=replace(sharding, shard_size=3))
    assert "shard_size is 3; it must divide cluster.num_learners, 4" in refusal(uneven)
    few = replace(config, algorithm=replace(config.algorithm, groups_per_step=1, group_size=2))
    assert "algorithm.groups_per_step is 1, which makes 2 samples a step" in refusal(few)


def test_the_remedy_is_one_that_helps(config):
    wide = with_learner(config, micro_batch_tokens=100_000)
    said = refusal(wide)
    assert said.endswith("set algorithm.learner.micro_batch_tokens=7546, with which it fits")
    assert refusal(with_learner(wide, micro_batch_tokens=7546)) == ""


def test_the_engine_in_the_learners_process(config):
    local = replace(
        with_learner(config, sharding=None),
        engine=replace(config.engine, backend="transformers"),
        cluster=replace(config.cluster, num_gpus=1, num_learners=1),
    )
    assert refusal(local) == ""
    small = replace(local, cluster=replace(local.cluster, gpu="a100-80gb"))
    assert "the learner needs" in refusal(small)
    third = replace(local, model=replace(local.model, size="qwen3-vl-2b"))
    assert "engine.backend is transformers, which generates for qwen2_5_vl alone" in refusal(third)
