"""Passes that ask the policy again: from the frames it looked at alone, and from shuffled ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policies.interface import IMAGE_MARKER, Observation, Policy
from training.annotations.asking import (
    answered_letter,
    ask,
    picture_lines,
    question_with,
    subtitle_lines,
)
from training.episode import Episode

SHUFFLING = 0x5F1E
"""Keeps the shuffling apart from other draws of the same seeds."""


def annotate_sufficiency(episodes: Sequence[Episode], policy: Policy) -> None:
    """Fill in `causal_sufficiency`: 1 where the policy answers rightly from the frames alone that
    the episode looked at after the scan, with the subtitles shown beside them, else 0 (REVISOR,
    arXiv 2511.13026).

    0 too where it looked at none, and where the answer is a stretch of film, which a few frames
    without the film cannot tell.

    Args:
        episodes: played; at least one turn each.
        policy: greedy (the paper: temperature 0), as it is asked once.
    """
    asked = []
    for episode in episodes:
        looked = episode.turns[1:]
        images = tuple(image for turn in looked for image in turn.images())
        if images and _gold(episode) is not None:
            lines = [*picture_lines(looked), *subtitle_lines(looked)]
            text = question_with(episode, lines, images)
            asked.append((episode, Observation(text=text, images=images)))
        else:
            episode.annotations["causal_sufficiency"] = 0
    _grade(asked, ask(policy, asked, purpose="causal_sufficiency"), "causal_sufficiency")


def annotate_shuffled(
    episodes: Sequence[Episode], policy: Policy, *, sampling_seed: int = 0
) -> None:
    """Fill in `shuffled_correct`: 1 where the policy answers rightly from all frames of the episode
    in random order, without their numbers, else 0.

    For episodes of one turn this is the second group of T-GRPO (Video-R1). In longer ones it asks
    in one turn what the episode asked in several: ours.

    Args:
        episodes: played; at least one turn each.
        policy: samples as the rollouts do.
        sampling_seed: decides the order, with each episode's seed and sample index.
    """
    asked = []
    for episode in episodes:
        images = [image for turn in episode.turns for image in turn.images()]
        if images and _gold(episode) is not None:
            keys = (SHUFFLING, sampling_seed, episode.seed, episode.sample_index)
            order = np.random.default_rng(keys).permutation(len(images))
            shuffled = tuple(images[index] for index in order)
            lines = [IMAGE_MARKER] * len(images) + subtitle_lines(episode.turns)
            text = question_with(episode, lines, shuffled)
            asked.append((episode, Observation(text=text, images=shuffled)))
        else:
            episode.annotations["shuffled_correct"] = 0
    replies = ask(policy, asked, purpose="shuffled_correct", sampling_seed=sampling_seed)
    _grade(asked, replies, "shuffled_correct")


def _grade(
    asked: Sequence[tuple[Episode, Observation]], replies: Sequence[str | None], name: str
) -> None:
    for (episode, _), reply in zip(asked, replies, strict=True):
        if reply is not None:
            letter = answered_letter(reply, episode.turns[0].options)
            episode.annotations[name] = int(letter == _gold(episode))


def _gold(episode: Episode) -> str | None:
    """Letter of the right option, or None where there are no options.

    Raises:
        ValueError: where the truth does not tell.
    """
    initial = {} if episode.truth is None else episode.truth.initial
    if "gold_letter" not in initial:
        raise ValueError(
            f"the truth of episode {episode.episode_id} has no 'gold_letter'; its environment is "
            f"{episode.env_id}"
        )
    return initial["gold_letter"]
