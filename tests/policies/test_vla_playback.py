"""Chunk playback and temporal ensembling of a policy whose numbers say where they are from."""

from __future__ import annotations

import numpy as np
import pytest

from policies.interface import Conversation, Observation, PolicyOutput, UnansweredError
from policies.vla.playback import ChunkPlayback, TemporalEnsemble

NUM_STEPS = 3


class Numbered:
    """Row h of the chunk given to conversation c at turn t is 100 c + 10 t + h."""

    privileged = False

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.forgotten: list[str] = []

    def reset(self, conversation_ids) -> None:
        self.forgotten += conversation_ids

    def act(self, conversations) -> list[PolicyOutput]:
        self.asked.append([talk.conversation_id for talk in conversations])
        return [
            PolicyOutput(action=_rows(int(talk.conversation_id), talk.turn), weights_version=7)
            for talk in conversations
        ]


class Failing(Numbered):
    """Has nothing to say to conversation 1 at turn 0, once."""

    failed = False

    def act(self, conversations):
        outputs: list = super().act(conversations)
        for place, talk in enumerate(conversations):
            if talk.conversation_id == "1" and not self.failed:
                outputs[place], self.failed = ValueError("lost"), True
                raise UnansweredError(outputs)
        return outputs


def _rows(name: int, turn: int) -> np.ndarray:
    return (100 * name + 10 * turn + np.arange(NUM_STEPS, dtype=np.float32))[:, None]


def talks(*names: int) -> list[Conversation]:
    return [
        Conversation(conversation_id=str(name), observations=[Observation(text="go")])
        for name in names
    ]


def step(policy, conversations) -> list[float]:
    """One turn of all; what was played."""
    outputs = policy.act(conversations)
    for talk, output in zip(conversations, outputs, strict=True):
        talk.outputs.append(output)
        talk.observations.append(Observation(text="go"))
    assert all(output.action.shape == (1, 1) for output in outputs)
    return [float(output.action[0, 0]) for output in outputs]


def test_a_chunk_is_played_to_its_end_and_then_another_is_asked_for() -> None:
    inner, both = Numbered(), talks(1, 2)
    policy = ChunkPlayback(inner)
    played = [step(policy, both) for _ in range(4)]
    assert played == [[100, 200], [101, 201], [102, 202], [130, 230]]
    assert inner.asked == [["1", "2"], ["1", "2"]]


def test_fewer_rows_may_be_played() -> None:
    inner, one = Numbered(), talks(1)
    policy = ChunkPlayback(inner, num_steps=2)
    assert [step(policy, one)[0] for _ in range(5)] == [100, 101, 120, 121, 140]
    assert ChunkPlayback(inner, num_steps=9).act(talks(3))[0].weights_version == 7


@pytest.mark.parametrize("wrap", [ChunkPlayback, TemporalEnsemble])
def test_the_order_in_a_batch_changes_nothing(wrap) -> None:
    policy, shuffled = wrap(Numbered()), wrap(Numbered())
    first, second = talks(1, 2, 3), talks(1, 2, 3)
    for turn in range(5):
        order = np.random.default_rng(turn).permutation(3)
        straight = step(policy, first)
        mixed = step(shuffled, [second[i] for i in order])
        assert [straight[i] for i in order] == mixed


@pytest.mark.parametrize("wrap", [ChunkPlayback, TemporalEnsemble])
def test_after_a_reset_nothing_is_left(wrap) -> None:
    inner = Numbered()
    policy = wrap(inner)
    step(policy, talks(1))
    policy.reset(["1"])
    assert inner.forgotten == ["1"]
    assert step(policy, talks(1)) == [100]


def test_conversations_may_join_and_leave() -> None:
    inner = Numbered()
    policy = ChunkPlayback(inner)
    one, two = talks(1, 2)
    assert step(policy, [one]) == [100]
    assert step(policy, [two, one]) == [200, 101]
    assert step(policy, [two]) == [201]
    assert inner.asked == [["1"], ["2"]]


@pytest.mark.parametrize("wrap", [ChunkPlayback, TemporalEnsemble])
def test_who_gets_no_answer_does_not_spoil_the_others(wrap) -> None:
    policy = wrap(Failing())
    with pytest.raises(UnansweredError) as caught:
        policy.act(talks(1, 2))
    lost, answered = caught.value.outcomes
    assert str(lost) == "lost"
    assert answered.action[0, 0] == 200


def test_an_ensemble_weighs_by_age_as_act_does() -> None:
    """Step 2 is covered by the chunks of turns 0, 1 and 2, which say 102, 111 and 120 there."""
    decay, one = 0.5, talks(1)
    policy = TemporalEnsemble(Numbered(), decay=decay)
    played = [step(policy, one)[0] for _ in range(4)]
    weights = np.exp(-decay * np.arange(3))
    assert played[0] == 100
    assert played[1] == pytest.approx(np.dot([101, 110], weights[:2]) / weights[:2].sum())
    assert played[2] == pytest.approx(np.dot([102, 111, 120], weights) / weights.sum())
    assert played[3] == pytest.approx(np.dot([112, 121, 130], weights) / weights.sum())


def test_without_decay_all_count_alike() -> None:
    one = talks(0)
    policy = TemporalEnsemble(Numbered(), decay=0.0)
    assert [step(policy, one)[0] for _ in range(3)] == pytest.approx([0, 5.5, 11])


class Talker(Numbered):
    privileged = True
    style = "noisy"

    def act(self, conversations):
        return [PolicyOutput(text="hello") for _ in conversations]


def test_words_are_passed_on_or_refused() -> None:
    assert ChunkPlayback(Talker()).act(talks(1))[0].text == "hello"
    with pytest.raises(ValueError, match="a reply in words has no average"):
        TemporalEnsemble(Talker()).act(talks(1))


def test_a_wrapped_expert_is_an_expert() -> None:
    for policy in (ChunkPlayback(Talker()), TemporalEnsemble(Talker())):
        assert policy.privileged
        assert policy.style == "noisy"


def test_settings_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"num_steps=0 must be at least 1"):
        ChunkPlayback(Numbered(), num_steps=0)
    with pytest.raises(ValueError, match=r"decay=nan must be finite"):
        TemporalEnsemble(Numbered(), decay=float("nan"))
