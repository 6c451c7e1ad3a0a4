"""Settings of an environment are replaced one by one, however deep they lie."""

from __future__ import annotations

import pytest

from scripts.variants import replace_settings, variants_of
from sims.avr.config import nursery_config
from sims.config import (
    AvrEnvConfig,
    ManipulationEnvConfig,
    MixtureConfig,
    MixtureEnvConfig,
)
from sims.manipulation.config import ManipulationConfig

HAND = ManipulationEnvConfig(config=ManipulationConfig(control="text"))
MIXTURE = MixtureConfig(
    parts={"scenes": AvrEnvConfig(config=nursery_config()), "hand": HAND},
    shares={"scenes": 1.0, "hand": 1.0},
)


def test_a_setting_of_a_part_is_replaced_and_nothing_else():
    changed = replace_settings(MIXTURE, {"parts": {"hand": {"config": {"execute": False}}}})
    assert changed.parts["hand"].config.execute is False
    assert MIXTURE.parts["hand"].config.execute is True
    assert changed.parts["scenes"] is MIXTURE.parts["scenes"]
    assert changed.shares == MIXTURE.shares


def test_a_dictionary_of_numbers_is_replaced_whole():
    assert replace_settings(MIXTURE, {"shares": {"hand": 2.0}}).shares == {"hand": 2.0}


def test_a_variant_is_an_environment_of_the_changed_settings():
    make_variant = variants_of(MixtureEnvConfig(config=MIXTURE))
    env = make_variant({"shares": {"scenes": 1.0}})
    assert {env.reset(seed=s)[1]["truth"]["family"] for s in range(4)} == {"scenes"}
    env.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes": {}}, "env.config has no setting shapes; legal: demonstrators, parts, shares"),
        ({"parts": {"feet": {}}}, "env.config.parts has no setting feet; legal: hand, scenes"),
        (
            {"parts": {"hand": {"config": {"hands": 2}}}},
            "env.config.parts.hand.config has no setting hands",
        ),
        ({"shares": {"feet": 1.0}}, "shares names 'feet'"),
    ],
)
def test_what_does_not_exist_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        variants_of(MixtureEnvConfig(config=MIXTURE))(changes)
