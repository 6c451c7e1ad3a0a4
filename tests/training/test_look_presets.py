"""The published rewards for looking as presets, against totals done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.look_records import (
    AGAIN,
    ANSWER,
    ASTRAY,
    DONE,
    FAILED,
    NEW,
    PRESETS,
    ROOT,
    drawing,
    load_preset,
    look_episode,
)
from training.episode import Episode
from training.rewards.compose import reward_group

ON, OFF = drawing("box", (100, 100), (200, 200)), drawing("box", (0, 0), (50, 50))


def totals(preset: str, *group: Episode) -> np.ndarray:
    """What each member of a group earns."""
    return reward_group(group, load_preset(preset)).total


def test_vlm_r3_pays_for_regions_only_where_the_answer_is_right() -> None:
    """Replies of 67 and 42 characters: 0.109 for the length of both, 0.042 for the answer alone."""
    group = [
        look_episode(NEW, DONE, success=True),
        look_episode(NEW, DONE),
        look_episode(ASTRAY, DONE, success=True),
        look_episode(DONE, success=True),
    ]
    earned = totals("vlm_r3", *group)
    np.testing.assert_allclose(earned, [2.5 + 0.109, 1.0 + 0.109, 2.0 + 0.109, 2.0 + 0.042])


def test_pixel_reasoner_as_in_the_paper() -> None:
    """One of four looks, three times: curiosity 0.5 x 0.05, economy -0.05 x 2."""
    group = [look_episode(NEW, AGAIN, AGAIN, DONE), *(look_episode(DONE, success=True),) * 3]
    np.testing.assert_allclose(totals("pixel_reasoner", *group), [0.025 - 0.1, 1, 1, 1])


def test_pixel_reasoner_as_in_the_authors_code() -> None:
    """One of four: 0.25 x (0.05 / 2) / 0.25 = 0.025. A right answer after a failed call is void,
    but the bonus for looking stays.
    """
    plain = [look_episode(DONE, success=True)] * 3
    held = [look_episode(NEW, AGAIN, DONE, success=True), *plain]
    np.testing.assert_allclose(totals("pixel_reasoner_code", *held), [1 + 0.025 - 0.05, 1, 1, 1])
    void = [look_episode(NEW, FAILED, DONE, success=True), *plain]
    np.testing.assert_allclose(totals("pixel_reasoner_code", *void), [0.025, 1, 1, 1])


def test_chain_of_focus() -> None:
    hopeless = [look_episode(ASTRAY, DONE), look_episode(DONE)]
    np.testing.assert_allclose(totals("chain_of_focus", *hopeless), [0.5, 0.0])
    np.testing.assert_allclose(totals("chain_of_focus_ours", *hopeless), [0.0, 0.0])
    np.testing.assert_allclose(totals("chain_of_focus_outcome", *hopeless), [0.1, 0.1])


def test_vigorl() -> None:
    said = "<think>at (0.6, 0.6)</think><action>zoom(0.6, 0.6)</action>"
    lied = "<think>at (0.1, 0.1)</think><action>zoom(0.1, 0.1)</action>"
    group = [
        look_episode(NEW, DONE, replies=[said, ANSWER], success=True),
        look_episode(ASTRAY, NEW, DONE, replies=[lied, said, ANSWER], success=True),
        look_episode(ASTRAY, DONE, replies=[lied, ANSWER]),
        look_episode(DONE, replies=["A"], success=True),
    ]
    # 0.6 of the answer, 0.4 of form x (1 + 0.2 for a second place)
    np.testing.assert_allclose(totals("vigorl", *group), [1.0, 0.6 + 0.48, 0.4, 0.6])
    np.testing.assert_allclose(totals("vigorl_single_turn", *group), [1.0, 1.0, 0.5, 0.5])
    np.testing.assert_allclose(totals("vigorl_ours", *group), [1.0, 0.75, 0.0, 0.5])


def test_vilasr_pays_for_form_only_where_the_answer_is_partly_right() -> None:
    """10 for 8 is half right (see the tests of the terms), 10 for 1 is wrong."""
    near, wrong = ({"kind": "answer", "choice": "B", "gold": gold} for gold in ("8", "1"))
    group = [
        look_episode(ON, near),
        look_episode(OFF, near, replies=["?", ANSWER]),
        look_episode(ON, wrong),
    ]
    np.testing.assert_allclose(totals("vilasr", *group), [0.25 + 0.5, 0.25, 0.0])
    np.testing.assert_allclose(totals("vilasr_ours", *group), [0.25 + 1.0, 0.25, 0.0])


def test_vitar_and_what_it_does_not_check() -> None:
    group = [
        look_episode(ON, DONE, success=True),
        look_episode(OFF, DONE, success=True),
        look_episode(DONE, success=True),
        look_episode(ON, FAILED),
    ]
    np.testing.assert_allclose(totals("vitar", *group), [1.4, 1.4, 1.2, 0.2])
    np.testing.assert_allclose(totals("vitar_ours", *group), [1.4, 1.2, 1.2, 0.2])


def test_ours() -> None:
    right = [
        look_episode(NEW, DONE | {"sufficient": True}, success=True),
        look_episode(ASTRAY, DONE, success=True),
        look_episode(DONE, success=True),
    ]
    np.testing.assert_allclose(totals("alignment", *right), [1.1 + 0.2, 1.1 - 0.1, 1.1])
    np.testing.assert_allclose(totals("evidence", *right), [1.1, 0.1, 0.1])
    np.testing.assert_allclose(totals("salience", *right), [1.1 + 0.25, 1.1, 1.1])
    np.testing.assert_allclose(totals("necessity", *right), [1.3, 1.3, 0.9])


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_every_preset_pays_more_for_a_good_episode(preset: str) -> None:
    said = "<think>at (0.6, 0.6)</think><action>draw_box(0.5, 0.5, 0.7, 0.7)</action>"
    known = DONE | {"sufficient": True}
    good = look_episode(NEW | ON, known, replies=[said, ANSWER], success=True)
    bad = look_episode(FAILED, replies=["?"])
    earned = totals(preset, good, bad)
    assert earned[0] > earned[1]


PAPERS = {
    "pixel_reasoner": "pixel_reasoner",
    "vlm_r3": "vlm_r3",
    "vigorl": "vigorl",
    "chain_of_focus": "chain_of_focus",
    "vilasr": "vilasr",
    "vitar": "vitar",
}


@pytest.mark.parametrize(("paper", "reward"), PAPERS.items())
def test_an_experiment_says_what_is_the_papers_and_what_is_not(paper: str, reward: str) -> None:
    text = (ROOT / "configs" / "experiment" / "paper" / f"{paper}.yaml").read_text()
    assert f"override /reward: look/{reward}\n" in text
    assert "# The paper's" in text
    assert "# Not the paper's: " in text
