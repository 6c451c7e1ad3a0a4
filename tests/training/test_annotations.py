"""Annotation passes: what the policy is asked and shown, and what is written into the episode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from policies.interface import Conversation, PolicyOutput, UnansweredError
from policies.scripted import ConstantPolicy, ExpertPolicy
from tests.training.film_records import ANSWER, LOOK, film_episode, load_preset, look
from training.annotations import (
    ANNOTATION_PASSES,
    AnnotationTools,
    annotate,
    annotations_needed,
)
from training.annotations.asking import answered_letter, picture_lines, question_with
from training.annotations.semantics import EmbeddingScorer, described
from training.episode import Episode, load_episode, save_episode
from training.rewards.annotation_terms import ANNOTATIONS
from training.rewards.compose import RewardConfig, RewardTermConfig, reward_group


class Recorder:
    """Answers as it is told to, and remembers what it was asked."""

    privileged = False

    def __init__(self, reply: Callable[[Conversation], str]) -> None:
        self.reply = reply
        self.asked: list[Conversation] = []
        self.alive: set[str] = set()

    def reset(self, conversation_ids: Sequence[str]) -> None:
        self.alive -= set(conversation_ids)

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        self.asked += conversations
        self.alive |= {conversation.conversation_id for conversation in conversations}
        return [PolicyOutput(text=self.reply(conversation)) for conversation in conversations]


def greys(conversation: Conversation) -> list[int]:
    """The value of each picture, which is the number of its frame."""
    return [int(image[0, 0, 0]) for image in conversation.observations[0].images]


def right_if_seen(conversation: Conversation, *, frame: int) -> str:
    """The right answer where one picture is there, a wrong one elsewhere."""
    letter = "A" if frame in greys(conversation) else "B"
    return f"<think>x</think><answer>{letter}</answer>"


def sufficiency(*episodes: Episode, frame: int = 130) -> Recorder:
    policy = Recorder(partial(right_if_seen, frame=frame))
    annotate(episodes, ["causal_sufficiency"], AnnotationTools(greedy_policy=policy))
    return policy


def test_sufficiency_is_asked_with_the_frames_looked_at_and_no_others() -> None:
    found = film_episode(look(12.0, 13.0), look(5.0), {})
    missed = film_episode(look(12.0), {}, sample_index=1)
    policy = sufficiency(found, missed)
    assert [greys(conversation) for conversation in policy.asked] == [[120, 130, 50], [120]]
    assert found.annotations == {"causal_sufficiency": 1}
    assert missed.annotations == {"causal_sufficiency": 0}
    assert policy.asked[0].observations[0].text == (
        "Which colour is the cup?\nA. red\nB. blue\nThe film lasts 1:40.\n"
        "frame 120 [12.0]: <image>\nframe 130 [13.0]: <image>\nframe 50 [5.0]: <image>\n"
        "Choose frames or answer.\n"
        "Answer now, from these frames alone: no more of them can be asked for."
    )


def test_each_is_a_conversation_of_its_own_that_is_forgotten() -> None:
    episodes = [film_episode(look(13.0), {}, sample_index=i % 2) for i in range(4)]
    policy = sufficiency(*episodes)
    assert len({conversation.conversation_id for conversation in policy.asked}) == 4
    assert policy.alive == set()
    assert all(len(c.observations) == 1 and not c.outputs for c in policy.asked)
    assert all(c.task_id != episodes[0].task_id for c in policy.asked), "other noise than the turns"


def test_what_was_not_looked_at_suffices_for_nothing() -> None:
    """Answered at once; a time query shows nothing; the scan's own frames do not count."""
    episodes = [
        film_episode({}, success=True),
        film_episode({"kind": "time"}, {}, success=True),
        film_episode(look(13.0), {}, gold_letter=None),
    ]
    policy = sufficiency(*episodes, frame=0)
    assert policy.asked == []
    assert [episode.annotations["causal_sufficiency"] for episode in episodes] == [0, 0, 0]


def test_pictures_stand_before_the_text_where_it_has_no_markers() -> None:
    episode = film_episode(look(13.0), {})
    for turn in episode.turns:
        object.__setattr__(turn, "text", turn.text.replace("<image>", ""))
    assert picture_lines(episode.turns[1:]) == ["<image>"]
    policy = sufficiency(episode)
    assert "<image>" not in policy.asked[0].observations[0].text
    assert greys(policy.asked[0]) == [130]


def test_markers_and_pictures_have_to_agree() -> None:
    episode = film_episode(look(13.0), {})
    with pytest.raises(ValueError, match="1 picture markers for 2 pictures"):
        question_with(episode, ["<image>"], [np.zeros((1, 1, 3), dtype=np.uint8)] * 2)


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("<think>a</think><answer>B</answer>", "B"),
        ("<answer> (b) blue </answer>", "B"),
        ("<answer>Blue</answer>", "B"),
        ("<answer>A</answer> or rather <answer>B</answer>", "B"),
        ("<think>a</think><action>output answer: B</action>", "B"),
        ("<action>output answer: C</action>", None),
        ("<answer>C</answer>", None),
        ("<think><answer>A</answer></think>", None),
        (LOOK, None),
        ("B", None),
        ("<answer></answer>", None),
        ("", None),
    ],
)
def test_the_answer_in_a_reply(reply: str, letter: str | None) -> None:
    assert answered_letter(reply, {"A": "red", "B": "blue"}) == letter


def test_an_article_in_an_answer_is_no_letter() -> None:
    options = {"A": "a cat", "B": "a dog"}
    answers = ("A dog", "A", "A a cat", "A big lorry", "A or B", "b a dog")
    letters = [answered_letter(f"<answer>{words}</answer>", options) for words in answers]
    assert letters == ["B", "A", "A", None, None, "B"]


def test_the_shuffled_frames_are_all_there_without_their_numbers() -> None:
    seconds = [float(s) for s in range(1, 13)]
    group = [film_episode(look(*seconds), {}, sample_index=i) for i in range(3)]
    policy = Recorder(lambda c: ANSWER if c.sample_index == 1 else LOOK)
    annotate(group, ["shuffled_correct"], AnnotationTools(sampling_policy=policy, sampling_seed=5))
    shown = [0, 99, *(10 * n for n in range(1, 13))]
    orders = [greys(conversation) for conversation in policy.asked]
    assert all(sorted(order) == sorted(shown) and order != shown for order in orders)
    assert orders[0] != orders[1], "every member has its own order"
    text = policy.asked[0].observations[0].text
    assert "frame 10 [" not in text
    assert text.count("<image>\n") == len(shown)
    assert [episode.annotations["shuffled_correct"] for episode in group] == [0, 1, 0]
    again = Recorder(lambda c: ANSWER)
    annotate(group, ["shuffled_correct"], AnnotationTools(sampling_policy=again, sampling_seed=5))
    assert [greys(conversation) for conversation in again.asked] == orders
    assert {c.sampling_seed for c in again.asked} == {5}


def count_letters(text: str) -> np.ndarray:
    """How often "a" and "b" stand in a text: an encoder that needs no weights."""
    return np.array([text.count("a"), text.count("b")], dtype=float)


def mean_color(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Red and green of each picture, (N, 2)."""
    return np.stack([picture[..., :2].mean(axis=(0, 1)) for picture in pictures])


def test_the_cosine_is_with_the_mean_of_the_pictures() -> None:
    """(3, 4) and the mean (2, 0) of (1, 1), (3, -1): 6 / (5 x 2)."""
    scorer = EmbeddingScorer(
        embed_text=count_letters, embed_pictures=lambda _: np.array([[1.0, 1.0], [3.0, -1.0]])
    )
    assert scorer("aaabbbb", []) == pytest.approx(0.6)
    assert scorer("", []) == 0


def test_the_thoughts_after_the_first_full_stop_are_compared() -> None:
    assert described(film_episode({})) == "The cup is red."
    assert described(film_episode({}, replies=["<think>a b</think><answer>A</answer>"])) == "a b"
    assert described(film_episode({}, replies=["no thoughts."])) == ""
    scorer = EmbeddingScorer(embed_text=count_letters, embed_pictures=mean_color)
    thinking = film_episode(look(13.0), {}, replies=[LOOK, "<think>No. ab, aab</think>"])
    silent = film_episode({}, replies=["?"])
    annotate([thinking, silent], ["semantic_cosine"], AnnotationTools(scorer=scorer))
    # (3, 2) and a grey, (1, 1): 5 / sqrt(13 x 2)
    assert thinking.annotations["semantic_cosine"] == pytest.approx(5 / math.sqrt(26))
    assert silent.annotations["semantic_cosine"] == 0


@pytest.mark.parametrize("bad", [math.nan, 1.5, -math.inf])
def test_what_is_no_cosine_fails_the_episode(bad: float) -> None:
    episode = film_episode({})
    annotate([episode], ["semantic_cosine"], AnnotationTools(scorer=lambda text, pictures: bad))
    assert episode.failure.stage == "reward"
    assert (
        f"annotation 'semantic_cosine': ValueError: the scorer gave {bad}"
        in episode.failure.message
    )
    assert episode.annotations == {}


class HalfMute:
    """Has no reply for some conversations."""

    privileged = False

    def reset(self, conversation_ids: Sequence[str]) -> None:
        """Nothing is kept."""

    def act(self, conversations: Sequence[Conversation]) -> list[PolicyOutput]:
        mute = RuntimeError("no line")
        raise UnansweredError(
            [mute if c.sample_index else PolicyOutput(text=ANSWER) for c in conversations]
        )


def test_an_episode_without_a_reply_fails_alone_and_is_left_alone_after() -> None:
    group = [film_episode(look(13.0), {}, sample_index=i) for i in range(2)]
    tools = AnnotationTools(greedy_policy=HalfMute(), scorer=lambda text, pictures: 0.5)
    annotate(group, ["causal_sufficiency", "semantic_cosine"], tools)
    assert group[0].annotations == {"causal_sufficiency": 1, "semantic_cosine": 0.5}
    assert group[0].failure is None
    assert group[1].annotations == {}
    assert group[1].failure.message == "annotation 'causal_sufficiency': RuntimeError: no line"


def test_a_policy_that_breaks_fails_those_that_it_was_asked_for() -> None:
    def broken(conversation: Conversation) -> str:
        raise RuntimeError("out of memory")

    group = [film_episode(look(13.0), {}), film_episode({})]
    annotate(group, ["causal_sufficiency"], AnnotationTools(greedy_policy=Recorder(broken)))
    assert "RuntimeError: out of memory" in group[0].failure.message
    assert group[1].failure is None


def test_wrong_uses_are_told() -> None:
    episodes = [film_episode(look(13.0), {})]
    with pytest.raises(
        ValueError, match="unknown annotation 'cosine'; legal: causal_sufficiency, "
    ):
        annotate(episodes, ["cosine"], AnnotationTools())
    for name, field in (
        ("causal_sufficiency", "greedy_policy"),
        ("shuffled_correct", "sampling_policy"),
        ("semantic_cosine", "scorer"),
    ):
        with pytest.raises(ValueError, match=f"'{name}' needs AnnotationTools.{field}"):
            annotate(episodes, [name], AnnotationTools())
    with pytest.raises(ValueError, match="'causal_sufficiency' asks a learned policy"):
        annotate(episodes, ["causal_sufficiency"], AnnotationTools(greedy_policy=ExpertPolicy()))
    del episodes[0].truth.initial["gold_letter"]
    match = "has no 'gold_letter'; its environment is Video/Spotlight-v0"
    with pytest.raises(ValueError, match=match):
        sufficiency(*episodes)


def test_a_reward_names_the_annotations_that_it_needs() -> None:
    assert annotations_needed(load_preset("revisor")) == ["causal_sufficiency"]
    assert annotations_needed(load_preset("economy")) == []
    gated = {"final_answer": RewardTermConfig(gate="causal_sufficiency", scale="temporal_order")}
    assert annotations_needed(RewardConfig(terms=gated)) == [
        "causal_sufficiency",
        "shuffled_correct",
    ]
    assert set(ANNOTATIONS.values()) == set(ANNOTATION_PASSES)


def test_annotated_episodes_are_rewarded_also_after_a_trip_to_disk(tmp_path) -> None:
    episode = film_episode(look(13.0), {}, success=True)
    policy = ConstantPolicy(partial(right_if_seen, frame=130))
    config = load_preset("revisor")
    annotate([episode], annotations_needed(config), AnnotationTools(greedy_policy=policy))
    again = load_episode(save_episode(tmp_path, episode))
    assert reward_group([again], config).total.tolist() == [pytest.approx(0.9)]
