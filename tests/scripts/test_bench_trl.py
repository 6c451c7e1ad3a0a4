"""TRL itself takes the steps that it is timed at, and ours comes to its loss and gradient."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from scripts.bench_equal import check_equal
from scripts.bench_text import make_job, make_text_agent, save_job, text_model
from scripts.bench_training import start_trl
from scripts.bench_trl import Job

PYTHON = Path(__file__).resolve().parents[2] / ".venv-external" / "trl" / "bin" / "python"
JOB = Job(num_groups=2, group_size=4, prompt_words=7, new_tokens=6, num_threads=1)


@pytest.mark.skipif(not PYTHON.exists(), reason="scripts/external_venvs.py trl makes it")
def test_trls_step_is_ours(tmp_path):
    agent = make_text_agent(JOB.new_tokens, JOB.num_episodes)
    model, job = text_model(agent), make_job(agent, JOB)
    save_job(tmp_path, agent, model, job)
    with start_trl(PYTHON, tmp_path) as peer:
        figures = check_equal(agent, model, job, peer.ask, tmp_path / "check.safetensors")
        assert figures["ours.to_trl_loss_difference"] < 1e-6
        assert figures["ours.to_trl_gradient_difference"] < 1e-5
        assert figures["ours.clip_fraction"] > 0.05, "clipping is compared too"
        steps = peer.ask("time", 4, 2)["steps"]
    assert len(steps) == 2
    for step in steps:
        assert 0 < step["generation"] < step["step"]
        assert 0 < step["scoring"] < step["step"] - step["generation"]
        assert math.isfinite(step["step"])
