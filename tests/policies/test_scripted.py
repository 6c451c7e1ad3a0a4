"""Scripted policies: the expert's channel, and baselines whose noise comes from keys."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from policies.interface import Conversation, Observation, Policy, PolicyOutput
from policies.scripted import ConstantPolicy, ExpertPolicy, RandomActionPolicy, RandomPolicy

QUESTION = Observation(text="Which colour?\nA. red\nB. blue\nC. green")


def conversation(index: int = 0, **changes) -> Conversation:
    fields = {"conversation_id": str(index), "task_id": f"t{index}", "observations": [QUESTION]}
    return Conversation(**(fields | changes))


def test_all_are_policies_and_only_the_expert_is_privileged():
    policies = [
        ExpertPolicy(),
        RandomPolicy(),
        ConstantPolicy("x"),
        RandomActionPolicy(low=-1, high=1, shape=(1, 2)),
    ]
    assert all(isinstance(policy, Policy) for policy in policies)
    assert [policy.privileged for policy in policies] == [True, False, False, False]


def test_expert_repeats_what_it_is_handed():
    (output,) = ExpertPolicy().act([conversation(expert_reply="<answer>B</answer>")])
    assert output.text == "<answer>B</answer>"
    with pytest.raises(ValueError, match="'0' has no expert_reply"):
        ExpertPolicy().act([conversation()])


def test_random_answers_are_uniform_and_depend_on_keys_alone():
    policy = RandomPolicy()
    many = [conversation(i) for i in range(3000)]
    answers = [output.text for output in policy.act(many)]
    counts = Counter(answers)
    assert set(counts) == {"<answer>A</answer>", "<answer>B</answer>", "<answer>C</answer>"}
    # Six standard deviations of a count with p = 1/3.
    assert all(abs(count - 1000) < 6 * (3000 * 2 / 9) ** 0.5 for count in counts.values())
    for each in many:
        each.conversation_id += " elsewhere"
    assert [output.text for output in policy.act(many[::-1])] == answers[::-1]
    reseeded = [
        output.text for output in policy.act([conversation(i, sampling_seed=1) for i in range(100)])
    ]
    assert reseeded != answers[:100]


def test_random_answers_are_of_the_list_now_on_offer():
    texts = ("A. red\nB. blue", "What you see is new.\nC. [Pick] left\nD. red", "Nothing moved.")
    shown = [Observation(text=text) for text in texts]
    outputs = [PolicyOutput(text="<answer>A</answer>")] * 2
    many = [
        Conversation(conversation_id="c", sampling_seed=i, observations=shown, outputs=outputs)
        for i in range(50)
    ]
    answers = {output.text for output in RandomPolicy().act(many)}
    assert answers == {"<answer>C</answer>", "<answer>D</answer>"}


def test_random_policy_names_a_stretch_where_there_are_no_options():
    text = "When?\nframe 0 [0:00]: <image>\nframe 9 [0:12.5]: <image>\nframe 30 [1:00:40]: <image>"
    seen = set()
    for seed in range(40):
        asked = Conversation(
            conversation_id="c", sampling_seed=seed, observations=[Observation(text=text)]
        )
        seen.add(RandomPolicy().act([asked])[0].text)
    stretches = {"0:00 to 0:12.5", "0:00 to 1:00:40", "0:12.5 to 1:00:40"}
    assert seen == {f"<answer>{stretch}</answer>" for stretch in stretches}


def test_random_policy_wants_options():
    with pytest.raises(ValueError, match="no lettered options"):
        RandomPolicy().act([conversation(observations=[Observation(text="What now?")])])


def test_constant_policy_takes_a_text_or_a_rule():
    assert ConstantPolicy("A").act([conversation()])[0].text == "A"
    rule = ConstantPolicy(lambda c: f"turn {c.turn}")
    assert [output.text for output in rule.act([conversation(), conversation(1)])] == ["turn 0"] * 2


def test_random_actions_fill_their_box():
    policy = RandomActionPolicy(low=np.array([-1.0, 2.0]), high=np.array([1.0, 3.0]), shape=(50, 2))
    outputs = policy.act([conversation(i) for i in range(20)])
    actions = np.concatenate([output.action for output in outputs])
    assert outputs[0].action.shape == (50, 2) and outputs[0].action.dtype == np.float32
    np.testing.assert_allclose(actions.min(axis=0), [-1, 2], atol=0.02)
    np.testing.assert_allclose(actions.max(axis=0), [1, 3], atol=0.02)
    again = policy.act([conversation(3)])[0].action
    np.testing.assert_array_equal(again, outputs[3].action)


def test_impossible_boxes_are_named():
    with pytest.raises(ValueError, match="must be finite"):
        RandomActionPolicy(low=-np.inf, high=1, shape=(1, 2))
    with pytest.raises(ValueError, match="low=2 must not be above high=1"):
        RandomActionPolicy(low=2, high=1, shape=(1, 2))


def test_scripted_policies_need_no_torch():
    code = (
        "import sys; import policies.scripted, policies.replies, policies.interface;"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_random_predictions_are_of_the_form_that_is_shown():
    shown = Observation(text='Reply so: <output>{"x": 0.42, "width": 0.1}</output>')
    talks = [conversation(i, observations=[shown]) for i in range(200)]
    replies = [output.text for output in RandomPolicy().act(talks)]
    read = [
        json.loads(reply.removeprefix("<output>").removesuffix("</output>")) for reply in replies
    ]
    assert all(set(box) == {"x", "width"} for box in read)
    values = np.array([list(box.values()) for box in read])
    assert values.min() >= 0 and values.max() <= 1
    assert np.all(np.abs(values.mean(axis=0) - 0.5) < 0.1)  # five standard errors
