"""The script that checks what counts as seen, and the views that it judges by."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.probe_schema import ProbeScript
from scripts.hydra_door import run_script
from scripts.probe import EXAMPLES, distance_table, exposure_table, main, pixel_table, score
from sims.avr.config import AvrConfig, nursery_config
from sims.avr.probe_data import (
    LEAST_EXPOSURE,
    Views,
    crop_side,
    draw_views,
    join_views,
    probed_attributes,
)
from sims.avr.vocabulary import COLORS
from sims.avr.world import SEEN_FRACTION

SMALL = replace(AvrConfig(), image_height=112, image_width=112)


def call(*argv: str) -> int:
    return run_script(main, config_name="probe", schema=ProbeScript, examples=EXAMPLES, argv=argv)


def some_views(config: AvrConfig, count: int = 10) -> Views:
    return join_views([views for views in draw_views(config, range(count)) if views])


@pytest.fixture(scope="module")
def views() -> Views:
    return some_views(SMALL)


@pytest.mark.render
def test_views_show_what_their_labels_say(views: Views) -> None:
    """The paint of rubber things in plain view, brightness aside, is nearest to their colour's."""
    names = list(COLORS)
    paints = np.array([COLORS[name] for name in names], dtype=float)
    paints /= np.linalg.norm(paints, axis=1, keepdims=True)
    rubber = views.labels[:, 1] == 0
    chosen = np.flatnonzero((views.exposure == 1) & rubber)
    right = []
    for index in chosen:
        inside = views.plain[index, 3] == 255
        mean = views.plain[index, :3][:, inside].mean(axis=1)
        distances = np.linalg.norm(paints - mean / np.linalg.norm(mean), axis=1)
        right.append(int(distances.argmin()) == views.labels[index, 0])
    assert len(chosen) > 8
    assert np.mean(right) > 0.8


@pytest.mark.render
def test_views_are_of_things_in_part_and_centred_on_them(views: Views) -> None:
    assert views.plain.shape[1:] == (4, crop_side(112), crop_side(112)) == (4, 20, 20)
    assert views.exposure.min() >= LEAST_EXPOSURE
    assert 0.1 < (views.exposure == 1).mean() < 0.7
    masks = views.plain[:, 3] == 255
    assert (masks.sum(axis=(1, 2)) == views.pixels).mean() > 0.95  # a few reach over the edge
    for axis in (1, 2):
        spread = masks.any(axis=3 - axis)
        middle = (spread.argmax(axis=1) + spread.shape[1] - spread[:, ::-1].argmax(axis=1)) / 2
        assert np.median(np.abs(middle - 10)) <= 1
    assert (views.plain[:, 3] == views.marked[:, 3]).all()
    assert (views.plain != views.marked).any(axis=(1, 2, 3)).mean() > 0.1


@pytest.mark.render
def test_equal_seeds_give_equal_views(views: Views) -> None:
    again = some_views(SMALL)
    assert all((getattr(views, f.name) == getattr(again, f.name)).all() for f in fields(Views))


def test_only_what_questions_name_is_probed() -> None:
    assert list(probed_attributes(AvrConfig())) == ["color", "material", "shape"]
    nursery = {"color": ["red", "blue", "green", "yellow"]}
    assert probed_attributes(nursery_config()) == nursery


def test_no_views_are_an_error() -> None:
    with pytest.raises(ValueError, match="no world shows a thing in part"):
        join_views([])


def test_tables_count_right_readings_by_what_is_in_view() -> None:
    found = np.array([[0, 1], [0, 0], [1, 1], [1, 0]])
    labels = np.array([[0, 1], [0, 1], [1, 1], [0, 1]])
    right = score(found, labels, ("color", "shape"))
    table = exposure_table(right, np.array([SEEN_FRACTION, SEEN_FRACTION, 1.0, 0.4]))
    assert table["threshold"]["color"]["mean"] == 1.0
    assert table["threshold"]["shape"] == {"mean": 0.5, "stderr": 0.5, "n": 2}
    assert table["seen"]["all"]["mean"] == pytest.approx(2 / 3)
    assert table["0.4-0.5"]["color"] == {"mean": 0.0, "stderr": None, "n": 1}
    assert "0.9-1.0" not in table
    views = Views(**dict.fromkeys((f.name for f in fields(Views)), np.array([10, 24, 25, 500])))
    by_pixels = pixel_table(right, views, SMALL)
    assert {title: row["color"]["n"] for title, row in by_pixels.items()} == {
        "0-25": 2,
        "25-38": 1,
        "100-": 1,
    }
    views = replace(
        views,
        exposure=np.array([SEEN_FRACTION, SEEN_FRACTION, 1.0, 0.4]),
        distance=np.array([7.0, 11.5, 7.0, 7.0]),
    )
    by_distance = distance_table(right, views)
    assert {title: row["shape"]["mean"] for title, row in by_distance.items()} == {
        "6-8_m": 1.0,
        "10-12_m": 0.0,
    }


@pytest.mark.render
def test_a_run_writes_its_tables_and_the_sheet(tmp_path: Path) -> None:
    code = call(
        "pictures=[nursery]",
        "num_train_worlds=5",
        "num_test_worlds=5",
        "probe.num_steps=3",
        "probe.num_channels=4",
        "num_failures=4",
        f"run.root={tmp_path}",
    )
    assert code == 0
    summary = json.loads((tmp_path / "probe" / "summary.json").read_text())
    assert set(summary["tables"]) == {
        "nursery_plain",
        "nursery_marked",
        "nursery_by_pixels",
        "nursery_by_distance",
    }
    seen = summary["tables"]["nursery_marked"]["seen"]
    assert set(seen) == {"color", "all"}
    assert seen["all"]["n"] > 0
    assert summary["figures"]["seen_fraction"] == SEEN_FRACTION
    assert summary["figures"]["nursery.fewest_pixels_seen"] > 0
    with Image.open(tmp_path / "probe" / "failures_nursery.png") as sheet:
        assert sheet.width > 100


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("pictures=[448]", "pictures is ['448']; legal: one or more of 224, 112, nursery"),
        ("num_test_worlds=0", "num_test_worlds is 0; it must be at least 1"),
        ("probe.num_steps=0", "probe.num_steps is 0; it must be at least 1"),
    ],
)
def test_bad_input_is_named(
    argument: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(argument, f"run.root={tmp_path}") == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
