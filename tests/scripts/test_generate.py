"""`scripts/generate.py`: a dataset that any ShareGPT reader takes, however often it was stopped."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from configs.generate_schema import GenerateScript
from policies.scripted import ExpertPolicy
from scripts import generate
from scripts.hydra_door import load_config, run_script
from sims import make_env
from sims.avr.vocabulary import COLORS, MATERIALS, SHAPES
from tests.scripts.real_scripts import start
from training.episode import Episode
from training.rollout import EpisodeSpec, LocalPool, collect_episodes
from training.seeding import TRAIN_STREAMS

pytestmark = pytest.mark.render

TINY = ("env=avr/nursery", "dataset.num_shown=2", "num_episodes=160")
SMALL = (
    "env=avr/composite",
    "env.config.image_height=64",
    "env.config.image_width=64",
    "env.config.shadows=false",
)
NAME = re.compile(f"small (?:{'|'.join(COLORS)}) (?:{'|'.join(MATERIALS)}) (?:{'|'.join(SHAPES)})")


def call(root: Path, *argv: str) -> int:
    return run_script(
        generate.main,
        config_name="generate",
        schema=GenerateScript,
        examples=generate.EXAMPLES,
        argv=(f"run.root={root}", *argv),
    )


def files_of(root: Path) -> dict[str, bytes]:
    """What the dataset is made of: all that does not say how its making went."""
    names = ("data.jsonl", "statistics.*", "dataset_info.json", "images/*/*")
    found = [path for name in names for path in (root / "avr_cot").glob(name)]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def load_sharegpt(folder: Path) -> list[dict[str, Any]]:
    """A plain reader of ShareGPT data with pictures. Raises where a sample is not well formed."""
    samples = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    for sample in samples:
        roles = [said["from"] for said in sample["conversations"]]
        assert roles == ["human", "gpt"] * (len(roles) // 2)
        words = "".join(said["value"] for said in sample["conversations"])
        assert words.count("<image>") == len(sample["image"]) > 0
        for name in sample["image"]:
            path = (folder / name).resolve()
            assert path.is_relative_to((folder / "images").resolve())
            Image.open(path).verify()
    return samples


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a tiny dataset that was made in one go, by one process."""
    root = tmp_path_factory.mktemp("whole")
    assert call(root, *TINY, "num_workers=1") == 0
    return root


def test_a_dataset_is_read_by_a_plain_reader(whole: Path) -> None:
    folder = whole / "avr_cot"
    samples = load_sharegpt(folder)
    summary = json.loads((folder / "summary.json").read_text())["figures"]
    assert summary["num_samples"] == summary["num_kept"] == len(samples)
    assert summary["num_kept"] == 160 - summary["num_unsolved"] > 140
    assert summary["num_failed"] == 0
    assert summary["episodes_per_second"] > 0
    assert {sample["question_type"] for sample in samples} == {"query", "exist", "count"}
    assert all(set(s) == {"id", "question_type", "scene_type", "image", "conversations"}
               for s in samples)  # fmt: skip
    first = TRAIN_STREAMS["imitation"].start
    ids = [sample["id"] for sample in samples]
    assert ids == sorted(set(ids))
    assert set(ids) <= {f"avr_cot-{first + k:09d}" for k in range(160)}
    statistics = json.loads((folder / "statistics.json").read_text())
    assert sum(statistics["scene_type"].values()) == len(samples)
    assert "data:image/png" in (folder / "statistics.html").read_text()


def test_interrupted_and_gone_on_with_it_is_the_same(whole: Path, tmp_path: Path) -> None:
    process = start("generate", f"run.root={tmp_path}", *TINY, "num_workers=2", cwd=tmp_path)
    parts = tmp_path / "avr_cot" / "parts"
    deadline = time.monotonic() + 100
    while not list(parts.glob("*.json")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "run.resume=true" in err
    assert not (tmp_path / "avr_cot" / "data.jsonl").exists()
    # The same command goes on; what an earlier part cost is not paid again.
    done = {path: path.stat().st_mtime_ns for path in parts.glob("*.json")}
    assert 0 < len(done) < 4
    assert call(tmp_path, *TINY, "num_workers=1") == 0
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
    assert files_of(tmp_path) == files_of(whole)


def test_a_dataset_can_grow(whole: Path, tmp_path: Path) -> None:
    assert call(tmp_path, *TINY, "num_episodes=60", "num_workers=1") == 0
    assert call(tmp_path, *TINY, "num_workers=1", "run.resume=true") == 0
    assert files_of(tmp_path) == files_of(whole)


def test_other_settings_do_not_go_on_with_a_dataset(whole: Path, capsys) -> None:
    assert call(whole, *TINY) == 2
    assert "already holds a finished run" in capsys.readouterr().err
    assert call(whole, *TINY, "first_index=5", "run.resume=true") == 2
    assert "holds a dataset with another first_index" in capsys.readouterr().err
    assert call(whole, *TINY, "num_episodes=30", "run.resume=true") == 2
    assert "more than num_episodes=30 makes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("purpose=test", "purpose is 'test'; training data comes from training seeds alone"),
        ("purpose=validation", "legal: train, imitation, reinforcement, calibration"),
        ("first_index=399999999", "seed index"),
        ("dataset.styles.bold=1.0", "Legal under 'dataset.styles': best, plan, wander"),
        ("dataset.styles.best=0", "dataset.styles is"),
        ("env.config.action_form=typed", "env.config.action_form is 'typed'"),
        ("dataset.env_ids=[AVR/Stack-v0]", "scene_types has 'behind_large_object'"),
        ("num_workers=0", "num_workers is 0"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    argument: str, message: str, tmp_path: Path, capsys
) -> None:
    assert call(tmp_path, *TINY, argument) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_decisions_as_samples_of_several_kinds(tmp_path: Path) -> None:
    arguments = (
        *SMALL,
        "num_episodes=6",
        "num_workers=1",
        "dataset.env_ids=[AVR/Composite-v0, AVR/Stack-v0]",
        "dataset.form=single_step",
        "dataset.image_format=jpeg",
        "dataset.styles.wander=1",
    )
    assert call(tmp_path, *arguments) == 0
    samples = load_sharegpt(tmp_path / "avr_cot")
    statistics = json.loads((tmp_path / "avr_cot" / "statistics.json").read_text())
    assert statistics["env"] == {"AVR/Composite-v0": 3, "AVR/Stack-v0": 3}
    assert len(samples) == statistics["num_replies"]
    assert all(len(sample["conversations"]) == 2 for sample in samples)


def expert_episodes(*arguments: str, count: int) -> list[Episode]:
    """The episodes that a dataset of these arguments is made from, with their truth."""
    config, _ = load_config("generate", GenerateScript, arguments)
    pool = LocalPool(lambda: make_env(config.env), 1)
    first = TRAIN_STREAMS["imitation"].start
    specs = [EpisodeSpec(seed=first + k) for k in range(count)]
    return collect_episodes(pool, ExpertPolicy("best"), specs)


def test_hidden_things_are_not_named_before_they_are_seen(tmp_path: Path) -> None:
    arguments = (*SMALL, "num_episodes=12", "num_workers=1")
    assert call(tmp_path, *arguments) == 0
    samples = load_sharegpt(tmp_path / "avr_cot")
    num_late = 0
    for episode, sample in zip(expert_episodes(*SMALL, count=12), samples, strict=True):
        assert episode.truth is not None
        shown = [episode.truth.initial, *episode.truth.turns][: len(episode.turns)]
        seen: set[str] = set()
        for truth, human, gpt in zip(
            shown, sample["conversations"][::2], sample["conversations"][1::2], strict=True
        ):
            new = {thing["name"] for thing in truth["visible"]} - seen
            num_late += bool(seen) and bool(new)
            seen |= new
            assert set(NAME.findall(human["value"] + gpt["value"])) <= seen
    assert num_late, "some things came into view only later"
