"""The documentation's contact sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from configs.gallery_schema import GalleryScript
from scripts.gallery import question_example, scene_example, write_sheet
from sims.avr.scene_types import SCENE_TYPES

CONFIG = GalleryScript(image_size=112)


def test_an_example_ends_with_what_was_hidden_in_view(tmp_path: Path) -> None:
    example = scene_example(SCENE_TYPES["in_drawer"], CONFIG)
    assert example.title == "in_drawer"
    assert 2 <= len(example.pictures) <= 3
    assert not np.array_equal(example.pictures[0], example.pictures[-1])
    assert example.lines[0].startswith("Question: ")
    assert any(line.startswith("Found: small ") for line in example.lines)
    assert example.lines[-1].startswith("Answer: ")
    write_sheet(tmp_path / "sheet.png", [example, question_example("math_compare", CONFIG)])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert len(sheet.convert("RGB").getcolors(maxcolors=100_000) or []) > 50


def test_held_out_types_are_marked_as_such() -> None:
    held_out = next(t for t in SCENE_TYPES.values() if t.held_out)
    assert scene_example(held_out, CONFIG).title == f"{held_out.name} (held out)"
