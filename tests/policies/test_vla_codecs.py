"""Action codecs: what survives a round trip, against bounds, scipy and brute force."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dct

from policies.vla.binning import UniformCodec, bin_of, center_of
from policies.vla.codec import codec_from_json, fit_codec, load_codec, save_codec
from policies.vla.config import CODECS, VlaConfig
from policies.vla.dct_tokens import DctCodec, dct_matrix
from policies.vla.integer_pairs import IntegerPairs, train_pairs
from policies.vla.ranges import Ranges, fit_ranges, whole_chunk


def smooth_chunks(count: int = 200, num_steps: int = 8, num_dims: int = 3) -> list[np.ndarray]:
    """Reaching movements of random length and direction; the last dimension never moves."""
    rng = np.random.default_rng(0)
    way = np.linspace(0, 1, num_steps)[:, None]
    chunks = [
        rng.uniform(-1, 1, num_dims) * way + rng.uniform(-1, 1, num_dims) for _ in range(count)
    ]
    for chunk in chunks:
        chunk[:, -1] = 0.25
    return chunks


def fitted(name: str, **settings_: object):
    return fit_codec(VlaConfig(codec=name, **settings_), smooth_chunks())


def test_a_range_is_two_percentiles_and_the_whole_where_exempt() -> None:
    rows = np.stack([np.arange(1001.0), np.arange(1001.0), np.r_[np.zeros(1000), 1.0]], axis=1)
    ranges = fit_ranges(rows, low=1, high=99, exempt=[1])
    np.testing.assert_allclose(ranges.low, [10, 0, 0])
    np.testing.assert_allclose(ranges.high, [990, 1000, 1])  # the rare closing is kept
    assert fit_ranges(rows, low=1, high=99, exempt=[-2]).high.tolist() == ranges.high.tolist()


def test_ranges_refuse_what_they_cannot_span() -> None:
    with pytest.raises(ValueError, match=r"exempt holds 3; legal for 2 dimensions"):
        fit_ranges(np.zeros((4, 2)), exempt=[3])
    with pytest.raises(ValueError, match="finite"):
        fit_ranges(np.full((4, 2), np.nan))
    with pytest.raises(ValueError, match=r"got \(0, 2\)"):
        fit_ranges(np.zeros((0, 2)))


def test_rounding_noise_is_no_movement() -> None:
    rows = np.array([[0.0, 1.0, 3.0], [0.5, 1.001, 3.0], [4.0, 1.002, 3.0]])
    assert fit_ranges(rows).free.tolist() == [True, True, False]
    ranges = fit_ranges(rows, still_share=1e-3)
    assert ranges.free.tolist() == [True, False, False]
    assert ranges.low[1] == 1.001


@given(st.lists(st.floats(-1, 1), min_size=1), st.integers(2, 300))
def test_a_bin_is_at_most_half_its_width_away(values: list[float], num_bins: int) -> None:
    array = np.array(values)
    bins = bin_of(array, num_bins)
    assert bins.min() >= 0
    assert bins.max() < num_bins
    assert np.abs(center_of(bins, num_bins) - array).max() <= 1 / num_bins + 1e-12


def test_bins_by_hand() -> None:
    ranges = Ranges(low=np.array([0.0, -1.0, 5.0]), high=np.array([4.0, 1.0, 5.0]))
    codec = UniformCodec(ranges=ranges, num_steps=2, num_bins=4)
    tokens = codec.encode(np.array([[0.5, 0.9, 5.0], [3.0, -7.0, 6.0]]))
    assert tokens.tolist() == [0, 3, 3, 0]  # row by row; the third dimension takes no token
    actions, problem = codec.decode(tokens)
    assert problem is None
    assert actions.dtype == np.float32
    np.testing.assert_allclose(actions, [[0.5, 0.75, 5.0], [3.5, -0.75, 5.0]])
    assert codec.total_cost == 4


def test_a_reply_of_another_length_is_a_hold_that_says_so() -> None:
    for codec in (fitted("uniform"), fitted("dct")):
        actions, problem = codec.decode(codec.encode(smooth_chunks()[0])[:-1])
        assert not actions.any()
        assert actions.shape == (8, 3)
        assert "instead of" in problem


def test_uniform_bins_of_demonstrations_are_half_a_bin_exact() -> None:
    codec = fitted("uniform", num_bins=64, low_percentile=0, high_percentile=100)
    half = (codec.ranges.high - codec.ranges.low) / 128
    for chunk in smooth_chunks():
        actions, _ = codec.decode(codec.encode(chunk))
        assert (np.abs(actions - chunk) <= half + 1e-6).all()


@pytest.mark.parametrize("size", [1, 2, 5, 8, 16])
def test_the_cosine_transform_is_scipys(size: int) -> None:
    signal = np.random.default_rng(size).normal(size=(size, 3))
    matrix = dct_matrix(size)
    np.testing.assert_allclose(matrix @ signal, dct(signal, axis=0, norm="ortho"), atol=1e-12)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(size), atol=1e-12)


def test_dct_tokens_keep_the_rounded_coefficients_exactly() -> None:
    codec = fitted("dct")
    assert isinstance(codec, DctCodec)
    lengths = set()
    for chunk in smooth_chunks():
        tokens = codec.encode(chunk)
        lengths.add(len(tokens))
        assert codec.pairs.decode(tokens) == codec.coefficients(chunk).tolist()
        assert codec.token_costs[tokens].sum() == codec.total_cost == 16
        actions, problem = codec.decode(tokens)
        assert problem is None
        # Orthonormal, so the error's norm is that of the rounding: at most 0.5/scale each.
        error = codec.ranges.normalise(actions) - codec.ranges.normalise(chunk)
        assert np.linalg.norm(error) <= 0.5 / codec.scale * np.sqrt(error.size) + 1e-5
    assert max(lengths) < 16, "nothing was compressed"
    assert len(lengths) > 1


def test_low_frequencies_of_all_dimensions_come_first() -> None:
    codec = fitted("dct")
    still = np.tile([0.5, -0.5, 0.25], (8, 1))
    coefficients = codec.coefficients(still)
    assert coefficients[:2].all()
    assert not coefficients[2:].any()


def brute_force_merges(texts: list[list[int]], low: int, high: int, size: int) -> list:
    """The textbook loop: count, take the commonest (the smallest of equals), replace."""
    texts = [[i - low for i in text] for text in texts]
    merges = []
    for new in range(high - low + 1, size):
        pairs = Counter(pair for text in texts for pair in pairwise(text))
        if not pairs or max(pairs.values()) < 2:
            break
        best = min(pair for pair, count in pairs.items() if count == max(pairs.values()))
        merges.append(best)
        for number, text in enumerate(texts):
            merged, i = [], 0
            while i < len(text):
                hit = tuple(text[i : i + 2]) == best
                merged.append(new if hit else text[i])
                i += 1 + hit
            texts[number] = merged
    return merges


TEXTS = st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=20), min_size=1, max_size=6)


@settings(deadline=None)
@given(TEXTS, st.integers(7, 20))
def test_pairs_are_those_of_the_textbook(texts: list[list[int]], size: int) -> None:
    low, high = min(map(min, texts)), max(map(max, texts))
    pairs = train_pairs([np.array(text) for text in texts], vocabulary_size=size)
    assert pairs.merges == brute_force_merges(texts, low, high, size)


@settings(deadline=None)
@given(TEXTS, st.lists(st.integers(-3, 3), max_size=30))
def test_pairs_give_back_every_sequence(texts: list[list[int]], other: list[int]) -> None:
    pairs = train_pairs([np.array([-3, 3]), *map(np.array, texts)], vocabulary_size=16)
    for text in [*texts, other]:
        tokens = pairs.encode(text)
        assert pairs.decode(tokens) == text
        assert pairs.run_lengths[tokens].sum() == len(text)


def test_an_integer_beyond_the_known_ones_is_cut() -> None:
    pairs = IntegerPairs(low=-1, high=2)
    assert pairs.decode(pairs.encode([-5, 0, 9])) == [-1, 0, 2]


def test_merges_of_unborn_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"merge \(0, 2\) names a token that is not there yet"):
        IntegerPairs(low=0, high=1, merges=[(0, 2)])


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_is_the_same_after_a_round_trip_to_disk(name: str, tmp_path) -> None:
    codec = fitted(name)
    save_codec(tmp_path / "codec.json", codec)
    again = load_codec(tmp_path / "codec.json")
    assert again.to_json() == codec.to_json()
    for chunk in smooth_chunks(5):
        tokens = codec.encode(chunk)
        assert again.encode(chunk).tolist() == tokens.tolist()
        np.testing.assert_array_equal(again.decode(tokens)[0], codec.decode(tokens)[0])


@pytest.mark.parametrize("name", CODECS)
def test_short_chunks_go_on_with_their_last_row(name: str) -> None:
    codec = fitted(name)
    chunk = smooth_chunks(1)[0]
    longer = np.concatenate([chunk[:3], np.tile(chunk[2], (5, 1))])
    assert codec.encode(chunk[:3]).tolist() == codec.encode(longer).tolist()


@pytest.mark.parametrize("name", CODECS)
def test_chunks_that_are_none_are_refused(name: str) -> None:
    codec = fitted(name)
    for wrong in (np.zeros((9, 3)), np.zeros((8, 2)), np.zeros((0, 3)), np.zeros((1, 8, 3))):
        with pytest.raises(ValueError, match=r"legal: \(1\.\.8, 3\)"):
            codec.encode(wrong)
    with pytest.raises(ValueError, match="finite"):
        codec.encode(np.full((8, 3), np.inf))


def test_codecs_need_actions_that_vary() -> None:
    with pytest.raises(ValueError, match="there are none"):
        fit_codec(VlaConfig(), [])
    with pytest.raises(ValueError, match="all 3 demonstrated chunks are the same action"):
        fit_codec(VlaConfig(), [np.ones((2, 2))] * 3)
    with pytest.raises(ValueError, match="'zip' is unknown; legal: uniform, dct, gaussian"):
        codec_from_json({"name": "zip"})


def test_a_single_action_is_a_chunk_of_one_row() -> None:
    assert whole_chunk(np.ones(3), 2, 3).tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"codec": "zip"}, r"vla\.codec is 'zip'; legal: uniform, dct, gaussian"),
        ({"num_bins": 1}, r"vla\.num_bins is 1; it must be at least 2"),
        ({"window": 0}, r"vla\.window is 0"),
        ({"state_bins": 1}, r"vla\.state_bins is 1; legal: 0, or 2 and more"),
        ({"low_percentile": 99.0}, r"legal: 0 <= low < high <= 100"),
        ({"dct_scale": float("nan")}, r"vla\.dct_scale is nan"),
        ({"min_std": 0.5}, r"legal: 0 < min_std < init_std"),
    ],
)
def test_settings_out_of_range(settings_: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VlaConfig(**settings_).check()
