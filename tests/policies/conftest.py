"""A tiny model, its chat format, and conversations to feed it."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.chat import ChatFormat
from policies.interface import Conversation, Observation
from policies.tiny import make_tiny_model
from policies.tiny_tokenizer import make_tokenizer
from tests.training.small_agent import SIZE

CORPUS = (
    "turn left then grasp the red cube and look at the frame",
    "<think> it is behind the blue cube </think> <answer> A </answer> <action> B </action>",
    "A. red\nB. blue\nC. green",
)
WORDS = CORPUS[0].split()


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Two cores may be shared with other work; several threads then wait for each other."""
    if os.environ.get("OMP_NUM_THREADS") is None:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer(CORPUS)


@pytest.fixture(scope="session")
def model(tokenizer):
    # Large weights, so that the distributions are far from uniform and depend on the pictures.
    config = replace(SIZE, initializer_range=0.3, seed=3)
    return make_tiny_model(config, tokenizer)


@pytest.fixture(scope="session")
def chat(tokenizer):
    return ChatFormat(tokenizer, system_prompt="look at the frame", image_size=56)


@pytest.fixture(scope="session")
def make_observation():
    def make(seed: int, num_words: int = 6, num_images: int = 1, size: int = 56) -> Observation:
        rng = np.random.default_rng(seed)
        images = tuple(
            rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(num_images)
        )
        return Observation(text=" ".join(rng.choice(WORDS, num_words)), images=images)

    return make


@pytest.fixture(scope="session")
def make_conversations():
    def make(count: int, group_size: int = 1) -> list[Conversation]:
        return [
            Conversation(
                conversation_id=f"c{i}",
                task_id=f"task {i // group_size}",
                sample_index=i % group_size,
                sampling_seed=5,
            )
            for i in range(count)
        ]

    return make
