"""Which frames the first scan shows, and a frame budget of a task's own."""

from __future__ import annotations

import pytest

from tests.video.fake_films import number_shown
from tests.video.spotlighting import act, make_env


@pytest.mark.parametrize(
    ("sampler", "frames"),
    [
        ("linspace", [0, 333, 666, 1000]),
        ("vlmeval", [200, 400, 600, 800]),
        ("longvideobench", [0, 250, 500, 750]),
    ],
)
def test_a_scan_is_spread_as_its_sampler_says(sampler, frames):
    """Of 1001 frames."""
    env = make_env(scan_sampler=sampler, scan_frames=4)
    obs, info = env.reset(seed=1)
    assert info["truth"]["shown_frames"] == frames
    assert [number_shown(picture) for picture in obs["images"]] == frames


def test_a_task_keeps_its_own_frame_budget_all_along():
    env = make_env(frame_budgets=[3, 9, 12], max_turns=4)
    told = {}
    for seed in range(12):
        _, info = env.reset(seed=seed)
        budget = told[seed] = info["truth"]["frame_budget"]
        assert info["truth"]["num_frames_used"] == min(8, budget)
        _, truth = act(env, "choose frames between 120 and 480")
        assert truth["num_frames_used"] <= budget
        assert (truth["kind"] == "invalid") == (budget == 3), "spent by the scan"
        assert truth["frame_budget"] == budget
    assert set(told.values()) == {3, 9, 12}
    again = make_env(frame_budgets=[3, 9, 12])
    assert [again.reset(seed=s)[1]["truth"]["frame_budget"] for s in told] == [*told.values()]
