"""The environment over films on disk, read back from what the generator wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sims.conformance import check_environment
from video.frames import VideoError
from video.questions import VideoQuestion
from video.spotlight.config import SpotlightConfig
from video.spotlight.env import SpotlightEnv
from video.synthetic.config import FilmConfig
from video.synthetic.dataset import write_dataset
from video.synthetic.film import draw_film
from video.synthetic.source import FilmSource

pytestmark = pytest.mark.render
FILM = FilmConfig(
    height=60,
    width=96,
    fps=10,
    min_seconds=60.0,
    max_seconds=60.0,
    min_chapters=2,
    max_chapters=2,
    num_taken=2,
)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> tuple[Path, list[VideoQuestion]]:
    directory = tmp_path_factory.mktemp("films")
    return directory, write_dataset(FILM, directory, [1, 2])


def make_env(films, **fields) -> SpotlightEnv:
    return SpotlightEnv(SpotlightConfig(data_dir=str(films[0]), max_turns=8, **fields))


def test_questions_and_films_come_from_the_directory(films):
    env = make_env(films)
    ids = {env.reset(seed=n)[1]["truth"]["question_id"] for n in range(len(films[1]))}
    assert ids == {question.question_id for question in films[1]}
    assert not hasattr(env, "expert_reply")


def test_the_file_shows_what_the_film_shows(films):
    """As closely as H.264 keeps it."""
    env = make_env(films, question_kinds=["what_taken"])
    obs, info = env.reset(seed=0)
    seed = next(s for s in (1, 2) if draw_film(FILM, s).name in info["truth"]["video"])
    drawn = FilmSource(draw_film(FILM, seed)).frames(info["truth"]["shown_frames"]).data
    error = np.abs(np.stack(obs["images"]).astype(int) - drawn).mean()
    assert error < 6
    assert info["truth"]["num_frames"] == 600
    assert info["truth"]["fps"] == pytest.approx(10.0)


def test_pictures_are_scaled_where_they_are_decoded(films):
    env = make_env(films, tools=["zoom"], max_height=30, max_width=640)
    assert env.reset(seed=0)[0]["images"][0].shape == (30, 48, 3)
    obs = env.step("<action>zoom frame 5 at 0 0 0.25 0.25</action>")[0]
    assert obs["images"][0].shape == (30, 48, 3), "15 x 24 of 60 x 96, enlarged"


def test_the_contract_is_kept(films):
    last = len(films[1]) - 1  # of the other film
    check_environment(lambda: make_env(films, subtitles=True), seeds=(0, last), num_steps=3)


def test_subtitles_come_from_the_directory(films):
    env = make_env(films, subtitles=True)
    env.reset(seed=0)
    text = env.step("<action>choose frames between 0 and 599</action>")[0]["text"]
    assert "Subtitles:\n[0:00 - " in text
    assert "Chapter 1." in text


def test_films_behind_links_are_shown_where_that_is_allowed(films, tmp_path):
    """As in a model hub's cache: the set's folder holds links into another."""
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    for number, file in enumerate(f for f in films[0].rglob("*") if f.is_file()):
        link = folder / file.relative_to(films[0])
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blobs / str(number))
        (blobs / str(number)).write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match=r"leads out of .*snapshot; .*allow links"):
        SpotlightEnv(SpotlightConfig(data_dir=str(folder)))
    env = SpotlightEnv(SpotlightConfig(data_dir=str(folder), allow_links=True))
    obs = env.reset(seed=0)[0]
    assert np.array_equal(obs["images"], make_env(films).reset(seed=0)[0]["images"])


def test_a_film_that_is_cut_off_is_an_error_at_the_reset(films, tmp_path):
    for file in films[0].rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(films[0])
            copy.parent.mkdir(parents=True, exist_ok=True)
            content = file.read_bytes()
            copy.write_bytes(content[: len(content) // 2] if file.suffix == ".mp4" else content)
    env = SpotlightEnv(SpotlightConfig(data_dir=str(tmp_path)))
    with pytest.raises(VideoError, match=r"\.mp4"):
        env.reset(seed=0)


def test_a_directory_without_questions_is_said(tmp_path):
    with pytest.raises(OSError, match=r"questions\.jsonl"):
        SpotlightEnv(SpotlightConfig(data_dir=str(tmp_path)))
    with pytest.raises(ValueError, match="unknown video benchmark 'mine'; legal: video_mme"):
        SpotlightEnv(SpotlightConfig(data_dir=str(tmp_path), benchmark="mine"))
