"""Traces: the form of the samples, the parts on disk, the numbers and the page."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.records import make_episode
from training.episode import Episode, Failure
from training.trace_page import choose_samples
from training.trace_shards import PART_SIZE, finish_dataset, load_tallies, part_sizes, write_part
from training.trace_statistics import add_tallies, make_statistics, tally_episode
from training.traces import TraceConfig, draw_style, make_samples

LOOK = "<think>Hidden.</think><action>C</action>"
ANSWER = "<think>It is blue.</think><answer>B</answer>"
QUESTION = "Question: what colour?"


def step(kind: str, action: str = "", **fields) -> dict:
    return {"kind": kind, "action": {"kind": action} if action else None, **fields}


LOOKED = step("action", "pick", expected_gain=0.5, entropy_drop=0.75)
ANSWERED = step("answer", expected_gain=None, entropy_drop=0.0)


def an_episode(seed: int = 7, *, success: bool = True, scene: str = "in_box") -> Episode:
    episode = make_episode(LOOKED, ANSWERED, replies=(LOOK, ANSWER), success=success, seed=seed)
    assert episode.truth is not None
    episode.truth.initial |= {"question_kind": "query", "scene_type": scene, "gold": "blue"}
    return episode


def a_failure(seed: int = 8) -> Episode:
    episode = an_episode(seed)
    episode.failure = Failure(stage="env", message="it broke")
    return episode


def test_an_episode_is_a_conversation() -> None:
    samples, files = make_samples(an_episode(), TraceConfig(), folder="images/00002")
    paths = ["images/00002/000000007-00.png", "images/00002/000000007-01.png"]
    assert samples == [
        {
            "id": "avr_cot-000000007",
            "question_type": "query",
            "scene_type": "in_box",
            "image": paths,
            "conversations": [
                {"from": "human", "value": f"<image>\n{QUESTION}"},
                {"from": "gpt", "value": LOOK},
                {"from": "human", "value": f"<image>\n{QUESTION}"},
                {"from": "gpt", "value": ANSWER},
            ],
        }
    ]
    pngs = [turn.image_pngs[0] for turn in an_episode().turns]
    assert files == dict(zip(paths, pngs, strict=True))


def test_a_decision_is_a_sample_with_its_history() -> None:
    config = TraceConfig(form="single_step", name="steps")
    samples, files = make_samples(an_episode(), config, folder="images/00000")
    assert [sample["id"] for sample in samples] == ["steps-000000007-00", "steps-000000007-01"]
    assert [sample["image"] for sample in samples] == [[*files][:1], [*files]]
    assert [len(sample["conversations"]) for sample in samples] == [2, 2]
    asked, said = samples[1]["conversations"]
    assert asked["value"] == (
        f"<image>\n{QUESTION}\nYou chose: [Pick] left.\n<image>\n{QUESTION}"
    ), "what was thought before is no input"
    assert said == {"from": "gpt", "value": ANSWER}


def test_jpeg_pictures_look_like_the_originals() -> None:
    episode = an_episode()
    _, files = make_samples(episode, TraceConfig(image_format="jpeg"), folder="images/00000")
    assert [Path(name).suffix for name in files] == [".jpg", ".jpg"]
    for turn, content in zip(episode.turns, files.values(), strict=True):
        image = Image.open(io.BytesIO(content))
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image).astype(int) - turn.images()[0]).max() <= 3


def test_replies_with_an_image_marker_are_refused() -> None:
    episode = make_episode(ANSWERED, replies=("<think><image></think><answer>A</answer>",))
    with pytest.raises(ValueError, match="<image> stands in a reply"):
        make_samples(episode, TraceConfig(), folder="images/00000")
    episode.truth = None
    with pytest.raises(ValueError, match="has no truth"):
        make_samples(episode, TraceConfig(), folder="images/00000")


def test_markers_stand_where_the_environment_put_them() -> None:
    episode = an_episode()
    first = episode.turns[0]
    episode.turns[0] = replace(first, text=f"frame 7: <image>\n{QUESTION}")
    [sample], _ = make_samples(episode, TraceConfig(), folder="images/00000")
    assert sample["conversations"][0]["value"] == f"frame 7: <image>\n{QUESTION}"
    episode.turns[0] = replace(first, text=f"<image><image>\n{QUESTION}")
    with pytest.raises(ValueError, match="2 <image> for 1 pictures"):
        make_samples(episode, TraceConfig(), folder="images/00000")


def test_styles_are_drawn_by_weight_from_the_seed() -> None:
    config = TraceConfig(styles={"best": 3.0, "wander": 1.0, "plan": 0.0})
    drawn = [draw_style(config, seed) for seed in range(2000)]
    assert drawn == [draw_style(config, seed) for seed in range(2000)]
    shares = {style: number / 2000 for style, number in Counter(drawn).items()}
    # Four standard deviations of a share of 3/4 over 2000 draws are 0.039.
    assert shares == pytest.approx({"best": 0.75, "wander": 0.25}, abs=0.04)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "xml"}, "dataset.form is 'xml'; legal: multi_turn, single_step"),
        ({"image_format": "bmp"}, "dataset.image_format is 'bmp'; legal: png, jpeg"),
        ({"styles": {}}, "dataset.styles is {}"),
        ({"styles": {"best": -1.0}}, "weights must be 0 or more"),
        ({"styles": {"best": float("nan")}}, "weights must be 0 or more"),
        ({"name": "../up"}, "dataset.name is '../up'; legal: a to z"),
        ({"jpeg_quality": 101}, "dataset.jpeg_quality is 101; legal: 1 to 100"),
        ({"max_failed_share": 1.5}, "dataset.max_failed_share is 1.5"),
    ],
)
def test_wrong_settings_are_named(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TraceConfig(**settings).check()


# Parts.


def test_parts_share_the_episodes_out() -> None:
    assert part_sizes(1) == [1]
    assert part_sizes(PART_SIZE) == [PART_SIZE]
    assert part_sizes(2 * PART_SIZE + 3) == [PART_SIZE, PART_SIZE, 3]


def test_parts_are_joined_in_order(tmp_path: Path) -> None:
    config = TraceConfig()
    write_part(tmp_path, 1, [an_episode(9)], config)
    with pytest.raises(FileNotFoundError, match=r"parts \[0\] of 2 are missing"):
        finish_dataset(tmp_path, 2, config)
    write_part(tmp_path, 0, [an_episode(7), a_failure(), an_episode(6, success=False)], config)
    statistics = finish_dataset(tmp_path, 2, config)
    lines = (tmp_path / "data.jsonl").read_text().splitlines()
    samples = [json.loads(line) for line in lines]
    assert [sample["id"] for sample in samples] == ["avr_cot-000000007", "avr_cot-000000009"]
    named = {path for sample in samples for path in sample["image"]}
    written = {p.relative_to(tmp_path).as_posix() for p in (tmp_path / "images").glob("*/*")}
    assert named == written, "pictures of samples that are kept, and no others"
    counts = {"num_episodes": 4, "num_failed": 1, "num_unsolved": 1, "num_kept": 2}
    assert {name: statistics[name] for name in counts} == counts
    assert json.loads((tmp_path / "statistics.json").read_text()) == statistics
    info = json.loads((tmp_path / "dataset_info.json").read_text())["avr_cot"]
    assert (tmp_path / info["file_name"]).exists()
    assert set(info["columns"].values()) <= set(samples[0])


def test_unsolved_episodes_are_kept_on_request(tmp_path: Path) -> None:
    config = TraceConfig(keep_unsolved=True)
    tally = write_part(tmp_path, 0, [an_episode(success=False), a_failure()], config)
    assert (tally["num_kept"], tally["num_unsolved"], tally["num_failed"]) == (1, 1, 1)


def test_a_part_that_was_cut_off_is_written_anew(tmp_path: Path) -> None:
    config, whole, cut = TraceConfig(), tmp_path / "whole", tmp_path / "cut"
    write_part(whole, 0, [an_episode(7)], config)

    def broken():
        yield an_episode(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_part(cut, 0, broken(), config)
    assert list((cut / "images").glob("*/*"))
    assert load_tallies(cut) == {}
    write_part(cut, 0, [an_episode(7)], config)
    files = [sorted(p.relative_to(root) for p in root.rglob("*.*")) for root in (whole, cut)]
    assert files[0] == files[1]
    assert all((whole / name).read_bytes() == (cut / name).read_bytes() for name in files[0])


# Numbers.


def test_tallies_add_up() -> None:
    one = {"num": 1, "table": {"a": 2, "deep": {"x": 0.5}}}
    other = {"num": 3, "table": {"b": 1, "deep": {"x": 0.25}}, "more": {"c": 1}}
    total = {"num": 4, "table": {"a": 2, "b": 1, "deep": {"x": 0.75}}, "more": {"c": 1}}
    assert add_tallies([one, other]) == total
    assert one["table"] == {"a": 2, "deep": {"x": 0.5}}, "what is added stays as it is"
    assert add_tallies([]) == {}


def test_an_episodes_numbers() -> None:
    tally = tally_episode(an_episode(), TraceConfig(), num_samples=1)
    assert tally["answer"] == {"query": {"blue": 1}}
    assert tally["turns"] == {"2": 1}
    assert tally["first_view"] == {"insufficient": 1}
    assert tally["reply_words"] == {"0 to 49": 2}
    row = {"count": 1, "num_predicted": 1, "predicted_gain": 0.5, "realised_gain": 0.75}
    assert tally["action"] == {"pick": row}
    failed = tally_episode(a_failure(), TraceConfig(), num_samples=0)
    assert failed["failure"] == {"env": 1}
    assert failed["num_kept"] == failed["num_unsolved"] == 0


def test_means_follow_from_the_sums() -> None:
    episodes = [an_episode(seed) for seed in range(3)]
    tallies = [tally_episode(e, TraceConfig(), num_samples=1) for e in episodes]
    tallies[0]["turns"] = {"10": 1}
    statistics = make_statistics(add_tallies(tallies))
    assert statistics["mean_turns"] == 2.0
    assert statistics["mean_reply_words"] == pytest.approx((1 + 3) / 2)
    assert statistics["mean_predicted_gain_nats"] == pytest.approx(0.5)
    assert statistics["mean_realised_gain_nats"] == pytest.approx(0.75)
    assert statistics["share_sufficient"] == 0.0
    assert list(statistics["turns"]) == ["2", "10"], "numbers by size"


def test_a_dataset_without_samples_has_numbers_too(tmp_path: Path) -> None:
    write_part(tmp_path, 0, [a_failure()], TraceConfig())
    statistics = finish_dataset(tmp_path, 1, TraceConfig())
    assert (statistics["num_kept"], statistics["mean_turns"]) == (0, 0.0)
    assert (tmp_path / "statistics.html").exists()


# The page.


def test_the_page_escapes_and_shows_pictures_with_their_boxes(tmp_path: Path) -> None:
    reply = (
        "<think>\n# Visual Reasoning\na bbox_2d(0.100,0.200,0.500,0.600) & mark 3 "
        "bbox_2d(0.000,0.000,1.000,1.000)<script>alert(1)</script></think><answer>A</answer>"
    )
    episode = make_episode(ANSWERED, replies=(reply,), success=True)
    assert episode.truth is not None
    episode.truth.initial |= {"question_kind": "query", "scene_type": "in_box"}
    write_part(tmp_path, 0, [episode], TraceConfig())
    finish_dataset(tmp_path, 1, TraceConfig())
    page = (tmp_path / "statistics.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b># Visual Reasoning</b>" in page
    assert page.count("data:image/png;base64,") == 1
    assert '<rect class="thing" x="0.1" y="0.2" width="0.400" height="0.400"/>' in page
    assert '<rect class="mark" x="0.0" y="0.0" width="1.000" height="1.000"/>' in page
    assert "://" not in page, "the page needs nothing else"


def test_the_page_shows_different_scene_types_first(tmp_path: Path) -> None:
    scenes = ("in_box", "in_box", "in_drawer", "in_box", "behind_wall")
    episodes = [an_episode(seed, scene=scene) for seed, scene in enumerate(scenes)]
    write_part(tmp_path, 0, episodes, TraceConfig())
    finish_dataset(tmp_path, 1, TraceConfig())
    chosen = [s["scene_type"] for s in choose_samples(tmp_path, 3)]
    assert chosen == ["in_box", "in_drawer", "behind_wall"]
    assert [s["id"][-1] for s in choose_samples(tmp_path, 4)] == ["0", "2", "4", "1"]
    assert choose_samples(tmp_path, 0) == []
