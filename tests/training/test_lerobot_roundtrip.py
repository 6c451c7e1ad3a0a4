"""Episodes go into a LeRobot data set and come back as they were."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="LeRobot data sets need the extra parquet")

import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from policies.interface import PolicyOutput
from tests.training.lerobot_episodes import (
    arm_episodes,
    check_equal,
    export,
    film_episodes,
    scene_episodes,
)
from tests.training.records import make_episode, make_truth
from training.episode import encode_png
from training.lerobot.check import check_lerobot
from training.lerobot.export import load_episodes
from training.lerobot.layout import LerobotError, load_info
from training.lerobot.reader import load_lerobot
from training.lerobot.schema import EpisodeShape, survey

KINDS = {"scene": scene_episodes, "film": film_episodes, "arm": arm_episodes}


@pytest.mark.parametrize("language", ["columns", "text"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_episode_comes_back_exactly(kind: str, language: str, tmp_path: Path) -> None:
    episodes = KINDS[kind](5)
    root = export(tmp_path / kind, episodes, language=language)
    info = check_lerobot(root)
    assert info.total_frames == sum(len(episode.turns) for episode in episodes)
    for found, wanted in zip(load_lerobot(root), episodes, strict=True):
        check_equal(found, wanted)


@pytest.mark.parametrize("language", ["columns", "text"])
def test_whole_chunks_and_labels_come_back(language: str, tmp_path: Path) -> None:
    episodes = arm_episodes(5, chunk_length=6, labels=True)
    assert len({len(t.output.action) for e in episodes for t in e.turns}) > 2
    root = export(tmp_path / "arm", episodes, language=language)
    check_lerobot(root)
    for found, wanted in zip(load_lerobot(root), episodes, strict=True):
        check_equal(found, wanted)


@pytest.mark.parametrize("codec", ["libsvtav1", "libx264"])
def test_videos_come_back_in_order_and_nearly_as_they_were(codec: str, tmp_path: Path) -> None:
    episodes = arm_episodes(4, height=64, width=80)
    root = export(tmp_path / "arm", episodes, images="video", codec=codec, crf=10)
    check_lerobot(root)
    for found, wanted in zip(load_lerobot(root), episodes, strict=True):
        check_equal(found, wanted, pictures=False)
        for mine, theirs in zip(found.turns, wanted.turns, strict=True):
            difference = mine.images()[0].astype(int) - theirs.images()[0].astype(int)
            assert np.abs(difference).mean() < 8  # a frame off, it is above 40


def test_odd_edges_are_filled_up_for_a_video_and_cut_off_again(tmp_path: Path) -> None:
    episodes = arm_episodes(2, height=33, width=47)
    root = export(tmp_path / "arm", episodes, images="video", codec="libx264")
    assert load_info(root).shape("observation.images.view_0") == (34, 48, 3)
    for found, wanted in zip(load_lerobot(root), episodes, strict=True):
        check_equal(found, wanted, pictures=False)


def test_pictures_of_any_number_and_size_share_the_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    episode = make_episode(*[make_truth("action")] * 4)
    sizes: list[list[tuple[int, int]]] = [[(4, 6)], [], [(9, 3), (2, 8), (9, 8)], [(1, 1)]]
    turns = [
        replace(
            turn,
            image_pngs=tuple(
                encode_png(rng.integers(256, size=(*size, 3), dtype=np.uint8)) for size in some
            ),
        )
        for turn, some in zip(episode.turns, sizes, strict=True)
    ]
    episode.turns = turns
    root = export(tmp_path / "any", [episode], cameras=["front"])
    info = check_lerobot(root)
    assert info.keys_of("image") == [
        "observation.images.front",
        "observation.images.view_1",
        "observation.images.view_2",
    ]
    assert info.shape("observation.images.view_1") == (9, 8, 3)
    (found,) = load_lerobot(root)
    for mine, theirs in zip(found.turns, turns, strict=True):
        for one, other in zip(mine.images(), theirs.images(), strict=True):
            assert np.array_equal(one, other)


def test_what_is_private_is_nowhere_in_the_files(tmp_path: Path) -> None:
    episodes = arm_episodes(2)
    reply = {"reply_ids": np.arange(3), "rollout_logprobs": np.full(3, -1.25, dtype=np.float32)}
    spoken = scene_episodes(1)[0]
    output = PolicyOutput(text="<answer>A</answer>", **reply)
    spoken.turns = [replace(turn, output=output) for turn in spoken.turns]
    spoken.annotations = {"causal": 0.125}
    for name, some in (("arm", episodes), ("scene", [spoken])):
        root = export(tmp_path / name, some)
        content = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
        columns = set(load_info(root).features)
        assert b"the red cube" not in content.replace(b"Push the red cube to the plate.", b"")
        assert not [name for name in columns if "logprob" in name or "ids" in name]
        assert b"causal" not in content


def test_the_form_of_rows_is_what_the_format_names(tmp_path: Path) -> None:
    episodes = arm_episodes(3, labels=True)
    root = export(tmp_path / "arm", episodes, cameras=["front"], robot_type="panda")
    info = json.loads((root / "meta/info.json").read_text())
    assert info["splits"] == {"train": "0:3"}
    assert (info["fps"], info["robot_type"], info["video_path"]) == (20, "panda", None)
    table = parquet.read_table(root / "data/chunk-000/file-000.parquet")
    assert table.column_names == list(info["features"])
    assert parquet.ParquetFile(root / "data/chunk-000/file-000.parquet").num_row_groups == 3
    first = table.slice(0, 1).to_pylist()[0]
    said = {"style": None, "camera": None, "tool_calls": None}
    task = "Push the red cube to the plate."
    assert first["language_events"] == [{"role": "user", "content": task, **said}]
    labels = [(row["style"], row["content"]) for row in first["language_persistent"]]
    assert labels == [
        ("subtask", "approach"),
        ("plan", "Now: approach."),
        ("subtask", "grasp"),
        ("plan", "Now: grasp."),
    ]
    starts = [row["timestamp"] for row in first["language_persistent"]]
    assert starts == [0.0, 0.0, np.float32(2 / 20), np.float32(2 / 20)]
    done = table["next.done"].to_pylist()
    assert done == [False, False, True, False, False, False, True, *[False] * 4, True]
    assert [i for i, x in enumerate(table["next.success"].to_pylist()) if x] == [6, 11]
    tasks = parquet.read_table(root / "meta/tasks.parquet")
    assert tasks.to_pylist() == [{"task_index": 0, "task": task}]
    assert tasks.schema.pandas_metadata["index_columns"] == ["task"]


def test_some_episodes_are_read_by_their_number(tmp_path: Path) -> None:
    root = export(tmp_path / "arm", arm_episodes(5))
    assert [episode.seed for episode in load_lerobot(root, [3, 0])] == [3, 0]
    with pytest.raises(LerobotError, match="episode 5 is not in 0 to 4"):
        list(load_lerobot(root, [5]))


def test_a_data_set_without_our_columns_is_read_as_demonstrations(tmp_path: Path) -> None:
    episodes = arm_episodes(3)
    root = export(tmp_path / "arm", episodes, language="text")
    ours = ("turn.text", "turn.image_sizes", "next.reward", "next.success", "next.truncated")
    info = json.loads((root / "meta/info.json").read_text())
    info["features"] = {k: v for k, v in info["features"].items() if k not in ours}
    (root / "meta/info.json").write_text(json.dumps(info))
    for path, dropped in (
        (root / "data/chunk-000/file-000.parquet", ours),
        (root / "meta/episodes/chunk-000/file-000.parquet", ("saccade/record",)),
    ):
        parquet.write_table(parquet.read_table(path).drop_columns(list(dropped)), path)
    check_lerobot(root)
    for number, (found, wanted) in enumerate(zip(load_lerobot(root), episodes, strict=True)):
        assert (found.task_id, found.env_id, found.success) == (
            f"lerobot/{number}",
            "lerobot",
            True,
        )
        for mine, theirs in zip(found.turns, wanted.turns, strict=True):
            assert mine.text == "Push the red cube to the plate."
            assert mine.output.action.tobytes() == theirs.output.action.tobytes()
            assert mine.image_pngs == theirs.image_pngs


def test_an_export_is_imitated_like_the_episodes_themselves(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs PyTorch")
    from tests.training.small_agent import make_agent

    episodes = scene_episodes(3)
    root = export(tmp_path / "scene", episodes)
    agent = make_agent()
    for found, wanted in zip(load_lerobot(root), episodes, strict=True):
        mine, theirs = agent.sample(found), agent.sample(wanted)
        assert np.array_equal(mine.input_ids, theirs.input_ids)
        assert np.array_equal(mine.loss_mask, theirs.loss_mask)
        for one, other in zip(mine.images, theirs.images, strict=True):
            assert np.array_equal(one, other)


def test_a_shape_without_pictures_has_no_picture_columns(tmp_path: Path) -> None:
    episodes = [
        replace(e, turns=[replace(t, image_pngs=()) for t in e.turns]) for e in scene_episodes(2)
    ]
    assert survey(episodes) == EpisodeShape(has_options=True)
    root = export(tmp_path / "words", episodes)
    assert check_lerobot(root).keys_of("image", "video") == []
    for found, wanted in zip(load_lerobot(root), episodes, strict=True):
        check_equal(found, wanted)


def test_recorded_episodes_are_found_on_disk(tmp_path: Path) -> None:
    from training.episode import save_episode

    with pytest.raises(FileNotFoundError, match="holds no recorded episodes"):
        list(load_episodes(tmp_path))
    for episode in scene_episodes(2):
        save_episode(tmp_path, episode)
    assert sorted(episode.seed for episode in load_episodes(tmp_path)) == [0, 1]


def test_pictures_in_other_formats_are_read_too(tmp_path: Path) -> None:
    root = export(tmp_path / "arm", arm_episodes(1), language="text")
    buffer = io.BytesIO()
    picture = np.full((12, 16, 3), 200, dtype=np.uint8)
    Image.fromarray(picture).save(buffer, format="JPEG")
    path = root / "data/chunk-000/file-000.parquet"
    table, name = parquet.read_table(path), "observation.images.view_0"
    field = table.schema.field(name)
    cells = pa.array([{"bytes": buffer.getvalue(), "path": None}] * len(table), field.type)
    index = table.column_names.index(name)
    parquet.write_table(table.set_column(index, field, cells), path)
    check_lerobot(root)
    (found,) = load_lerobot(root)
    assert np.abs(found.turns[0].images()[0].astype(int) - 200).max() <= 1


@pytest.mark.parametrize(
    ("predicted", "styles"),
    [
        ("[[0.5, 0.25], [0.75, 1]]", ["trace"]),
        ('{"x": 0.5, "y": 0.5, "width": 0.1, "height": 0.2}', ["vqa", "vqa"]),
        ("[0.5, 0.25]", []),
        ("[]", []),
        ("[[", []),
        ("[" * 9000, []),
    ],
)
def test_what_a_reply_predicts_is_told_in_lerobots_own_styles(
    predicted: str, styles: list[str], tmp_path: Path
) -> None:
    reply = f"<think>Is it <output>7</output>?</think><output>{predicted}</output>"
    episode = make_episode(make_truth("action"), replies=[reply])
    root = export(tmp_path / "spoken", [episode], cameras=["front"])
    check_lerobot(root)
    (rows,) = parquet.read_table(root / "data/chunk-000/file-000.parquet")[
        "language_events"
    ].to_pylist()
    told = [row for row in rows if row["style"] is not None]
    assert [row["style"] for row in told] == styles
    if told:
        assert told[-1]["camera"] == "observation.images.front"
        assert (told[-1]["role"], told[-1]["content"]) == ("assistant", predicted)
    (found,) = load_lerobot(root)
    check_equal(found, episode)
