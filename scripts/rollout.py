"""Roll out any policy in any environment, headless, and say how it did and how fast it went.

Writes runs/<name>/summary.json, and every episode with its pictures if asked to.
"""

from __future__ import annotations

import sys
import time

from configs.schemas import RolloutScript
from scripts.hydra_door import run_script
from scripts.making import make_policy, make_pool, open_run
from scripts.pool_report import LostAttempts, pool_figures, renderers_text
from sims import make_env
from training.episode import Episode, save_episode
from training.evaluation import summarise
from training.progress import print_table, progress_bar
from training.rewards.compose import RewardConfig
from training.rollout import EpisodeSpec, collect_episodes
from training.seeding import task_seeds

EXAMPLES = (
    "python scripts/rollout.py env=avr/occlusion policy=expert num_episodes=50",
    "python scripts/rollout.py env=avr/nursery policy=random save_episodes=true run.name=random",
    "python scripts/rollout.py env=avr/nursery policy=model policy.path=runs/demo/models/grpo",
    "python scripts/rollout.py env=avr/occlusion policy=expert rollout=ray rollout.num_actors=4",
)


def main(config: RolloutScript, config_yaml: str) -> None:
    """Collect the episodes and sum them up."""
    seeds = task_seeds(config.purpose, config.first_index, config.num_episodes)
    pool = make_pool(config.rollout, lambda: make_env(config.env), config.num_envs)
    policy = make_policy(config.policy, pool)
    run = open_run(config.run, config_yaml)
    start = time.perf_counter()
    with progress_bar("rollout", 0, len(seeds)) as advance:

        def on_episode(episode: Episode) -> None:
            if config.save_episodes:
                save_episode(run.episodes_path, episode)
            advance({})

        specs = [EpisodeSpec(seed=seed) for seed in seeds]
        episodes = collect_episodes(
            pool,
            policy,
            specs,
            sampling_seed=config.seed,
            on_episode=on_episode,
            on_lost=LostAttempts(run.path),
        )
    seconds = time.perf_counter() - start
    pool.close()
    num_turns = sum(len(episode.turns) for episode in episodes)
    figures = {
        "episodes_per_second": len(episodes) / seconds,
        "turns_per_second": num_turns / seconds,
        "num_failed": float(sum(episode.failure is not None for episode in episodes)),
        **pool_figures(pool),
    }
    table = {config.policy.kind: summarise(episodes, RewardConfig())}
    run.write_summary("rollout", figures, {"rollout": table})
    print_table(table, figures)
    if renderers := renderers_text(pool):
        print(f"Drawn by {renderers}")
    print(f"Results: {run.summary_path}")


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="rollout", schema=RolloutScript, examples=EXAMPLES))
