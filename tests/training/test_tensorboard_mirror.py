"""The mirror to TensorBoard, read back by TensorBoard itself; and all mirrors as one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.logger_config import LoggerConfig
from training.mirrors import Mirrors
from training.tensorboard_mirror import TensorboardMirror

ON = LoggerConfig(tensorboard=True)


def curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag -> (step, value), as TensorBoard would draw them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(path))
    events.Reload()
    tags = events.Tags()["scalars"]
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags}


@pytest.fixture(autouse=True)
def quiet() -> None:
    pytest.importorskip("tensorboard")


def test_every_phase_is_a_folder_of_curves(tmp_path: Path) -> None:
    mirror = TensorboardMirror(ON, tmp_path, {})
    mirror.log(1, {"loss": 2.0}, phase="cold_start")
    mirror.log(1, {"loss": 0.5, "reward/final_answer": 0.25}, phase="grpo")
    mirror.log(2, {"loss": -0.75}, phase="grpo")
    mirror.close()
    mirror.close()
    mirror.log(3, {"loss": 9.0}, phase="grpo")
    assert curves(tmp_path / "tensorboard" / "cold_start") == {"loss": [(1, 2.0)]}
    assert curves(tmp_path / "tensorboard" / "grpo") == {
        "loss": [(1, 0.5), (2, -0.75)],
        "reward/final_answer": [(1, 0.25)],
    }


def test_lines_can_be_seen_before_the_run_ends(tmp_path: Path) -> None:
    mirror = TensorboardMirror(ON, tmp_path, {})
    mirror.log(1, {"loss": 2.0}, phase="grpo")
    assert curves(tmp_path / "tensorboard" / "grpo") == {"loss": [(1, 2.0)]}
    mirror.close()


def test_steps_that_a_resumed_run_takes_again_replace_the_old_ones(tmp_path: Path) -> None:
    for steps, value in ((range(1, 6), 1.0), (range(4, 7), 2.0)):
        mirror = TensorboardMirror(ON, tmp_path, {})
        for step in steps:
            mirror.log(step, {"loss": value}, phase="grpo")
        mirror.close()
    drawn = curves(tmp_path / "tensorboard" / "grpo")["loss"]
    assert drawn == [(1, 1.0), (2, 1.0), (3, 1.0), (4, 2.0), (5, 2.0), (6, 2.0)]


def test_settings_are_shown_as_text(tmp_path: Path) -> None:
    mirror = TensorboardMirror(ON, tmp_path, {"seed": 5, "path": Path("a")})
    mirror.log(1, {"loss": 2.0}, phase="grpo")
    mirror.close()
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard" / "grpo"))
    events.Reload()
    assert events.PluginTagToContent("text").keys() == {"settings"}
    [shown] = events.Tensors("settings")
    assert shown.tensor_proto.string_val[0].decode().splitlines() == [
        "    {",
        '     "seed": 5,',
        '     "path": "a"',
        "    }",
    ]


def test_off_means_that_nothing_is_imported_or_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    mirror = TensorboardMirror(LoggerConfig(), tmp_path, {})
    mirror.log(1, {"loss": 1.0}, phase="grpo")
    mirror.close()
    assert list(tmp_path.iterdir()) == []


def test_switched_on_without_the_package(tmp_path: Path, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(
        ModuleNotFoundError,
        match=r"logger\.tensorboard=true needs .*pip install 'saccade\[tensorboard\]'",
    ):
        TensorboardMirror(ON, tmp_path, {})


def test_one_line_goes_to_all_mirrors(tmp_path: Path, monkeypatch) -> None:
    logged: list[dict] = []
    run = SimpleNamespace(log=logged.append, finish=lambda: None)
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=lambda **_: run))
    mirrors = Mirrors(LoggerConfig(wandb="offline", tensorboard=True), tmp_path, {"seed": 5})
    mirrors.log(3, {"loss": 1.0}, phase="grpo")
    mirrors.close()
    assert logged == [{"grpo/loss": 1.0, "grpo/step": 3}]
    assert curves(tmp_path / "tensorboard" / "grpo") == {"loss": [(3, 1.0)]}


def test_without_a_logger_nothing_is_written(tmp_path: Path) -> None:
    mirrors = Mirrors(LoggerConfig(), tmp_path, {})
    mirrors.log(3, {"loss": 1.0}, phase="grpo")
    mirrors.close()
    assert list(tmp_path.iterdir()) == []
