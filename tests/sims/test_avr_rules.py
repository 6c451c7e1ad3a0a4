"""Questions, options, histories and the expert, on scenes made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sims.avr.config import AvrConfig, nursery_config
from sims.avr.expert import expert_reply
from sims.avr.history import VisibleHistory
from sims.avr.options import Action, OptionList, action_text, draw_options, perform
from sims.avr.questions import Question
from sims.avr.scene import BACK_Y, HidingPlace, Scene, SceneObject, column_x
from sims.avr.stage import View

PICK_LEFT = Action(kind="pick", column=0)
PICK_RIGHT = Action(kind="pick", column=2)


def thing(size="small", color="red", column=0, row="front", **others) -> SceneObject:
    made = {"shape": "cube", "material": "rubber", "x": column_x(column, 3)} | others
    return SceneObject(size=size, color=color, column=column, row=row, **made)


def exist(**attributes) -> Question:
    return Question(kind="exist", attributes=attributes, answers=("yes", "no"))


class TestQuestions:
    THINGS = (
        thing(color="red"),
        thing(color="red", shape="sphere", column=1),
        thing("large", "blue", column=2),
        thing(color="blue", material="metal", column=2, row="back"),
    )

    @pytest.mark.parametrize(
        ("question", "answer"),
        [
            (exist(color="red"), "yes"),
            (exist(color="green"), "no"),
            (exist(color="blue", material="rubber"), "no"),  # the large one is not meant
            (Question(kind="count"), "3"),
            (Question(kind="count", attributes={"color": "red"}), "2"),
            (Question(kind="count", attributes={"shape": "cylinder"}), "0"),
            (Question(kind="query", attributes={"shape": "sphere"}, asked="color"), "red"),
            (Question(kind="query", attributes={"color": "blue"}, asked="material"), "metal"),
        ],
    )
    def test_answers(self, question, answer):
        assert question.answer(self.THINGS) == answer

    def test_a_query_needs_exactly_one_object(self):
        query = Question(kind="query", attributes={"color": "red"}, asked="shape")
        with pytest.raises(ValueError, match="needs exactly one small red object; there are 2"):
            query.answer(self.THINGS)

    @pytest.mark.parametrize(
        ("question", "text"),
        [
            (exist(color="red"), "Was there a small red object?"),
            (exist(shape="cube", material="metal"), "Was there a small metal cube?"),
            (
                Question(kind="count", attributes={"color": "cyan"}),
                "How many small cyan objects were there?",
            ),
            (Question(kind="query", asked="color"), "What color was the small object?"),
        ],
    )
    def test_texts(self, question, text):
        assert question.text == text

    @pytest.mark.parametrize(
        ("question", "places_open", "known"),
        [
            (exist(color="red"), 2, "yes"),  # one is enough
            (exist(color="green"), 1, None),  # it may still be hidden
            (exist(color="green"), 0, "no"),
            (Question(kind="count", attributes={"color": "red"}), 1, None),
            (Question(kind="count", attributes={"color": "red"}), 0, "2"),
            (Question(kind="query", attributes={"shape": "sphere"}, asked="color"), 1, "red"),
            (Question(kind="query", attributes={"color": "green"}, asked="shape"), 1, None),
        ],
    )
    def test_what_has_been_seen_proves(self, question, places_open, known):
        assert question.known_answer(self.THINGS, places_open=places_open) == known


class TestActions:
    def scene(self) -> Scene:
        occluder, hidden = thing("large", "blue"), thing(color="red", row="back", y=BACK_Y)
        place = HidingPlace(column=0, x=column_x(0, 3), y=BACK_Y)
        return Scene(num_columns=3, objects=[occluder, hidden], hiding_places=[place])

    def test_pick_takes_the_front_object_and_only_that(self):
        scene = self.scene()
        assert perform(PICK_LEFT, scene)
        assert [o.present for o in scene.objects] == [False, True]
        assert not perform(PICK_LEFT, scene)  # what was hidden is not in the front row

    def test_pick_of_an_empty_place_changes_nothing(self):
        scene = self.scene()
        assert not perform(PICK_RIGHT, scene)
        assert scene == self.scene()

    @pytest.mark.parametrize(("direction", "way"), [("left", -0.95), ("right", 0.95)])
    def test_move_slides_the_front_object_by_half_a_column(self, direction, way):
        scene = self.scene()
        assert perform(Action(kind="move_object", column=0, direction=direction), scene)
        assert scene.objects[0].x == pytest.approx(column_x(0, 3) + way)
        assert scene.objects[1].x == column_x(0, 3)

    def test_move_is_blocked_by_what_stands_there(self):
        scene = self.scene()
        scene.objects.append(thing("large", "green", column=1))
        assert not perform(Action(kind="move_object", column=0, direction="right"), scene)
        assert scene.objects[0].x == column_x(0, 3)

    @pytest.mark.parametrize(
        ("actions", "station"),
        [
            (["move left"], "half left"),
            (["move left", "move left"], "half left"),
            (["move left", "move right"], "front"),
            (["rotate right"], "right side"),
            (["rotate right", "rotate left"], "front"),
            (["rotate right", "move left"], "half right"),
            (["move right", "rotate left"], "left side"),
        ],
    )
    def test_the_viewer_moves_between_stations(self, actions, station):
        scene = self.scene()
        for word, direction in (action.split() for action in actions):
            perform(Action(kind=f"{word}_viewer", direction=direction), scene)
        assert scene.station == station

    def test_a_scene_survives_json(self):
        scene = self.scene()
        assert Scene.from_dict(scene.to_dict()) == scene

    def test_unshuffled_lists_begin_with_the_answers_in_order(self):
        config = nursery_config()
        for seed in range(20):
            options = draw_options(config, np.random.default_rng(seed), exist(color="red"))
            assert list(options.texts.values())[:2] == ["yes", "no"]
            assert list(options.texts) == list("ABCDEFGHIJ")[: len(options.texts)]

    def test_shuffled_lists_deal_every_letter_to_the_answers(self):
        rng = np.random.default_rng(0)
        lists = [draw_options(AvrConfig(), rng, exist()) for _ in range(300)]
        letters = [options.letter_of("yes") for options in lists]
        assert {*"ABCDEFGH"} <= set(letters)
        assert max(letters.count(letter) for letter in set(letters)) < 75

    @pytest.mark.parametrize("brief", [True, False])
    def test_texts_tell_actions_apart(self, brief):
        sides = ("left", "right")
        actions = [Action(kind="pick", column=c) for c in range(3)]
        actions += [
            Action(kind=k, direction=s) for k in ("move_viewer", "rotate_viewer") for s in sides
        ]
        actions += [
            Action(kind="move_object", column=c, direction=s) for c in range(3) for s in sides
        ]
        regions = ("left", "middle", "right")
        assert len({action_text(a, regions, brief=brief) for a in actions}) == len(actions)


def make_history(question, *, turns_left=3, actions=(PICK_LEFT, PICK_RIGHT)) -> VisibleHistory:
    letters = "ABCDEFGHIJ"
    pairs = list(zip(letters, [*question.answers, *actions], strict=False))
    options = OptionList(
        texts={letter: f"option {letter}" for letter, _ in pairs},
        answers={letter: m for letter, m in pairs if isinstance(m, str)},
        actions={letter: m for letter, m in pairs if isinstance(m, Action)},
    )
    return VisibleHistory(
        question=question,
        options=options,
        num_columns=3,
        attributes=("size", "color"),
        turns_left=turns_left,
    )


def view_of(scene: Scene, seen: list[int], examined=()) -> View:
    """A picture in which the objects `seen` are visible, from left to right as they stand."""
    boxes = [
        (int(10 * (o.x + 3)), 0, int(10 * (o.x + 3)) + 4, 4) if i in seen else None
        for i, o in enumerate(scene.objects)
    ]
    return View(
        picture=np.zeros((8, 64, 3), np.uint8),
        pixels=tuple(16 * (i in seen) for i in range(len(scene.objects))),
        boxes=tuple(boxes),
        seen=tuple(i in seen for i in range(len(scene.objects))),
        examined=frozenset(examined),
    )


class TestTheExpert:
    def scene(self, hidden_color="red") -> Scene:
        """A blue occluder at the left with something behind, a green one at the right, a wall."""
        return Scene(
            num_columns=3,
            objects=[
                thing("large", "blue"),
                thing(color=hidden_color, row="back"),
                thing("large", "green", column=2),
                thing(color="yellow", column=1),
            ],
            walls=["right"],
        )

    def test_it_picks_while_the_answer_is_open_and_then_gives_it(self):
        history, scene = make_history(exist(color="red")), self.scene()
        history.add(view_of(scene, [0, 2, 3]), scene)
        assert history.closed_columns() == [0, 2]
        assert history.known_answer() is None
        assert expert_reply(history).endswith("</think><action>C</action>")
        history.actions.append(PICK_LEFT)
        history.turns_left -= 1
        history.add(view_of(scene, [1, 2, 3], examined=[0]), scene)
        assert history.closed_columns() == [2]
        assert expert_reply(history).endswith("</think><answer>A</answer>")

    def test_it_says_what_it_sees_and_nothing_else(self):
        history, scene = make_history(exist(color="red")), self.scene()
        history.add(view_of(scene, [0, 2, 3]), scene)
        assert expert_reply(history) == (
            "<think>I see left large blue, middle small yellow, right large green, wall right. "
            "Found nothing. Closed left, right. option C.</think><action>C</action>"
        )

    def test_hidden_objects_change_no_letter(self):
        replies = set()
        for color in ("red", "green", "cyan"):
            history, scene = make_history(exist(color="red")), self.scene(color)
            history.add(view_of(scene, [0, 2, 3]), scene)
            replies.add((expert_reply(history), expert_reply(history, "wander")))
        assert len(replies) == 1

    def test_it_acts_only_on_closed_places(self):
        """With the left place open already, only the right one is worth a pick."""
        history, scene = make_history(exist(color="red")), self.scene("cyan")
        history.add(view_of(scene, [0, 1, 2, 3], examined=[0]), scene)
        assert expert_reply(history).endswith("<action>D</action>")

    def test_it_turns_to_the_side_without_a_wall(self):
        turns = [Action(kind="rotate_viewer", direction=side) for side in ("right", "left")]
        history, scene = make_history(exist(color="red"), actions=turns), self.scene()
        history.add(view_of(scene, [0, 2, 3]), scene)
        assert expert_reply(history).endswith("<action>D</action>")

    def test_it_answers_at_its_last_turn_whatever_it_knows(self):
        history, scene = make_history(exist(color="red"), turns_left=1), self.scene()
        history.add(view_of(scene, [0, 2, 3]), scene)
        assert "</think><answer>" in expert_reply(history)

    def test_a_second_look_is_no_second_object(self):
        history, scene = make_history(Question(kind="count", answers=("0", "1"))), self.scene()
        for _ in range(2):
            history.add(view_of(scene, [0, 2, 3], examined=[0, 2]), scene)
        assert history.known_answer() == "1"

    def test_a_sighting_keeps_what_was_seen_when_the_scene_changes(self):
        history, scene = make_history(exist(color="red")), self.scene()
        history.add(view_of(scene, [0]), scene)
        scene.objects[0].color = "gray"
        assert [o.color for o in history.seen()] == ["blue"]

    def test_unknown_styles_are_refused(self):
        history, scene = make_history(exist(color="red")), self.scene()
        history.add(view_of(scene, [0]), scene)
        with pytest.raises(ValueError, match="style 'clever' is unknown; legal: best, wander"):
            expert_reply(history, "clever")


class TestTheConfiguration:
    @pytest.mark.parametrize("config", [AvrConfig(), nursery_config()])
    def test_the_given_ones_are_legal(self, config):
        assert config.check() is None

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"image_height": 27}, "image_height is 27; legal: 28 to 1024"),
            ({"num_columns": 4}, "num_columns is 4; legal: 3 or 5"),
            ({"num_columns": 6}, "num_columns is 6; legal: 3 to 5"),
            ({"colors": ["red", "pink"]}, r"colors is \['red', 'pink'\]; legal: .+gray, red"),
            ({"colors": []}, r"colors is \[\]; legal: one or more of gray"),
            ({"shapes": ["cube", "cube"]}, "shapes is .+; each name may stand once"),
            ({"question_types": ["why"]}, "question_types is .+legal: .+query, exist, count"),
            ({"min_occluders": 3, "max_occluders": 2}, "max_occluders is 2; legal: 3 to 5"),
            ({"sufficient_share": 1.5}, "sufficient_share is 1.5; legal: 0.0 to 1.0"),
            ({"wall_probability": float("nan")}, "wall_probability is nan; legal: 0.0 to 1.0"),
            ({"min_actions": 4}, "min_actions is 4; legal: 5 to 8"),
            ({"max_actions": 9}, "max_actions is 9; legal: 6 to 8"),
            ({"max_turns": 1}, "max_turns is 1; legal: 2 to 64"),
            ({"max_reply_chars": 0}, "max_reply_chars is 0; legal: 16 to 1000000"),
        ],
    )
    def test_the_message_names_setting_value_and_what_is_legal(self, settings, message):
        with pytest.raises(ValueError, match=message):
            AvrConfig(**settings).check()

    def test_attributes_that_cannot_vary_are_left_out_of_names(self):
        assert AvrConfig(materials=["metal"]).named_attributes() == ("size", "color", "shape")
        assert AvrConfig(shapes=["cube"]).named_attributes() == ("size", "color", "material")
