"""Which frames a single pass shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video.sampling import SAMPLERS, prompt_hash, sample_frames


@pytest.mark.parametrize(
    ("sampler", "frames"),
    [
        ("linspace", [0, 33, 66, 99]),
        ("vlmeval", [20, 40, 60, 80]),
        ("longvideobench", [0, 25, 50, 75]),
        # w = 99 / 4 = 24.75: 12.375 + (0, 25, 50, 74), cut.
        ("video_holmes", [12, 37, 62, 86]),
    ],
)
def test_published_samplers_by_hand(sampler: str, frames: list[int]) -> None:
    assert sample_frames(sampler, 100, 4) == frames


def test_a_length_that_is_not_divided_evenly() -> None:
    assert sample_frames("longvideobench", 103, 4) == [0, 25, 50, 75]
    assert sample_frames("vlmeval", 10, 3) == [2, 5, 7]


@given(
    st.sampled_from(sorted(SAMPLERS)),
    st.integers(min_value=1, max_value=5000),
    st.integers(min_value=1, max_value=300),
)
def test_frames_are_inside_in_order_and_once(sampler: str, num_frames: int, wanted: int) -> None:
    frames = sample_frames(sampler, num_frames, wanted)
    assert len(frames) == min(wanted, num_frames)
    assert frames[0] >= 0 and frames[-1] < num_frames and (np.diff(frames) > 0).all()


def test_a_film_without_frames() -> None:
    with pytest.raises(ValueError, match="at least 1 frame"):
        sample_frames("linspace", 0, 4)


def test_a_prompts_hash_names_template_and_settings() -> None:
    known = prompt_hash("Q: {question}", {"sampler": "linspace", "num_frames": 32})
    same = {"num_frames": 32, "sampler": "linspace"}
    assert known == prompt_hash("Q: {question}", same) and len(known) == 64
    others = {
        prompt_hash("Q: {question} ", same),
        prompt_hash("Q: {question}", same | {"num_frames": 31}),
        prompt_hash("Q: {question}", same | {"with_subtitles": True}),
    }
    assert len({known, *others}) == 4
    with pytest.raises(ValueError, match="must have a JSON form"):
        prompt_hash("Q", {"x": float("nan")})
