"""Learner and checkpoints on a tiny random Qwen2.5-VL, with the real chat format and scoring."""

import numpy as np
import pytest
import torch

pytest.importorskip("transformers")

from policies.chat import ChatFormat
from policies.engines.transformers import score
from policies.interface import Observation, PolicyOutput
from policies.tiny import TinyConfig, make_tiny_model
from policies.tiny_tokenizer import make_tokenizer
from training.checkpoint import load_checkpoint, save_checkpoint
from training.learner import Learner
from training.learner_config import LearnerConfig

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220)}
TINY = {
    "hidden_size": 64,
    "num_layers": 2,
    "num_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 96,
    "vision_hidden_size": 24,
    "vision_num_heads": 2,
    "vision_intermediate_size": 48,
    "image_size": 56,
}


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(["what colour is it now red green blue"], vocab_size=320)


@pytest.fixture(scope="module")
def chat(tokenizer):
    return ChatFormat(tokenizer, system_prompt=None, image_size=56)


def make_model(tokenizer, *, seed=0, tied=False):
    return make_tiny_model(TinyConfig(**TINY, seed=seed, tie_embeddings=tied), tokenizer)


def make_learner(model, chat, **settings):
    config = LearnerConfig(**{"learning_rate": 3e-3, **settings})
    return Learner(model, collate=chat.collate, score=score, config=config)


def make_samples(chat):
    """Two turns per colour: a picture and its name, then a question without a picture."""
    samples = []
    for name, rgb in COLOURS.items():
        picture = np.full((56, 56, 3), rgb, dtype=np.uint8)
        observations = [
            Observation(text="what colour is it", images=(picture,)),
            Observation(text="and now" if name == "red" else "now"),
        ]
        replies = [PolicyOutput(text=name), PolicyOutput(text=name)]
        samples.append(chat.transcript(observations, replies).sample())
    return samples


def with_rollout(learner, samples):
    """The samples as if the learner's weights had produced them."""
    return [
        type(sample)(**{**vars(sample), "rollout_logprobs": logprobs})
        for sample, logprobs in zip(samples, learner.rescore(samples), strict=True)
    ]


def test_imitation_reads_the_picture(tokenizer, chat):
    samples = make_samples(chat)
    learner = make_learner(make_model(tokenizer), chat)
    for _ in range(60):
        metrics = learner.imitate(samples)
    # Only the picture tells the first replies apart; guessing costs ln 3 per episode.
    assert metrics["nll"] < 0.05


def test_micro_batch_split_changes_nothing(tokenizer, chat):
    samples = make_samples(chat)
    states = []
    for size in (3, 1):
        learner = make_learner(
            make_model(tokenizer), chat, micro_batch_size=size, max_grad_norm=1e9
        )
        samples_now = with_rollout(learner, samples)
        signs = np.array([1.0, -2.0, 0.5])
        advantages = [np.full(len(s.input_ids), v) for s, v in zip(samples, signs, strict=True)]
        metrics = learner.improve(samples_now, advantages)
        assert metrics["ratio_mean"] == pytest.approx(1.0, abs=1e-4)
        states.append(learner.state_dict()["tensors"])
    for name in states[0]:
        if name.startswith("exp_avg/"):
            torch.testing.assert_close(states[0][name], states[1][name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_resuming_equals_not_stopping_bit_for_bit(tmp_path, tokenizer, chat, tied):
    samples = make_samples(chat)
    straight = make_model(tokenizer, tied=tied)
    learner = make_learner(straight, chat, weight_decay=0.01)
    for step in range(4):
        if step == 2:
            path = save_checkpoint(tmp_path, model=straight, learner=learner, config={}, step=step)
        learner.imitate(samples)
    resumed = make_model(tokenizer, seed=7, tied=tied)
    learner = make_learner(resumed, chat, weight_decay=0.01)
    load_checkpoint(path, resumed, learner)
    for _ in range(2):
        learner.imitate(samples)
    assert learner.step == 4
    pairs = zip(straight.state_dict().items(), resumed.state_dict().items(), strict=True)
    assert all(torch.equal(a, b) for (_, a), (_, b) in pairs)
