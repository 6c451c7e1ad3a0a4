"""The measurements of `scripts/bench.py rollout`: what a second environment actor brings, and what
the collecting process itself costs.

One Ray actor and two collect the same episodes with a policy of negligible cost: the same
environment, pictures and orders in flight per actor, software rendering in each process's one
thread. The episodes must be those of a pool in this process, bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from policies.scripted import RandomPolicy
from scripts.making import make_pool
from sims import make_env
from sims.config import AvrEnvConfig
from training.episode import Episode
from training.pool import EpisodeSpec, Pool
from training.rollout import collect_episodes
from training.rollout_config import RolloutConfig
from training.seeding import task_seeds

ENV = AvrEnvConfig(id="AVR/Stack-v0")
ENVS_PER_ACTOR, STEPS_PER_CALL = 8, 4
EPISODES_PER_ACTOR = 100
"""So many that the end, when some environments are idle, hardly counts."""
TARGETS = {"ours.two_actors_to_one_ratio": 1.7, "ours.driver_ms_per_turn": 3.0}
"""A ratio of at least, a duration of at most."""


def bench_rollout(*, rounds: int) -> dict[str, float]:
    """Measure and print every figure with its target.

    Args:
        rounds: how often one actor and two take turns; the best of each counts.

    Raises:
        RuntimeError: where episodes from different pools differ, or fail.
    """
    pools = {"one_actor": _ray_pool(1), "two_actors": _ray_pool(2)}
    local = make_pool(RolloutConfig(), lambda: make_env(ENV), ENVS_PER_ACTOR)
    expected = _collect(local, ENVS_PER_ACTOR)
    for name, pool in pools.items():  # warms up too: the actors start, and compile their worlds
        check_equal(name, _collect(pool, ENVS_PER_ACTOR), expected)
    best, driver_ms = dict.fromkeys(pools, 0.0), math.inf
    for _ in range(rounds):
        for num_actors, (name, pool) in enumerate(pools.items(), start=1):
            rate, milliseconds = _measure(pool, EPISODES_PER_ACTOR * num_actors)
            best[name], driver_ms = max(best[name], rate), min(driver_ms, milliseconds)
    for pool in (*pools.values(), local):
        pool.close()
    figures = {f"ours.{name}_turns_per_second": rate for name, rate in best.items()}
    figures["ours.two_actors_to_one_ratio"] = best["two_actors"] / best["one_actor"]
    figures["ours.driver_ms_per_turn"] = driver_ms
    print_figures(figures)
    return figures


def check_equal(name: str, episodes: list[Episode], expected: list[Episode]) -> None:
    """Raise `RuntimeError` where episodes are not those of the pool in this process."""
    for episode, other in zip(episodes, expected, strict=True):
        if episode.failure is not None:
            raise RuntimeError(f"{name}: seed {episode.seed} failed: {episode.failure.message}")
        if [turn.image_pngs for turn in episode.turns] != [t.image_pngs for t in other.turns]:
            raise RuntimeError(
                f"{name}: seed {episode.seed} is another episode than in one process"
            )


def print_figures(figures: Mapping[str, float]) -> None:
    """One line a figure, with what is asked for."""
    for name, figure in figures.items():
        bound = "at most" if name.endswith("_ms_per_turn") else "at least"
        target = f"   (target: {bound} {TARGETS[name]:g})" if name in TARGETS else ""
        print(f"{name:<42} {figure:8.2f}{target}")


def _ray_pool(num_actors: int) -> Pool:
    config = RolloutConfig(
        kind="ray",
        num_actors=num_actors,
        cpus_per_actor=0.3,  # logical: the actors of both pools fit beside each other
        steps_per_call=STEPS_PER_CALL,
        max_wait_ms=20.0,
    )
    return make_pool(config, lambda: make_env(ENV), ENVS_PER_ACTOR * num_actors)


def _measure(pool: Pool, num_episodes: int) -> tuple[float, float]:
    """Turns per second of wall clock, and the processor time of this process per turn [ms]: all of
    its threads, Ray's and the policy's share among them.
    """
    wall, processor = time.perf_counter(), time.process_time()
    episodes = _collect(pool, num_episodes)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    num_turns = sum(len(episode.turns) for episode in episodes)
    return num_turns / wall, 1000 * processor / num_turns


def _collect(pool: Pool, num_episodes: int) -> list[Episode]:
    specs = [EpisodeSpec(seed=seed) for seed in task_seeds("validation", 0, num_episodes)]
    return collect_episodes(pool, RandomPolicy(), specs)
