"""Which frames are shown, against numbers worked out by hand; times in words; sizes and stamps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.glyphs import glyph
from video.spotlight.clock import format_clock, mentions_time, parse_clock, parse_time
from video.spotlight.pictures import cut_out, draw_stamp, fit_size, make_sheet
from video.spotlight.tools import (
    cut_segments,
    evenly_chosen,
    rewatch_times,
    spotlight_indices,
    uniform_indices,
    widen_interval,
)


def test_the_scan_is_a_linspace_over_the_whole_film_cut_to_whole_numbers():
    assert uniform_indices(1000, 8) == [0, 142, 285, 428, 570, 713, 856, 999]
    assert uniform_indices(9000, 4) == [0, 2999, 5999, 8999]
    assert uniform_indices(3, 8) == [0, 1, 2], "each frame once"
    assert uniform_indices(1, 12) == [0]


def test_a_spotlight_lies_between_its_ends():
    """From 121 to 479 in 8: steps of 358 / 7 = 51.14."""
    assert spotlight_indices(120, 480, 8) == [121, 172, 223, 274, 325, 376, 427, 479]
    assert spotlight_indices(0, 10, 8) == [1, 2, 3, 4, 5, 6, 7, 9]
    assert spotlight_indices(5, 7, 8) == [6]
    assert spotlight_indices(10, 20, 1) == [15], "the middle where one is wanted"
    with pytest.raises(ValueError, match="no frame lies between 5 and 6"):
        spotlight_indices(5, 6, 8)


@given(st.integers(0, 10**6), st.integers(2, 10**6), st.integers(1, 600))
def test_spotlights_stay_inside_whatever_the_stretch(start, length, num):
    indices = spotlight_indices(start, start + length, num)
    assert indices == sorted(set(indices))
    assert start < indices[0] <= indices[-1] < start + length
    assert len(indices) == min(num, length - 1)


def test_a_stretch_is_watched_again_at_two_frames_a_second():
    """REVISOR: fps 2, 4 to 512 frames."""
    at = rewatch_times(10.0, 14.0, fps=2.0, min_frames=4, max_frames=512)
    assert at.tolist() == [10.25, 10.75, 11.25, 11.75, 12.25, 12.75, 13.25, 13.75]
    short = rewatch_times(10.0, 11.0, fps=2.0, min_frames=4, max_frames=512)
    assert short.tolist() == [10.125, 10.375, 10.625, 10.875]
    assert len(rewatch_times(0.0, 3600.0, fps=2.0, min_frames=4, max_frames=512)) == 512


def test_a_short_stretch_is_widened_about_its_middle_and_stays_in_the_film():
    widen = {"min_seconds": 2.0, "duration_seconds": 100.0}
    assert widen_interval(10.0, 10.5, **widen) == (9.25, 11.25)
    assert widen_interval(0.0, 0.5, **widen) == (0.0, 2.0)
    assert widen_interval(99.5, 100.0, **widen) == (98.0, 100.0)
    assert widen_interval(10.0, 30.0, **widen) == (10.0, 30.0)
    assert widen_interval(0.2, 0.4, min_seconds=2.0, duration_seconds=1.0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("duration", "count", "length"),
    [(200.0, 10, 20.0), (100.0, 10, 10.0), (45.0, 4, 11.25), (5.0, 1, 5.0), (3600.0, 120, 30.0)],
)
def test_ten_segments_are_cut_anew_until_each_lasts_ten_to_thirty_seconds(duration, count, length):
    segments = cut_segments(duration, num=10, min_seconds=10.0, max_seconds=30.0)
    assert len(segments) == count
    assert [end - start for start, end in segments] == pytest.approx([length] * count)
    assert (segments[0][0], segments[-1][1]) == (0.0, duration)
    assert all(one[1] == two[0] for one, two in pairwise(segments))


def test_some_of_many_are_chosen_evenly():
    assert evenly_chosen([3, 5, 7, 9, 11], 3) == [3, 7, 11]
    assert evenly_chosen([3, 5], 4) == [3, 5]
    assert evenly_chosen([3, 5, 9], 1) == [5]


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("0:12", 12.0),
        ("62:30", 3750.0),
        ("1:02:05", 3725.0),
        ("1:02:05.5", 3725.5),
        ("100:00:00", 360000.0),
        ("1:60", None),
        ("1:75:00", None),
        ("12", None),
        ("-1:20", None),
        ("1:2:3:4", None),
        ("nan:00", None),
        ("1:", None),
        ("٣:٢٠", None),
        ("", None),
    ],
)
def test_clock_times(words, seconds):
    assert parse_clock(words) == seconds


def test_times_may_be_plain_seconds_too():
    assert parse_time("75.5") == parse_time("75.5s") == parse_time("1:15.5") == 75.5
    assert parse_time("1e9") is parse_time("inf") is parse_time("-3") is None


@given(st.integers(0, 10**7).map(lambda tenths: tenths / 10))
def test_a_time_in_words_means_itself(seconds):
    assert parse_clock(format_clock(seconds)) == pytest.approx(seconds)


def test_what_counts_as_mentioning_a_time():
    assert mentions_time("What happens at 12:30?")
    assert not mentions_time("Who has 12 apples: Ann or Bob?")


@pytest.mark.parametrize(
    ("own", "limits", "shown"),
    [
        ((720, 1280), (360, 640), (360, 640)),
        ((720, 1280), (252, 448), (252, 448)),
        ((1080, 1920), (252, 448), (252, 448)),
        ((1280, 720), (360, 640), (360, 202)),
        ((480, 640), (252, 448), (252, 336)),
        ((240, 320), (360, 640), (240, 320)),
    ],
)
def test_pictures_are_scaled_down_until_they_fit(own, limits, shown):
    assert fit_size(*own, *limits) == shown


def test_a_part_of_a_picture_is_enlarged_as_far_as_fits():
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    picture[50:, 100:] = 200
    part = cut_out(picture, (0.5, 0.5, 1.0, 1.0), max_height=90, max_width=300)
    assert part.shape == (90, 180, 3)
    assert (part == 200).all()
    assert cut_out(picture, (0.999, 0.999, 1.0, 1.0), max_height=28, max_width=28).shape[2] == 3


def test_a_stamp_is_white_on_black_in_the_lower_left_corner():
    picture = np.full((60, 80, 3), 99, dtype=np.uint8)
    draw_stamp(picture, "1:02")
    stamp = picture[-7:, :17]
    assert set(np.unique(stamp)) == {0, 255}
    one = glyph("1").astype(int) * 255
    assert (picture[-6:-1, 1:4, 0] == one).all()
    assert (picture[:-7] == 99).all()
    assert (picture[:, 17:] == 99).all()


def test_a_sheet_holds_every_picture():
    pictures = [np.full((4, 6, 3), shade, dtype=np.uint8) for shade in (10, 20, 30)]
    sheet = make_sheet(pictures)
    assert sheet.shape == (8, 12, 3)
    assert [sheet[0, 0, 0], sheet[0, 6, 0], sheet[4, 0, 0], sheet[4, 6, 0]] == [10, 20, 30, 0]


@settings(max_examples=50)
@given(st.floats(0.2, 20000), st.integers(1, 200), st.floats(0.1, 100), st.floats(2.0, 10.0))
def test_segments_cover_any_film_within_their_lengths(duration, num, shortest, ratio):
    longest = shortest * ratio
    segments = cut_segments(duration, num=num, min_seconds=shortest, max_seconds=longest)
    lengths = [end - start for start, end in segments]
    assert sum(lengths) == pytest.approx(duration)
    assert max(lengths) <= longest * (1 + 1e-6)
    assert len(segments) == 1 or min(lengths) >= shortest * (1 - 1e-6)
