"""What Ray is given to export: events are counted, figures are set, nothing is exported unasked."""

from __future__ import annotations

import time
import urllib.request
from importlib.util import find_spec

import pytest

from tests.training.guessing import NoisyPolicy, make_specs
from tests.training.ray_worlds import ray_pool, ray_session, rough  # noqa: F401
from training.rollout import collect_episodes
from training.rollout_config import RolloutConfig
from training.rollout_metrics import RolloutMetrics

pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("default")

Recorded = list[tuple[str, str, float, dict[str, str]]]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """(kind, name, value, labels) of everything that Ray is handed."""
    from ray.util.metrics import Metric

    import training.ray_metrics

    monkeypatch.setattr(training.ray_metrics, "_METRICS", {})
    seen: Recorded = []

    def record(self: Metric, value: float, tags: dict[str, str] | None = None) -> None:
        seen.append((type(self).__name__, self.info["name"], value, tags or {}))

    monkeypatch.setattr(Metric, "_record", record)
    return seen


def test_events_are_counted_and_figures_are_set(recorded: Recorded) -> None:
    from training.ray_metrics import RayMetrics

    metrics = RayMetrics()
    metrics.note_batch(ready=3, running=4)
    metrics.note_batch(ready=1, running=4)
    metrics.episode_seconds += [0.5, 1.5, 4.0]
    metrics.num_turns, metrics.num_lost, metrics.num_restarts = 7, 2, 0
    figures = metrics.take()
    assert figures["rollout/lost_attempts"] == 2
    assert recorded == [
        ("Counter", "saccade_rollout_turns", 7, {}),
        ("Counter", "saccade_rollout_episodes", 3, {}),
        ("Counter", "saccade_rollout_lost_attempts", 2, {}),
        ("Gauge", "saccade_rollout_driver_ms_per_turn", 0.0, {}),
        ("Gauge", "saccade_rollout_queue_mean", 2.0, {}),
        ("Gauge", "saccade_rollout_queue_max", 3.0, {}),
        ("Gauge", "saccade_rollout_backlog_mean", 2.0, {}),
        ("Gauge", "saccade_rollout_backlog_max", 3.0, {}),
        ("Gauge", "saccade_rollout_episode_seconds_median", 1.5, {}),
        ("Gauge", "saccade_rollout_episode_seconds_slowest", 4.0, {}),
    ]
    assert metrics.take() == {}
    assert len(recorded) == 10, "what was counted is counted once"


def test_training_is_told_apart_by_stage_and_nothing_twice(recorded: Recorded) -> None:
    from training.ray_metrics import RayMetrics, RayMirror

    metrics, mirror = RayMetrics(), RayMirror()
    metrics.note_batch(ready=1, running=1)
    line = {**metrics.take(), "reward/final_answer": 0.5, "rollout/staleness_max": 1.0}
    recorded.clear()
    for step in (1, 2):
        mirror.log(step, line, phase="grpo")
    mirror.close()
    labels = {"phase": "grpo"}
    assert recorded == [
        ("Gauge", f"saccade_training_{name}", value, labels)
        for step in (1.0, 2.0)
        for name, value in (
            ("reward_final_answer", 0.5),
            ("rollout_staleness_max", 1.0),
            ("step", step),
        )
    ]


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("prometheus", [True, False])
def test_a_pool_exports_when_it_is_asked_to(prometheus: bool, recorded: Recorded) -> None:
    pool = ray_pool(rough(), prometheus=prometheus)
    episodes = collect_episodes(pool, NoisyPolicy(), make_specs(3, 2), sampling_seed=7)
    figures = pool.metrics.take()
    pool.close()
    assert figures["rollout/queue_mean"] > 0
    counted = {name: value for kind, name, value, _ in recorded if kind == "Counter"}
    num_turns = sum(len(episode.turns) for episode in episodes)
    exported = {"saccade_rollout_turns": num_turns, "saccade_rollout_episodes": 6}
    assert counted == (exported if prometheus else {})
    assert isinstance(pool.metrics, RolloutMetrics)


def test_without_ray_there_is_nothing_to_export() -> None:
    with pytest.raises(
        ValueError, match=r"rollout\.prometheus is true with rollout\.kind=local, .*kind=ray"
    ):
        RolloutConfig(prometheus=True).check()


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_prometheus_can_read_it() -> None:
    if find_spec("prometheus_client") is None or find_spec("aiohttp_cors") is None:
        pytest.skip("Ray exports metrics where it is installed as ray[default]")
    import ray

    from training.ray_metrics import RayMirror

    pool = ray_pool(rough(), prometheus=True)
    episodes = collect_episodes(pool, NoisyPolicy(), make_specs(3, 2), sampling_seed=7)
    pool.metrics.take()
    RayMirror().log(3, {"loss": 0.25}, phase="grpo")
    [node] = ray.nodes()
    page = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    wanted = {
        "ray_saccade_rollout_turns_total": float(sum(len(e.turns) for e in episodes)),
        "ray_saccade_rollout_episodes_total": 6.0,
        "ray_saccade_training_loss": 0.25,
        "ray_saccade_training_step": 3.0,
    }
    found: dict[str, float] = {}
    deadline = time.monotonic() + 60
    while found.keys() != wanted.keys() and time.monotonic() < deadline:
        time.sleep(1)
        with urllib.request.urlopen(page, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        values = {
            line.partition("{")[0]: float(line.rpartition(" ")[2])
            for line in lines
            if line[:1] != "#"
        }
        found = {name: values[name] for name in wanted if name in values}
    pool.close()
    assert found == wanted
