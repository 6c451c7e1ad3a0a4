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
import numpy as np

from policies.interface import Conversation, Observation, Policy, PolicyOutput, UnansweredError
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
        env_key: which of a `MixedPool`'s environments; "" for a pool of one kind.
    """

    seed: int
    sample_index: int = 0
    env_key: str = ""


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

    def take(self, env_key: str = "") -> gymnasium.Env:
        """An idle environment; there is only one kind of them, whatever the key."""
        return self._idle.pop() if self._idle else self._make_env()

    def give_back(self, env: gymnasium.Env, env_key: str = "") -> None:
        """Return an environment whose episode is over."""
        self._idle.append(env)

    def close(self) -> None:
        """Close every idle environment."""
        while self._idle:
            self._idle.pop().close()


class MixedPool(LocalPool):
    """Environments of many kinds, for episodes that say which. None is kept for later.

    Args:
        make_env: makes the environment of a key.
        num_envs: how many episodes are in flight at once, at least 1.
    """

    def __init__(self, make_env: Callable[[str], gymnasium.Env], num_envs: int) -> None:
        super().__init__(lambda: make_env(""), num_envs)
        self._make_keyed = make_env

    def take(self, env_key: str = "") -> gymnasium.Env:
        """A new environment of that key."""
        return self._make_keyed(env_key)

    def give_back(self, env: gymnasium.Env, env_key: str = "") -> None:
        """Close an environment whose episode is over."""
        env.close()


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
    the other episodes go on. Where a policy can answer only some, it says so by `UnansweredError`.

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
            pool.give_back(run.env, run.spec.env_key)
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


def check_failures(
    episodes: Sequence[Episode], max_failed_share: float, *, num_planned: int | None = None
) -> int:
    """How many episodes failed.

    Args:
        episodes: those that are over.
        max_failed_share: in [0, 1].
        num_planned: of how many that is the share; None = of these.

    Raises:
        TooManyFailuresError: where their share is above `max_failed_share`, with the stages and an
            example.
    """
    total = len(episodes) if num_planned is None else num_planned
    failures = [episode.failure for episode in episodes if episode.failure is not None]
    if len(failures) > max_failed_share * total:
        stages = sorted({failure.stage for failure in failures})
        raise TooManyFailuresError(
            f"{len(failures)} of {total} episodes failed (stages: {', '.join(stages)}); "
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
        started.append(_start(pool.take(spec.env_key), order, spec, sampling_seed))
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
    if policy.privileged:
        for run in running:
            _consult_expert(run, getattr(policy, "style", "best"))
    ready = [run for run in running if run.episode.failure is None]
    outcomes = iter(_outcomes(policy, [run.conversation for run in ready]))
    outputs: list[PolicyOutput | None] = []
    for run in running:
        outcome = next(outcomes) if run.episode.failure is None else None
        if isinstance(outcome, Exception):
            run.episode.failure = _failure("policy", outcome)
        outputs.append(outcome if isinstance(outcome, PolicyOutput) else None)
    return outputs


def _consult_expert(run: _Running, style: str) -> None:
    """Hand the expert's reply over; an expert that breaks down fails its own episode alone.

    Raises:
        ValueError: for a style that is none of the environment's `expert_styles`.
    """
    if run.episode.failure is not None:
        return
    world: Any = run.env.unwrapped
    styles = getattr(world, "expert_styles", (style,))
    if style not in styles:
        raise ValueError(f"expert style {style!r} is unknown; legal: {', '.join(styles)}")
    try:
        run.conversation.expert_reply = world.expert_reply(style)
    except Exception as error:
        run.episode.failure = _failure("env", error)


def _outcomes(
    policy: Policy, conversations: Sequence[Conversation]
) -> Sequence[PolicyOutput | Exception]:
    """Per conversation, the policy's output or why there is none."""
    try:
        outcomes: Sequence[PolicyOutput | Exception] = (
            policy.act(conversations) if conversations else []
        )
    except UnansweredError as error:
        outcomes = error.outcomes
    except Exception as error:
        return [error] * len(conversations)
    if len(outcomes) != len(conversations):
        wrong = ValueError(f"{len(outcomes)} outputs for {len(conversations)} conversations")
        return [wrong] * len(conversations)
    return outcomes


def _advance(run: _Running, output: PolicyOutput | None) -> None:
    """Step one environment and write the turn down."""
    if output is None:
        return
    try:
        _step(run, output)
    except Exception as error:  # a broken world is a record, not a crash
        run.episode.failure = _failure("env", error)
        if run.episode.truth is not None:
            run.episode.truth.last_states = list(getattr(error, "last_states", []))


def _step(run: _Running, output: PolicyOutput) -> None:
    episode, shown = run.episode, run.conversation.observations[-1]
    options = dict(run.info.get("options", {}))
    run.obs, reward, terminated, truncated, run.info = run.env.step(_action(run.env, output))
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


def _action(env: gymnasium.Env, output: PolicyOutput) -> str | np.ndarray:
    """What the environment is stepped with: a chunk of one action is that action where the
    environment takes one at a time.
    """
    if output.action is None:
        assert output.text is not None  # a `PolicyOutput` has one of the two
        return output.text
    takes_one = isinstance(env.action_space, gymnasium.spaces.Box) and (
        len(env.action_space.shape) == 1
    )
    return output.action[0] if takes_one and len(output.action) == 1 else output.action


def _is_over(episode: Episode) -> bool:
    return episode.terminated or episode.truncated or episode.failure is not None


def _failure(stage: str, error: Exception) -> Failure:
    return Failure(stage=stage, message=f"{type(error).__name__}: {error}")
