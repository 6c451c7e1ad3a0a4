"""Controls take pictures away, or exchange them, and change nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from sims import make_env
from sims.avr.config import nursery_config
from sims.config import AvrEnvConfig
from training.senses import SENSES, Senses

WORLD = AvrEnvConfig(config=nursery_config())


def play(senses: str, seed: int = 3):
    """The observations of two turns, and the facts of the second."""
    other = make_env(WORLD) if senses == "shuffled" else None
    env = Senses(make_env(WORLD), senses, other)
    first, info = env.reset(seed=seed)
    letter = next(k for k, text in info["options"].items() if text.startswith("["))
    second, _, _, _, info = env.step(f"<think></think><action>{letter}</action>")
    env.close()
    return first, second, info


def is_black(obs) -> bool:
    return not any(image.any() for image in obs["images"])


@pytest.mark.parametrize("senses", SENSES)
def test_words_and_facts_stay(senses):
    (one, two, facts), (first, second, info) = play("all"), play(senses)
    assert (first["text"], second["text"]) == (one["text"], two["text"])
    assert info["truth"] == facts["truth"]


def test_blind_eyes_see_black():
    first, second, _ = play("blind")
    assert is_black(first)
    assert is_black(second)
    assert len(first["images"]) == 1


def test_a_question_comes_without_pictures():
    assert [len(obs["images"]) for obs in play("question")[:2]] == [0, 0]


def test_the_first_view_is_seen_and_no_other():
    first, second, _ = play("first_view")
    assert (first["images"][0] == play("all")[0]["images"][0]).all()
    assert is_black(second)


def test_shuffled_pictures_are_of_another_world_and_always_the_same_one():
    first, second, _ = play("shuffled")
    own, own_later, _ = play("all")
    assert first["images"][0].shape == own["images"][0].shape
    assert first["images"][0].any()
    assert (first["images"][0] != own["images"][0]).any()
    assert (second["images"][0] != own_later["images"][0]).any()
    again, _, _ = play("shuffled")
    assert (again["images"][0] == first["images"][0]).all()
    elsewhere, _, _ = play("shuffled", seed=4)
    assert (elsewhere["images"][0] != first["images"][0]).any()


def test_all_senses_change_nothing():
    with_all, plain = play("all")[0], make_env(WORLD).reset(seed=3)[0]
    np.testing.assert_array_equal(with_all["images"][0], plain["images"][0])


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="senses is 'deaf'; legal: all, blind"):
        Senses(make_env(WORLD), "deaf")
    with pytest.raises(ValueError, match="goes with 'shuffled' alone"):
        Senses(make_env(WORLD), "shuffled")
