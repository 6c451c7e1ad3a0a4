"""The episode on disk: nothing is lost, nothing private is in the public file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.interface import PolicyOutput
from tests.training.records import make_episode, make_truth, make_turn
from training.episode import (
    Episode,
    Failure,
    config_hash,
    decode_png,
    encode_png,
    load_episode,
    save_episode,
)


def full_episode() -> Episode:
    """An episode with something in every field."""
    rng = np.random.default_rng(0)
    episode = make_episode(make_truth("action", gained=True), make_truth("answer"), seed=4)
    episode.turns[0] = make_turn(
        reward=0.25,
        reply_ids=np.array([3, 1, 2**40]),
        rollout_logprobs=np.array([-0.1, -1e-7, -20.0], dtype=np.float32),
        action_logprob=-1.5,
        value=0.125,
        weights_version=9,
    )
    pictures = tuple(encode_png(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)) for _ in range(2))
    episode.turns[1] = replace(
        episode.turns[1],
        image_pngs=pictures,
        state=np.array([0.1, -2.0], dtype=np.float32),
        output=PolicyOutput(action=rng.normal(size=(3, 2)).astype(np.float32)),
    )
    episode.success, episode.truncated = True, True
    episode.failure = Failure(stage="worker", message="OSError: gone")
    episode.annotations = {"difficulty": 0.5, "per_turn": [1, 2]}
    episode.suite_version = "0.1"
    return episode


def assert_same(one: Episode, other: Episode) -> None:
    for name in set(vars(one)) - {"turns"}:
        assert getattr(one, name) == getattr(other, name), name
    for mine, theirs in zip(one.turns, other.turns, strict=True):
        for name in set(vars(mine)) - {"state", "output"}:
            assert getattr(mine, name) == getattr(theirs, name), name
        np.testing.assert_equal(mine.state, theirs.state)
        for name, value in vars(mine.output).items():
            np.testing.assert_equal(getattr(theirs.output, name), value, err_msg=name)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    episode = full_episode()
    loaded = load_episode(save_episode(tmp_path, episode))
    assert_same(loaded, episode)
    assert loaded.turns[0].output.reply_ids.dtype == np.int64
    assert loaded.turns[0].output.rollout_logprobs.dtype == np.float32
    assert loaded.turns[1].output.action.dtype == np.float32
    assert loaded.turns[1].state.dtype == np.float32


def test_saving_a_loaded_episode_gives_the_same_bytes(tmp_path: Path) -> None:
    first = save_episode(tmp_path / "a", full_episode())
    second = save_episode(tmp_path / "b", load_episode(first))
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert [(first / f).read_bytes() for f in files] == [(second / f).read_bytes() for f in files]


def test_the_truth_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    folder = save_episode(tmp_path, full_episode())
    public = json.loads((folder / "episode.json").read_text())
    assert not {"truth", "initial", "gained"} & set(str(public).replace("'", " ").split())
    assert json.loads((folder / "truth.json").read_text())["turns"][0]["gained"] is True
    (folder / "truth.json").unlink()
    assert load_episode(folder).truth is None


def test_an_episode_without_truth_writes_none(tmp_path: Path) -> None:
    folder = save_episode(tmp_path, replace(full_episode(), truth=None))
    assert not (folder / "truth.json").exists()


def edit(folder: Path, change) -> None:
    record = json.loads((folder / "episode.json").read_text())
    change(record)
    (folder / "episode.json").write_text(json.dumps(record))


@pytest.mark.parametrize("name", ["../secret.png", "images/../../secret.png", "{tmp}/secret.png"])
def test_a_picture_outside_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    folder = save_episode(tmp_path, full_episode())
    (tmp_path / "secret.png").write_bytes(b"private")
    name = name.format(tmp=tmp_path)
    edit(folder, lambda record: record["turns"][0].update(images=[name]))
    with pytest.raises(ValueError, match=r"image path '.*secret\.png' leaves the episode's folder"):
        load_episode(folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = save_episode(tmp_path, full_episode())
    (tmp_path / "secret.png").write_bytes(b"private")
    picture = folder / "images" / "000-0.png"
    picture.unlink()
    picture.symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match="leaves the episode's folder"):
        load_episode(folder)


def test_an_unknown_schema_is_refused(tmp_path: Path) -> None:
    folder = save_episode(tmp_path, full_episode())
    edit(folder, lambda record: record.update(schema_version=99))
    with pytest.raises(ValueError, match="episode schema 99; this suite reads 1"):
        load_episode(folder)


def test_an_unknown_failure_stage_is_refused() -> None:
    with pytest.raises(ValueError, match=r"failure stage 'moon'; legal: \('env', 'policy'"):
        Failure(stage="moon", message="")


def test_numbers_that_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    episode = full_episode()
    episode.turns[0] = replace(episode.turns[0], reward=float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_episode(tmp_path, episode)


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 200)])
def test_png_keeps_every_pixel(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    png = encode_png(picture)
    assert png.startswith(b"\x89PNG")
    np.testing.assert_array_equal(decode_png(png), picture)


@settings(max_examples=60, deadline=None)
@given(
    reply=st.text(alphabet=st.characters(), max_size=80),
    said=st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=80),
)
def test_any_text_survives_the_disk(reply: str, said: str) -> None:
    episode = make_episode(make_truth("answer"), replies=[reply])
    episode.turns[0] = replace(episode.turns[0], text=said, options={"A": said})
    with TemporaryDirectory() as directory:
        [turn] = load_episode(save_episode(Path(directory), episode)).turns
    assert (turn.output.text, turn.text, turn.options) == (reply, said, {"A": said})


def test_lone_surrogates_survive_the_disk(tmp_path: Path) -> None:
    text = "\ud800 <answer>\udfff</answer> \x00"
    episode = make_episode(make_truth("answer"), replies=[text])
    assert load_episode(save_episode(tmp_path, episode)).turns[0].output.text == text


@dataclass
class Inner:
    sizes: list[int] = field(default_factory=lambda: [1, 2])


@dataclass
class Settings:
    name: str = "a"
    inner: Inner = field(default_factory=Inner)


@dataclass
class Reordered:
    inner: Inner = field(default_factory=Inner)
    name: str = "a"


def test_the_hash_of_a_configuration_depends_on_its_values_alone() -> None:
    # sha256 of {"inner": {"sizes": [1, 2]}, "name": "a"}, by sha256sum
    assert config_hash(Settings()) == "6ed9fe1c64a3"
    assert config_hash(Reordered()) == config_hash(Settings())
    assert config_hash(Settings(name="b")) != config_hash(Settings())
    assert config_hash(Settings(inner=Inner([2, 1]))) != config_hash(Settings())


def test_episode_names_are_safe_and_unique_within_a_run() -> None:
    ids = {
        replace(full_episode(), task_id=task, sample_index=index).episode_id
        for task in ("AVR/x/1", "../../etc", "ü 🙂")
        for index in range(3)
    }
    assert len(ids) == 9
    assert all(set(name) <= set("0123456789abcdef-") for name in ids)
