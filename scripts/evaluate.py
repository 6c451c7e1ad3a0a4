"""Evaluate a policy on held-out worlds: accuracy, judgement of sufficiency, information gained.

Writes runs/<name>/summary.json, whose table `evaluation` has one row for the split.
"""

from __future__ import annotations

import sys

from configs.schemas import EvaluateScript
from scripts.hydra_door import run_script
from scripts.making import make_policy, open_run
from sims import make_env
from training.evaluation import evaluate, summarise
from training.progress import print_table, progress_bar
from training.rollout import LocalPool
from training.seeding import task_seeds

EXAMPLES = (
    "python scripts/evaluate.py env=avr/nursery policy=expert",
    "python scripts/evaluate.py env=avr/nursery policy=model policy.path=runs/demo/models/grpo",
    "python scripts/evaluate.py env=avr/nursery policy=model policy.path=runs/demo/models/grpo "
    "policy.blind=true run.name=blind",
)


def main(config: EvaluateScript, config_yaml: str) -> None:
    """Evaluate and write the table."""
    seeds = task_seeds(config.evaluation.purpose, 0, config.evaluation.num_episodes)
    policy = make_policy(config.policy)
    run = open_run(config.run, config_yaml)
    pool = LocalPool(lambda: make_env(config.env), config.num_envs)
    with progress_bar("evaluate", 0, len(seeds)) as advance:
        episodes = evaluate(
            pool,
            policy,
            seeds,
            sampling_seed=config.seed,
            max_failed_share=config.evaluation.max_failed_share,
            on_episode=lambda episode: advance({}),
        )
    pool.close()
    table = {config.evaluation.purpose: summarise(episodes, config.reward)}
    run.write_summary("evaluate", {}, {"evaluation": table})
    print_table(table, {})
    print(f"Results: {run.summary_path}")


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="evaluate", schema=EvaluateScript, examples=EXAMPLES))
