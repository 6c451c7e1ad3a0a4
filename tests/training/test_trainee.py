"""Which parts of a model learn."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("transformers")

from policies.tiny import make_tiny_model
from tests.policies.small_checkpoints import make_tiny_qwen3
from tests.training.rank_work import SIZE, improve, make_chat, make_learner, make_samples
from training.trainee import freeze


@pytest.fixture(scope="module")
def chat():
    return make_chat()


def learning(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_every_parameter_belongs_to_one_named_part(chat):
    for model in (make_tiny_model(SIZE, chat.tokenizer), make_tiny_qwen3(chat.tokenizer)):
        everything = learning(model)
        parts = {}
        for part in ("vision_tower", "connector", "language_model"):
            freeze(model, [part])
            parts[part] = everything - learning(model)
        assert sum(map(len, parts.values())) == len(everything)
        assert set().union(*parts.values()) == everything
        assert all("merger" in name for name in parts["connector"])
        assert "model.visual.patch_embed.proj.weight" in parts["vision_tower"]


def test_what_one_stage_froze_the_next_one_thaws_but_nothing_else(chat):
    model = make_tiny_model(SIZE, chat.tokenizer)
    model.lm_head.requires_grad_(False)
    before = learning(model)
    freeze(model, ["vision_tower", "connector", "lm_head"])
    assert all("language_model" in name for name in learning(model))
    freeze(model, [])
    assert learning(model) == before


@pytest.mark.parametrize("num_pictures", [(1, 0), (0, 0)])
def test_the_connector_learns_alone_and_from_pictures_only(chat, num_pictures):
    learner = make_learner(
        chat, freeze=["vision_tower", "language_model"], learning_rate=1e-2, micro_batch_size=1
    )
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    metrics = improve(learner, make_samples(chat, num_pictures))
    after = learner.model.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert all("merger" in name for name in changed)
    assert bool(changed) == any(num_pictures)
    assert (metrics["grad_norm"] > 0) == any(num_pictures)


def test_names_that_fit_nothing_or_everything_are_refused(chat):
    with pytest.raises(ValueError, match="freeze names 'vision', which is no part.*vision_tower"):
        make_learner(chat, freeze=["vision"])
    with pytest.raises(ValueError, match=r"freeze = \['\*'\] leaves nothing to learn"):
        make_learner(chat, freeze=["*"])
