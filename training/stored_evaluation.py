"""An evaluation that keeps its episodes, so that an interrupted study goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

from policies.interface import Policy
from training.episode import Episode
from training.episode_store import EpisodeStore
from training.evaluation import EvaluationConfig, evaluate_specs
from training.pool import LocalPool, MakeEnv
from training.progress import progress_bar
from training.rollout import EpisodeSpec
from training.seeding import task_seeds


def evaluate_stored(
    path: Path,
    make_env: MakeEnv,
    policy: Policy,
    config: EvaluationConfig,
    *,
    title: str,
    num_episodes: int,
    num_envs: int,
    sampling_seed: int,
) -> list[Episode]:
    """Play the first held-out seeds, but for those whose episodes are there.

    Args:
        path: folder of the episodes; failed ones are not kept.
        make_env: makes one environment.
        policy: plays.
        config: which seeds, and how many failures are too many.
        title: of the progress bar.
        num_episodes: how many, kept ones included.
        num_envs: episodes in flight at once.
        sampling_seed: the run's seed of the sampling noise.
    """
    store = EpisodeStore(path)
    done = store.load()
    seeds = task_seeds(config.purpose, 0, num_episodes)
    pool = LocalPool(make_env, num_envs)
    with progress_bar(title, len(done), len(seeds)) as bar:

        def take(episode: Episode) -> None:
            if episode.failure is None:
                store.save(episode)
            bar({})

        episodes = evaluate_specs(
            pool,
            policy,
            [EpisodeSpec(seed=seed) for seed in seeds],
            done=done,
            sampling_seed=sampling_seed,
            max_failed_share=config.max_failed_share,
            on_episode=take,
        )
    pool.close()
    return episodes
