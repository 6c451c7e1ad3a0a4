"""FrameThinker's published dynamics, to the letter (reference: its released environment)."""

from __future__ import annotations

import pytest

from tests.video.fake_films import FlatFilm, choice, grounding, question_set
from video.questions import VideoQuestion
from video.spotlight.config import SpotlightConfig
from video.spotlight.env import SpotlightEnv
from video.spotlight.sources import QuestionSet

FIELDS = {"contract": "frame_thinker", "verification": "frame_thinker", "show_times": False}


def started(question: VideoQuestion | None = None, num_frames: int = 1000, **film) -> SpotlightEnv:
    """An episode about a film of 1000 frames, 10 a second, unless other fields are given."""

    def open_film(_, size):
        return FlatFilm(num_frames, **{**film, "size": size or film.get("size", (30, 40))})

    questions = QuestionSet(questions=[question or choice()], open_film=open_film)
    env = SpotlightEnv(SpotlightConfig(**FIELDS), questions)
    env.first, env.first_info = env.reset(seed=0)
    return env


def say(words: str, thought: str = "I see.") -> str:
    return f"<think>{thought}</think><action>{words}</action>"


def dead(step) -> bool:
    """Whether a step ended the episode without a word."""
    obs, reward, terminated, truncated, info = step
    is_silent = (obs["text"], obs["images"]) == ("", ())
    return is_silent and terminated and not truncated and reward == 0 == info["success"]


def test_the_first_message_has_question_options_and_numbered_frames():
    lines = started().first["text"].splitlines()
    assert "It shows a fixed number of frames, here 8." in lines[1]
    assert "1 hour, 2 minutes and 30 seconds is 62:30" in lines[2]
    assert lines[3].startswith("3. `output answer: OPTION`")
    assert lines[4:9] == ["Which color comes at 0:40?", "A. red", "B. blue", "C. green",
                          "frame 0: <image>"]  # fmt: skip
    assert lines[-1] == "frame 999: <image>"
    assert len(lines) == 8 + 8


@pytest.mark.parametrize(
    ("num_frames", "num", "size"),
    [(3000, 8, (360, 640)), (3001, 12, (252, 448))],
    ids=["of 300 s", "above 300 s"],
)
def test_frames_and_sizes_go_by_the_length(num_frames, num, size):
    env = started(num_frames=num_frames, size=(720, 1280))
    assert [picture.shape[:2] for picture in env.first["images"]] == [size] * num
    obs = env.step(say("choose frames between 0 and 1000"))[0]
    assert [picture.shape[:2] for picture in obs["images"]] == [size] * num


def test_a_small_film_is_not_enlarged():
    assert started(size=(240, 320)).first["images"][0].shape == (240, 320, 3)


def test_a_choice_shows_frames_inside_it_one_a_line():
    obs, _, terminated, _, info = started().step(say("choose frames between 120 and 480"))
    frames = [121, 172, 223, 274, 325, 376, 427, 479]
    assert obs["text"].splitlines() == [f"frame {frame}: <image>" for frame in frames]
    assert info["truth"]["shown_frames"] == frames
    assert not terminated


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("choose frames between 990 and 5000", [991, 992, 993, 994, 995, 996, 997, 999]),
        ("choose frames between 0 and 9", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("please choose frames between 0 and 9!", [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_the_end_is_clamped_to_the_number_of_frames(words, shown):
    assert started().step(say(words))[4]["truth"]["shown_frames"] == shown


@pytest.mark.parametrize(
    "words",
    [
        "choose frames between 0 and 8",
        "choose frames between 992 and 5000",
        "choose frames between 1001 and 2000",
        "choose frames between 480 and 120",
        "choose frames between -1 and 480",
        "get frame number at time 1:02:05",
        "get frame number at time 41",
        "get frame number at time 0:41.5",
        "get frame number at time",
        "rewatch 10 to 20",
        "output answer:",
        "B",
        "",
    ],
)
def test_what_is_not_legal_ends_the_episode_without_a_word(words):
    step = started().step(say(words))
    assert dead(step)
    assert step[4]["truth"]["kind"] == "invalid"


@pytest.mark.parametrize("reply", ["", "B", "<answer>B</answer>", "<action>output answer: B"])
def test_no_action_block_ends_the_episode_too(reply):
    assert dead(started().step(reply))


def test_a_frame_that_cannot_be_read_ends_the_episode():
    assert dead(started(broken=[121]).step(say("choose frames between 120 and 480")))


def test_the_last_block_counts_and_may_stand_in_the_thinking():
    env = started()
    reply = f"{say('output answer: A')}<think>{say('choose frames between 1 and 99')}"
    assert env.step(reply)[4]["truth"]["tool"] == "choose_frames"


@pytest.mark.parametrize(
    ("clock", "frame"), [("0:41", 410), ("62:30", 37500), ("0:75", 750), ("-1:00", -600)]
)
def test_a_time_query_is_arithmetic_whatever_the_film(clock, frame):
    obs, _, _, _, info = started().step(say(f"get frame number at time {clock}"))
    assert obs["text"] == f"Frame number at time {clock} is: {frame}."
    assert info["truth"]["time_answer"] == frame
    assert info["truth"]["request"]["seconds"] * 10 == frame


def test_a_time_query_cuts_to_whole_frames():
    env = started(num_frames=2997, fps=29.97)
    obs = env.step(say("get frame number at time 0:41"))[0]
    assert obs["text"].endswith("is: 1228."), "41 x 29.97 = 1228.77"


@pytest.mark.parametrize(
    ("words", "letter", "reward"),
    [
        ("output answer: B", "B", 1.0),
        ("output answer:B", "B", 1.0),
        ("output answer: B is blue", "B", 1.0),
        ("output answer: B.", None, 0.0),
        ("output answer: b", None, 0.0),
        ("output answer: A", "A", 0.0),
        ("output answer: blue", None, 0.0),
    ],
)
def test_an_answer_is_compared_to_the_letter(words, letter, reward):
    _, earned, terminated, _, info = started().step(say(words))
    truth = info["truth"]
    assert (earned, terminated, truth["kind"], truth["choice"]) == (reward, True, "answer", letter)


def test_a_stretch_can_be_answered_though_the_paper_asks_for_none():
    env = started(grounding())
    assert "`output answer: START to END`" in env.first["text"]
    assert env.step(say("output answer: 10 to 20"))[1] == 1.0


def test_five_turns_and_no_word_about_them():
    env = started()
    for start in range(4):
        obs, _, terminated, truncated, _ = env.step(say(f"choose frames between {start} and 500"))
        assert (terminated, truncated) == (False, False)
        assert "Turn" not in obs["text"]
    obs, _, terminated, truncated, info = env.step(say("choose frames between 4 and 500"))
    assert (terminated, truncated, len(obs["images"])) == (False, True, 8)
    assert info["truth"]["broken_rule"] == "no_answer"


def test_repeats_are_shown_again_and_found_out_by_the_verification():
    env = started()
    words = say("choose frames between 100 and 300", "Between 100 and 300.")
    assert env.step(words)[4]["truth"]["consistent"]
    obs, _, _, _, info = env.step(words)
    assert len(obs["images"]) == 8
    assert (info["truth"]["consistent"], info["truth"]["broken_rule"]) == (False, "repeat")


def test_the_verdict_does_not_touch_success():
    env = started()
    env.step(say("choose frames between 100 and 300", "No numbers."))
    info = env.step(say("output answer: B"))[4]
    assert info["success"]
    assert info["truth"]["broken_rule"] == "thought_action"


def test_a_good_episode_is_consistent():
    env = started()
    env.step(say("get frame number at time 0:41"))
    env.step(say("choose frames between 400 and 420", "0:41 is frame 410, so 400 to 420."))
    truth = env.step(say("output answer: B"))[4]["truth"]
    assert (truth["consistent"], truth["broken_rule"], truth["num_frames_used"]) == (True, "", 16)


def test_a_scan_only_variant_has_one_action():
    config = SpotlightConfig(**FIELDS, scan_only=True, frame_budget=20)
    env = SpotlightEnv(config, question_set(choice()))
    obs, _ = env.reset(seed=0)
    assert len(obs["images"]) == 20
    assert "choose frames" not in obs["text"]
    assert dead(env.step(say("choose frames between 0 and 500")))
    env.reset(seed=0)
    assert env.step(say("output answer: B"))[1] == 1.0
