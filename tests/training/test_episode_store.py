"""Episodes on disk: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.records import make_episode, make_truth
from training import episode_store
from training.episode_store import EpisodeStore


def test_episodes_come_back_by_seed_without_their_pictures(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path / "episodes")
    assert store.load() == {}
    for seed in (3, 5):
        store.save(make_episode(make_truth("answer"), seed=seed, success=seed == 5))
    found = store.load()
    assert sorted(found) == [3, 5]
    assert found[5].success
    assert found[3].truth.turns == [make_truth("answer")]
    assert found[3].turns[0].image_pngs == ()
    assert found[3].turns[0].output.text == make_episode(make_truth("answer")).turns[0].output.text


def test_pictures_are_kept_where_asked_for(tmp_path: Path) -> None:
    episode = make_episode(make_truth("answer"))
    store = EpisodeStore(tmp_path, pictures=True)
    store.save(episode)
    assert store.load()[0].turns[0].image_pngs == episode.turns[0].image_pngs


def test_an_episode_that_was_cut_off_while_it_was_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EpisodeStore(tmp_path)
    store.save(make_episode(make_truth("answer"), seed=1))

    def write_half(directory: Path, episode) -> Path:
        (directory / "half").mkdir(parents=True)
        (directory / "half" / "episode.json").write_text("{")
        raise KeyboardInterrupt

    monkeypatch.setattr(episode_store, "save_episode", write_half)
    with pytest.raises(KeyboardInterrupt):
        store.save(make_episode(make_truth("answer"), seed=2))
    assert sorted(store.load()) == [1]


def test_an_episode_that_is_saved_again_replaces_the_first(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    for success in (False, True):
        store.save(make_episode(make_truth("answer"), success=success))
    assert store.load()[0].success
