"""Manifests: the same worlds everywhere, or an error; and how their questions are drawn."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from sims.avr import benchmark_builder
from sims.avr.benchmark import (
    FOLDER,
    AvrBenchmarkConfig,
    Entry,
    Manifest,
    load_manifest,
    manifest_text,
)
from sims.avr.benchmark_builder import PATTERN, Blueprint, Cell, draw_cells
from sims.avr.benchmark_worlds import (
    WorldMismatchError,
    check_disjoint,
    hash_question,
    hash_scene,
    make_entry_env,
)
from sims.avr.config import QUESTION_TYPES
from sims.avr.process import Task
from sims.avr.scene_types import SCENE_TYPES
from training.seeding import SEED_RANGES

SMALL = {"image_height": 32, "image_width": 32, "shadows": False, "foresee": False}
BLUEPRINT = Blueprint(
    name="small",
    version=3,
    settings=SMALL,
    first_seed=1_150_000_000,
    seeds_per_cell=400,
    scene_types=("behind_wall",),
    question_types=("exist", "compare"),
)


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    return list(draw_cells(BLUEPRINT))


@pytest.fixture(scope="module")
def manifest(cells: list[Cell]) -> Manifest:
    return BLUEPRINT.manifest([entry for cell in cells for entry in cell.entries])


@pytest.fixture(scope="module")
def task(manifest: Manifest) -> Task:
    entry = manifest.entries[0]
    env = make_entry_env(manifest, entry)
    env.reset(seed=entry.seed)
    return env.unwrapped.task


def test_a_manifest_comes_back_from_its_file(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_text(manifest_text(manifest))
    assert load_manifest(str(path)) == manifest
    assert path.read_text().count("\n") < len(manifest.entries) + 40


@pytest.mark.parametrize("change", ["gold", "settings"])
def test_a_manifest_that_was_changed_is_refused(
    change: str, manifest: Manifest, tmp_path: Path
) -> None:
    record = json.loads(manifest_text(manifest))
    if change == "gold":
        record["rows"][0][record["columns"].index("gold")] = "maybe"
    else:
        record["settings"]["max_turns"] = 13
    path = tmp_path / "small.json"
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="was changed: its content has the sha256"):
        load_manifest(str(path))


def test_manifests_that_this_suite_cannot_play(manifest: Manifest, tmp_path: Path) -> None:
    def load(**changes) -> None:
        path = tmp_path / "odd.json"
        path.write_text(manifest_text(dataclasses.replace(manifest, **changes)))
        load_manifest(str(path))

    first, *rest = manifest.entries
    with pytest.raises(ValueError, match=r"scene types \['on_the_moon'\]"):
        load(entries=(dataclasses.replace(first, scene_type="on_the_moon"), *rest))
    with pytest.raises(ValueError, match="two entries with the same seed"):
        load(entries=(first, first))
    with pytest.raises(ValueError, match=r"settings \['gravity'\]"):
        load(settings={"gravity": 1.0})
    with pytest.raises(ValueError, match="small: max_turns is 1"):
        load(settings={"max_turns": 1})
    with pytest.raises(FileNotFoundError, match=r"benchmark\.name is 'nothing'; legal: "):
        load_manifest("nothing")


def test_playing_an_entry_checks_its_world(manifest: Manifest) -> None:
    first, second = manifest.entries[:2]
    make_entry_env(manifest, first).reset(seed=first.seed)
    for changed in (
        {"seed": second.seed},
        {"scene_hash": "0" * 12},
        {"question_hash": second.question_hash},
        {"gold": "maybe"},
        {"sufficient": not first.sufficient},
    ):
        entry = dataclasses.replace(first, **changed)
        with pytest.raises(WorldMismatchError, match="this suite draws another world for"):
            make_entry_env(manifest, entry).reset(seed=entry.seed)
    narrower = dataclasses.replace(manifest, settings={**SMALL, "fill_probability": 0.9})
    with pytest.raises(WorldMismatchError, match="behind_wall, exist, seed 11500"):
        make_entry_env(narrower, first).reset(seed=first.seed)


def test_hashes_see_what_matters_and_no_more(task: Task) -> None:
    scene, asked = hash_scene(task), hash_question(task)
    place = task.layout.devices[0].place
    moved = [
        dataclasses.replace(
            task.layout,
            devices=(
                dataclasses.replace(
                    task.layout.devices[0],
                    place=dataclasses.replace(place, pos=(place.pos[0] + by, *place.pos[1:])),
                ),
                *task.layout.devices[1:],
            ),
        )
        for by in (1e-9, 0.01)
    ]
    assert hash_scene(dataclasses.replace(task, layout=moved[0])) == scene, "below a millimetre"
    assert hash_scene(dataclasses.replace(task, layout=moved[1])) != scene
    emptied = dict.fromkeys(task.contents)
    assert hash_scene(dataclasses.replace(task, contents=emptied)) != scene
    turned = dict(reversed(task.contents.items()))
    assert hash_scene(dataclasses.replace(task, contents=turned)) == scene, "order of the places"
    assert hash_question(dataclasses.replace(task, contents=emptied)) == asked
    assert hash_question(dataclasses.replace(task, offer=task.offer[::-1])) != asked
    assert len(scene) == len(asked) == 12


def test_scenes_of_a_benchmark_are_found_among_others(manifest: Manifest) -> None:
    assert check_disjoint(manifest, ["0" * 12, "1" * 12]) == 2
    with pytest.raises(ValueError, match="is in small: behind_wall, seed 11500"):
        check_disjoint(manifest, ["0" * 12, manifest.entries[3].scene_hash])


def test_cells_hold_both_kinds_of_first_views_and_even_answers(
    cells: list[Cell], manifest: Manifest
) -> None:
    for index, cell in enumerate(cells):
        pattern = PATTERN[index:] + PATTERN[:index]
        assert tuple(entry.sufficient for entry in cell.entries) == pattern
        assert cell.num_drawn >= len(cell.entries)
        assert all(e.optimal_turns == 1 for e in cell.entries if e.sufficient)
        assert all(e.optimal_turns > 1 for e in cell.entries if not e.sufficient)
    check_even(manifest.entries)
    assert len({entry.seed for entry in manifest.entries}) == 10


def check_even(entries: tuple[Entry, ...]) -> None:
    """Among questions alike, no place in the list is right oftener than another by two."""
    groups: dict[tuple, Counter[int]] = {}
    for entry in entries:
        key = (entry.question_type, entry.num_answers, entry.sufficient)
        groups.setdefault(key, Counter(range(entry.num_answers)))[entry.gold_index] += 1
    assert all(max(c.values()) - min(c.values()) <= 1 for c in groups.values())


def test_cells_that_are_done_are_not_drawn_again_and_change_nothing(cells: list[Cell]) -> None:
    assert list(draw_cells(BLUEPRINT, cells[:1])) == cells[1:]
    assert list(draw_cells(BLUEPRINT, cells)) == []


def test_questions_that_the_planner_cannot_solve_are_left_out(
    cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = itertools.cycle([None, 4])
    monkeypatch.setattr(benchmark_builder, "count_turns", lambda env: next(turns))
    [cell, _] = list(draw_cells(BLUEPRINT))
    assert cell.num_unsolved == len(cell.entries)
    assert {entry.optimal_turns for entry in cell.entries} == {4}
    first = min(entry.seed for entry in cells[0].entries)
    assert first not in {entry.seed for entry in cell.entries}


def test_too_few_seeds_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="behind_wall, exist: 2 seeds gave only"):
        list(draw_cells(dataclasses.replace(BLUEPRINT, seeds_per_cell=2)))


def test_a_part_is_spread_over_the_whole(manifest: Manifest) -> None:
    assert manifest.spread(None) is manifest
    part = manifest.spread(4)
    assert [manifest.entries.index(entry) for entry in part.entries] == [0, 2, 5, 7]
    with pytest.raises(ValueError, match=r"num_questions is 11; small has 10 questions"):
        manifest.spread(11)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"name": ""}, r"benchmark\.name is empty"),
        ({"num_questions": 1}, r"benchmark\.num_questions is 1; it must be at least 2, or null"),
    ],
)
def test_settings_out_of_range(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AvrBenchmarkConfig(**settings).check()


def test_what_comes_with_the_suite() -> None:
    """The committed manifest, without playing it."""
    manifest = load_manifest("clevr_avr_v1")
    cells = Counter((entry.scene_type, entry.question_type) for entry in manifest.entries)
    assert len(manifest.entries) >= 900
    assert set(cells) == set(itertools.product(SCENE_TYPES, QUESTION_TYPES))
    assert set(cells.values()) == {len(PATTERN)}
    for question_type in QUESTION_TYPES:
        views = [e.sufficient for e in manifest.entries if e.question_type == question_type]
        assert sum(views) / len(views) == 0.4
    check_even(manifest.entries)
    assert all(entry.seed in SEED_RANGES["test"] for entry in manifest.entries)
    assert len({entry.scene_hash for entry in manifest.entries}) == len(manifest.entries)
    for part in (180, 100):
        some = [entry.sufficient for entry in manifest.spread(part).entries]
        assert sum(some) / part == pytest.approx(0.4, abs=0.1)
    assert (FOLDER / "clevr_avr_v1.references.json").is_file()


@pytest.mark.parametrize("count", [12, pytest.param(None, marks=pytest.mark.slow)])
def test_what_comes_with_the_suite_is_drawn_again_and_answered(count: int | None) -> None:
    """Right answers are worth 1, all others on offer nothing."""
    manifest = load_manifest("clevr_avr_v1")
    for entry in manifest.spread(count).entries:
        env = make_entry_env(manifest, entry)
        _, info = env.reset(seed=entry.seed)
        start = env.unwrapped.get_state()
        letters = {text: letter for letter, text in info["options"].items()}
        offer = list(info["truth"]["belief"])
        assert offer.index(entry.gold) == entry.gold_index
        for answer in offer:
            env.unwrapped.set_state(start)
            step = env.unwrapped.step(f"<answer>{letters[answer]}</answer>")
            assert step[1] == float(step[4]["success"]) == float(answer == entry.gold)
            assert step[2]
