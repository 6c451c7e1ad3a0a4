"""Films of episodes."""

import dataclasses
import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from policies.interface import PolicyOutput
from training import drawing
from training.episode import Episode, EpisodeTruth, Failure, Turn, encode_png
from training.film_view import chosen_letter, make_view, right_letter
from training.recording import (
    contact_sheet,
    encode_mp4,
    episode_frames,
    record_episode,
)

OPTIONS = {"A": "red", "B": "blue", "C": "[Action] Move Viewer left"}
QUESTION = "Question: What color is the ball?\nA. red\nB. blue\nC. [Action] Move Viewer left"
PINK, TEAL = (250, 40, 160), (10, 160, 150)


def make_turn(
    reply: str = "<think>It hides.</think><action>C</action>",
    *,
    color: tuple[int, int, int] = PINK,
    num_images: int = 1,
    reward: float = 0.0,
) -> Turn:
    """A turn with plain pictures of 40 x 40 pixels."""
    png = encode_png(np.full((40, 40, 3), color, dtype=np.uint8))
    return Turn(
        text=QUESTION,
        image_pngs=(png,) * num_images,
        state=None,
        options=dict(OPTIONS),
        output=PolicyOutput(text=reply),
        reward=reward,
    )


def make_episode(*turns: Turn, success: bool = True, **fields: object) -> Episode:
    """An episode of the given turns; of an action and an answer without any."""
    turns = turns or (make_turn(), make_turn("<answer>B</answer>", color=TEAL, reward=1.0))
    return Episode(
        task_id="t",
        env_id="Fake-v0",
        env_config_hash="0" * 12,
        seed=3,
        turns=list(turns),
        success=success,
        **fields,  # type: ignore[arg-type]
    )


def share_of(frame: np.ndarray, color: tuple[int, int, int]) -> float:
    """Share of a frame's pixels that have exactly this colour."""
    return float((frame == np.array(color)).all(axis=2).mean())


def test_each_turn_shows_its_own_picture_enlarged() -> None:
    frames = episode_frames(make_episode(), fps=1, hold_seconds=1)
    assert len(frames) == 2 * 2 + 1
    assert all(frame.shape == (540, 960, 3) and frame.dtype == np.uint8 for frame in frames)
    # The picture fills a square of 448 pixels.
    assert share_of(frames[1], PINK) == pytest.approx(448 * 448 / (540 * 960), rel=0.01)
    assert share_of(frames[1], TEAL) == 0 and share_of(frames[3], TEAL) > 0.35


def test_films_last_as_long_as_asked() -> None:
    # Two turns of 1 + 3 seconds, and 3 seconds for the outcome.
    assert len(episode_frames(make_episode(), fps=10, hold_seconds=3)) == 110


def test_the_choice_is_highlighted_only_once_it_is_made() -> None:
    before, after, *_ = episode_frames(make_episode(), fps=1, hold_seconds=1)
    assert share_of(before, drawing.ACCENT_CARD) == 0
    assert share_of(after, drawing.ACCENT_CARD) > 0.005


def test_the_outcome_marks_right_and_wrong() -> None:
    truth = EpisodeTruth(initial={"gold_letter": "A"}, turns=[{}, {}])
    solved = episode_frames(make_episode(), fps=1)[-1]
    failed = episode_frames(make_episode(success=False, truth=truth), fps=1)[-1]
    assert share_of(solved, drawing.GOOD_CARD) > 0.01 and share_of(solved, drawing.BAD_CARD) == 0
    assert share_of(failed, drawing.GOOD_CARD) > 0.01 and share_of(failed, drawing.BAD_CARD) > 0.01


def test_reward_terms_change_what_is_shown() -> None:
    plain = episode_frames(make_episode(), fps=1, hold_seconds=1)
    shown = episode_frames(
        make_episode(), fps=1, hold_seconds=1, reward_terms={"gain": [0.5, 0.25], "final": 1.0}
    )
    assert all(not np.array_equal(a, b) for a, b in zip(plain, shown, strict=True))


def test_a_reward_term_must_fit_the_turns() -> None:
    with pytest.raises(ValueError, match=r"'gain' has shape \(3,\); legal: one number, or \(2,\)"):
        episode_frames(make_episode(), reward_terms={"gain": [1, 2, 3]})


def test_frame_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="fps is 0"):
        episode_frames(make_episode(), fps=0)


def test_boxes_are_drawn_where_the_objects_are_before_the_action() -> None:
    visible = [{"name": "red ball", "box_xyxy": [10, 10, 30, 30]}]
    truth = EpisodeTruth(initial={"visible": visible}, turns=[{"visible": []}, {}])
    frames = episode_frames(make_episode(truth=truth), fps=1, hold_seconds=1, draw_truth=True)
    # 40 pixels become 448: the box starts at 24 + 10 * 11.2 and 48 + 10 * 11.2.
    assert tuple(frames[0][250, 24 + 112]) == drawing.ACCENT
    assert tuple(frames[0][250, 24 + 336]) == drawing.ACCENT
    assert tuple(frames[2][250, 24 + 112]) == TEAL
    hidden = episode_frames(make_episode(truth=truth), fps=1, hold_seconds=1)
    assert tuple(hidden[0][250, 24 + 112]) == PINK


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "<think>",
        "日本語の答え 😀 عربى \u202e\x00\x07\x1b[31m",
        "lone \ud800 surrogate",
        "x" * 10_000,
        "word " * 2_000,
        "\n" * 5_000,
        "<answer>ZZ</answer><think></think>" * 100,
    ],
)
def test_no_reply_is_too_strange_to_film(reply: str) -> None:
    frames = episode_frames(make_episode(make_turn(reply), success=False), fps=1, title=reply)
    assert frames[-1].shape == (540, 960, 3)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_wrapped_text_stays_within_its_width(text: str) -> None:
    for line in drawing.wrap(text, 14, 120):
        assert drawing.font(14).getlength(line) <= 120
    assert drawing.font(14).getlength(drawing.ellipsis(text, 14, 60)) <= 60


def test_wrapping_keeps_every_word_in_order() -> None:
    text = "a small blue metal sphere behind the large cylinder\nand nothing else"
    lines = drawing.wrap(text, 14, 130)
    assert len(lines) > 3 and " ".join(lines).split() == text.split()


def test_text_the_font_lacks_is_spelled_or_marked() -> None:
    assert drawing.drawable("é → “x”\x00 日本") == 'e -> "x" ?'


@pytest.mark.parametrize("num_images", [0, 2, 3, 5])
def test_any_number_of_pictures(num_images: int) -> None:
    frame = episode_frames(make_episode(make_turn(num_images=num_images)), fps=1)[0]
    assert (share_of(frame, PINK) > 0.1) == (num_images > 0)


def test_a_turn_without_pictures_shows_the_last_ones() -> None:
    episode = make_episode(make_turn(), make_turn("<answer>B</answer>", num_images=0))
    assert share_of(episode_frames(episode, fps=1)[-1], PINK) > 0.35


def test_episodes_without_turns_options_or_words() -> None:
    broken = make_episode(success=False, failure=Failure(stage="env", message="boom"))
    broken.turns = []
    assert episode_frames(broken, fps=1)[0].shape == (540, 960, 3)
    silent = dataclasses.replace(make_turn(""), text="", options={})
    assert episode_frames(make_episode(silent), fps=1)[-1].shape == (540, 960, 3)


def test_what_was_chosen_comes_from_the_truth_else_from_the_reply() -> None:
    episode = make_episode(make_turn("<answer>A</answer> no, <answer>b</answer>"))
    assert chosen_letter(episode, 0) == "B"
    episode.truth = EpisodeTruth(turns=[{"choice": "A"}])
    assert chosen_letter(episode, 0) == "A"
    episode.truth = EpisodeTruth(turns=[{"choice": None}])
    assert chosen_letter(episode, 0) is None
    for reply in ("<answer>Q</answer>", "<think><answer>A</answer></think>"):
        assert chosen_letter(make_episode(make_turn(reply)), 0) is None


def test_the_question_is_found_among_instructions_and_options() -> None:
    first, second = make_turn(), make_turn("<answer>B</answer>")
    lines = ["Shall we begin?", QUESTION, "Turn 1 of 6."]
    first = dataclasses.replace(first, text="\n".join(lines))
    second = dataclasses.replace(second, text="The reply was empty. Turn 2 of 6.")
    view = make_view(make_episode(first, second), 1, stage="after")
    assert (view.question, view.said) == ("What color is the ball?", "The reply was empty.")
    assert (view.reply, view.choice, view.answer) == ("<answer>B</answer>", "B", None)


def test_the_right_answer_is_known_from_truth_or_success() -> None:
    assert right_letter(make_episode()) == "B"
    assert right_letter(make_episode(success=False)) is None
    truth = EpisodeTruth(initial={"gold_letter": "A"})
    assert right_letter(make_episode(success=False, truth=truth)) == "A"


def test_the_film_decodes_to_what_was_drawn(tmp_path: Path) -> None:
    path = record_episode(make_episode(), tmp_path / "films" / "one.mp4", fps=4)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 4
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    drawn = episode_frames(make_episode(), fps=4)
    assert len(frames) == len(drawn)
    # Inside the picture, away from its edges, colours survive H.264 to a few steps of 255.
    decoded, original = (x[-1][100:400, 60:400].astype(int) for x in (frames, drawn))
    assert np.abs(decoded - original).mean() < 4
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before it is read to the end


def test_odd_sizes_become_even() -> None:
    film = encode_mp4([np.full((33, 51, 3), 90, dtype=np.uint8)] * 3, 2)
    with av.open(io.BytesIO(film)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (52, 34, 3)


def test_films_need_frames_of_one_size() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        encode_mp4([], 4)
    with pytest.raises(ValueError, match="frame 1 has shape"):
        encode_mp4([np.zeros((8, 8, 3), np.uint8), np.zeros((10, 8, 3), np.uint8)], 4)


def test_a_contact_sheet_has_a_row_per_episode(tmp_path: Path) -> None:
    episodes = [make_episode(), make_episode(make_turn(color=TEAL), success=False)]
    path = contact_sheet(episodes, tmp_path / "sheet.png", cell=100)
    sheet = np.asarray(Image.open(path))
    # One pink cell and two teal ones, each of 100 x 100 pixels.
    size = sheet.shape[0] * sheet.shape[1]
    assert share_of(sheet, PINK) * size == pytest.approx(1e4, rel=0.01)
    assert share_of(sheet, TEAL) * size == pytest.approx(2e4, rel=0.01)
    with pytest.raises(ValueError, match="at least one episode"):
        contact_sheet([], path)
