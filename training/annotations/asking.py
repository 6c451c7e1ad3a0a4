"""Asks a policy about an episode once more, in one turn, with pictures of our choice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from policies.interface import (
    IMAGE_MARKER,
    Conversation,
    Observation,
    Policy,
    PolicyOutput,
    UnansweredError,
)
from training.episode import Episode, Failure, Turn

ANSWER_NOW = "Answer now, from these frames alone: no more of them can be asked for."
TAG = re.compile(r"<(answer|action)>([^<]{0,200})</\1>")
LETTER = re.compile(r"[\s(\[]*([A-Za-z])(?:[\s.):\]]|$)")
NO_LETTER = re.compile(r"\s*[AaIi]\s+[a-z]|.*\b[A-Z]\s*(?:/|,|\bor\b|\band\b)\s*[A-Z]\b", re.DOTALL)
"""An article, as in `A dog`, or several letters, as in `A or B`."""
OUTPUT_ANSWER = re.compile(r"\s*output answer:\s*(\S+)")

SUBTITLES = "Subtitles:"
"""The line above the subtitles of a turn, which are a line each, as in `SUBTITLE`."""
SUBTITLE = re.compile(r"\[[\d:.]{1,20} - [\d:.]{1,20}\] ")
SCAN = "Frames of a first scan, spread evenly over the film:"
FRAMES = "Frames of the film:"
TURN = re.compile(r"Turn \d+ of \d+\.")
TOOLS = re.compile(
    r"either asks for one action, as <action>\.\.\.</action>, or (?P<ours>.*) Actions:(?:\n- .*)+"
    r"|(?<=Actions:)\n1\. `choose frames .*\n2\. `get frame number .*"
)
"""What the two contracts of the film environment say of looking: what is kept of it is `ours`."""


def question_with(episode: Episode, lines: Sequence[str], images: Sequence[np.ndarray]) -> str:
    """The text of the first turn with other pictures in the place of its own, and nothing in it of
    the subtitles of its own, of looking at more, or of turns.

    Args:
        episode: at least one turn.
        lines: those that show the pictures, with one marker for each, and what else is to stand
            there; used where the first turn has markers too. Where it has none, pictures stand
            before the text anyhow.
        images: the pictures.

    Raises:
        ValueError: where there is not one marker per picture.
    """
    shown = sum(line.count(IMAGE_MARKER) for line in lines)
    if shown != len(images):
        raise ValueError(f"{shown} picture markers for {len(images)} pictures")
    first = TOOLS.sub(_kept_of_tools, episode.turns[0].text, count=1).splitlines()
    own = [index for index, line in enumerate(first) if IMAGE_MARKER in line]
    if not own:
        return "\n".join([*first, ANSWER_NOW])
    before = [line if line != SCAN else FRAMES for line in first[: own[0]]]
    after = [line for line in first[own[0] :] if IMAGE_MARKER not in line]
    after = [line for line in _split_subtitles(after)[1] if not TURN.match(line)]
    return "\n".join([*before, *lines, *after, ANSWER_NOW])


def picture_lines(turns: Sequence[Turn]) -> list[str]:
    """The lines of the turns that show pictures, such as `frame 120 [0:12]: <image>`; bare markers
    where the turns do not have one marker per picture.
    """
    lines = [ln for turn in turns for ln in turn.text.splitlines() if IMAGE_MARKER in ln]
    num_images = sum(len(turn.image_pngs) for turn in turns)
    as_shown = sum(line.count(IMAGE_MARKER) for line in lines) == num_images
    return lines if as_shown else [IMAGE_MARKER] * num_images


def subtitle_lines(turns: Sequence[Turn]) -> list[str]:
    """The subtitles that the turns show with their pictures, each once, under their heading; none
    where they show none.
    """
    found: dict[str, None] = {}
    for turn in turns:
        lines = turn.text.splitlines()
        own = [index for index, line in enumerate(lines) if IMAGE_MARKER in line]
        found |= dict.fromkeys(_split_subtitles(lines[own[-1] + 1 :])[0] if own else [])
    return [SUBTITLES, *found] if found else []


def ask(
    policy: Policy,
    observations: Sequence[tuple[Episode, Observation]],
    *,
    purpose: str,
    sampling_seed: int = 0,
) -> list[str | None]:
    """One reply to each observation, all asked in one batch.

    Args:
        policy: no privileged one.
        observations: what is asked on behalf of which episode.
        purpose: names the asking; other purposes get other sampling noise.
        sampling_seed: the run's seed of the sampling noise.

    Returns:
        Texts, in order; None for an episode that got none. Such an episode is marked as failed at
        the stage "reward".

    Raises:
        ValueError: for a privileged policy, which is told the truth.
    """
    if policy.privileged:
        raise ValueError(f"annotation {purpose!r} asks a learned policy; a privileged one cheats")
    conversations = [
        Conversation(
            conversation_id=f"{episode.task_id}/{episode.sample_index}/{purpose}/{order}",
            task_id=f"{episode.task_id}/{purpose}",
            sample_index=episode.sample_index,
            sampling_seed=sampling_seed,
            observations=[observation],
        )
        for order, (episode, observation) in enumerate(observations)
    ]
    outcomes = _outcomes(policy, conversations)
    replies: list[str | None] = []
    for (episode, _), outcome in zip(observations, outcomes, strict=True):
        if isinstance(outcome, Exception):
            fail(episode, purpose, outcome)
        replies.append(outcome.text or "" if isinstance(outcome, PolicyOutput) else None)
    return replies


def fail(episode: Episode, annotation: str, error: Exception) -> None:
    """Mark an episode that could not be annotated as failed: it is counted, and left out."""
    message = f"annotation {annotation!r}: {type(error).__name__}: {error}"
    episode.failure = Failure(stage="reward", message=message)


def answered_letter(reply: str, options: Mapping[str, str]) -> str | None:
    """The option that a reply answers with, read as tolerantly as the environments read answers, so
    that both halves of a reward go by one standard: the last closed tag after the thinking counts,
    `<answer>(b) red</answer>` and `<answer>red</answer>` name "B", and so does
    `<action>output answer: B</action>`. None where it does anything else.

    Args:
        reply: any text.
        options: letter -> text.
    """
    tags = TAG.findall(reply.rpartition("</think>")[2])
    kind, words = tags[-1] if tags else ("", "")
    if kind == "action":
        output = OUTPUT_ANSWER.match(words)
        return output.group(1) if output and output.group(1) in options else None
    written = words.strip().casefold()
    named = [key for key, text in options.items() if text.casefold() == written]
    if len(written) > 1 and len(named) == 1:
        return named[0]
    found = LETTER.match(words)
    letter = found.group(1).upper() if found else ""
    if letter not in options or (NO_LETTER.match(words) and not _adds(words, options[letter])):
        return None
    return letter


def _kept_of_tools(found: re.Match[str]) -> str:
    return found.group("ours") or ""


def _split_subtitles(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The subtitles among lines, without their heading, and all other lines."""
    if SUBTITLES not in lines:
        return [], list(lines)
    start = stop = list(lines).index(SUBTITLES) + 1
    while stop < len(lines) and SUBTITLE.match(lines[stop]):
        stop += 1
    return list(lines[start:stop]), [*lines[: start - 1], *lines[stop:]]


def _adds(words: str, option: str) -> bool:
    """Whether an option's own text follows its letter."""
    return words.strip()[1:].strip(" .):]").casefold() == option.strip(" .").casefold()


def _outcomes(
    policy: Policy, conversations: Sequence[Conversation]
) -> Sequence[PolicyOutput | Exception]:
    if not conversations:
        return []
    try:
        return policy.act(conversations)
    except UnansweredError as error:
        return error.outcomes
    except Exception as error:  # a broken policy is a record, not a crash
        return [error] * len(conversations)
    finally:
        policy.reset([conversation.conversation_id for conversation in conversations])
