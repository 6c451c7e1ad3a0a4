"""Tiny agents with other picture tokens and with numbers as tokens: they act, learn and come back
from disk alike.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from policies.interface import Conversation, Observation
from tests.training.small_agent import CORPUS, SIZE
from training.agent import EngineConfig, load_agent, make_tiny_agent

NUMBERS = ("<think>red cube 0.20 0.61.</think><output>[[0.20, 0.61], [0.30, 0.31]]</output>",)
WHOLE_PICTURE = replace(SIZE, patch_size=28, merge_size=3, window_size=84)


def conversation() -> Conversation:
    picture = np.random.default_rng(0).integers(0, 256, (84, 84, 3), dtype=np.uint8)
    asked = Conversation(conversation_id="c", task_id="t", sample_index=0, sampling_seed=0)
    asked.observations.append(Observation(text="Look.", images=(picture,), state=None))
    return asked


def test_one_token_for_the_whole_picture(tmp_path: Path) -> None:
    agent = make_tiny_agent(WHOLE_PICTURE, EngineConfig(max_new_tokens=6), CORPUS, vocab_size=320)
    output = agent.policy(temperature=0.0).act([conversation()])[0]
    sample = agent.chat.transcript(conversation().observations, [output]).sample()
    assert np.diff(sample.image_spans, axis=1).tolist() == [[1]]
    agent.save(tmp_path)
    again = load_agent(tmp_path, EngineConfig(max_new_tokens=6))
    assert again.policy(temperature=0.0).act([conversation()])[0].text == output.text


def test_numbers_are_tokens_of_which_neighbours_begin_alike() -> None:
    corpus = (*CORPUS, *NUMBERS)
    agent = make_tiny_agent(SIZE, EngineConfig(), corpus, vocab_size=400, whole_numbers=True)
    tokens = agent.chat.tokenizer.tokenize("0.45, 0.46")
    assert (tokens[0], tokens[-1]) == ("0.45", "0.46")
    ids = agent.chat.tokenizer.convert_tokens_to_ids(["0.45", "0.46", "0.60"])
    rows = agent.model.get_input_embeddings().weight[ids].detach()
    near, far = (torch.cosine_similarity(rows[0], row, dim=0).item() for row in rows[1:])
    assert near > 0.8
    assert far < 0.5
    plain = make_tiny_agent(SIZE, EngineConfig(), corpus, vocab_size=400)
    assert len(plain.chat.tokenizer.tokenize("0.45")) == 4
