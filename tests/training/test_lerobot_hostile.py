"""Metadata that somebody else has written: told as wrong, and never followed out of the folder."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="LeRobot data sets need the extra parquet")

import pyarrow as pa
from pyarrow import parquet

from tests.training.lerobot_episodes import arm_episodes, scene_episodes
from training.lerobot.check import check_lerobot
from training.lerobot.config import LerobotConfig
from training.lerobot.export import write_lerobot
from training.lerobot.layout import DATA_PATH, LerobotError, file_path, load_info
from training.lerobot.reader import load_lerobot

EPISODES = "meta/episodes/chunk-000/file-000.parquet"
KEPT = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile") / "arm"
    config = LerobotConfig(fps=20, cameras=["front"], images="video", codec="libx264")
    write_lerobot(root, arm_episodes(2), config)
    return root


@pytest.fixture
def info(root: Path) -> Any:
    """The text of info.json, which is put back."""
    path = root / "meta/info.json"
    text = path.read_text()
    yield json.loads(text)
    path.write_text(text)


def read_all(root: Path) -> None:
    """Whatever it is, it is read or told as wrong; anything else fails the test."""
    with suppress(LerobotError):
        list(load_lerobot(root))
    with suppress(LerobotError):
        check_lerobot(root)


@KEPT
@given(
    key=st.sampled_from(sorted(load_info.__globals__["DatasetInfo"].__dataclass_fields__)),
    value=JSON,
)
def test_any_value_of_any_key_is_read_or_told(
    key: str, value: Any, root: Path, info: dict[str, Any]
) -> None:
    (root / "meta/info.json").write_text(json.dumps(info | {key: value}))
    read_all(root)


@KEPT
@given(data=st.data(), value=JSON)
def test_any_value_in_any_feature_is_read_or_told(
    data: st.DataObject, value: Any, root: Path, info: dict[str, Any]
) -> None:
    features = json.loads(json.dumps(info["features"]))
    name = data.draw(st.sampled_from(sorted(features)))
    key = data.draw(st.sampled_from(["dtype", "shape", "names"]))
    features[name][key] = value
    (root / "meta/info.json").write_text(json.dumps(info | {"features": features}))
    read_all(root)


@KEPT
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_for_info_are_told(content: bytes, root: Path, info: dict[str, Any]) -> None:
    (root / "meta/info.json").write_bytes(content)
    with pytest.raises(LerobotError, match=r"meta/info\.json"):
        load_info(root)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"fps": NaN}', '{"fps": 1' + "0" * 5000 + "}"])
def test_json_that_only_python_takes_is_told(text: str, root: Path, info: Any) -> None:
    (root / "meta/info.json").write_text(text)
    with pytest.raises(LerobotError, match=r"meta/info\.json"):
        load_info(root)


TEMPLATES = [
    "../outside/{chunk_index:03d}/{file_index:03d}.parquet",
    "/etc/{chunk_index}{file_index}",
    "data/{chunk_index.__class__}/{file_index}",
    "data/{chunk_index!r}/{file_index}",
    "data/{chunk_index:0999999999d}/{file_index}",
    "data/{chunk_index:>{file_index}}/{file_index}",
    "data/{0}/{chunk_index}/{file_index}",
    "data/{video_key}/{chunk_index}/{file_index}",
    "data/{chunk_index/{file_index}",
    "data/chunk/file.parquet",
    "data/\0/{chunk_index}/{file_index}",
    "x" * 500 + "{chunk_index}{file_index}",
    7,
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates_that_climb_out_or_do_more_than_number_are_told(
    template: Any, root: Path, info: dict[str, Any]
) -> None:
    (root / "meta/info.json").write_text(json.dumps(info | {"data_path": template}))
    with pytest.raises(LerobotError):
        list(load_lerobot(root))
    with pytest.raises(LerobotError):
        check_lerobot(root)


@KEPT
@given(template=st.text(st.sampled_from("./{}:!chunk_index0d file~"), max_size=40))
def test_no_template_names_a_file_outside(template: str, root: Path, info: dict[str, Any]) -> None:
    (root / "meta/info.json").write_text(json.dumps(info | {"data_path": template}))
    try:
        path = file_path(root, load_info(root).data_path, 0, 0)
    except LerobotError:
        return
    assert path.is_relative_to(root.resolve())


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "arm"
    write_lerobot(root, arm_episodes(1), LerobotConfig(fps=20))
    outside = tmp_path / "outside"
    shutil.move(root / "data", outside)
    (root / "data").symlink_to(outside)
    with pytest.raises(LerobotError, match="leaves the data set's folder"):
        list(load_lerobot(root))


@pytest.mark.parametrize("number", [-1, 10**9, 2**62])
def test_numbers_of_files_are_bounded(number: int, tmp_path: Path) -> None:
    with pytest.raises(LerobotError, match="is not in 0 to"):
        file_path(tmp_path, DATA_PATH, 0, number)


CELLS = st.sampled_from([-1, 0, 1, 2, 7, 10**6, 2**62])


@KEPT
@given(
    column=st.sampled_from(
        [
            "length",
            "dataset_from_index",
            "dataset_to_index",
            "data/chunk_index",
            "data/file_index",
            "episode_index",
        ]
    ),
    cells=st.tuples(CELLS, CELLS),
)
def test_any_numbers_in_the_table_of_episodes_are_read_or_told(
    column: str, cells: tuple[int, int], root: Path
) -> None:
    path = root / EPISODES
    before = path.read_bytes()
    try:
        table = parquet.read_table(path)
        index = table.column_names.index(column)
        parquet.write_table(table.set_column(index, column, pa.array(cells, pa.int64())), path)
        read_all(root)
    finally:
        path.write_bytes(before)


RECORDS = [
    "null",
    "[]",
    "{",
    '{"seed": 1}',
    '{"task_id": 1, "env_id": "", "env_config_hash": "", "seed": true}',
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_that_is_not_ours_is_told(record: str, tmp_path: Path) -> None:
    root = tmp_path / "scene"
    write_lerobot(root, scene_episodes(1), LerobotConfig())
    path = root / EPISODES
    table = parquet.read_table(path)
    index = table.column_names.index("saccade/record")
    parquet.write_table(table.set_column(index, "saccade/record", pa.array([record])), path)
    with pytest.raises(LerobotError, match="saccade/record|cannot be read"):
        list(load_lerobot(root))


@pytest.mark.parametrize(
    ("column", "value"),
    [("turn.options", "[1, 2]"), ("turn.options", "{"), ("turn.image_sizes", [10**9, 10**9])],
)
def test_cells_that_are_not_ours_are_told(column: str, value: Any, tmp_path: Path) -> None:
    root = tmp_path / "scene"
    write_lerobot(root, scene_episodes(1), LerobotConfig())
    path = root / "data/chunk-000/file-000.parquet"
    table = parquet.read_table(path)
    index = table.column_names.index(column)
    cells = pa.array([value] * len(table), table.schema.field(column).type)
    parquet.write_table(table.set_column(index, table.schema.field(column), cells), path)
    with pytest.raises(LerobotError, match="cannot be read"):
        list(load_lerobot(root))
