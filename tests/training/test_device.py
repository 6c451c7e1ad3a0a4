"""Where the model lives: named in configuration, checked early, and the same numbers on a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from policies.engines.scoring import score
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from tests.training.small_agent import make_agent
from training.agent import EngineConfig
from training.learner_config import LearnerConfig
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from training.scoring import rescore

WORLD = AvrEnvConfig(config=nursery_config())


@pytest.mark.parametrize("device", ["gpu", "cuda:", "mps", ""])
def test_an_unknown_device_is_refused_by_name(device: str) -> None:
    with pytest.raises(ValueError, match="engine.device is .*; legal: cpu, cuda, cuda:<number>"):
        EngineConfig(device=device).check()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_cuda_is_refused() -> None:
    with pytest.raises(ValueError, match="engine.device is 'cuda'; no CUDA here, so legal: cpu"):
        EngineConfig(device="cuda").check()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_sampling_and_scoring_agree_on_a_gpu() -> None:
    agent = make_agent(max_new_tokens=24, device="cuda")
    pool = LocalPool(lambda: make_env(WORLD), 8)
    specs = [EpisodeSpec(seed=seed) for seed in range(8)]
    episodes = collect_episodes(pool, agent.policy(temperature=1.0), specs)
    pool.close()
    samples = [agent.sample(episode) for episode in episodes]
    learner = agent.learner(LearnerConfig(learning_rate=1e-3))
    on_gpu = learner.rescore(samples)
    agent.model.to("cpu")
    on_cpu = rescore(
        agent.model, samples, collate=agent.chat.collate, score=score, config=LearnerConfig()
    )
    for sample, gpu, cpu in zip(samples, on_gpu, on_cpu, strict=True):
        np.testing.assert_allclose(sample.rollout_logprobs, gpu, atol=1e-3)
        np.testing.assert_allclose(gpu, cpu, atol=1e-3)
