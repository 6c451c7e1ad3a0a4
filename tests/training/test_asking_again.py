"""What a policy is told when it is asked again about an episode of the film environment."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from policies.interface import Conversation, PolicyOutput
from tests.training.film_records import film_episode, look
from tests.video.fake_films import choice, number_shown, question_set
from training.annotations import AnnotationTools, annotate
from training.annotations.asking import ANSWER_NOW, FRAMES, SCAN, subtitle_lines
from training.episode import Episode
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from video.spotlight.config import SpotlightConfig
from video.spotlight.env import SpotlightEnv

CAPTIONS = [(0.0, 1.0, "at the start"), (41.0, 43.0, "Turn 1 of 5."), (60.0, 61.0, "unseen")]
LOOKS = ("choose frames between 400 and 440", "choose frames between 420 and 440")
ANSWER = "<think>x</think><answer>B</answer>"


class Looker:
    """Looks twice, then answers; keeps what it was asked besides."""

    privileged = False

    def __init__(self, looks: Sequence[str] = LOOKS) -> None:
        self.looks = looks
        self.asked_again: list[Conversation] = []

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        return [PolicyOutput(text=self._reply(conversation)) for conversation in conversations]

    def _reply(self, conversation: Conversation) -> str:
        if conversation.observations[0].text.endswith(ANSWER_NOW):
            self.asked_again.append(conversation)
            return ANSWER
        turn = len(conversation.observations) - 1
        return f"<think>x</think><action>{self.looks[turn]}</action>" if turn < 2 else ANSWER


def played(looks: Sequence[str] = LOOKS, **settings) -> Episode:
    """An episode that was shown frames 401 to 439 after its scan, and told subtitles."""
    config = SpotlightConfig(subtitles=True, scan_frames=2, frames_per_look=2, **settings)
    questions = question_set(choice(text="Subtitles:\nWhat is it?"), captions=CAPTIONS)
    pool = LocalPool(lambda: SpotlightEnv(config, questions), 1)
    (episode,) = collect_episodes(pool, Looker(looks), [EpisodeSpec(seed=0)])
    pool.close()
    assert episode.failure is None and len(episode.turns) == 3
    return episode


def asked_again(episode: Episode, annotation: str) -> tuple[list[str], list[int]]:
    """The lines of the text, and the frames shown with it."""
    policy = Looker()
    tools = AnnotationTools(greedy_policy=policy, sampling_policy=policy)
    annotate([episode], [annotation], tools)
    assert episode.annotations == {annotation: 1}
    (conversation,) = policy.asked_again
    observation = conversation.observations[0]
    return observation.text.splitlines(), [number_shown(image) for image in observation.images]


def test_from_the_frames_alone_nothing_of_the_scan_is_told() -> None:
    episode = played()
    assert "at the start" in episode.turns[0].text and SCAN in episode.turns[0].text
    lines, frames = asked_again(episode, "causal_sufficiency")
    assert frames == [401, 439, 421, 439]
    assert lines == [
        "You are asked about a film that lasts 1:40 (1000 frames, 10 a second); you see frames of "
        "it. Each reply thinks inside <think></think> and then ends the episode with the answer, "
        "as <answer>LETTER</answer>.",
        "Question: Subtitles:",
        "What is it?",
        "A. red",
        "B. blue",
        "C. green",
        FRAMES,
        "frame 401 [0:40.1]: <image>",
        "frame 439 [0:43.9]: <image>",
        "frame 421 [0:42.1]: <image>",
        "frame 439 [0:43.9]: <image>",
        "Subtitles:",
        "[0:41 - 0:43] Turn 1 of 5.",
        ANSWER_NOW,
    ]


def test_of_all_frames_in_random_order_all_subtitles_are_told_once() -> None:
    lines, frames = asked_again(played(), "shuffled_correct")
    assert sorted(frames) == [0, 401, 421, 439, 439, 999]
    start = lines.index(FRAMES) + 1
    assert lines[start:] == [
        *["<image>"] * 6,
        "Subtitles:",
        "[0:00 - 0:01] at the start",
        "[0:41 - 0:43] Turn 1 of 5.",
        ANSWER_NOW,
    ]


@pytest.mark.parametrize(
    ("settings", "kept", "cut"),
    [
        ({"brief": True}, "1000 frames, 1:40", "Turn 1"),
        ({"frame_budget": 30}, "<answer>LETTER</answer>", "Frames left"),
        ({"ask_evidence": True}, "<evidence>START to END</evidence> (the evidence is", "<action>"),
        ({"contract": "frame_thinker", "verification": "frame_thinker"},
         "Actions:\n3. `output answer: OPTION`: the final answer, one letter.\nSubtitles:\nWhat is",
         "choose frames"),
    ],
)  # fmt: skip
def test_how_to_answer_stays_and_how_to_look_goes(settings: dict, kept: str, cut: str) -> None:
    episode = played(**settings)
    lines, _ = asked_again(episode, "causal_sufficiency")
    text = "\n".join(lines)
    assert kept in text
    assert cut in episode.turns[0].text and cut not in text.replace("[0:41 - 0:43] Turn 1", "")
    assert "at the start" not in text and "unseen" not in text


def test_what_frames_are_called_stays() -> None:
    looks = [f"choose frames between 1 and {number}" for number in (2, 4)]
    shown = {"frame_names": "shown", "verification": "none", "tools": ["choose_frames"]}
    lines, _ = asked_again(played(looks, **shown), "causal_sufficiency")
    assert lines[0].endswith(
        "as <answer>LETTER</answer>. Frames are numbered in the order in which you see them: "
        "1, 2, 3 and so on."
    )
    assert [line.partition(" [")[0] for line in lines if "<image>" in line] == [
        f"frame {number}" for number in (3, 4, 5, 6)
    ]


def test_turns_without_subtitles_or_pictures_tell_none() -> None:
    episode = film_episode(look(12.0), {"kind": "time"}, {})
    assert subtitle_lines(episode.turns) == []
    object.__setattr__(episode.turns[2], "text", "Subtitles:\n[0:00 - 0:01] no picture")
    assert subtitle_lines(episode.turns) == []
