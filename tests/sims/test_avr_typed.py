"""Free-form actions and answers: whatever a model writes is an action, an answer or an excuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.avr.actions import Action
from sims.avr.candidates import OptionList
from sims.avr.decision import Decision, read_decision
from sims.avr.env import AvrEnv
from sims.avr.sight import Sight, look
from sims.avr.typed import TypedActionError, body_at, read_typed_action, write_typed_action
from sims.avr.viewer import Station
from sims.avr.world import World
from tests.sims.staging import (
    FULL,
    PICTURE,
    TYPES,
    draw_world,
    handles,
    small_config,
)

pytestmark = pytest.mark.render
ANSWERS = {"red": "red", "two words": "two words"}
TYPED = OptionList(texts=ANSWERS, answers=ANSWERS, actions={})
LETTERED = OptionList(
    texts={"A": "yes", "B": "[Pick] left", "C": "no"},
    answers={"A": "yes", "C": "no"},
    actions={"B": Action(kind="pick", target="0:wall")},
)
shares = st.floats(0, 1).map(lambda x: f"{x:.3f}")
calls = st.builds(
    "{}({})".format,
    st.sampled_from(["pick", "open", "move_object", "move_viewer", "rotate_viewer", "jump"]),
    st.lists(st.one_of(shares, st.sampled_from(["left", "up", "", "nan", "1e9", "-0.1"]))).map(
        ", ".join
    ),
)


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world("screens_and_drawers", 0, prior=FULL)


@pytest.fixture(scope="module")
def sight(world: World) -> Sight:
    return look(world, PICTURE)


@pytest.fixture(scope="module")
def env() -> AvrEnv:
    return AvrEnv(small_config(action_form="typed"), "composite")


class TestReading:
    @settings(max_examples=300, deadline=None)
    @given(text=st.one_of(st.text(), calls))
    def test_any_text_is_an_action_or_the_error(self, world, sight, text):
        try:
            action = read_typed_action(text, sight, world)
        except TypedActionError:
            return
        assert action.moves_viewer or action.target in sight.pixels

    @settings(max_examples=300, deadline=None)
    @given(
        reply=st.one_of(
            st.text(),
            st.builds("<{0}>{1}</{0}>".format, st.sampled_from(["answer", "action"]), calls),
        )
    )
    def test_any_reply_is_a_decision(self, world, sight, reply):
        for decision in (
            read_decision(reply, TYPED, sight, world),
            read_decision(reply, LETTERED),
        ):
            assert isinstance(decision, Decision)
            assert (decision.kind == "invalid") == bool(decision.note)
            assert (decision.answer is None) or (decision.action is None)

    @pytest.mark.parametrize("station", [Station(), Station(azimuth=135, elevation="high")])
    def test_pointing_at_the_middle_of_a_body_means_that_body(self, station):
        for scene_type in TYPES[::5]:
            world = draw_world(scene_type, 1, prior=FULL)
            world.look_from(station)
            sight = look(world, PICTURE)
            for name in sight.pixels:
                if not name.startswith("wall:"):
                    for kind, side in (("pick", ""), ("open", ""), ("move_object", "left")):
                        action = Action(kind=kind, target=name, direction=side)
                        text = write_typed_action(action, sight, world)
                        assert read_typed_action(text, sight, world) == action

    def test_pointing_at_a_pixel_means_what_is_there(self, world, sight):
        rng = np.random.default_rng(0)
        rows, columns = np.nonzero(sight.body_ids)
        for index in rng.integers(len(rows), size=60):
            x, y = (columns[index] + 0.5) / 112, (rows[index] + 0.5) / 112
            name = world.model.body(sight.body_ids[rows[index], columns[index]]).name
            if not name.startswith("wall:"):
                assert body_at(x, y, sight, world) == name

    def test_just_beside_a_body_is_near_enough_and_farther_is_not(self, world, sight):
        name = min((n for n in sight.pixels if n.startswith("open")), key=lambda n: sight.boxes[n])
        x0, y0, _, y1 = sight.boxes[name]
        row = (y0 + y1) // 2
        edge = x0 + int(np.argmax(sight.body_ids[row, x0:] == world.model.body(name).id))
        assert body_at((edge - 2) / 112, row / 112, sight, world) == name
        with pytest.raises(TypedActionError, match=r"nothing to act on at \(0, 1\)"):
            body_at(0.0, 1.0, sight, world)

    def test_viewer_moves(self, world, sight):
        for text, direction in (("move_viewer(up)", "up"), (" move_viewer ( left ) ", "left")):
            expected = Action(kind="move_viewer", direction=direction)
            assert read_typed_action(text, sight, world) == expected
            assert write_typed_action(expected, sight, world) == f"move_viewer({direction})"

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("", "'' is no action; legal: pick"),
            ("pick", "'pick' is no action"),
            ("jump(0.5, 0.5)", "is no action; legal: pick"),
            ("pick(0.5)", "pick takes x and y"),
            ("pick(0.5, 0.5, 0.5)", "pick takes x and y"),
            ("pick(1.01, 0.5)", "'1.01' is no coordinate; legal: numbers from 0 to 1"),
            ("pick(-0.1, 0.5)", "'-0.1' is no coordinate"),
            ("pick(nan, 0.5)", "'nan' is no coordinate"),
            ("pick(1e-1, 0.5)", "'1e-1' is no coordinate"),
            ("pick(., 0.5)", "'.' is no coordinate"),
            ("pick(0.5, left)", "'left' is no coordinate"),
            ("move_object(0.5, 0.5)", "move_object takes x, y and left or right"),
            ("move_object(0.5, 0.5, up)", "move_object takes x, y and left or right"),
            ("move_viewer(back)", "move_viewer takes one of left, right, up, down"),
            ("rotate_viewer(up)", "rotate_viewer takes one of left, right"),
            ("x" * 500, r"'x+\.\.\.' is no action"),
        ],
    )
    def test_what_is_wrong_is_said(self, world, sight, text, match):
        with pytest.raises(TypedActionError, match=match):
            read_typed_action(text, sight, world)

    def test_what_is_out_of_view_cannot_be_written(self, sight):
        gone = draw_world("screens_and_drawers", 0, prior=FULL)
        name = next(n for n in handles(gone) if n.endswith("screen"))
        gone.pick(name)
        after = look(gone, PICTURE)
        assert write_typed_action(Action(kind="pick", target=name), after, gone) is None
        assert write_typed_action(Action(kind="pick", target=name), sight, gone)


class TestDecisions:
    @pytest.mark.parametrize(
        ("reply", "answer"),
        [
            ("<answer>red</answer>", "red"),
            ("<think>blue?</think><answer> Red. </answer>", "red"),
            ("<action>pick(9, 9)</action><answer>two words</answer>", "two words"),
        ],
    )
    def test_answers_are_written_out(self, world, sight, reply, answer):
        decision = read_decision(reply, TYPED, sight, world)
        assert (decision.kind, decision.answer, decision.note) == ("answer", answer, "")

    @pytest.mark.parametrize(
        ("reply", "note"),
        [
            ("red", "no <answer> or <action> tag. Write <answer>"),
            ("<answer>blue</answer>", "That is no answer here; legal: red, two words."),
            ("<answer>A</answer>", "That is no answer here"),
            ("<action>pick(2, 2)</action>", "'2' is no coordinate"),
            ("<think><answer>red</answer>", ""),
        ],
    )
    def test_void_replies_say_what_is_legal(self, world, sight, reply, note):
        decision = read_decision(reply, TYPED, sight, world)
        assert note in decision.note
        assert decision.kind == ("invalid" if note else "answer")

    def test_letters(self):
        assert read_decision("<answer>c</answer>", LETTERED).answer == "no"
        chosen = read_decision("<action>B</action>", LETTERED)
        assert (chosen.kind, chosen.letter) == ("action", "B")
        assert chosen.action == LETTERED.actions["B"]
        assert "Give one letter from A to C" in read_decision("<answer>D</answer>", LETTERED).note


class TestInTheEnvironment:
    def test_the_text_lists_forms_and_answers_but_no_letters(self, env):
        obs, info = env.reset(seed=0)
        assert info["options"] == {}
        assert "pick(x, y)" in obs["text"]
        assert f"Answers: {', '.join(env.task.offer)}" in obs["text"]
        assert "\nA. " not in obs["text"]

    def test_garbage_uses_up_the_turns(self, env):
        rng = np.random.default_rng(0)
        env.reset(seed=1)
        for turn in range(env.config.max_turns):
            x, y = rng.uniform(0, 1.3, size=2)
            reply = ("", "<action>pick(", f"<action>pick({x:.2f}, {y:.2f})</action>")[turn % 3]
            obs, reward, terminated, truncated, info = env.step(reply)
            assert obs in env.observation_space
            assert (reward, terminated) == (0.0, False)
            assert info["truth"]["kind"] in ("invalid", "action")
        assert truncated

    def test_the_expert_points_and_solves(self, env):
        solved, pointed = [], 0
        for seed in range(10):
            env.reset(seed=seed)
            over = False
            while not over:
                gains = env.knowledge.gains
                _, reward, terminated, truncated, info = env.step(env.expert_reply())
                over, truth = terminated or truncated, info["truth"]
                if truth["action"]:
                    pointed += bool(truth["action"]["target"])
                    assert truth["expected_gain"] in gains.values()
            solved.append(reward)
        assert pointed > 5
        assert np.mean(solved) >= 0.9

    def test_the_gold_answer_is_worth_one(self, env):
        _, info = env.reset(seed=3)
        assert info["truth"]["gold_letter"] == info["truth"]["gold"]
        assert env.step(f"<answer>{info['truth']['gold'].upper()}</answer>")[1] == 1.0
