"""`scripts/record.py`: films that any player opens."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tests.scripts.real_scripts import call
from training.episode import load_episode


def test_a_film_and_a_contact_sheet_of_the_expert(tmp_path: Path) -> None:
    command = ("env=avr/nursery", "policy=expert", "num_episodes=2", f"run.root={tmp_path}")
    assert call("record", *command) == 0
    run = tmp_path / "record"
    films = sorted((run / "films").glob("*.mp4"))
    assert len(films) == 2
    for film in films:
        with av.open(str(film)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            frames = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        episode = load_episode(run / "episodes" / film.stem)
        assert len(frames) >= 2 * len(episode.turns)
        assert np.std(frames[0]) > 5, "an empty picture"
    with Image.open(run / "films" / "contact_sheet.png") as sheet:
        assert sheet.width > 112
        assert np.std(np.asarray(sheet)) > 5
    summary = json.loads((run / "summary.json").read_text())
    assert summary["figures"] == {"num_films": 2.0, "success": 1.0}


def test_the_world_of_the_first_minute(tmp_path: Path) -> None:
    """The command of the README, for one episode."""
    command = ("env=avr/occlusion", "policy=expert", "num_episodes=1", "draw_truth=true")
    assert call("record", *command, f"run.root={tmp_path}") == 0
    assert len(list((tmp_path / "record" / "films").glob("*.mp4"))) == 1
