"""Collects episodes: many environments, one policy, each conversation going on when its world has
answered.

Which episode runs in which place changes nothing: an episode is decided by its seed, its sample
index and the policy. Where the environments live is the pool's affair (`training.pool`,
`training.ray_rollout`).
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from policies.interface import Conversation, Policy, PolicyOutput, UnansweredError
from saccade import __version__
from training.episode import Episode, EpisodeTruth, Turn
from training.pool import EpisodeSpec, LocalPool, MakeEnv, MixedPool, Pool
from training.seat import Answer, failure_of, move_of

__all__ = [
    "EpisodeSpec",
    "LocalPool",
    "MakeEnv",
    "MixedPool",
    "OnEpisode",
    "Pool",
    "TooManyFailuresError",
    "check_failures",
    "collect_episodes",
]

OnEpisode = Callable[[Episode], None]


class TooManyFailuresError(RuntimeError):
    """More episodes failed than the configuration allows."""


@dataclass(kw_only=True)
class _Running:
    """An episode in flight.

    Attributes:
        order: which of the specs it is.
        attempt: how often its worker was lost over it before.
        begun: when, by `time.monotonic`.
        episode: the record as far as it goes.
        conversation: what the policy sees of it; None before the world's first answer.
        shown: the world's last answer.
        output: what the policy said last.
    """

    spec: EpisodeSpec
    order: int
    attempt: int
    begun: float
    episode: Episode
    conversation: Conversation | None = None
    shown: Answer | None = None
    output: PolicyOutput | None = None

    def note(self, answer: Answer) -> int:
        """Write down what became of the last output. Returns how many turns that was: 1, or 0."""
        episode = self.episode
        assert episode.truth is not None
        episode.failure = answer.failure
        if answer.failure is not None:
            episode.truth.last_states = answer.last_states
        if answer.reward is None:
            return 0
        assert self.conversation is not None  # what is stepped has been shown
        assert self.shown is not None
        assert self.output is not None
        shown = self.conversation.observations[-1]
        turn = Turn(
            text=shown.text,
            image_pngs=self.shown.image_pngs,
            state=shown.state,
            options=self.shown.options,
            output=self.output,
            reward=answer.reward,
        )
        episode.turns.append(turn)
        episode.truth.turns.append(answer.truth)
        episode.success = answer.success
        episode.terminated, episode.truncated = answer.terminated, answer.truncated
        self.conversation.outputs.append(self.output)
        return 1


def collect_episodes(
    pool: Pool,
    policy: Policy,
    specs: Iterable[EpisodeSpec],
    *,
    sampling_seed: int = 0,
    on_episode: OnEpisode | None = None,
    on_lost: OnEpisode | None = None,
) -> list[Episode]:
    """Collect one episode per spec, in the order of the specs.

    An exception in an environment or in the policy ends its episode and is recorded as a `Failure`;
    the other episodes go on. Where a policy can answer only some, it says so by `UnansweredError`.
    An episode whose worker is lost begins anew and is the same again, until workers were lost over
    it `max_attempts` times; only its last attempt is returned.

    Args:
        pool: where the environments live.
        policy: answers all waiting conversations at once.
        specs: what to collect.
        sampling_seed: the run's seed of the policy's sampling noise.
        on_episode: called with every finished episode, as it finishes.
        on_lost: called with every attempt that another one replaces.

    Raises:
        ValueError: for a privileged policy's style that the environments do not have.
    """
    return _Collector(pool, policy, specs, sampling_seed, on_episode, on_lost).collect()


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


class _Collector:
    """One call of `collect_episodes`."""

    def __init__(
        self,
        pool: Pool,
        policy: Policy,
        specs: Iterable[EpisodeSpec],
        sampling_seed: int,
        on_episode: OnEpisode | None,
        on_lost: OnEpisode | None,
    ) -> None:
        self._pool, self._policy, self._sampling_seed = pool, policy, sampling_seed
        self._on_episode, self._on_lost = on_episode, on_lost
        self._style = getattr(policy, "style", "best") if policy.privileged else None
        self._specs = enumerate(specs)
        self._exhausted = False
        self._again: deque[tuple[int, EpisodeSpec, int]] = deque()
        self._running: dict[int, _Running] = {}
        self._ready: list[int] = []
        self._ready_since = 0.0
        self._finished: dict[int, Episode] = {}
        self._names: dict[str, tuple[str, str]] = {}

    def collect(self) -> list[Episode]:
        """Everything, in order."""
        try:
            with self._pool.metrics.driving():
                while not self._is_done():
                    if self._is_time_to_ask():
                        self._ask()
                    else:
                        for ticket, answer in self._pool.answers(self._patience()):
                            self._take(ticket, answer)
                    self._begin_some()
        except BaseException:
            for ticket in self._running:
                self._pool.end(ticket)
            raise
        return [self._finished[order] for order in sorted(self._finished)]

    def _is_done(self) -> bool:
        if not self._running:
            self._begin_some()
        return not self._running and self._exhausted and not self._again

    def _begin_some(self) -> None:
        """Fill the pool, with what has to be done again first."""
        while len(self._running) < self._pool.capacity:
            if self._again:
                order, spec, attempt = self._again.popleft()
            else:
                order, following = next(self._specs, (-1, None))
                if following is None:
                    self._exhausted = True
                    return
                spec, attempt = following, 0
            self._begin(order, spec, attempt)

    def _begin(self, order: int, spec: EpisodeSpec, attempt: int) -> None:
        ticket = next(_TICKETS)
        self._running[ticket] = _Running(
            spec=spec,
            order=order,
            attempt=attempt,
            episode=_new_episode(spec, *self._names.get(spec.env_key, ("", ""))),
            begun=time.monotonic(),
        )
        self._pool.begin(ticket, spec, style=self._style, apart=attempt > 0)

    def _is_time_to_ask(self) -> bool:
        """Whether all have answered, or one of them has waited long enough."""
        return bool(self._ready) and (
            len(self._ready) == len(self._running) or self._patience() == 0.0
        )

    def _patience(self) -> float | None:
        """How long to wait for further answers [s]; None while nobody waits for the policy."""
        if not self._ready:
            return None
        waited = time.monotonic() - self._ready_since
        return max(0.0, self._pool.max_wait_seconds - waited)

    def _take(self, ticket: int, answer: Answer) -> None:
        """Write an answer down, and see what comes next."""
        run = self._running.get(ticket)
        if run is None:  # of an episode that was broken off
            return
        if run.conversation is None:
            self._open(run, answer)
        else:
            self._pool.metrics.num_turns += run.note(answer)
        run.shown = answer
        if ticket in self._ready:  # lost with its worker, while it waited for the policy
            self._ready.remove(ticket)
        if answer.is_over:
            self._leave(ticket)
            return
        assert run.conversation is not None
        assert answer.observation is not None
        run.conversation.observations.append(answer.observation)
        run.conversation.expert_reply = answer.expert_move
        if not self._ready:
            self._ready_since = time.monotonic()
        self._ready.append(ticket)

    def _open(self, run: _Running, answer: Answer) -> None:
        """Begin the record with the answer to the reset."""
        if answer.env_id:  # a worker that was lost says nothing about its environment
            self._names[run.spec.env_key] = (answer.env_id, answer.env_config_hash)
            run.episode = _new_episode(run.spec, answer.env_id, answer.env_config_hash)
            run.episode.truth = EpisodeTruth(initial=answer.truth)
        run.episode.failure = answer.failure
        run.conversation = Conversation(
            conversation_id=f"{run.episode.task_id}/{run.spec.sample_index}/{run.order}",
            task_id=run.episode.task_id,
            sample_index=run.spec.sample_index,
            sampling_seed=self._sampling_seed,
        )

    def _ask(self) -> None:
        """Ask the policy about all that wait, in the order of the specs, and pass its moves on."""
        tickets = sorted(self._ready, key=lambda ticket: self._running[ticket].order)
        self._ready = []
        self._pool.metrics.note_batch(ready=len(tickets), running=len(self._running))
        conversations = [self._conversation(ticket) for ticket in tickets]
        with self._pool.metrics.not_driving():
            outcomes = _outcomes(self._policy, conversations)
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            run = self._running[ticket]
            if isinstance(outcome, Exception):
                run.episode.failure = failure_of("policy", outcome)
                self._pool.end(ticket)
                self._leave(ticket)
            else:
                run.output = outcome
                self._pool.step(ticket, move_of(outcome))

    def _conversation(self, ticket: int) -> Conversation:
        conversation = self._running[ticket].conversation
        assert conversation is not None  # nobody is ready before the first answer
        return conversation

    def _leave(self, ticket: int) -> None:
        """An episode is over: keep it, or try it again where its worker was lost."""
        run = self._running.pop(ticket)
        failure, metrics = run.episode.failure, self._pool.metrics
        assert run.conversation is not None  # it has been answered
        self._policy.reset([run.conversation.conversation_id])
        is_lost = failure is not None and failure.stage == "worker"
        metrics.num_lost += is_lost
        attempts = run.attempt + (run.shown is None or not run.shown.is_bystander)
        if is_lost and attempts < self._pool.max_attempts:
            self._again.append((run.order, run.spec, attempts))
            tell = self._on_lost
        else:
            self._finished[run.order] = run.episode
            metrics.episode_seconds.append(time.monotonic() - run.begun)
            tell = self._on_episode
        if tell is not None:
            with metrics.not_driving():
                tell(run.episode)


_TICKETS = itertools.count()
"""No two episodes of a process have the same ticket, so that no pool mixes them up."""


def _new_episode(spec: EpisodeSpec, env_id: str, env_config_hash: str) -> Episode:
    return Episode(
        task_id=f"{env_id}/{env_config_hash}/{spec.seed}",
        env_id=env_id,
        env_config_hash=env_config_hash,
        seed=spec.seed,
        sample_index=spec.sample_index,
        suite_version=__version__,
        truth=EpisodeTruth(),
    )


def _outcomes(
    policy: Policy, conversations: Sequence[Conversation]
) -> Sequence[PolicyOutput | Exception]:
    """Per conversation, the policy's output or why there is none."""
    try:
        outcomes: Sequence[PolicyOutput | Exception] = policy.act(conversations)
    except UnansweredError as error:
        outcomes = error.outcomes
    except Exception as error:
        return [error] * len(conversations)
    if len(outcomes) != len(conversations):
        wrong = ValueError(f"{len(outcomes)} outputs for {len(conversations)} conversations")
        return [wrong] * len(conversations)
    return outcomes
