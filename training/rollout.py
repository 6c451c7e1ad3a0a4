"""Collects episodes: many environments, one policy, each conversation going on when its world has
answered.

The pool runs in this process. Which episode runs in which slot changes nothing: an episode is
decided by its seed, its sample index and the policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import gymnasium

from policies.interface import Conversation, Observation, Policy, PolicyOutput
from saccade import __version__
from training.episode import Episode, EpisodeTruth, Failure, Turn, config_hash, encode_png

MakeEnv = Callable[[], gymnasium.Env]
OnEpisode = Callable[[Episode], None]


class TooManyFailuresError(RuntimeError):
    """More episodes failed than the configuration allows."""


@dataclass(frozen=True, kw_only=True)
class EpisodeSpec:
    """Which episode to collect.

    Attributes:
        seed: of the environment's reset.
        sample_index: which member of the seed's group; it decides the sampling noise.
    """

    seed: int
    sample_index: int = 0


@dataclass(kw_only=True)
class _Running:
    """An episode in flight."""

    spec: EpisodeSpec
    order: int
    env: gymnasium.Env
    episode: Episode
    conversation: Conversation
    obs: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)


class LocalPool:
    """Environments of one kind in this process, made when first needed and used again.

    Args:
        make_env: makes one environment.
        num_envs: how many episodes are in flight at once, at least 1.
    """

    def __init__(self, make_env: MakeEnv, num_envs: int) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}; it must be at least 1")
        self._make_env, self.num_envs = make_env, num_envs
        self._idle: list[gymnasium.Env] = []

    def take(self) -> gymnasium.Env:
        """An idle environment."""
        return self._idle.pop() if self._idle else self._make_env()

    def give_back(self, env: gymnasium.Env) -> None:
        """Return an environment whose episode is over."""
        self._idle.append(env)

    def close(self) -> None:
        """Close every idle environment."""
        while self._idle:
            self._idle.pop().close()


def collect_episodes(
    pool: LocalPool,
    policy: Policy,
    specs: Iterable[EpisodeSpec],
    *,
    sampling_seed: int = 0,
    on_episode: OnEpisode | None = None,
) -> list[Episode]:
    """Collect one episode per spec, in the order of the specs.

    An exception in an environment or in the policy ends its episode and is recorded as a `Failure`;
    the other episodes go on.

    Args:
        pool: where the environments come from.
        policy: answers all waiting conversations at once.
        specs: what to collect.
        sampling_seed: the run's seed of the policy's sampling noise.
        on_episode: called with every finished episode, as it finishes.
    """
    waiting = enumerate(specs)
    finished: dict[int, Episode] = {}

    def finish(run: _Running) -> None:
        policy.reset([run.conversation.conversation_id])
        finished[run.order] = run.episode
        if run.episode.failure is None or run.episode.failure.stage != "env":
            pool.give_back(run.env)
        else:  # an environment that raised is not used again
            with suppress(Exception):
                run.env.close()
        if on_episode is not None:
            on_episode(run.episode)

    running: list[_Running] = []
    while True:
        running += _start_some(pool, waiting, pool.num_envs - len(running), sampling_seed)
        if not running:
            return [finished[order] for order in sorted(finished)]
        for run, output in zip(running, _act(policy, running), strict=True):
            _advance(run, output)
        for run in [r for r in running if _is_over(r.episode)]:
            finish(run)
        running = [run for run in running if not _is_over(run.episode)]


def check_failures(episodes: Sequence[Episode], max_failed_share: float) -> int:
    """How many episodes failed.

    Raises:
        TooManyFailuresError: where their share is above `max_failed_share`, with the stages and an
            example.
    """
    failures = [episode.failure for episode in episodes if episode.failure is not None]
    if len(failures) > max_failed_share * len(episodes):
        stages = sorted({failure.stage for failure in failures})
        raise TooManyFailuresError(
            f"{len(failures)} of {len(episodes)} episodes failed (stages: {', '.join(stages)}); "
            f"max_failed_share is {max_failed_share}. The first: {failures[0].message}"
        )
    return len(failures)


def _start_some(
    pool: LocalPool, waiting: Iterator[tuple[int, EpisodeSpec]], count: int, sampling_seed: int
) -> list[_Running]:
    started: list[_Running] = []
    while len(started) < count:
        order, spec = next(waiting, (-1, None))
        if spec is None:
            break
        started.append(_start(pool.take(), order, spec, sampling_seed))
    return started


def _start(env: gymnasium.Env, order: int, spec: EpisodeSpec, sampling_seed: int) -> _Running:
    env_id = env.spec.id if env.spec else type(env.unwrapped).__name__
    config = getattr(env.unwrapped, "config", None)
    digest = config_hash(config) if is_dataclass(config) else ""
    task_id = f"{env_id}/{digest}/{spec.seed}"
    episode = Episode(
        task_id=task_id,
        env_id=env_id,
        env_config_hash=digest,
        seed=spec.seed,
        sample_index=spec.sample_index,
        suite_version=__version__,
        truth=EpisodeTruth(),
    )
    conversation = Conversation(
        conversation_id=f"{task_id}/{spec.sample_index}/{order}",
        task_id=task_id,
        sample_index=spec.sample_index,
        sampling_seed=sampling_seed,
    )
    run = _Running(spec=spec, order=order, env=env, episode=episode, conversation=conversation)
    try:
        run.obs, run.info = env.reset(seed=spec.seed)
        episode.truth = EpisodeTruth(initial=run.info.get("truth", {}))
        conversation.observations.append(Observation.from_env(run.obs))
    except Exception as error:  # a broken world is a record, not a crash
        episode.failure = _failure("env", error)
    return run


def _act(policy: Policy, running: Sequence[_Running]) -> list[PolicyOutput | None]:
    """The policy's outputs; None for episodes that have failed already or fail now."""
    ready = [run for run in running if run.episode.failure is None]
    if policy.privileged:
        for run in ready:
            style = getattr(policy, "style", "best")
            run.conversation.expert_reply = run.env.unwrapped.expert_reply(style)  # type: ignore[attr-defined]
    try:
        outputs = policy.act([run.conversation for run in ready]) if ready else []
        if len(outputs) != len(ready):
            raise ValueError(f"{len(outputs)} outputs for {len(ready)} conversations")
    except Exception as error:
        for run in ready:
            run.episode.failure = _failure("policy", error)
        return [None] * len(running)
    given = iter(outputs)
    return [next(given) if run.episode.failure is None else None for run in running]


def _advance(run: _Running, output: PolicyOutput | None) -> None:
    """Step one environment and write the turn down."""
    if output is None:
        return
    try:
        _step(run, output)
    except Exception as error:  # a broken world is a record, not a crash
        run.episode.failure = _failure("env", error)


def _step(run: _Running, output: PolicyOutput) -> None:
    episode, shown = run.episode, run.conversation.observations[-1]
    options = dict(run.info.get("options", {}))
    action = output.text if output.text is not None else output.action
    run.obs, reward, terminated, truncated, run.info = run.env.step(action)
    if not math.isfinite(reward):
        raise ValueError(f"the environment's reward is {reward}; it must be finite")
    turn = Turn(
        text=shown.text,
        image_pngs=tuple(encode_png(image) for image in shown.images),
        state=shown.state,
        options=options,
        output=output,
        reward=float(reward),
    )
    assert episode.truth is not None
    episode.turns.append(turn)
    episode.truth.turns.append(run.info.get("truth", {}))
    episode.success = bool(run.info.get("success", False))
    episode.terminated, episode.truncated = bool(terminated), bool(truncated)
    run.conversation.outputs.append(output)
    if not _is_over(episode):
        run.conversation.observations.append(Observation.from_env(run.obs))


def _is_over(episode: Episode) -> bool:
    return episode.terminated or episode.truncated or episode.failure is not None


def _failure(stage: str, error: Exception) -> Failure:
    return Failure(stage=stage, message=f"{type(error).__name__}: {error}")
