"""Show how far two rewards set right predictions of boxes and paths apart from wrong ones.

Boxes and paths are drawn, and predictions that err in known ways are scored against them: what a
reward pays for a box around everything, or for a path that is 30 % off and turned by 90 degrees,
shows in the table, and the least of what such predictions lose against the right one is its spread.
"""

from __future__ import annotations

import sys

import numpy as np

from configs.reward_spread_schema import RewardSpreadScript
from scripts.evaluate import print_tables
from scripts.hydra_door import run_script
from scripts.making import open_run
from training.rewards.spread import spread_tables

EXAMPLES = (
    "python scripts/reward_spread.py",
    "python scripts/reward_spread.py sharpened.terms.trajectory_sharp.params.scale=0.05",
    "python scripts/reward_spread.py reward@sharpened=manipulation/vla_r1_success num_truths=50",
)


def main(config: RewardSpreadScript, config_yaml: str) -> None:
    """Draw, score, compare."""
    run = open_run(config.run, config_yaml)
    rewards = {"published": config.published, "sharpened": config.sharpened}
    rng = np.random.default_rng(config.seed)
    tables, figures = spread_tables(rewards, config.num_truths, rng)
    run.write_summary("reward_spread", figures, tables)
    print_tables(tables, figures)
    print(f"Results: {run.summary_path}")


if __name__ == "__main__":
    sys.exit(
        run_script(main, config_name="reward_spread", schema=RewardSpreadScript, examples=EXAMPLES)
    )
