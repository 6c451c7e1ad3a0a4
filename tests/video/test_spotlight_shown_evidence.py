"""How the truth says what a look at a film shows of the evidence, against numbers done by hand."""

from __future__ import annotations

import pytest

from tests.video.fake_films import choice, question_set
from tests.video.spotlighting import act, make_env
from video.questions import EvidenceBox, Interval

EARLY, LATE = (
    Interval(start_seconds=20.0, end_seconds=21.0),
    Interval(start_seconds=40.0, end_seconds=42.0),
)
LEFT = EvidenceBox(interval=LATE, box_xyxy_norm=(0.0, 0.0, 0.5, 0.5))
TWO = choice(evidence=(EARLY, LATE), evidence_boxes=(LEFT,))
TOOLS = ["choose_frames", "find_frame", "find_segment", "zoom", "frame_number_at"]


@pytest.fixture
def env():
    """Ten frames a second; the scan shows none of the evidence."""
    made = make_env(question_set(TWO), tools=TOOLS, max_turns=12, scan_frames=4)
    _, info = made.reset(seed=0)
    assert info["truth"]["evidence_seen"] == [False, False]
    assert (info["truth"]["relevance"], info["truth"]["shown_evidence"]) == (None, None)
    return made


def test_a_look_is_correct_once_and_then_redundant(env):
    found = [act(env, f"find frame {frame}")[1]["relevance"] for frame in (205, 206, 300, 410, 207)]
    assert found == ["correct", "redundant", "erroneous", "correct", "redundant"]


def test_overlap_is_that_of_the_stretch_asked_for(env):
    """Frames 150 to 250 are 15 to 25 s: all of [20, 21], a tenth of the ten; none of [40, 42]."""
    _, truth = act(env, "choose frames between 150 and 250")
    first, second = truth["shown_evidence"]
    assert (first["overlap"], first["covered"]) == pytest.approx((0.1, 1.0))
    assert (second["overlap"], second["covered"], second["shown"]) == (0.0, 0.0, False)
    assert first["needed"]
    assert first["shown"] == any(200 <= frame < 210 for frame in truth["shown_frames"])


def test_a_frame_lasts_as_long_as_it_is_shown(env):
    """Frame 205 is 20.5 to 20.6 s: a tenth of the stretch of a second."""
    _, truth = act(env, "find frame 205")
    piece = truth["shown_evidence"][0]
    assert (piece["overlap"], piece["covered"]) == pytest.approx((0.1, 0.1))
    assert (piece["shown"], piece["salience"]) == (True, 1.0)


def test_a_zoom_is_held_against_the_boxes_of_its_moment(env):
    """The left half, 0 to 0.5 by 0 to 1, has half of itself in common with the box, which lies in
    it.
    """
    _, truth = act(env, "zoom frame 405 at 0 0 0.5 1")
    piece = truth["shown_evidence"][1]
    assert (piece["overlap"], piece["covered"]) == pytest.approx((0.5, 1.0))
    assert truth["evidence_regions"] == [[0.0, 0.0, 0.5, 0.5]]
    _, beside = act(env, "zoom frame 405 at 0.5 0.5 1 1")
    assert beside["shown_evidence"][1]["covered"] == 0.0
    _, elsewhere = act(env, "zoom frame 300 at 0 0 0.5 0.5")
    assert (elsewhere["evidence_regions"], elsewhere["relevance"]) == ([], "erroneous")


def test_what_shows_no_frames_is_no_look(env):
    for words in ("get frame number at time 0:20", "find frame 99999"):
        _, truth = act(env, words)
        assert (truth["relevance"], truth["shown_evidence"]) == (None, None)
    _, _, _, _, info = env.step("<answer>A</answer>")
    assert info["truth"]["shown_evidence"] is None


def test_where_no_evidence_is_named_no_look_is_judged():
    env = make_env(question_set(choice(evidence=())), tools=TOOLS)
    env.reset(seed=0)
    _, truth = act(env, "find frame 205")
    assert (truth["relevance"], truth["shown_evidence"]) == (None, None)
