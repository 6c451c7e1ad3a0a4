"""Evaluation on held-out worlds: CLEVR-AVR's three metrics, turns and reward, each with a
standard error.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from policies.interface import Conversation, Policy
from policies.replies import list_options
from training.checks import check_at_least, check_share
from training.episode import Episode
from training.rewards.compose import RewardConfig, reward_group
from training.rollout import EpisodeSpec, LocalPool, OnEpisode, check_failures, collect_episodes
from training.seeding import check_held_out
from training.statistics import mean_stderr

Row = dict[str, dict[str, float | int | None]]


@dataclass(kw_only=True)
class EvaluationConfig:
    """How policies are evaluated.

    Attributes:
        num_episodes: held-out episodes, at least 2.
        purpose: "test" or "validation": which seeds.
        temperature: of sampling; 0 takes the likeliest token.
        max_failed_share: the evaluation stops when more than this share of episodes failed, in [0,
            1].
    """

    num_episodes: int = 300
    purpose: str = "test"
    temperature: float = 0.0
    max_failed_share: float = 0.02

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        check_at_least(self, "evaluation", num_episodes=2)
        check_share(self, "evaluation", "max_failed_share")
        if self.purpose not in ("test", "validation"):
            raise ValueError(f"evaluation.purpose is {self.purpose!r}; legal: test, validation")
        if not self.temperature >= 0:
            raise ValueError(f"evaluation.temperature is {self.temperature}; it must be 0 or more")


def evaluate(
    pool: LocalPool,
    policy: Policy,
    seeds: Sequence[int],
    *,
    sampling_seed: int = 0,
    max_failed_share: float = 0.02,
    on_episode: OnEpisode | None = None,
) -> list[Episode]:
    """One episode per held-out seed.

    Raises:
        ValueError: where a seed is a training seed.
        TooManyFailuresError: where too many episodes failed.
    """
    check_held_out(list(seeds))
    specs = [EpisodeSpec(seed=seed) for seed in seeds]
    episodes = collect_episodes(
        pool, policy, specs, sampling_seed=sampling_seed, on_episode=on_episode
    )
    check_failures(episodes, max_failed_share)
    return episodes


def summarise(episodes: Sequence[Episode], reward: RewardConfig) -> Row:
    """A table row: metric -> mean, standard error and n.

    `acc_fa`: share of right final answers. `acc_isj`: share of episodes whose first reply judged
        rightly
    whether the first view suffices (an action if it does not, an answer if it does; a reply that
    chose nothing is wrong). `igr`: of all decisions to be made about looking (every action, and
    every answer or void reply given while what was seen did not suffice), the share that gained
    information; n counts those decisions. All three as in CLEVR-AVR (arXiv 2510.21111); the
    denominator of `igr` is our reading.
    """
    whole = [episode for episode in episodes if episode.failure is None]
    values: dict[str, list[float]] = {
        "acc_fa": [float(episode.success) for episode in whole],
        "turns": [float(len(episode.turns)) for episode in whole],
        "reward": [float(reward_group([episode], reward).total[0]) for episode in whole],
    }
    judged = [episode for episode in whole if "sufficient" in _initial(episode)]
    if judged:
        values["acc_isj"] = [float(_judged_rightly(episode)) for episode in judged]
        values["igr"] = [gain for episode in judged for gain in _look_decisions(episode)]
    return {name: mean_stderr(numbers) for name, numbers in values.items() if numbers}


def _initial(episode: Episode) -> dict:
    return {} if episode.truth is None else episode.truth.initial


def _judged_rightly(episode: Episode) -> bool:
    wanted = "answer" if _initial(episode)["sufficient"] else "action"
    assert episode.truth is not None
    return episode.truth.turns[0]["kind"] == wanted


def _look_decisions(episode: Episode) -> list[float]:
    assert episode.truth is not None
    return [
        float(turn["gained"])
        for turn in episode.truth.turns
        if turn["kind"] == "action" or not turn["sufficient"]
    ]


def fit_best_constant(episodes: Sequence[Episode]) -> Callable[[Conversation], str]:
    """The best policy that never looks and never acts: for each list of answers, its commonest true
    one.

    Args:
        episodes: any, on training seeds; only their options and true answers are read.

    Returns:
        Conversation -> reply, for `policies.scripted.ConstantPolicy`.
    """
    counts: dict[frozenset[str], Counter[str]] = defaultdict(Counter)
    for episode in episodes:
        options = episode.turns[0].options
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
