"""Frames called by their places among those shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video.spotlight.config import SpotlightConfig
from video.spotlight.env import SpotlightEnv
from video.spotlight.looks import RefusedError
from video.spotlight.naming import by_numbers, names_of
from video.spotlight.replies import Request
from video.synthetic.config import nursery_film_config

SHOWN = [0, 100, 200, 110, 150]


def request(tool: str, *arguments: str) -> Request:
    return Request(tool=tool, arguments=arguments)


def test_places_go_on_from_turn_to_turn() -> None:
    assert names_of([7, 9], "shown", num_before=3) == ["4", "5"]
    assert names_of([7, 9], "numbers", num_before=3) == ["7", "9"]


def test_places_become_numbers_and_what_is_no_frame_stays() -> None:
    assert by_numbers(request("choose_frames", "2", "5"), SHOWN).arguments == ("100", "150")
    assert by_numbers(request("find_frame", "4"), SHOWN).arguments == ("110",)
    zoom = request("zoom", "3", "0.1", "0", "1", "1")
    assert by_numbers(zoom, SHOWN).arguments == ("200", "0.1", "0", "1", "1")
    rewatch = request("rewatch", "3", "9")
    assert by_numbers(rewatch, SHOWN) == rewatch


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("0", "2"), "'0' is no frame that was shown; legal: 1 to 5"),
        (("1", "6"), "'6' is no frame that was shown; legal: 1 to 5"),
        (("1", "-2"), "legal: 1 to 5"),
        (("1", "9" * 400), "legal: 1 to 5"),
        (("3", "4"), "Frame 3 does not come before frame 4"),
        (("2", "2"), "Frame 2 does not come before frame 2"),
    ],
)
def test_what_was_not_shown_is_refused(arguments: tuple[str, str], told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        by_numbers(request("choose_frames", *arguments), SHOWN)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_words_are_understood_or_refused(first: str, second: str) -> None:
    try:
        found = by_numbers(request("choose_frames", first, second), SHOWN)
    except RefusedError:
        return
    assert {int(words) for words in found.arguments} <= set(SHOWN)


def make_env() -> SpotlightEnv:
    config = SpotlightConfig(
        tools=["choose_frames"],
        scan_frames=6,
        frames_per_look=6,
        max_turns=4,
        frame_names="shown",
        verification="none",
        brief=True,
        film=nursery_film_config(),
    )
    return SpotlightEnv(config)


def test_an_episode_shows_what_the_places_stand_for() -> None:
    env = make_env()
    obs, info = env.reset(seed=3)
    scan = info["truth"]["shown_frames"]
    assert re.findall(r"frame (\d+)", obs["text"]) == ["1", "2", "3", "4", "5", "6"]
    obs, _, _, _, info = env.step("<action>choose frames between 2 and 3</action>")
    assert re.findall(r"frame (\d+)", obs["text"]) == ["7", "8", "9", "10", "11", "12"]
    seen = info["truth"]["shown_frames"]
    assert all(scan[1] < frame < scan[2] for frame in seen)
    obs, _, _, _, info = env.step("<action>choose frames between 8 and 9</action>")
    assert all(seen[1] < frame < seen[2] for frame in info["truth"]["shown_frames"])


def test_the_expert_names_only_frames_that_were_shown() -> None:
    env = make_env()
    solved = 0
    for seed in range(20):
        _, info = env.reset(seed=seed)
        num_shown, over = 6, False
        while not over:
            reply = env.expert_reply("best")
            assert all(1 <= int(name) <= num_shown for name in re.findall(r"\d+", reply))
            _, reward, terminated, truncated, info = env.step(reply)
            num_shown, over = info["truth"]["num_frames_used"], terminated or truncated
        solved += reward
    assert solved >= 19


def test_settings_that_speak_of_numbers_are_refused() -> None:
    for other in ({"tools": ["frame_number_at"]}, {"verification": "repaired"}):
        settings = {"frame_names": "shown", "tools": ["choose_frames"], "verification": "none"}
        with pytest.raises(ValueError, match="frame_names is 'shown', so that nobody speaks"):
            SpotlightConfig(**{**settings, **other}).check()
    with pytest.raises(ValueError, match="frame_names is 'letters'; legal: numbers, shown"):
        SpotlightConfig(frame_names="letters").check()
