"""`scripts/export.py`: from a folder of recorded episodes to a LeRobot data set."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="LeRobot data sets need the extra parquet")

from configs.export_schema import ExportScript
from scripts import export
from scripts.hydra_door import run_script
from scripts.lerobot_form import filled_in
from tests.training.lerobot_episodes import arm_episodes, scene_episodes
from training.episode import Failure, save_episode
from training.lerobot.check import check_lerobot
from training.lerobot.config import LerobotConfig
from training.lerobot.reader import load_lerobot


def call(*argv: str) -> int:
    return run_script(
        export.main,
        config_name="export",
        schema=ExportScript,
        examples=export.EXAMPLES,
        argv=argv,
    )


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A run's folder with three episodes of a robot, of which the first was not solved."""
    for episode in arm_episodes(3):
        save_episode(tmp_path / "run/episodes", episode)
    settings = "env:\n  config:\n    control: ee_delta\n    control_dt: 0.05\n"
    settings += "    chunk_length: 1\n    cameras: [front]\n    robot: {name: panda}\n"
    (tmp_path / "run/config.yaml").write_text(settings)
    return tmp_path / "run/episodes"


def test_the_form_comes_from_the_run_that_recorded(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(f"episodes={recorded}") == 0
    info = check_lerobot(recorded.parent / "lerobot")
    assert (info.fps, info.robot_type, info.total_episodes) == (20, "panda", 3)
    assert info.keys_of("image") == ["observation.images.front"]
    assert "3 of 3 episodes written" in capsys.readouterr().out


def test_the_command_line_has_the_last_word(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    form = ("lerobot.fps=10", "lerobot.cameras=[top]", "lerobot.language=text")
    assert call(f"episodes={recorded}", f"out={out}", "only_solved=true", *form) == 0
    info = check_lerobot(out)
    assert (info.fps, info.total_episodes) == (10, 2)
    assert "observation.images.top" in info.features
    assert [episode.seed for episode in load_lerobot(out)] == [1, 2]


def test_an_export_that_is_there_is_gone_on_with_or_replaced_when_that_is_said(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = recorded.parent / "lerobot"
    assert call(f"episodes={recorded}") == 0
    assert call(f"episodes={recorded}") == 2
    assert "set append=true to go on with it" in capsys.readouterr().err
    assert call(f"episodes={recorded}", "append=true") == 0
    assert check_lerobot(out).total_episodes == 6
    assert call(f"episodes={recorded}", "overwrite=true") == 0
    assert check_lerobot(out).total_episodes == 3


def test_conversations_need_no_settings_and_failed_episodes_stay_behind(tmp_path: Path) -> None:
    episodes = scene_episodes(3)
    episodes[1].failure = Failure(stage="policy", message="no reply")
    for episode in episodes:
        save_episode(tmp_path / "episodes", episode)
    assert call(f"episodes={tmp_path / 'episodes'}", f"out={tmp_path / 'out'}") == 0
    assert [episode.seed for episode in load_lerobot(tmp_path / "out")] == [0, 2]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("format=rlds",), "format is 'rlds'; legal: lerobot"),
        (("append=true", "overwrite=true"), "append and overwrite are both true"),
        (("lerobot.images=gif",), "lerobot.images is 'gif'; legal: image, video"),
        (("lerobot.fps=0",), "lerobot.fps is 0; legal: 1 to 1000, or null"),
        (("lerobot.cameras=['../up']",), "lerobot.cameras has '../up'"),
        (("lerobot.cameras=[a,a]",), "each name may come once"),
        (("lerobot.codec=theora",), "lerobot.codec is 'theora'"),
        (("lerobot.crf=64",), "lerobot.crf is 64"),
        (("lerobot.max_pictures=0",), "lerobot.max_pictures is 0"),
        (("out=''",), "out is empty"),
    ],
)
def test_wrong_settings_are_told(
    argv: tuple[str, ...], told: str, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(f"episodes={recorded}", *argv) == 2
    assert told in capsys.readouterr().err


def test_a_folder_without_episodes_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(f"episodes={tmp_path}") == 2
    assert "holds no recorded episodes" in capsys.readouterr().err


def test_actions_without_a_clock_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for episode in arm_episodes(1):
        save_episode(tmp_path / "episodes", episode)
    assert call(f"episodes={tmp_path / 'episodes'}") == 2
    assert "lerobot.fps is null; episodes of actions have a clock" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("env: {config: {control: ee_delta, control_dt: 0.03}}")
    assert call(f"episodes={tmp_path / 'episodes'}") == 2
    assert "LeRobot asks for a whole number of frames" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("env: [")
    assert call(f"episodes={tmp_path / 'episodes'}") == 2
    assert "config.yaml: not YAML" in capsys.readouterr().err
    assert not (tmp_path / "lerobot").exists()


def test_a_turn_is_as_long_as_its_chunk() -> None:
    env = {"control": "joint_pos", "control_dt": 0.05, "chunk_length": 4, "cameras": ["wrist"]}
    form = filled_in(LerobotConfig(), env)
    assert (form.fps, form.cameras, form.robot_type) == (5, ["wrist"], None)
    assert filled_in(LerobotConfig(), env | {"control": "waypoint"}).fps == 1
    assert filled_in(LerobotConfig(fps=7), env).fps == 7
    assert filled_in(LerobotConfig(), {}) == LerobotConfig()
