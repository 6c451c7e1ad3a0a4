"""Settings of the spotlight environment: which are legal, what is said, and the presets."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from video.spotlight.config import SpotlightConfig, SpotlightEnvConfig
from video.synthetic.config import nursery_film_config

ROOT = Path(__file__).resolve().parents[2]
PRESETS = sorted((ROOT / "configs" / "env" / "video").glob("*.yaml"))


def load_preset(name: str) -> SpotlightEnvConfig:
    """A preset as Hydra composes it: the schema with the file over it."""
    given = yaml.safe_load((ROOT / "configs/env/video" / f"{name}.yaml").read_text())
    assert given.pop("defaults") == ["/env/_spotlight_schema@_here_", "_self_"]
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(SpotlightEnvConfig), given))


def test_the_presets_are_these():
    assert [path.stem for path in PRESETS] == [
        "frame_thinker",
        "grounding",
        "nursery",
        "revisor",
        "single_pass",
        "spotlight",
        "video_com",
    ]


@pytest.mark.parametrize("name", [path.stem for path in PRESETS])
def test_presets_are_legal(name):
    config = load_preset(name)
    config.check()
    assert config.id == "Video/Spotlight-v0"
    assert config.kwargs() == {"config": config.config}


def test_the_default_preset_is_the_default():
    assert load_preset("spotlight") == SpotlightEnvConfig()


def test_the_frame_thinker_preset_has_the_published_numbers():
    config = load_preset("frame_thinker").config
    assert (config.look_frames(300.0), config.look_frames(300.1)) == (8, 12)
    assert (config.num_scan_frames(300.0), config.num_scan_frames(300.1)) == (8, 12)
    assert (config.picture_limits(300.0), config.picture_limits(300.1)) == ((360, 640), (252, 448))
    assert (config.max_turns, config.verification) == (5, "frame_thinker")


def test_the_published_numbers_of_the_other_presets():
    revisor = load_preset("revisor").config
    assert (revisor.rewatch_fps, revisor.rewatch_min_frames, revisor.rewatch_max_frames) == (
        2.0,
        4,
        512,
    )
    assert (revisor.rewatch_min_seconds, revisor.max_turns) == (2.0, 2)
    assert [revisor.num_scan_frames(seconds) for seconds in (100.0, 3600.0)] == [100, 512]
    assert revisor.max_height * revisor.max_width == 100_352
    assert (revisor.max_height, revisor.max_width) == revisor.picture_limits(3600.0)
    height, width = revisor.look_limits(100.0)
    assert 200_000 < height * width <= 200_704
    assert (height, width) == revisor.look_limits(3600.0)
    com = load_preset("video_com").config
    lengths = (com.segment_min_seconds, com.segment_max_seconds)
    assert (com.num_segments, com.segment_frames, lengths) == (10, 16, (10.0, 30.0))


def test_a_scan_shrinks_to_its_rate_and_to_the_budget():
    config = SpotlightConfig(scan_frames=64, scan_frames_long=64, scan_fps=0.5)
    assert [config.num_scan_frames(seconds) for seconds in (1.0, 60.0, 600.0)] == [1, 30, 64]
    config.frame_budget = 10
    assert config.num_scan_frames(60.0) == 10
    config.scan_only = True
    assert config.num_scan_frames(60.0) == 10, "the whole budget"
    assert config.num_scan_frames(4.0) == 2, "no denser than its rate, as LongVideoBench asks"


def test_each_task_has_one_of_the_frame_budgets():
    config = SpotlightConfig(frame_budgets=[6, 12, 12])
    config.check()
    counts = Counter(config.for_task(key).frame_budget for key in range(3000))
    assert set(counts) == {6, 12}
    assert counts[12] == pytest.approx(2000, abs=120), "a budget that stands twice comes twice"
    rules = config.for_task("question-7")
    assert (rules.frame_budgets, rules.scan_frames) == ([], config.scan_frames)
    rules.check()
    assert config.for_task("question-7") == rules
    plain = SpotlightConfig(frame_budget=9)
    assert plain.for_task(3) is plain


def test_room_for_pictures_is_that_of_the_largest_budget():
    few = SpotlightConfig(scan_only=True, frame_budgets=[6, 64, 12])
    assert few.max_images() == 64
    assert all(few.for_task(key).num_scan_frames(60.0) in (6, 12, 64) for key in range(20))


def test_the_nursery_shows_nursery_films():
    assert load_preset("nursery").config.film == nursery_film_config()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"contract": "plain"}, "contract is 'plain'; legal: saccade, frame_thinker"),
        ({"tools": ["peek"]}, r"tools is \['peek'\]; legal .* saccade, each once: choose_frames, "),
        ({"tools": ["zoom", "zoom"]}, "tools is .* each once"),
        ({"tools": []}, "tools is empty; legal with scan_only alone"),
        (
            {"contract": "frame_thinker", "tools": ["choose_frames", "zoom"]},
            "tools is .* contract frame_thinker, each once: choose_frames, frame_number_at",
        ),
        (
            {"contract": "frame_thinker", "tools": ["choose_frames"]},
            "tools is .* the contract frame_thinker has exactly choose_frames, frame_number_at",
        ),
        (
            {"contract": "frame_thinker", "frame_budget": 64},
            "frame_budget is 64; .* must be null unless scan_only is true",
        ),
        ({"verification": "all"}, "verification is 'all'; legal: none, repaired, frame_thinker"),
        (
            {"verification": "frame_thinker"},
            "verification is 'frame_thinker'.*contract is 'saccade'; legal: none, repaired",
        ),
        ({"scan_sampler": "random"}, "scan_sampler is 'random'; legal: linspace, vlmeval, "),
        ({"frame_budgets": [8, 0]}, r"frame_budgets is \[8, 0\] .*budgets of at least 1"),
        (
            {"frame_budgets": [8], "frame_budget": 4},
            r"frame_budgets is \[8\] and .*budget 4; legal",
        ),
        (
            {"contract": "frame_thinker", "frame_budgets": [8]},
            "frame_budget is None; the contract frame_thinker knows no frame budget",
        ),
        (
            {"contract": "frame_thinker", "ask_evidence": True},
            "ask_evidence is true; the contract frame_thinker knows no evidence",
        ),
        ({"reader_backend": "cv2"}, "reader_backend is 'cv2'; legal: pyav, decord, torchcodec"),
        ({"scan_frames": 0}, "scan_frames is 0; legal: 1 to 4096"),
        ({"frames_per_look_long": 0}, "frames_per_look_long is 0; legal: 1 to 4096"),
        ({"long_seconds": float("nan")}, "long_seconds is nan"),
        ({"max_height": 27}, "max_height is 27; legal: 28 to 4096"),
        ({"look_max_height": 27}, "look_max_height is 27; legal: 28 to 4096"),
        ({"look_max_width": 0}, "look_max_width is 0; legal: 28 to 4096"),
        ({"max_turns": 1}, "max_turns is 1; legal: 2 to 1000"),
        ({"frame_budget": 0}, "frame_budget is 0; legal: 1 to 1000000"),
        ({"scan_fps": -1.0}, "scan_fps is -1.0; legal: 0.0 to"),
        ({"rewatch_max_frames": 3}, "rewatch_max_frames is 3; legal: 4 to 4096"),
        ({"segment_max_seconds": 15.0}, "segment_max_seconds is 15.0; legal: 20.0 to"),
        ({"tiou_success": 0.0}, "tiou_success is 0.0; legal: 0.001 to 1.0"),
        ({"num_films": 0}, "num_films is 0; legal: 1 to"),
        ({"num_films": 5, "data_dir": "x"}, "num_films is 5, but .* env.config.data_dir; set at"),
        ({"max_reply_chars": 3}, "max_reply_chars is 3"),
    ],
)
def test_the_message_names_setting_value_and_what_is_legal(settings, message):
    config = SpotlightEnvConfig(config=SpotlightConfig(**settings))
    with pytest.raises(ValueError, match=rf"^env\.config\.{message}"):
        config.check()


def test_what_is_wrong_with_the_film_is_said_with_its_place():
    config = SpotlightConfig()
    config.film.fps = 0
    with pytest.raises(ValueError, match=r"^env\.config\.film\.fps is 0; legal: 1 to 60"):
        config.check("env.config.")


def test_every_field_is_explained():
    assert is_dataclass(SpotlightConfig)
    explained = SpotlightConfig.__doc__ or ""
    assert [f.name for f in fields(SpotlightConfig) if f.name not in explained] == []


def test_importing_registers_the_id_and_loads_nothing_heavy():
    code = (
        "import sys, gymnasium, video; gymnasium.spec('Video/Spotlight-v0');"
        "print([m for m in ('av', 'torch', 'mujoco', 'decord', 'PIL') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
