"""The papers' experiments run from end to end, on a tiny model and a handful of episodes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from scripts.config_errors import list_options
from scripts.hydra_door import CONFIG_DIR
from tests.scripts.real_scripts import call

pytestmark = pytest.mark.render
PAPERS = [name for name in list_options(CONFIG_DIR, "experiment") if name.startswith("paper/")]
QUICK = "paper/vlm_r3"
"""What `make test` runs; the others are slow together."""
FEW = (
    "debug=tiny",
    "num_envs=8",
    "num_threads=1",
    "corpus_episodes=12",
    "cold_start.num_steps=2",
    "cold_start.episodes_per_step=2",
    "cold_start.num_worlds=16",
    "cold_start.learner.total_steps=2",
    "cold_start.learner.warmup_steps=1",
    "algorithm.num_steps=1",
    "algorithm.groups_per_step=1",
    "algorithm.group_size=4",
    "algorithm.refill_rounds=0",
    "evaluation.num_episodes=4",
    "num_films=0",
)
LONG = "reward.terms.text_bonus.params.most=9"
"""Makes even the replies of an untrained model differ in what they earn."""


def test_every_paper_of_the_issue_has_one() -> None:
    names = ("chain_of_focus", "pixel_reasoner", "vigorl", "vilasr", "vitar", "vlm_r3")
    assert sorted(PAPERS) == [f"paper/{name}" for name in names]


@pytest.mark.parametrize(
    "paper", [QUICK, *(pytest.param(p, marks=pytest.mark.slow) for p in PAPERS if p != QUICK)]
)
def test_a_papers_experiment_runs(paper: str, tmp_path: Path) -> None:
    more = (LONG,) if paper == QUICK else ()
    choices = (f"experiment={paper}", *FEW, *more, f"run.root={tmp_path}", "run.name=mine")
    assert call("train", *choices) == 0
    lines = [json.loads(s) for s in (tmp_path / "mine" / "metrics.jsonl").read_text().splitlines()]
    assert [line["phase"] for line in lines] == ["cold_start", "cold_start", "grpo"]
    if more:
        assert lines[-1]["signal_share"] == 1.0
        assert lines[-1]["num_tokens"] > 0, "nothing was learned from"
    numbers = [v for line in lines for v in line.values() if isinstance(v, float)]
    assert all(math.isfinite(value) for value in numbers)
    table = json.loads((tmp_path / "mine" / "summary.json").read_text())["tables"]["evaluation"]
    assert {"cold_start", "grpo", "expert"} <= set(table)
    assert table["expert"]["acc_fa"]["mean"] >= 0.75
