"""Statistics of exports, against NumPy over all values at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.episode import encode_png
from training.lerobot.statistics import (
    QUANTILES,
    from_json,
    join_statistics,
    number_statistics,
    picture_statistics,
    to_json,
)


def test_numbers_by_hand() -> None:
    found = number_statistics(np.array([[0.0, 10.0], [2.0, 10.0], [4.0, 10.0]]))
    assert found["min"].tolist() == [0.0, 10.0]
    assert found["max"].tolist() == [4.0, 10.0]
    assert found["mean"].tolist() == [2.0, 10.0]
    assert found["std"] == pytest.approx([np.sqrt(8 / 3), 0.0])
    assert found["count"].tolist() == [3]
    assert found["q50"].tolist() == [2.0, 10.0]
    assert found["q90"] == pytest.approx([3.6, 10.0])


def test_single_numbers_and_truths_have_one_entry() -> None:
    found = number_statistics(np.array([False, True, True, True]))
    assert {name: value.shape for name, value in found.items()} == dict.fromkeys(found, (1,))
    assert found["mean"].tolist() == [0.75]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))
def test_pictures_are_as_numpy_has_all_their_pixels(
    seed: int, count: int, height: int, width: int
) -> None:
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.integers(0, 257, size=2))
    pictures = rng.integers(low, max(high, low + 1), size=(count, height, width, 3)).clip(0, 255)
    found = picture_statistics([encode_png(picture.astype(np.uint8)) for picture in pictures])
    pixels = pictures.reshape(-1, 3) / 255.0
    wanted = {
        "min": pixels.min(axis=0),
        "max": pixels.max(axis=0),
        "mean": pixels.mean(axis=0),
        "std": pixels.std(axis=0),
        **{name: np.quantile(pixels, share, axis=0) for name, share in QUANTILES.items()},
    }
    for name, value in wanted.items():
        assert found[name].shape == (3, 1, 1)
        assert np.allclose(found[name].ravel(), value, atol=1e-9), name
    assert found["count"].tolist() == [count]


def test_parts_join_to_the_statistics_of_the_whole() -> None:
    rng = np.random.default_rng(1)
    parts = [rng.normal(k, 1 + k, size=(5 + 10 * k, 3)) for k in range(4)]
    joined = join_statistics([{"action": number_statistics(part)} for part in parts])["action"]
    whole = number_statistics(np.concatenate(parts))
    for name in ("min", "max", "mean", "std", "count"):
        assert np.allclose(joined[name], whole[name]), name
    weights = np.array([len(part) for part in parts]) / 80
    median = sum(w * np.median(part, axis=0) for w, part in zip(weights, parts, strict=True))
    assert np.allclose(joined["q50"], median)


def test_many_pictures_are_looked_at_in_part() -> None:
    dark, bright = (encode_png(np.full((2, 2, 3), level, dtype=np.uint8)) for level in (0, 255))
    found = picture_statistics([dark] * 5000 + [bright] * 5000)
    assert found["count"].tolist() == [1000]  # 10,000 ** 0.75
    assert found["mean"].ravel().tolist() == pytest.approx([0.5] * 3)


def test_large_pictures_are_thinned_out() -> None:
    picture = np.zeros((450, 600, 3), dtype=np.uint8)
    picture[::4, ::4] = 255  # every pixel that is looked at
    assert picture_statistics([encode_png(picture)])["min"].ravel().tolist() == [1.0] * 3


def test_statistics_survive_their_file() -> None:
    found = {"action": number_statistics(np.arange(12.0).reshape(4, 3))}
    back = from_json(to_json(found))
    for name, value in found["action"].items():
        assert np.array_equal(back["action"][name], value)
