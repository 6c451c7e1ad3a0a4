"""What keeping keys and values from turn to turn is worth, in episodes of several turns with
pictures: the same engine, once as it is, and once made to forget before every turn.

An untrained model's replies choose nothing, so that an episode takes all its turns, and every turn
shows a picture. Both ways must lead to the same episodes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from policies.interface import Completion, Conversation, GenerationRequest, PolicyOutput
from policies.scripted import ExpertPolicy
from policies.tiny import TinyConfig
from policies.vlm import VLMPolicy
from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from training.agent import Agent, EngineConfig, make_tiny_agent, words_of
from training.episode import Episode
from training.pool import EpisodeSpec, LocalPool
from training.rollout import collect_episodes
from training.seeding import task_seeds


@dataclass(frozen=True, kw_only=True)
class TurnsJob:
    """Episodes of several turns, as they are played in training.

    Attributes:
        num_groups, group_size: worlds, and episodes in each.
        num_turns: per episode.
        new_tokens: longest reply in tokens; few of an untrained model are shorter.
    """

    num_groups: int = 8
    group_size: int = 8
    num_turns: int = 8
    new_tokens: int = 24

    @property
    def num_episodes(self) -> int:
        """Episodes side by side."""
        return self.num_groups * self.group_size


@dataclass(frozen=True, kw_only=True)
class Played:
    """Episodes and how long they took.

    Attributes:
        episodes: in order.
        seconds: wall time in all.
        generation_seconds: of that, in the engine.
    """

    episodes: list[Episode]
    seconds: float
    generation_seconds: float


def bench_turns(job: TurnsJob, *, rounds: int) -> dict[str, float]:
    """Action tokens per second with and without what is kept from turn to turn, taking turns.

    Raises:
        RuntimeError: where the two do not lead to the same episodes.
    """
    config = AvrEnvConfig(config=replace(nursery_config(), max_turns=job.num_turns))
    pool = LocalPool(lambda: make_env(config), job.num_episodes)
    agent = make_agent(job, pool)
    played: dict[str, list[Played]] = {"kept": [], "anew": []}
    play(agent, pool, job, forget=False)  # warms up
    for _ in range(rounds):
        for name, rounds_so_far in played.items():
            rounds_so_far.append(play(agent, pool, job, forget=name == "anew"))
    check_same(played["kept"][0].episodes, played["anew"][0].episodes)
    pool.close()
    lengths = [len(reply) for e in played["kept"][0].episodes for reply in replies_of(e)]
    figures = {
        "ours.turns_per_episode": len(lengths) / job.num_episodes,
        "ours.tokens_per_reply": float(np.mean(lengths)),
    }
    for name, rounds_of in played.items():
        whole = min(p.seconds for p in rounds_of)
        generation = min(p.generation_seconds for p in rounds_of)
        figures[f"ours.turns_{name}_tokens_per_second"] = sum(lengths) / whole
        figures[f"ours.turns_{name}_generation_tokens_per_second"] = sum(lengths) / generation
    for part in ("", "generation_"):
        kept, anew = (figures[f"ours.turns_{n}_{part}tokens_per_second"] for n in played)
        figures[f"ours.turns_kept_to_anew_{part}ratio"] = kept / anew
    return figures


def make_agent(job: TurnsJob, pool: LocalPool) -> Agent:
    """A new tiny agent that has read what an expert says in a few worlds."""
    engine = EngineConfig(max_batch_size=job.num_episodes, max_new_tokens=job.new_tokens)
    specs = [EpisodeSpec(seed=seed) for seed in task_seeds("imitation", 0, 8)]
    corpus = words_of(collect_episodes(pool, ExpertPolicy(), specs))
    return make_tiny_agent(TinyConfig(initializer_range=0.02), engine, corpus)


def play(agent: Agent, pool: LocalPool, job: TurnsJob, *, forget: bool) -> Played:
    """Play the same episodes, perhaps with an engine that forgets before every turn."""
    policy = TimedPolicy(agent.policy(temperature=1.0), forget=forget)
    specs = [
        EpisodeSpec(seed=seed, sample_index=index)
        for seed in task_seeds("reinforcement", 0, job.num_groups)
        for index in range(job.group_size)
    ]
    start = time.perf_counter()
    episodes = collect_episodes(pool, policy, specs)
    seconds = time.perf_counter() - start
    return Played(episodes=episodes, seconds=seconds, generation_seconds=policy.seconds)


class TimedPolicy:
    """A policy whose engine is timed, and perhaps forgets before every turn.

    Args:
        policy: what acts.
        forget: whether all is forgotten.

    Attributes:
        seconds: wall time in the engine.
    """

    privileged = False

    def __init__(self, policy: VLMPolicy, *, forget: bool) -> None:
        self._policy, self._forget = policy, forget
        self._generate = policy.engine.generate
        policy.engine.generate = self._timed_generate  # type: ignore[method-assign]
        self.seconds = 0.0

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """As the policy does."""
        self._policy.reset(conversation_ids)

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        """As the policy does."""
        return self._policy.act(conversations)

    def _timed_generate(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        start = time.perf_counter()
        if self._forget:
            self._policy.engine.forget([request.cache_key for request in requests])
        completions = self._generate(requests)
        self.seconds += time.perf_counter() - start
        return completions


def replies_of(episode: Episode) -> list[np.ndarray]:
    """The sampled tokens of every turn."""
    replies = [turn.output.reply_ids for turn in episode.turns]
    return [reply for reply in replies if reply is not None]


def check_same(episodes: Sequence[Episode], others: Sequence[Episode]) -> None:
    """Require that all replies are the same, token for token.

    Raises:
        RuntimeError: where they are not, or an episode failed.
    """
    for episode, other in zip(episodes, others, strict=True):
        for failure in (episode.failure, other.failure):
            if failure is not None:
                raise RuntimeError(f"seed {episode.seed} failed: {failure.message}")
        pairs = list(zip(replies_of(episode), replies_of(other), strict=False))
        same = len(episode.turns) == len(other.turns) == len(pairs)
        if not same or not all(np.array_equal(one, two) for one, two in pairs):
            raise RuntimeError(
                f"seed {episode.seed}, member {episode.sample_index}: other replies with keys and "
                "values kept than without"
            )
