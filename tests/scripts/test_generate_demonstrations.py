"""`scripts/generate.py dataset=manipulation`: demonstrations, and the same for LeRobot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="LeRobot data sets need the extra parquet")

from configs.generate_schema import GenerateScript
from scripts import demonstration_files, generate
from scripts.hydra_door import run_script
from sims import make_env
from sims.config import ManipulationEnvConfig
from sims.manipulation.config import ManipulationConfig
from training.episode import Episode
from training.episode_store import EpisodeStore
from training.lerobot.check import check_lerobot
from training.lerobot.export import load_episodes
from training.lerobot.reader import load_lerobot

pytestmark = pytest.mark.render

CAMERAS = ("env.config.cameras=[front,wrist]",)
SMALL = ("dataset=manipulation", "env.config.height=32", "env.config.width=32", "num_workers=1")


def call(root: Path, *argv: str) -> int:
    return run_script(
        generate.main,
        config_name="generate",
        schema=GenerateScript,
        examples=generate.EXAMPLES,
        argv=(f"run.root={root}", *SMALL, *argv),
    )


def content_of(run: Path) -> dict[str, bytes]:
    found = [path for folder in ("episodes", "lerobot") for path in (run / folder).rglob("*.*")]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in found if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of four episodes."""
    root = tmp_path_factory.mktemp("whole")
    assert call(root, "num_episodes=4", *CAMERAS) == 0
    return root / "manipulation"


def test_demonstrations_are_episodes_with_a_rationale_and_no_truth(whole: Path) -> None:
    episodes = list(load_episodes(whole / "episodes"))
    assert len(episodes) == 4
    for episode in episodes:
        assert episode.success
        assert episode.truth is None
        assert len(episode.annotations["rationale"]) == len(episode.turns)
        instruction = episode.turns[0].text
        assert all(instruction in text for text in episode.annotations["rationale"])
        assert {turn.output.action.shape for turn in episode.turns} == {(1, 7)}
        assert {len(turn.image_pngs) for turn in episode.turns} == {2}


def test_the_lerobot_set_holds_the_same(whole: Path) -> None:
    info = check_lerobot(whole / "lerobot")
    assert (info.fps, info.robot_type) == (20, "panda")
    assert info.keys_of("image") == ["observation.images.front", "observation.images.wrist"]
    episodes = {episode.seed: episode for episode in load_episodes(whole / "episodes")}
    for found in load_lerobot(whole / "lerobot"):
        wanted = episodes.pop(found.seed)
        assert found.annotations == wanted.annotations
        for mine, theirs in zip(found.turns, wanted.turns, strict=True):
            assert mine.output.action.tobytes() == theirs.output.action.tobytes()
            assert mine.state.tobytes() == theirs.state.tobytes()
            assert mine.image_pngs == theirs.image_pngs
    assert not episodes


def test_a_demonstration_played_back_does_the_task(whole: Path) -> None:
    episode = next(iter(load_lerobot(whole / "lerobot")))
    small = ManipulationConfig(height=32, width=32, cameras=["front", "wrist"])
    env = make_env(ManipulationEnvConfig(id=episode.env_id, config=small))
    obs, _ = env.reset(seed=episode.seed)
    for turn in episode.turns:
        assert np.array_equal(obs["state"], turn.state)
        obs, reward, terminated, *_ = env.step(turn.output.action[0])
    assert (reward, terminated) == (1.0, True)
    env.close()


def test_what_was_interrupted_is_gone_on_with_and_comes_out_the_same(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Episode] = []

    def save_two(store: EpisodeStore, episode: Episode) -> None:
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(episode)
        save(store, episode)

    argv = ("num_episodes=4", *CAMERAS)
    save = EpisodeStore.save
    monkeypatch.setattr(EpisodeStore, "save", save_two)
    assert call(tmp_path, *argv) == 130
    monkeypatch.undo()
    run = tmp_path / "manipulation"
    assert len(list((run / "episodes").iterdir())) == 2
    with (run / "finished.jsonl").open("a") as file:
        file.write('{"seed": 3, "ke')  # the next line was being written
    assert call(tmp_path, *argv) == 0
    assert content_of(run) == content_of(whole)


@pytest.mark.slow
def test_two_processes_make_the_same(whole: Path, tmp_path: Path) -> None:
    assert call(tmp_path, "num_episodes=4", "num_workers=2", *CAMERAS) == 0
    assert content_of(tmp_path / "manipulation") == content_of(whole)


def test_unsolved_episodes_are_counted_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(tmp_path, "num_episodes=2", "env.config.max_steps=3") == 0
    figures = json.loads((tmp_path / "manipulation/summary.json").read_text())["figures"]
    assert (figures["num_episodes"], figures["num_kept"], figures["success"]) == (2, 0, 0)
    assert not (tmp_path / "manipulation/lerobot").exists()
    unsolved = ("run.name=all", "dataset.keep_unsolved=true", "dataset.keep_truth=true")
    assert call(tmp_path, "num_episodes=2", "env.config.max_steps=3", *unsolved) == 0
    assert check_lerobot(tmp_path / "all/lerobot").total_frames == 6
    assert len(list((tmp_path / "all/episodes").glob("*/truth.json"))) == 2


def test_a_dataset_of_other_settings_is_not_mixed_with_this_one(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content_of(whole)
    argv = ("num_episodes=4", "run.resume=true", "env.config.cameras=[front]")
    assert call(whole.parent, *argv) == 2
    assert "holds a dataset with another env" in capsys.readouterr().err
    assert call(whole.parent, "num_episodes=2", "run.resume=true", *CAMERAS) == 2
    assert "holds episodes of other seeds" in capsys.readouterr().err
    assert content_of(whole) == before


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("env=avr/nursery",), "is made in a manipulation environment"),
        (("dataset.styles={best: 0.0, sleepy: 1.0}",), "Legal under 'dataset.styles': best, noisy"),
        (("dataset.lerobot.images=gif",), "dataset.lerobot.images is 'gif'"),
        (("purpose=test",), "purpose is 'test'"),
        (("env.config.control_dt=0.03",), "LeRobot asks for a whole number of frames"),
    ],
)
def test_wrong_settings_are_told(
    argv: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = argv if "env=avr/nursery" in argv else (*SMALL, *argv)
    code = run_script(
        generate.main,
        config_name="generate",
        schema=GenerateScript,
        argv=(f"run.root={tmp_path}", "dataset=manipulation", "num_episodes=1", *argv),
    )
    assert code == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_line_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    line = '{"seed": 1, "kept": true, "success": true, "num_turns": 3, "failure": ""}\n'
    (tmp_path / "finished.jsonl").write_text(line + '{"seed": 2, "ke' + line + '{"seed": 4')
    assert list(demonstration_files.load_outcomes(tmp_path)) == [1]
