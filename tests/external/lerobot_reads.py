"""Run by LeRobot's own interpreter: reads a data set frame by frame and writes down what it saw.

    python lerobot_reads.py DATA_SET RESULT.json             with LeRobotDataset
    python lerobot_reads.py DATA_SET RESULT.json columns     as LeRobot 0.6 loads language columns

LeRobot 0.6 needs a newer Python than the others here, so the second way is its declaration of the
two columns' types and its call of `datasets`, written out. No code is shared with the suite.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

# PyPI's torchvision is built for CUDA, and next to a torch for CPUs finds none of its operators.
# LeRobot uses its transforms alone, so that two names are all that the import misses.
if not torch.cuda.is_available():
    _LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
    for _name in ("nms", "qnms"):
        _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.datasets.lerobot_dataset import CODEBASE_VERSION, LeRobotDataset


def plain(name: str, value: Any) -> Any:
    """A value of a frame as JSON: numbers by their bytes, pictures by their 8-bit colours."""
    if not isinstance(value, torch.Tensor):
        return value
    if name.startswith("observation.images."):
        pixels = (value * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        return {"shape": list(pixels.shape), "sha256": digest, "mean": float(pixels.mean())}
    array = value.contiguous().numpy()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "hex": array.tobytes().hex()}


def main(root: str, result: str) -> None:
    """Read everything, by the index, by the episode and with a window of actions."""
    data = LeRobotDataset("local/export", root=root)
    seen: dict[str, Any] = {
        "codebase_version": CODEBASE_VERSION,
        "fps": data.fps,
        "num_episodes": data.num_episodes,
        "frames": [
            {name: plain(name, value) for name, value in data[index].items()}
            for index in range(len(data))
        ],
        "stats": {
            name: {key: value.tolist() for key, value in found.items()}
            for name, found in data.meta.stats.items()
        },
    }
    last = LeRobotDataset("local/export", root=root, episodes=[data.num_episodes - 1])
    seen["last_episode"] = [int(frame["index"]) for frame in last]
    if "action" in data.features:
        steps = [k / data.fps for k in range(3)]
        windows = LeRobotDataset("local/export", root=root, delta_timestamps={"action": steps})
        seen["windows"] = [
            {name: plain(name, windows[k][name]) for name in ("action", "action_is_pad")}
            for k in range(len(windows))
        ]
    with open(result, "w") as file:
        json.dump(seen, file)


def read_columns(root: str, result: str) -> None:
    """Load the tables with the types that LeRobot 0.6 declares, and write the two columns down."""
    import datasets

    text = datasets.Value("string")
    row = {name: text for name in ("role", "content", "style", "camera")}
    row["tool_calls"] = datasets.List(datasets.Json())
    types: dict[str, Any] = {
        "language_events": datasets.List(row),
        "language_persistent": datasets.List(row | {"timestamp": datasets.Value("float32")}),
    }
    with open(f"{root}/meta/info.json") as file:
        features = json.load(file)["features"]
    for name, spec in features.items():
        if spec["dtype"] == "image":
            types[name] = datasets.Image()
        elif name not in types:
            value = datasets.Value(spec["dtype"])
            width = spec["shape"][0]
            types[name] = value if width == 1 else datasets.Sequence(value, length=width)
    paths = sorted(str(path) for path in Path(root).glob("data/*/*.parquet"))
    loaded = datasets.Dataset.from_parquet(paths, features=datasets.Features(types))
    columns = ("language_events", "language_persistent")
    with open(result, "w") as file:
        json.dump([{name: frame[name] for name in columns} for frame in loaded], file)


if __name__ == "__main__":
    (read_columns if sys.argv[3:] == ["columns"] else main)(*sys.argv[1:3])
