"""Check what counts as seen: does a thing that shows as much of itself as the threshold asks for
show its colour, shape and material?

A small network is trained with supervision to read them off crops of things that are partly hidden,
and judged on other worlds. Writes runs/<name>/summary.json, whose tables have one row per share of
a thing in view (`<pictures>_plain` and `<pictures>_marked`), or of its pixels or its distance, as
the marked pictures show them; and failures_<pictures>.png with crops of what was misread.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from configs.store import check_only_training_is_missing
from scripts.hydra_door import run_script
from scripts.making import open_run
from sims.avr.config import AvrConfig, nursery_config
from sims.avr.probe_data import Views, draw_views, join_views, probed_attributes
from sims.avr.world import SEEN_FRACTION
from training.drawing import Canvas
from training.progress import print_table, progress_bar
from training.seeding import task_seeds
from training.statistics import mean_stderr

try:
    import torch

    from configs.probe_schema import ProbeScript
    from training.perception_probe import ProbeConfig, read_attributes, train_probe
except ModuleNotFoundError as missing:
    sys.exit(f"probe.py: {check_only_training_is_missing(missing)}")

EXAMPLES = (
    "python scripts/probe.py",
    "python scripts/probe.py pictures='[224]' num_train_worlds=3000 probe.num_steps=4000",
)
Row = dict[str, dict[str, float | int | None]]
"""Attribute -> mean, stderr and n of right readings."""

EXPOSURE_EDGES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Rows of shares in view; the last one holds what is wholly in view."""
PIXEL_EDGES = (0, 100, 150, 200, 300, 400)
"""Rows of pixels in view, in pictures of 224 pixels; others have them scaled by area."""
DISTANCES_M = (6, 8, 10, 12)
"""Rows of distances from the eye [m]."""
CELL, COLUMNS = 150, 8
"""Size of a crop on the sheet of failures [px], and crops in a row."""


def main(config: ProbeScript, config_yaml: str) -> None:
    """Draw views, train and judge a probe for each kind of picture, and write the tables."""
    run = open_run(config.run, config_yaml)
    torch.set_num_threads(config.num_threads)
    tables: dict[str, dict[str, Row]] = {}
    figures = {"seen_fraction": SEEN_FRACTION}
    for name in config.pictures:
        env_config = picture_config(name)
        train = collect_views(name, env_config, "calibration", config.num_train_worlds)
        test = collect_views(name, env_config, "validation", config.num_test_worlds)
        readings = train_and_read(name, env_config, train, test, config.probe)
        attributes = probed_attributes(env_config)
        for variant, found in readings.items():
            right = score(found, test.labels, tuple(attributes))
            tables[f"{name}_{variant}"] = exposure_table(right, test.exposure)
        tables[f"{name}_by_pixels"] = pixel_table(right, test, env_config)
        tables[f"{name}_by_distance"] = distance_table(right, test)
        figures |= area_figures(name, test)
        path = run.path / f"failures_{name}.png"
        draw_failures(path, test, readings["marked"], attributes, config.num_failures)
    run.write_summary("probe", figures, tables)
    for title, table in tables.items():
        print(f"\n== {title}")
        print_table(table, {})
    print(f"Results: {run.summary_path}")


def picture_config(name: str) -> AvrConfig:
    """The environment whose pictures go by that name."""
    if name == "nursery":
        return nursery_config()
    return replace(AvrConfig(), image_height=int(name), image_width=int(name))


def collect_views(name: str, config: AvrConfig, purpose: str, num_worlds: int) -> Views:
    """The views of `num_worlds` worlds from the seeds of a purpose, with a progress bar."""
    with progress_bar(f"{name}: {purpose}", 0, num_worlds) as advance:
        parts = []
        for views in draw_views(config, task_seeds(purpose, 0, num_worlds)):
            parts += [] if views is None else [views]
            advance({})
    return join_views(parts)


def train_and_read(
    name: str, env_config: AvrConfig, train: Views, test: Views, config: ProbeConfig
) -> dict[str, np.ndarray]:
    """What one probe, trained on crops with and without marks, reads off the test's crops.

    Returns:
        "plain" and then "marked" -> int64 (N, attributes).
    """
    num_values = [len(values) for values in probed_attributes(env_config).values()]
    crops = np.stack([train.plain, train.marked], axis=1)
    with progress_bar(f"{name}: train", 0, config.num_steps) as advance:
        probe = train_probe(crops, train.labels, num_values, config, on_step=advance)
    return {
        "plain": read_attributes(probe, test.plain),
        "marked": read_attributes(probe, test.marked),
    }


def area_figures(name: str, test: Views) -> dict[str, float]:
    """How few pixels what is seen may have: the fewest of any view, and the first percentile."""
    seen = test.pixels[test.exposure >= SEEN_FRACTION]
    if not len(seen):
        return {}
    return {
        f"{name}.fewest_pixels_seen": float(seen.min()),
        f"{name}.first_percentile_of_pixels_seen": float(np.percentile(seen, 1)),
    }


def score(
    found: np.ndarray, labels: np.ndarray, attributes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Attribute -> which readings are right, (N,); "all" for those right in every attribute."""
    right = found == labels
    columns = {name: right[:, index] for index, name in enumerate(attributes)}
    return columns | {"all": right.all(axis=1)}


def exposure_table(right: dict[str, np.ndarray], exposure: np.ndarray) -> dict[str, Row]:
    """Share of right readings by how much of the thing is in view.

    Rows are half-open ranges of `EXPOSURE_EDGES`, "1.0" for what is wholly in view, "threshold" for
    the tenth from the threshold on, and "seen" for all from the threshold on.
    """
    uppers = (*EXPOSURE_EDGES[1:], 2.0)
    ranges = {
        f"{low:.1f}-{high:.1f}" if high <= 1 else f"{low:.1f}": (low, high)
        for low, high in zip(EXPOSURE_EDGES, uppers, strict=True)
    }
    ranges["threshold"] = (SEEN_FRACTION, SEEN_FRACTION + 0.1)
    ranges["seen"] = (SEEN_FRACTION, 2.0)
    return table_of(right, exposure, ranges)


def pixel_table(right: dict[str, np.ndarray], test: Views, config: AvrConfig) -> dict[str, Row]:
    """Share of right readings by how many pixels of the thing are in view, seen or not."""
    scale = (config.image_width / 224) ** 2
    edges = [round(scale * edge) for edge in PIXEL_EDGES]
    ranges: dict[str, tuple[float, float]] = {
        f"{low}-{high}": (low, high) for low, high in pairwise(edges)
    }
    ranges[f"{edges[-1]}-"] = (edges[-1], float("inf"))
    return table_of(right, test.pixels, ranges)


def distance_table(right: dict[str, np.ndarray], test: Views) -> dict[str, Row]:
    """Share of right readings of things in the tenth from the threshold on, by their distance."""
    at_threshold = (test.exposure >= SEEN_FRACTION) & (test.exposure < SEEN_FRACTION + 0.1)
    distances = np.where(at_threshold, test.distance, np.inf)
    ranges = {f"{low}-{high}_m": (float(low), float(high)) for low, high in pairwise(DISTANCES_M)}
    return table_of(right, distances, ranges)


def table_of(
    right: dict[str, np.ndarray], values: np.ndarray, ranges: dict[str, tuple[float, float]]
) -> dict[str, Row]:
    """One row per half-open range of `values` that is not empty. The standard errors take views for
    independent, also those of one world.
    """
    table = {}
    for title, (low, high) in ranges.items():
        inside = (values >= low) & (values < high)
        if inside.any():
            table[title] = {name: mean_stderr(column[inside]) for name, column in right.items()}
    return table


def draw_failures(
    path: Path, test: Views, found: np.ndarray, attributes: dict[str, list[str]], count: int
) -> None:
    """A sheet of marked crops of seen things that were misread, those in view least first."""
    wrong = np.flatnonzero((found != test.labels).any(axis=1) & (test.exposure >= SEEN_FRACTION))
    wrong = wrong[np.argsort(test.exposure[wrong], kind="stable")][:count]
    rows = max(1, -(-len(wrong) // COLUMNS))
    canvas = Canvas(COLUMNS * (CELL + 10) + 10, rows * (CELL + 50) + 10)
    for place, index in enumerate(wrong):
        row, column = divmod(place, COLUMNS)
        top, left = 10 + row * (CELL + 50), 10 + column * (CELL + 10)
        crop = test.marked[index, :3].transpose(1, 2, 0)
        canvas.picture(np.ascontiguousarray(crop), (left, top, left + CELL, top + CELL))
        is_, read = (name_values(row, attributes) for row in (test.labels[index], found[index]))
        canvas.line(left, top + CELL + 13, f"is {is_}", size=11)
        canvas.line(left, top + CELL + 26, f"read {read}", size=11)
        shown = f"{test.exposure[index]:.2f} in view, {test.pixels[index]} px"
        canvas.line(left, top + CELL + 39, shown, size=11)
    Image.fromarray(canvas.array()).save(path)


def name_values(row: np.ndarray, attributes: dict[str, list[str]]) -> str:
    """The words for a row of labels."""
    return " ".join(values[i] for values, i in zip(attributes.values(), row, strict=True))


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="probe", schema=ProbeScript, examples=EXAMPLES))
