"""Evaluation on held-out worlds, and its main numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.interface import Conversation, Policy
from policies.replies import list_options
from training import avr_metrics
from training.avr_metrics import Cell, Row
from training.checks import check_at_least, check_share
from training.episode import Episode, Failure, is_robots
from training.pool import Pool
from training.rewards.compose import RewardConfig, reward_group
from training.rewards.terms import REWARD_TERMS
from training.rewards.video_terms import frames_used
from training.rollout import EpisodeSpec, OnEpisode, check_failures, collect_episodes
from training.seeding import check_held_out
from training.statistics import mean_stderr


@dataclass(kw_only=True)
class EvaluationConfig:
    """How policies are evaluated.

    Attributes:
        num_episodes: held-out episodes, at least 2.
        purpose: "test" or "validation": which seeds.
        temperature: of sampling; 0 takes the likeliest token.
        max_failed_share: the evaluation stops when more than this share of episodes failed, in [0,
            1].
        terms: reward terms that are tabulated beside the other metrics -> the per-episode term that
            marks, where it is above 0.5, the episodes that they count in; None for all. Terms per
            turn are summed over the episode. None may read annotations.
    """

    num_episodes: int = 300
    purpose: str = "test"
    temperature: float = 0.0
    max_failed_share: float = 0.02
    terms: dict[str, str | None] = field(default_factory=dict)

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "evaluation", num_episodes=2)
        for name, mark in self.terms.items():
            for used in (name, mark):
                if used is not None and used not in REWARD_TERMS:
                    raise ValueError(
                        f"evaluation.terms has {used!r}; legal: {', '.join(sorted(REWARD_TERMS))}"
                    )
        check_share(self, "evaluation", "max_failed_share")
        if self.purpose not in ("test", "validation"):
            raise ValueError(f"evaluation.purpose is {self.purpose!r}; legal: test, validation")
        if not self.temperature >= 0:
            raise ValueError(f"evaluation.temperature is {self.temperature}; it must be 0 or more")


def evaluate(
    pool: Pool,
    policy: Policy,
    seeds: Sequence[int],
    *,
    sampling_seed: int = 0,
    max_failed_share: float = 0.02,
    on_episode: OnEpisode | None = None,
) -> list[Episode]:
    """One episode per held-out seed; see `evaluate_specs`."""
    return evaluate_specs(
        pool,
        policy,
        [EpisodeSpec(seed=seed) for seed in seeds],
        sampling_seed=sampling_seed,
        max_failed_share=max_failed_share,
        on_episode=on_episode,
    )


def evaluate_specs(
    pool: Pool,
    policy: Policy,
    specs: Sequence[EpisodeSpec],
    *,
    done: Mapping[int, Episode] | None = None,
    sampling_seed: int = 0,
    max_failed_share: float = 0.02,
    on_episode: OnEpisode | None = None,
    excuses: Callable[[Failure], bool] = lambda failure: False,
) -> list[Episode]:
    """One episode per spec, in their order.

    Args:
        pool: where the environments come from.
        policy: who is evaluated.
        specs: held-out worlds, no seed twice.
        done: seed -> episode, of those that were played before and are not played again.
        sampling_seed: the run's seed of the policy's sampling noise.
        max_failed_share: the evaluation stops as soon as more than this share of all specs failed.
        on_episode: called with every episode that is played, as it finishes.
        excuses: whether a failure says nothing about policy and environment, and so does not count
            as one that may stop the evaluation, such as a user's film that cannot be read.

    Raises:
        ValueError: where a seed is a training seed, or comes twice.
        TooManyFailuresError: where too many episodes failed.
    """
    seeds = [spec.seed for spec in specs]
    check_held_out(seeds)
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed comes twice among the worlds to evaluate on")
    episodes = {seed: done[seed] for seed in seeds if done and seed in done}
    failed: list[Episode] = []

    def take(episode: Episode) -> None:
        episodes[episode.seed] = episode
        if on_episode is not None:
            on_episode(episode)
        if episode.failure is not None and not excuses(episode.failure):
            failed.append(episode)
            check_failures(failed, max_failed_share, num_planned=len(specs))

    waiting = [spec for spec in specs if spec.seed not in episodes]
    collect_episodes(pool, policy, waiting, sampling_seed=sampling_seed, on_episode=take)
    return [episodes[seed] for seed in seeds]


def summarise(
    episodes: Sequence[Episode],
    reward: RewardConfig | None,
    terms: Mapping[str, str | None] | None = None,
) -> Row:
    """A table row: metric -> mean, standard error and n; see `training.avr_metrics`.

    `turns` and `acc_fa` always, the latter under the name `success` for robots; `reward` where one
    is given; `acc_isj` and `igr` where the worlds say what suffices; `frames` where they are films;
    and what `EvaluationConfig.terms` asks for. Failed episodes are left out.
    """
    whole = [episode for episode in episodes if episode.failure is None]
    if not whole:
        return {}
    cells: dict[str, Cell | None] = {
        "success" if all(map(is_robots, whole)) else "acc_fa": avr_metrics.acc_fa(whole),
        "turns": avr_metrics.turns(whole),
    }
    if reward is not None:
        rewards = [float(reward_group([episode], reward).total[0]) for episode in whole]
        cells["reward"] = mean_stderr(rewards)
    judged = [episode for episode in whole if _initial(episode).get("sufficient") is not None]
    cells |= {"acc_isj": avr_metrics.acc_isj(judged), "igr": avr_metrics.igr(judged)}
    films = [episode for episode in whole if "num_frames_used" in _initial(episode)]
    if films:
        cells["frames"] = mean_stderr(frames_used(films).tolist())
    cells |= {name: _mean_of_term(name, mark, whole) for name, mark in (terms or {}).items()}
    return {name: cell for name, cell in cells.items() if cell is not None}


def term_per_episode(name: str, episodes: Sequence[Episode]) -> np.ndarray:
    """A reward term's value for each episode, (N,); one per turn is summed over the episode."""
    values = REWARD_TERMS[name](episodes)
    return values if isinstance(values, np.ndarray) else np.array([v.sum() for v in values])


def _mean_of_term(name: str, mark: str | None, episodes: Sequence[Episode]) -> Cell | None:
    """Over the marked episodes; None where there are none."""
    marked = [True] * len(episodes) if mark is None else term_per_episode(mark, episodes) > 0.5
    chosen = [episode for episode, is_marked in zip(episodes, marked, strict=True) if is_marked]
    return mean_stderr(term_per_episode(name, chosen)) if chosen else None


def _initial(episode: Episode) -> dict:
    return {} if episode.truth is None else episode.truth.initial


def fit_best_constant(episodes: Sequence[Episode]) -> Callable[[Conversation], str]:
    """The best policy that never looks and never acts: for each list of answers, its commonest true
    one.

    Args:
        episodes: any, on training seeds; only their options and true answers are read.

    Returns:
        Conversation -> reply, for `policies.scripted.ConstantPolicy`.

    Raises:
        ValueError: where an episode offers no lettered options.
    """
    counts: dict[frozenset[str], Counter[str]] = defaultdict(Counter)
    for episode in episodes:
        options = episode.turns[0].options
        if not options:
            raise ValueError(
                f"{episode.env_id} offers no lettered options, and a constant policy needs them: "
                "set env.config.action_form=lettered"
            )
        counts[_answers(options)][options[_initial(episode)["gold_letter"]]] += 1
    best = {key: counter.most_common(1)[0][0] for key, counter in counts.items()}

    def choose(conversation: Conversation) -> str:
        options = list_options(conversation.observations[0].text)
        answers = _answers(options)
        wanted = best.get(answers) or sorted(answers)[0]
        letter = next(key for key, text in options.items() if text == wanted)
        return f"<think></think><answer>{letter}</answer>"

    return choose


def _answers(options: dict[str, str]) -> frozenset[str]:
    """The options that are answers: actions open with a bracket."""
    return frozenset(text for text in options.values() if not text.startswith("["))
