"""A collection over two Ray nodes on this machine, one of which is lost and another one joins.

A program of its own, since a process has one connection to Ray. Prints what came of it, as JSON.
"""

from __future__ import annotations

import json
import threading
import time

import ray
from ray.cluster_utils import Cluster

from tests.training.guessing import NoisyPolicy, fingerprint, make_specs
from tests.training.ray_worlds import ray_pool, rough
from training.episode import Episode
from training.pool import LocalPool
from training.rollout import collect_episodes

NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
DEADLINE_SECONDS = 60.0


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    second = cluster.add_node(**NODE)
    make = rough(slow=tuple(range(40)), seconds=0.05)
    pool = ray_pool(make, 8, address=cluster.address, cpus_per_actor=1.0)
    capacities, lost = [], []
    specs = make_specs(40, 3)
    removal = threading.Thread(target=lambda: cluster.remove_node(second, allow_graceful=False))

    def on_episode(episode: Episode) -> None:
        capacities.append(pool.capacity)
        if max(capacities) == 8 and not removal.ident:
            removal.start()

    episodes = collect_episodes(
        pool, NoisyPolicy(), specs, sampling_seed=7, on_episode=on_episode, on_lost=lost.append
    )
    removal.join()
    cluster.add_node(**NODE)
    start = time.monotonic()
    while pool.capacity < 8 and time.monotonic() - start < DEADLINE_SECONDS:
        pool.answers(1.0)
    expected = collect_episodes(LocalPool(rough(), 4), NoisyPolicy(), specs, sampling_seed=7)
    figures = {
        "equal": [fingerprint(e) for e in episodes] == [fingerprint(e) for e in expected],
        "num_lost": len(lost),
        "capacities": sorted(set(capacities)),
        "capacity_in_the_end": pool.capacity,
    }
    pool.close()
    ray.shutdown()
    cluster.shutdown()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
