"""Films of robots' episodes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from policies.interface import PolicyOutput
from training import drawing
from training.episode import Episode, EpisodeTruth, Turn, encode_png, is_robots
from training.film_hand import read_hand
from training.film_hand_layout import PREDICTED, RIGHT, draw_marks
from training.film_motion import Motion, Shot
from training.film_view import make_view
from training.recording import contact_sheet, episode_frames, episode_mp4

PINK, TEAL, BLUE = (250, 40, 160), (10, 160, 150), (30, 40, 200)
STAGES = ["approach", "grasp"]
BOX = [0.25, 0.25, 0.5, 0.75]
PATH = [[0.25, 0.5], [0.75, 0.5]]
REPLY = "<think>It is there.</think><output>[[0.1, 0.2], [0.9, 0.8]]</output>"


def picture(color: tuple[int, int, int] = PINK) -> np.ndarray:
    return np.full((40, 40, 3), color, dtype=np.uint8)


def make_turn(*rows: list[float], reply: str | None = None, num_images: int = 1) -> Turn:
    """A turn with an action chunk, or with a reply in words."""
    action = None if reply is not None else np.array(rows or [[0.0] * 7], dtype=np.float32)
    return Turn(
        text="Touch the red cube.",
        image_pngs=(encode_png(picture()),) * num_images,
        state=None,
        options={},
        output=PolicyOutput(text=reply, action=action),
        reward=0.0,
    )


def truth_at(progress: float, stage: str = "approach", **more: Any) -> dict[str, Any]:
    return {
        "stages": STAGES,
        "stage": stage,
        "progress": progress,
        "progress_best": progress,
    } | more


def make_episode(*turns: Turn, told: list[dict[str, Any]] | None = None, **start: Any) -> Episode:
    """An episode whose truth after each turn is given by `told`."""
    return Episode(
        task_id="t",
        env_id="Fake-v0",
        env_config_hash="0" * 12,
        seed=3,
        turns=list(turns),
        success=True,
        truth=EpisodeTruth(initial=truth_at(0.1) | start, turns=told or [{}] * len(turns)),
    )


def predicting(kind: str, value: Any, **more: Any) -> dict[str, Any]:
    boxes = [value] if kind == "box" else []
    return truth_at(0.5, prediction={"kind": kind, "value": value, "boxes": boxes}, **more)


FACTS: dict[str, Any] = {
    "affordance": {"camera": "front", "box_xyxy_norm": BOX},
    "expert_path": {"camera": "front", "points": PATH},
}


def share_of(frame: np.ndarray, color: tuple[int, int, int]) -> float:
    return float((frame == np.array(color)).all(axis=2).mean())


def test_robots_are_known_by_numbers_or_by_stages() -> None:
    numbers = make_episode(make_turn())
    numbers.truth = None
    words = make_episode(make_turn(reply="hm"))
    other = make_episode(make_turn(reply="hm"))
    assert other.truth is not None
    other.truth.initial = {"gold_letter": "A"}
    assert [is_robots(one) for one in (numbers, words, other)] == [True, True, False]
    assert read_hand(other, 0, "before") is None


def test_progress_is_that_of_the_picture_and_at_the_end_the_last() -> None:
    told = [truth_at(0.6, "grasp"), truth_at(0.3) | {"progress_best": 0.6}]
    episode = make_episode(make_turn(), make_turn(), told=told)
    seen = [read_hand(episode, turn, stage) for turn, stage in ((0, "after"), (1, "after"))]
    assert [(h.progress, h.best, h.stage) for h in seen if h] == [
        (0.1, 0.1, "approach"),
        (0.6, 0.6, "grasp"),
    ]
    end = read_hand(episode, 1, "end")
    assert end is not None
    assert (end.progress, end.best, end.curve) == (0.3, 0.6, (0.1, 0.6, 0.3))


def test_a_moment_on_the_way_tells_of_itself() -> None:
    moment = truth_at(0.4, ee_position=[0.5, -0.02, 0.1], grasped="red_cube")
    hand = read_hand(make_episode(make_turn()), 0, "after", moment=moment)
    assert hand is not None
    assert (hand.progress, hand.curve) == (0.4, (0.1, 0.4))
    assert dict(hand.facts) == {"hand": "50.0, -2.0, 10.0 cm", "holds": "red cube"}


def test_the_numbers_of_an_action_have_names_and_bars_that_fit() -> None:
    rows = [[0.5, 0, 0, 0, 0, 0, -1.0], [0, 0.25, 0, 0, 0, 0, 1.0]]
    episode = make_episode(make_turn(*rows), make_turn([3.0, 0, 0, 0, 0, 0, 0]))
    hand = read_hand(episode, 0, "after", row=1)
    assert hand is not None
    assert (hand.row, hand.num_rows) == (1, 2)
    assert [bar.name for bar in hand.bars] == ["dx", "dy", "dz", "rx", "ry", "rz", "grip"]
    assert [bar.value for bar in hand.bars] == [0, 0.25, 0, 0, 0, 0, 1]
    # 3 is an angle's size, so its column goes to pi.
    assert [bar.limit for bar in hand.bars] == pytest.approx([np.pi, 1, 1, 1, 1, 1, 1])
    before, beyond = read_hand(episode, 0, "before"), read_hand(episode, 0, "after", row=9)
    assert before is not None and {bar.value for bar in before.bars} == {0.0}
    assert beyond is not None and beyond.row == 1


@pytest.mark.parametrize("width", [1, 3, 4, 5, 8, 30])
def test_actions_of_any_width_and_without_sense_are_filmed(width: int) -> None:
    wild = [float("nan"), float("inf"), -1e9, *[0.0] * width][:width]
    episode = make_episode(make_turn(wild), make_turn([0.1] * (width + 1)))
    episode.truth = None
    assert episode_frames(episode, fps=2)[-1].shape == (720, 1280, 3)


def test_what_is_right_and_what_is_predicted_are_drawn_once_it_is_predicted() -> None:
    told = [predicting("trajectory", [[0.1, 0.2], [0.9, 0.8]])]
    episode = make_episode(make_turn(reply=REPLY), told=told, **FACTS)
    assert read_hand(episode, 0, "before").marks == ()  # type: ignore[union-attr]
    hand = read_hand(episode, 0, "after")
    assert hand is not None
    assert [(m.kind, m.is_right, m.points) for m in hand.marks] == [
        ("path", True, ((0.25, 0.5), (0.75, 0.5))),
        ("path", False, ((0.1, 0.2), (0.9, 0.8))),
    ]
    frame = episode_frames(episode, fps=1, hold_seconds=1)[1]
    assert share_of(frame, RIGHT) > 2e-4 and share_of(frame, PREDICTED) > 2e-4


def test_boxes_count_while_nothing_has_moved() -> None:
    told = [
        predicting("box", [0.2, 0.2, 0.6, 0.8], executed={"reached": True}),
        predicting("box", [0.1, 0.1, 0.3, 0.3]),
    ]
    episode = make_episode(make_turn(reply="a"), make_turn(reply="b"), told=told, **FACTS)

    def marks(turn: int, stage: str, **options: Any) -> list[tuple[str, bool]]:
        hand = read_hand(episode, turn, stage, **options)
        assert hand is not None
        return [(mark.kind, mark.is_right) for mark in hand.marks]

    assert marks(0, "after") == [("box", True), ("box", False)]
    assert marks(0, "after", moment=truth_at(0.2)) == []
    # The first prediction was carried out, so what was right at the start is no longer.
    assert marks(1, "after") == [("box", False)]


def test_a_reply_that_predicts_nothing_is_shown_what_was_right() -> None:
    told = [truth_at(0.1, prediction={"kind": "none", "value": None, "problem": "No output."})]
    episode = make_episode(make_turn(reply="hm"), told=told, **FACTS)
    view = make_view(episode, 0, stage="after")
    assert view.badge == ("not understood", "bad")
    assert view.hand is not None and {mark.kind for mark in view.hand.marks} == {"box", "path"}


def test_a_reply_shows_its_reasoning_and_its_output() -> None:
    told = [predicting("trajectory", PATH)]
    view = make_view(make_episode(make_turn(reply=REPLY), told=told), 0, stage="after")
    assert view.reply == "It is there.\n[[0.1, 0.2], [0.9, 0.8]]"


def test_marks_go_onto_the_picture_of_their_camera() -> None:
    episode = make_episode(make_turn(num_images=2), **FACTS)
    front_second = read_hand(episode, 0, "after", cameras=("wrist", "front"))
    neither = read_hand(episode, 0, "after", cameras=("wrist",))
    assert front_second is not None and front_second.marked_picture == 1 and front_second.marks
    assert neither is not None and neither.marks == ()
    frames = [
        episode_frames(episode, fps=1, cameras=names)[0]
        for names in (("front", "wrist"), ("wrist", "front"))
    ]
    left = [share_of(frame[60:460, 30:430], RIGHT) for frame in frames]
    right = [share_of(frame[60:460, 450:850], RIGHT) for frame in frames]
    assert left[0] > 0 == right[0] and right[1] > 0 == left[1]


def test_marks_are_where_their_shares_say() -> None:
    canvas = drawing.Canvas(300, 300, PINK)
    hand = read_hand(make_episode(make_turn(), **FACTS), 0, "after")
    assert hand is not None
    box = [mark for mark in hand.marks if mark.kind == "box"]
    draw_marks(canvas, box, (50, 50, 200, 200))
    rows, columns = np.nonzero((canvas.array() == np.array(RIGHT)).all(axis=2))
    # 0.25 to 0.5 and 0.25 to 0.75 of 200 pixels that start at 50.
    assert (columns.min(), columns.max()) == pytest.approx((100, 150), abs=1)
    assert (rows.min(), rows.max()) == pytest.approx((100, 200), abs=1)


def test_marks_at_the_edge_stay_on_the_picture() -> None:
    canvas = drawing.Canvas(120, 120, PINK)
    start: dict[str, Any] = {"expert_path": {"camera": "front", "points": [[0, 0], [1, 1], [1, 0]]}}
    hand = read_hand(make_episode(make_turn(), **start), 0, "after")
    assert hand is not None
    draw_marks(canvas, hand.marks, (20, 20, 80, 80))
    outside = np.ones((120, 120), dtype=bool)
    outside[20:100, 20:100] = False
    assert (canvas.array()[outside] == np.array(PINK)).all()


def test_every_action_is_a_frame() -> None:
    chunks = [make_turn([0.1] * 7, [0.2] * 7, [0.3] * 7) for _ in range(2)]
    frames = episode_frames(make_episode(*chunks), fps=3, hold_seconds=1)
    # A third of the time for the start, three rows of each chunk, and the outcome.
    assert len(frames) == 1 + 2 * 3 + 3
    assert not np.array_equal(frames[1], frames[2]), "the next row of the chunk has other numbers"


def test_what_was_watched_is_shown_between_the_turns() -> None:
    shots = [Shot(row=row, pictures=(picture(TEAL),), truth=truth_at(0.2)) for row in range(2)]
    motion = Motion(shots=[shots], last=(picture(BLUE),))
    frames = episode_frames(make_episode(make_turn()), fps=1, hold_seconds=1, motion=motion)
    colors = [max((PINK, TEAL, BLUE), key=lambda color: share_of(f, color)) for f in frames]
    assert colors == [PINK, PINK, TEAL, TEAL, BLUE]


def test_films_have_one_size_and_twelve_frames_a_second() -> None:
    episode = make_episode(make_turn(num_images=2), make_turn(num_images=2))
    sizes = {frame.shape for frame in episode_frames(episode, fps=12)}
    assert sizes == {(720, 1280, 3)}
    assert episode_mp4(episode) == episode_mp4(episode, fps=12)


def test_a_contact_sheet_of_a_long_episode_shows_some_of_its_turns(tmp_path: Path) -> None:
    long = make_episode(*[make_turn() for _ in range(60)])
    short = make_episode(*[make_turn() for _ in range(12)])
    widths = []
    for index, episode in enumerate((long, short)):
        with Image.open(contact_sheet([episode], tmp_path / f"{index}.png", cell=60)) as sheet:
            widths.append(sheet.width)
    assert widths[0] == widths[1]


def test_the_reward_comes_when_the_action_is_done() -> None:
    turn = dataclasses.replace(make_turn(), reward=1.0)
    rewards = [make_view(make_episode(turn), 0, stage=s).reward for s in ("after", "end")]
    assert rewards == [0.0, 1.0]
