"""Reinforcement: Group Relative Policy Optimization over whole episodes.

The loop reads like the sentence in the design: collect groups, score them, turn scores into
advantages, take an optimizer step, hand the new weights to the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from torch import nn

from policies.interface import Sample
from policies.vlm import VLMPolicy
from training.advantages import SCALES, has_signal, most_varied, spread_over_tokens, turn_advantages
from training.agent import Agent, EngineConfig
from training.annotations import AnnotationTools, SemanticScorer, annotate, annotations_needed
from training.asynchrony import (
    BatchesAhead,
    check_same_batches,
    check_version,
    staleness_metrics,
)
from training.batching import ValueTargets
from training.checks import check_at_least, check_share
from training.critic import EpisodeCredit, credit_turns
from training.critic_config import CriticConfig
from training.episode import Episode
from training.learner import Learner
from training.learner_config import LearnerConfig
from training.losses import PolicyLossConfig
from training.pool import Pool
from training.ranks import Ranks
from training.reference import Reference
from training.rewards.compose import RewardConfig, reward_group
from training.rollout import EpisodeSpec, check_failures, collect_episodes
from training.rollout_config import RolloutConfig
from training.scored_groups import ScoredGroup, measure_groups, rescale_families
from training.scoring import rescore
from training.seeding import task_seeds

OnStep = Callable[[int, dict[str, float]], None]


@dataclass(kw_only=True)
class GrpoConfig:
    """Group Relative Policy Optimization (arXiv 2402.03300), with refill of groups without signal
    (DAPO's dynamic sampling, arXiv 2503.14476), max-variance down-sampling of the members that
    are trained on (PODS, arXiv 2504.13818) and optional credit per turn. With `learner.critic` it
    is PPO: the critic's values take the place of the group.

    Attributes:
        num_steps: optimizer steps, at least 0.
        groups_per_step: groups with signal in one step's batch, at least 1.
        group_size: episodes of one seed, at least 2; 1 will do with a critic.
        train_size: most members of each group that are trained on, at least 2: those whose rewards
            vary most. None trains on all. Collecting is cheaper than learning, so more members than
            are trained on buy contrast.
        refill_rounds: how many times at most groups whose members all earned the same are replaced
            by groups of new seeds, 0 or more.
        temperature: of sampling, above 0.
        outcome_weight: weight of the episode's outcome in the advantage.
        turn_weight: weight of the reward of each turn, compared within the group at the same turn;
            0 adds per-turn rewards to the outcome instead.
        advantage_scale: "std" divides by the group's standard deviation, "none" does not (Dr.
            GRPO), "leave_one_out" compares with the mean of the other members (RLOO), and
            "accepted" imitates the members that earned more than 0 (rejection sampling).
        rescale_families: whether, in a mixture of environments, the advantages of each family are
            divided by their standard deviation over the step, so that no family's rewards weigh
            more because they spread more.
        max_failed_share: the run stops when more than this share of a step's episodes failed, in
            [0, 1].
        loss: the surrogate.
        learner: how the optimizer steps; an experiment sets its temperature to the one above.
    """

    num_steps: int = 50
    groups_per_step: int = 8
    group_size: int = 8
    train_size: int | None = None
    refill_rounds: int = 1
    temperature: float = 1.0
    outcome_weight: float = 1.0
    turn_weight: float = 0.0
    advantage_scale: str = "std"
    rescale_families: bool = False
    max_failed_share: float = 0.05
    loss: PolicyLossConfig = field(default_factory=PolicyLossConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "algorithm", num_steps=0, groups_per_step=1)
        check_at_least(self, "algorithm", group_size=self.fewest_members)
        check_at_least(self, "algorithm", refill_rounds=0)
        check_share(self, "algorithm", "max_failed_share")
        if self.train_size is not None:
            check_at_least(self, "algorithm", train_size=2)
            if self.learner.critic is not None:
                raise ValueError(
                    f"algorithm.train_size is {self.train_size}; with learner.critic set, all "
                    "members are trained on: legal: null"
                )
        if not self.temperature > 0:
            raise ValueError(f"algorithm.temperature is {self.temperature}; it must be above 0")
        if self.advantage_scale not in SCALES:
            raise ValueError(
                f"algorithm.advantage_scale is {self.advantage_scale!r}; legal: {', '.join(SCALES)}"
            )
        self.loss.check("algorithm.loss.")
        self.learner.check("algorithm.learner.")

    @property
    def fewest_members(self) -> int:
        """Of a group that can be learned from."""
        return 1 if self.learner.critic is not None else 2


def reinforce(
    agent: Agent,
    learner: Learner,
    pool: Pool,
    config: GrpoConfig,
    reward: RewardConfig,
    *,
    first_step: int,
    run_seed: int,
    on_step: OnStep,
    reference: nn.Module | Reference | None = None,
    scorer: SemanticScorer | None = None,
    rollout: RolloutConfig | None = None,
) -> None:
    """Train by reinforcement from `first_step` up to `config.num_steps`.

    Everything a step does follows from the weights, the optimizer and the step's number, so a
    resumed run is the uninterrupted one. Where collecting runs ahead, what was collected ahead is
    lost with the process, and collected again with the newer weights.

    Args:
        agent: acts.
        learner: learns; shares the agent's model.
        pool: where the worlds come from.
        config: settings.
        reward: what is rewarded.
        first_step: steps already taken.
        run_seed: decides the sampling noise.
        on_step: called after every step with the number of steps taken and the step's metrics.
        reference: frozen model that the KL is measured to; needed when `loss.kl_weight` is not 0.
        scorer: compares thoughts with pictures; needed when the reward does.
        rollout: how far collecting runs ahead of learning; None for not at all.

    Raises:
        ValueError: where ranks cannot share the batch, collecting cannot run ahead as it is asked
            to, or the engine does not take the learner's weights.
    """
    rollout = rollout or RolloutConfig()
    _check_ranks(learner.ranks, agent.engine_config, config, rollout)
    policy = agent.policy(temperature=config.temperature)
    tools = _annotation_tools(agent, policy, scorer, run_seed)
    collect = partial(collect_groups, pool, policy, config, reward, run_seed=run_seed)
    collect = partial(collect, tools=tools, share=learner.ranks.sharing)
    # A resumed learner's weights are of another version than an engine's that has just started.
    policy.engine.update_weights(agent.weights_source, learner.weights_version)
    check_version(policy.engine.weights_version, learner.weights_version)
    shares = agent.engine_config.shares_weights
    with BatchesAhead(
        lambda step: collect(step=step), rollout, num_steps=config.num_steps, shares_weights=shares
    ) as batches:
        for step in range(first_step, config.num_steps):
            groups, metrics = batches.take(step)
            held = learner.weights_version
            if rollout.steps_ahead:
                metrics |= staleness_metrics([e for g in groups for e in g.episodes], held)
            metrics |= improve_on(groups, agent, learner, config, reference)
            if learner.weights_version != held:
                batches.settle()
                policy.engine.update_weights(agent.weights_source, learner.weights_version)
            on_step(step + 1, metrics)


def _annotation_tools(
    agent: Agent, policy: VLMPolicy, scorer: SemanticScorer | None, run_seed: int
) -> AnnotationTools:
    return AnnotationTools(
        greedy_policy=agent.policy(temperature=0.0),
        sampling_policy=policy,
        scorer=scorer,
        sampling_seed=run_seed,
    )


def _check_ranks(
    ranks: Ranks, engine: EngineConfig, config: GrpoConfig, rollout: RolloutConfig
) -> None:
    """Raise `ValueError` where processes that learn together cannot share a batch."""
    ranks.check_batch("algorithm.groups_per_step", config.groups_per_step)
    check_same_batches(
        num_ranks=ranks.num_ranks,
        is_whole=ranks.sharing == (0, 1),
        repeats=engine.deterministic or (engine.shares_weights and rollout.kind == "local"),
    )


def improve_on(
    groups: list[ScoredGroup],
    agent: Agent,
    learner: Learner,
    config: GrpoConfig,
    reference: nn.Module | Reference | None,
) -> dict[str, float]:
    """Learn from one step's groups. Returns the learner's metrics; without samples it learns
    nothing, and stays at its version.
    """
    metrics: dict[str, float] = {}
    critic, values = config.learner.critic, None
    if critic is None:
        samples, token_advantages = token_batch(agent, groups)
    else:
        samples, token_advantages, values, metrics = valued_batch(agent, learner, groups, critic)
    if not learner.ranks.batch_size(len(samples)):
        return metrics
    return metrics | learner.improve(
        samples,
        token_advantages,
        loss=config.loss,
        ref_logprobs=_reference_logprobs(agent, config, reference, samples),
        values=values,
    )


def collect_groups(
    pool: Pool,
    policy: VLMPolicy,
    config: GrpoConfig,
    reward: RewardConfig,
    *,
    step: int,
    run_seed: int,
    tools: AnnotationTools | None = None,
    share: tuple[int, int] = (0, 1),
) -> tuple[list[ScoredGroup], dict[str, float]]:
    """Groups with signal for one step, and metrics over everything that was collected for it.

    `tools` are those of the annotations that the reward reads; None where it reads none. `share` is
    (i, n): every n-th seed from the i-th on, where n processes collect a batch together.
    """
    first, num_shares = share
    wanted = len(range(first, config.groups_per_step, num_shares))
    kept: list[ScoredGroup] = []
    tried: list[ScoredGroup] = []
    num_failed, size = 0, config.group_size
    for seeds in _seed_rounds(config, step):
        missing = seeds[first::num_shares][: wanted - len(kept)]
        specs = [EpisodeSpec(seed=s, sample_index=i) for s in missing for i in range(size)]
        episodes = collect_episodes(pool, policy, specs, sampling_seed=run_seed)
        annotate(episodes, annotations_needed(reward), tools or AnnotationTools())
        num_failed += check_failures(episodes, config.max_failed_share)
        groups = [episodes[i : i + size] for i in range(0, len(episodes), size)]
        scored = [group for group in (score_group(g, config, reward) for g in groups) if group]
        tried += scored
        kept += [g for g in scored if config.learner.critic or has_signal(g.advantages)]
        if len(kept) == wanted:
            break
    metrics = measure_groups(tried, kept) | {"num_failed": float(num_failed)}
    return rescale_families(kept) if config.rescale_families else kept, metrics


def score_group(
    group: list[Episode], config: GrpoConfig, reward: RewardConfig
) -> ScoredGroup | None:
    """Rewards and advantages of a group; failed members are left out. None with too few members
    to learn from: fewer than two, or with a critic none.
    """
    whole = [episode for episode in group if episode.failure is None]
    if len(whole) < config.fewest_members:
        return None
    reward_of_all = reward_group(whole, reward)
    members = most_varied(reward_of_all.total, config.train_size or len(whole))
    earned = reward_of_all.take(members)
    advantages = turn_advantages(
        earned.outcome if config.turn_weight else earned.total,
        earned.turns,
        outcome_weight=config.outcome_weight,
        turn_weight=config.turn_weight,
        scale=config.advantage_scale,
    )
    return ScoredGroup(
        collected=whole,
        reward=reward_of_all,
        episodes=[whole[i] for i in members],
        advantages=advantages,
    )


def token_batch(agent: Agent, groups: list[ScoredGroup]) -> tuple[list[Sample], list[np.ndarray]]:
    """Samples and their per-token advantages."""
    samples: list[Sample] = []
    token_advantages: list[np.ndarray] = []
    for group in groups:
        for episode, advantages in zip(group.episodes, group.advantages, strict=True):
            for sample in agent.samples(episode):
                samples.append(sample)
                token_advantages.append(spread_over_tokens(advantages, sample.turn_index))
    return samples, token_advantages


def valued_batch(
    agent: Agent, learner: Learner, groups: list[ScoredGroup], critic: CriticConfig
) -> tuple[list[Sample], list[np.ndarray], list[ValueTargets], dict[str, float]]:
    """Samples, per-token advantages and value targets by the critic, and metrics of it."""
    episodes = []
    for group in groups:
        for episode, outcome, turns in zip(
            group.episodes, group.reward.outcome, group.reward.turns, strict=True
        ):
            rewards = turns.copy()
            if len(rewards):
                rewards[-1] += outcome
            episodes.append(EpisodeCredit(rewards=rewards, samples=agent.samples(episode)))
    samples = [sample for episode in episodes for sample in episode.samples]
    return samples, *credit_turns(episodes, learner.values, critic)


def _reference_logprobs(
    agent: Agent,
    config: GrpoConfig,
    reference: nn.Module | Reference | None,
    samples: list[Sample],
) -> list[np.ndarray] | None:
    if not config.loss.kl_weight:
        return None
    if reference is None:
        raise ValueError(f"algorithm.loss.kl_weight is {config.loss.kl_weight} without a reference")
    if isinstance(reference, Reference):
        return reference.rescore(samples)
    return rescore(
        reference, samples, collate=agent.chat.collate, score=agent.score, config=config.learner
    )


def _seed_rounds(config: GrpoConfig, step: int) -> Iterator[list[int]]:
    """Fresh seeds for the first try and each refill of a step."""
    rounds = 1 + config.refill_rounds
    for number in range(rounds):
        start = (step * rounds + number) * config.groups_per_step
        yield task_seeds("reinforcement", start, config.groups_per_step)
