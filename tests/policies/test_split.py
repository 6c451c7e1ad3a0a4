"""One policy acts until it would answer; then another answers."""

from __future__ import annotations

import pytest

from policies.interface import Conversation, Observation, PolicyOutput
from policies.scripted import ExpertPolicy
from policies.split import NO_ANSWER, SplitPolicy, is_answer

OPTIONS = "What color?\nA. red\nB. blue\nC. [move left]"


class Says:
    """Says the same to every conversation, and remembers what it was shown."""

    privileged = False

    def __init__(self, text: str) -> None:
        self.text, self.asked, self.forgotten = text, [], []

    def reset(self, conversation_ids):
        self.forgotten += conversation_ids

    def act(self, conversations):
        self.asked += conversations
        return [PolicyOutput(text=self.text) for _ in conversations]


def conversation(name: str = "c", expert_reply: str | None = None) -> Conversation:
    seen = [Observation(text=OPTIONS, images=())]
    return Conversation(conversation_id=name, observations=seen, expert_reply=expert_reply)


def said(actor: str, answerer: str) -> str:
    return SplitPolicy(Says(actor), Says(answerer)).act([conversation()])[0].text


def test_actions_are_the_actors():
    assert said("<action>C</action>", "<answer>A</answer>") == "<action>C</action>"
    assert said("<answer>C</answer>", "<answer>A</answer>") == "<answer>C</answer>"
    assert said("nonsense", "<answer>A</answer>") == "nonsense"


def test_answers_are_the_answerers():
    assert said("<answer>A</answer>", "<answer>B</answer>") == "<answer>B</answer>"
    assert said("<answer>red</answer>", "<answer>blue</answer>") == "<answer>blue</answer>"


@pytest.mark.parametrize("reply", ["<action>C</action>", "<answer>C</answer>", "nothing"])
def test_an_answerer_that_would_act_on_has_no_answer(reply):
    policy = SplitPolicy(Says("<answer>A</answer>"), Says(reply))
    assert policy.act([conversation()])[0].text == NO_ANSWER
    assert policy.num_unanswered == 1
    assert not is_answer(conversation(), PolicyOutput(text=reply))


def test_only_conversations_that_are_ready_reach_the_answerer():
    answerer = Says("<answer>B</answer>")

    class Mixed(Says):
        def act(self, conversations):
            texts = {"a": "<answer>A</answer>", "b": "<action>C</action>"}
            return [PolicyOutput(text=texts[c.conversation_id]) for c in conversations]

    outputs = SplitPolicy(Mixed(""), answerer).act([conversation("b"), conversation("a")])
    assert [output.text for output in outputs] == ["<action>C</action>", "<answer>B</answer>"]
    assert [asked.conversation_id for asked in answerer.asked] == ["a"]


def test_an_expert_may_act_and_the_answerer_never_sees_what_it_says():
    answerer = Says("<answer>B</answer>")
    policy = SplitPolicy(ExpertPolicy("wander"), answerer)
    assert policy.privileged
    assert policy.style == "wander"
    assert policy.act([conversation(expert_reply="<answer>A</answer>")])[0].text == (
        "<answer>B</answer>"
    )
    assert answerer.asked[0].expert_reply is None
    with pytest.raises(ValueError, match="the answerer is privileged"):
        SplitPolicy(answerer, ExpertPolicy())


def test_both_forget():
    actor, answerer = Says(""), Says("")
    SplitPolicy(actor, answerer).reset(["x"])
    assert (actor.forgotten, answerer.forgotten) == (["x"], ["x"])
