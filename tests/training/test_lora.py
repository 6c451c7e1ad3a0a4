"""Low-rank adaptation: what learns, what is served, and the reference behind the adapters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("peft")

from policies.tiny import load_tiny, make_tiny_model, save_tiny
from tests.training.rank_work import SIZE, improve, make_chat, make_learner, make_samples
from training.checkpoint import load_checkpoint, save_checkpoint
from training.distributed_checkpoint import export_pretrained
from training.lora_config import LoraSettings

SETTINGS = LoraSettings(rank=2, alpha=6.0, targets=["q_proj", "down_proj"])
ADAPTED = ("q_proj.weight", "down_proj.weight")


@pytest.fixture(scope="module")
def chat():
    return make_chat()


@pytest.fixture(scope="module")
def samples(chat):
    return make_samples(chat)


def make(chat, *, seed=0, **settings):
    learner_settings = {"lora": SETTINGS, "learning_rate": 1e-2, **settings}
    return make_learner(chat, seed=seed, **learner_settings)


def weights_of(model):
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def test_only_the_adapters_learn_and_the_given_model_gets_them_merged(chat, samples):
    learner = make(chat)
    before = weights_of(learner.served)
    for _ in range(2):
        improve(learner, samples)
    after = weights_of(learner.served)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    in_text = {n for n in before if "language_model" in n and n.endswith(ADAPTED)}
    assert changed == in_text
    assert {n.rpartition(".lora_")[2] for n in learner.learned_parameters()} == {
        "A.default.weight",
        "B.default.weight",
    }
    layer = "model.language_model.layers.1.mlp.down_proj"
    down = learner.learned_parameters()[f"{layer}.lora_A.default.weight"]
    up = learner.learned_parameters()[f"{layer}.lora_B.default.weight"]
    assert down.shape == (2, 96)
    expected = before[f"{layer}.weight"] + 6.0 / 2 * (up @ down)
    torch.testing.assert_close(after[f"{layer}.weight"], expected.detach(), rtol=0, atol=1e-6)


def test_the_served_model_says_what_the_adapted_one_says(chat, samples):
    learner = make(chat)
    improve(learner, samples)
    served = make_learner(chat, model=learner.served).rescore(samples)
    for own, merged in zip(learner.rescore(samples), served, strict=True):
        np.testing.assert_allclose(own, merged, rtol=0, atol=2e-4)


def test_adapters_change_nothing_at_first_and_the_reference_stays_there(chat, samples):
    plain = make_learner(chat).rescore(samples)
    learner = make(chat)
    reference = learner.make_reference()
    for own, before in zip(learner.rescore(samples), plain, strict=True):
        np.testing.assert_array_equal(own, before)
    improve(learner, samples)
    assert all(map(np.array_equal, reference.rescore(samples), plain))
    changed = learner.rescore(samples)
    assert not any(map(np.array_equal, changed, plain))
    # Looking at the reference leaves the adapters learning.
    improve(learner, samples)
    assert not any(map(np.array_equal, learner.rescore(samples), changed))


def test_a_resumed_run_is_the_uninterrupted_one(chat, samples, tmp_path):
    straight = make(chat)
    for step in range(3):
        if step == 1:
            path = save_checkpoint(
                tmp_path, model=straight.served, learner=straight, config={}, step=step
            )
        improve(straight, samples)
    resumed = make(chat)
    load_checkpoint(path, resumed.served, resumed)
    for _ in range(2):
        improve(resumed, samples)
    for name, weight in straight.served.state_dict().items():
        assert torch.equal(weight, resumed.served.state_dict()[name]), name


def test_the_merged_weights_are_exported(chat, samples, tmp_path):
    learner = make(chat)
    improve(learner, samples)
    save_tiny(tmp_path, make_tiny_model(SIZE, chat.tokenizer), chat.tokenizer)
    export_pretrained(learner, tmp_path)
    model, _ = load_tiny(tmp_path)
    for name, weight in learner.served.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name


def test_equal_seeds_give_equal_adapters(chat):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = make(chat).learned_parameters()
        torch.manual_seed(2)
        second = make(chat).learned_parameters()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_targets_that_are_no_layer_are_named(chat):
    with pytest.raises(ValueError, match="lora.targets names 'qkv', which is no linear.*q_proj"):
        make(chat, lora=LoraSettings(targets=["q_proj", "qkv"]))
    with pytest.raises(ValueError, match="lora.rank = 0 is not legal"):
        make(chat, lora=LoraSettings(rank=0))
    with pytest.raises(ValueError, match=r"lora.targets = \[\] is not legal"):
        make(chat, lora=LoraSettings(targets=[]))
