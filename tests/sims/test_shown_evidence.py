"""How the truth of scenes and photographs says what a look shows of the evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sims.avr.config import nursery_config
from sims.avr.env import AvrEnv
from tests.sims.looking import make_env, use

pytestmark = pytest.mark.render
WIDTH, HEIGHT = 768.0, 576.0
FAR = "crop(0.01, 0.01, 0.1, 0.1)"


def crop_of(box: list[float]) -> str:
    x0, y0, x1, y1 = box
    return f"crop({x0 / WIDTH:.4f}, {y0 / HEIGHT:.4f}, {x1 / WIDTH:.4f}, {y1 / HEIGHT:.4f})"


def test_a_look_at_a_photograph_says_how_it_shows_each_label():
    env = make_env("compare", question_kinds=["same"])
    _, info = env.reset(seed=3)
    assert info["truth"]["shown_evidence"] is None
    first, second = (piece["object_box_xyxy"] for piece in info["truth"]["evidence"])
    _, truth = use(env, crop_of(first))
    one, other = truth["shown_evidence"]
    assert truth["relevance"] == "correct"
    assert (one["shown"], one["needed"], one["salience"]) == (True, True, 0.5)
    assert one["overlap"] == pytest.approx(1.0, abs=0.02)
    assert one["covered"] == pytest.approx(1.0, abs=0.02)
    assert (other["shown"], other["needed"]) == (False, True)
    _, again = use(env, crop_of(first))
    assert (again["relevance"], again["shown_evidence"][0]["needed"]) == ("redundant", False)
    assert use(env, crop_of(second))[1]["relevance"] == "correct"


def test_a_label_that_decides_alone_is_most_salient():
    env = make_env("compare", question_kinds=["carrier"], num_options=3)
    _, info = env.reset(seed=1)
    _, truth = use(env, FAR)
    salience = [piece["salience"] for piece in truth["shown_evidence"]]
    names = [piece["thing"] for piece in info["truth"]["evidence"]]
    decisive = names[salience.index(1.0)]
    assert sorted(salience) == pytest.approx([1 / 3, 1 / 3, 1.0])
    assert info["truth"]["gold"].endswith(decisive)


def test_what_is_drawn_is_no_look():
    env = make_env(tools=["draw_box", "mark", "segment", "crop"])
    env.reset(seed=0)
    for call in ("draw_box(0.1, 0.1, 0.3, 0.3)", "mark(0.5, 0.5)"):
        _, truth = use(env, call)
        assert truth["drawn"]
        assert (truth["relevance"], truth["shown_evidence"]) == (None, None)
    _, truth = use(env, FAR)
    assert truth["num_relevant"] == {"correct": 0, "redundant": 0, "erroneous": 1}


@pytest.mark.parametrize(
    ("coordinates", "limits"),
    [("unit", [1.0, 1.0]), ("thousand", [1000.0, 1000.0]), ("pixels", [56.0, 42.0])],
)
def test_where_the_evidence_is_in_the_picture(coordinates: str, limits: list[float]):
    truth = make_env(coordinates=coordinates).reset(seed=3)[1]["truth"]
    box = truth["evidence"][0]["object_box_xyxy"]
    region = [edge / side for edge, side in zip(box, (WIDTH, HEIGHT) * 2, strict=True)]
    assert truth["evidence_regions"] == [pytest.approx(region)]
    assert truth["point_limits"] == limits


@pytest.fixture(scope="module")
def scenes() -> AvrEnv:
    return AvrEnv(replace(nursery_config(), max_turns=8))


def do(env: AvrEnv, words: str) -> dict:
    options = env.knowledge.options.texts
    letter = next(letter for letter, text in options.items() if text == words)
    return env.step(f"<think>so</think><action>{letter}</action>")[4]["truth"]


def test_going_back_to_see_it_again_is_redundant(scenes: AvrEnv):
    """In this scene one of three hidden places is seen from the left; how many things there are is
    asked, so all three count.
    """
    scenes.reset(seed=3)
    sides = ("left", "right", "left")
    truths = [do(scenes, f"[Rotate Viewer] {side}") for side in sides]
    assert [t["relevance"] for t in truths] == ["correct", "erroneous", "redundant"]
    assert [t["gained"] for t in truths] == [True, False, False]
    shown = [[piece["shown"] for piece in truth["shown_evidence"]] for truth in truths]
    assert shown == [[False, False, True], [False] * 3, [False, False, True]]
    needed = [truth["shown_evidence"][2]["needed"] for truth in truths]
    assert needed == [True, False, False]


def test_a_look_in_a_scene_is_correct_where_it_gained_and_only_there(scenes: AvrEnv):
    kinds = set()
    for seed in range(6):
        _, info = scenes.reset(seed=seed)
        assert info["truth"]["relevance"] is None
        for text in [text for text in info["options"].values() if text.startswith("[")]:
            truth = do(scenes, text)
            kinds.add(truth["relevance"])
            assert (truth["relevance"] == "correct") == truth["gained"]
            assert all(0 <= piece["salience"] <= 1 for piece in truth["shown_evidence"])
            for x0, y0, x1, y1 in truth["evidence_regions"]:
                assert 0 <= x0 < x1 <= 1
                assert 0 <= y0 < y1 <= 1
        _, _, _, _, info = scenes.step("<answer>A</answer>")
        assert (info["truth"]["relevance"], info["truth"]["shown_evidence"]) == (None, None)
    assert kinds >= {"correct", "erroneous"}


def test_places_that_the_question_is_not_about_are_no_evidence(full: AvrEnv):
    """An area that a question leaves out can hold nothing that counts."""
    for seed in range(40):
        full.reset(seed=seed)
        belief, places = full.task.belief, full.task.layout.hidden_places()
        counting = [place.name for place in places if belief.may_count(place.name)]
        if 0 < len(counting) < len(places):
            break
    else:
        pytest.fail("no question left out an area")
    areas = {selection.area for selection in full.task.question.selections}
    assert {p.area for p in places if p.name in counting} <= areas
    with pytest.raises(ValueError, match="are unknown"):
        belief.may_count("nowhere")
