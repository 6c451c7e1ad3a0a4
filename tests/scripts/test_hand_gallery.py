"""The documentation's pictures of manipulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.hand_gallery import film_frame, split_strip, task_strip, write_sheet
from training.film_hand_layout import PREDICTED, RIGHT


def test_a_task_is_shown_at_its_start_on_the_way_and_solved(tmp_path: Path) -> None:
    strip = task_strip("push", 0)
    assert len(strip.pictures) == len(strip.labels) == 5
    assert not np.array_equal(strip.pictures[0], strip.pictures[-1])
    write_sheet(tmp_path / "sheet.png", [strip])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert len(sheet.convert("RGB").getcolors(maxcolors=100_000) or []) > 50


def test_a_held_out_kind_is_found() -> None:
    strip = split_strip("semantics", "words", 0)
    assert strip.title == "semantics: words"
    assert "saucer" in strip.note
    with pytest.raises(RuntimeError, match="no episode of pick_place is of the kind light"):
        split_strip("semantics", "light", 0)


def test_the_frame_of_a_film_shows_both_paths() -> None:
    frame = film_frame(0)
    assert frame.shape == (720, 1280, 3)
    for color in (PREDICTED, RIGHT):
        assert (frame == np.array(color)).all(axis=2).any()
