"""`scripts/rollout.py`: any policy, headless, with its speed and its episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scripts.real_scripts import call
from training.episode import load_episode


def rollout(root: Path, *argv: str) -> dict:
    assert call("rollout", "env=avr/nursery", f"run.root={root}", *argv) == 0
    return json.loads((root / "rollout" / "summary.json").read_text())


def test_the_expert_is_right_and_fast_enough_to_be_timed(tmp_path: Path, capsys) -> None:
    summary = rollout(tmp_path, "num_episodes=6", "num_envs=3")
    row = summary["tables"]["rollout"]["expert"]
    assert row["acc_fa"] == {"mean": 1.0, "stderr": 0.0, "n": 6}
    assert summary["figures"]["num_failed"] == 0
    speed = summary["figures"]
    turns = speed["turns_per_second"] / speed["episodes_per_second"]
    assert turns == pytest.approx(row["turns"]["mean"])
    assert "acc_fa" in capsys.readouterr().out
    assert not (tmp_path / "rollout" / "episodes").exists()


def test_episodes_are_kept_on_request(tmp_path: Path) -> None:
    rollout(tmp_path, "policy=random", "num_episodes=3", "save_episodes=true", "first_index=5")
    folders = sorted((tmp_path / "rollout" / "episodes").iterdir())
    episodes = [load_episode(folder) for folder in folders]
    assert [episode.seed for episode in episodes] == [5, 6, 7]
    assert all(episode.turns[0].images()[0].shape == (84, 168, 3) for episode in episodes)
    assert all(episode.truth is not None for episode in episodes)


def test_equal_commands_give_equal_tables(tmp_path: Path) -> None:
    one = rollout(tmp_path / "a", "policy=random", "num_episodes=5", "num_envs=1")
    other = rollout(tmp_path / "b", "policy=random", "num_episodes=5", "num_envs=4")
    assert one["tables"] == other["tables"]
