"""Settings of the active visual reasoning environments: which are legal, and what is said."""

from __future__ import annotations

import pytest

from sims.avr.config import AvrConfig, nursery_config


@pytest.mark.parametrize("config", [AvrConfig(), nursery_config()])
def test_the_given_ones_are_legal(config):
    assert config.check() is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_height": 27}, "image_height is 27; legal: 28 to 1024"),
        ({"image_width": 1025}, "image_width is 1025; legal: 28 to 1024"),
        ({"colors": ["red", "pink"]}, r"colors is \['red', 'pink'\]; legal: .+gray, red"),
        ({"large_colors": ["pink"]}, r"large_colors is \['pink'\]; legal: .+gray, red"),
        ({"colors": []}, r"colors is \[\]; legal: one or more of gray"),
        ({"shapes": ["cube", "cube"]}, "shapes is .+; each name may stand once"),
        ({"question_types": ["why"]}, "question_types is .+legal: .+query, exist, count"),
        ({"query_attributes": ["size"]}, "query_attributes is .+legal: .+color, shape, mat"),
        ({"action_form": "spoken"}, "action_form is 'spoken'; legal: lettered, typed"),
        ({"target_names": "colors"}, "target_names is 'colors'; legal: marks, regions"),
        ({"sufficient_share": 1.5}, "sufficient_share is 1.5; legal: 0.0 to 1.0"),
        ({"wall_probability": float("nan")}, "wall_probability is nan; legal: 0.0 to 1.0"),
        ({"fill_probability": 0.0}, "fill_probability is 0.0; legal: 0.01 to 0.99"),
        ({"hide_probability": 0.0}, "hide_probability is 0.0; legal: 0.01 to 1.0"),
        ({"num_open_places": 4}, "num_open_places is 4; legal: 0 to 3"),
        ({"max_count": 7}, "max_count is 7; legal: 2 to 6"),
        ({"max_answers": 1}, "max_answers is 1; legal: 2 to 8"),
        ({"min_actions": 4}, "min_actions is 4; legal: 5 to 8"),
        ({"max_actions": 9}, "max_actions is 9; legal: 6 to 8"),
        ({"min_actions": 7, "max_actions": 6}, "max_actions is 6; legal: 7 to 8"),
        ({"max_turns": 1}, "max_turns is 1; legal: 2 to 64"),
        ({"max_reply_chars": 0}, "max_reply_chars is 0; legal: 16 to 1000000"),
        (
            {"colors": ["red"], "query_attributes": ["color"]},
            r"query_attributes is \['color'\]; query needs .+ that have are material, shape",
        ),
        ({"filter_attributes": []}, r"filter_attributes is \[\]; math_compare needs one"),
    ],
)
def test_the_message_names_setting_value_and_what_is_legal(settings, message):
    with pytest.raises(ValueError, match=message):
        AvrConfig(**settings).check()


def test_the_message_begins_with_where_the_setting_stands():
    with pytest.raises(ValueError, match=r"^env\.config\.max_turns is 99"):
        AvrConfig(max_turns=99).check("env.config.")


def test_large_objects_take_the_colors_of_all_unless_they_have_their_own():
    assert AvrConfig(colors=["red"]).large_vocabulary()["color"] == ["red"]
    own = AvrConfig(colors=["red"], large_colors=["gray", "cyan"])
    assert own.large_vocabulary()["color"] == ["gray", "cyan"]
    assert own.vocabulary()["color"] == ["red"]


def test_attributes_that_cannot_vary_are_left_out_of_names():
    assert AvrConfig().named_attributes() == ("size", "color", "material", "shape")
    assert AvrConfig(materials=["metal"]).named_attributes() == ("size", "color", "shape")
    assert AvrConfig(shapes=["cube"]).named_attributes() == ("size", "color", "material")
    assert nursery_config().named_attributes() == ("size", "color")


def test_things_can_be_told_apart_by_filters_alone():
    config = AvrConfig(query_attributes=["color"], filter_attributes=["shape"])
    assert config.named_attributes() == ("size", "color", "shape")
    lone = AvrConfig(filter_attributes=[], question_types=["query", "count"])
    assert lone.check() is None
