"""LeRobot itself reads what this suite exports, frame by frame. Run by `make test-external`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="the export needs the extra parquet")

from tests.training.lerobot_episodes import arm_episodes, export, film_episodes, scene_episodes
from training.episode import Episode
from training.lerobot.reader import load_lerobot

PYTHON = os.environ.get("SACCADE_LEROBOT_PYTHON", "")
READER = Path(__file__).with_name("lerobot_reads.py")
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="scripts/external_tests.py lerobot makes LeRobot's environment and runs this"
)


def read_by_lerobot(root: Path, *ways: str) -> Any:
    """What LeRobot sees in a data set."""
    result = root.with_suffix(".json")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    environment["HF_HOME"] = str(root.with_suffix(".home"))
    done = subprocess.run(
        [PYTHON, str(READER), str(root), str(result), *ways],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(result.read_text())


def array_of(cell: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(cell["hex"]), cell["dtype"]).reshape(cell["shape"])


def check_frames(seen: dict[str, Any], episodes: Sequence[Episode]) -> None:
    """Every number of every frame, against the episodes as they were recorded."""
    turns = [(e, n, turn) for e in episodes for n, turn in enumerate(e.turns)]
    assert seen["codebase_version"] == "v3.0"
    assert (seen["num_episodes"], len(seen["frames"])) == (len(episodes), len(turns))
    for index, (frame, (episode, number, turn)) in enumerate(
        zip(seen["frames"], turns, strict=True)
    ):
        last = number == len(episode.turns) - 1
        assert frame["task"] == episode.turns[0].text
        assert frame["turn.text"] == turn.text
        assert frame.get("turn.reply") == turn.output.text
        wanted = {
            "index": index,
            "frame_index": number,
            "episode_index": episodes.index(episode),
            "timestamp": np.float32(number / 20),
            "next.reward": np.float32(turn.reward),
            "next.done": last,
            "next.success": last and episode.success,
            "next.truncated": last and episode.truncated,
        }
        for name, value in wanted.items():
            assert array_of(frame[name]) == value, name
        if turn.state is not None:
            assert frame["observation.state"]["hex"] == turn.state.tobytes().hex()
        if turn.output.action is not None:
            assert frame["action"]["hex"] == turn.output.action[0].tobytes().hex()


def check_pictures(seen: dict[str, Any], episodes: Sequence[Episode]) -> int:
    """Every picture, pixel by pixel. Returns how many there were."""
    turns = [turn for episode in episodes for turn in episode.turns]
    num = 0
    for frame, turn in zip(seen["frames"], turns, strict=True):
        for slot, picture in enumerate(turn.images()):
            found = frame[f"observation.images.view_{slot}"]
            assert found["shape"] == list(picture.shape)
            assert found["sha256"] == hashlib.sha256(picture.tobytes()).hexdigest()
            num += 1
    return num


def test_states_actions_words_and_pictures_are_read_as_they_were_recorded(tmp_path: Path) -> None:
    episodes = arm_episodes(4, chunk_length=1)
    export(tmp_path / "arm", episodes, language="text")
    seen = read_by_lerobot(tmp_path / "arm")
    check_frames(seen, episodes)
    assert check_pictures(seen, episodes) == sum(len(e.turns) for e in episodes)
    assert seen["fps"] == 20


def test_windows_of_actions_are_the_actions_that_follow(tmp_path: Path) -> None:
    episodes = arm_episodes(3, chunk_length=1)
    export(tmp_path / "arm", episodes, language="text")
    seen = read_by_lerobot(tmp_path / "arm")
    window = iter(seen["windows"])
    for episode in episodes:
        actions = np.stack([turn.output.action[0] for turn in episode.turns])
        for number in range(len(actions)):
            found = next(window)
            steps = np.arange(number, number + 3)
            inside = steps < len(actions)
            assert (array_of(found["action_is_pad"]) == ~inside).all()
            expected = actions[np.minimum(steps, len(actions) - 1)]
            assert array_of(found["action"]).tobytes() == expected.tobytes()
    first = sum(len(episode.turns) for episode in episodes[:-1])
    assert seen["last_episode"] == list(range(first, first + len(episodes[-1].turns)))


def test_conversations_and_turns_with_several_pictures_are_read(tmp_path: Path) -> None:
    for name, episodes in (("scene", scene_episodes(3)), ("film", film_episodes(3))):
        export(tmp_path / name, episodes, language="text")
        seen = read_by_lerobot(tmp_path / name)
        check_frames(seen, episodes)
        assert check_pictures(seen, episodes) > 0


def test_whole_chunks_are_read_beside_their_first_action(tmp_path: Path) -> None:
    episodes = arm_episodes(3, chunk_length=4)
    export(tmp_path / "arm", episodes, language="text")
    seen = read_by_lerobot(tmp_path / "arm")
    check_frames(seen, episodes)
    turns = [turn for episode in episodes for turn in episode.turns]
    for frame, turn in zip(seen["frames"], turns, strict=True):
        length = int(array_of(frame["chunk.length"]))
        chunk = array_of(frame["chunk.actions"])[:length]
        assert chunk.tobytes() == turn.output.action.tobytes()


@pytest.mark.parametrize("codec", ["libsvtav1", "libx264"])
def test_videos_are_read_at_every_frame(tmp_path: Path, codec: str) -> None:
    episodes = arm_episodes(3, chunk_length=1, height=64, width=96)
    export(tmp_path / "arm", episodes, language="text", images="video", codec=codec)
    seen = read_by_lerobot(tmp_path / "arm")
    check_frames(seen, episodes)
    ours = [turn for episode in load_lerobot(tmp_path / "arm") for turn in episode.turns]
    for frame, turn in zip(seen["frames"], ours, strict=True):
        found = frame["observation.images.view_0"]
        assert found["shape"] == [64, 96, 3]
        assert found["mean"] == pytest.approx(float(turn.images()[0].mean()), abs=1.5)


def test_language_columns_have_the_types_that_later_versions_declare(tmp_path: Path) -> None:
    arms, scenes = arm_episodes(2, labels=True), scene_episodes(2)
    for name, episodes in (("arm", arms), ("scene", scenes)):
        export(tmp_path / name, episodes)
        frames = read_by_lerobot(tmp_path / name, "columns")
        turns = [(episode, turn) for episode in episodes for turn in episode.turns]
        for frame, (episode, turn) in zip(frames, turns, strict=True):
            said = [(row["role"], row["content"]) for row in frame["language_events"]]
            reply = turn.output.text
            assert said == [("user", turn.text), *([("assistant", reply)] if reply else [])]
            labels = {row["content"] for row in frame["language_persistent"]}
            assert labels == {text for texts in episode.annotations.values() for text in texts}
