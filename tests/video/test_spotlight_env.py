"""The environment as Gymnasium and a policy see it: contract, turns, budget, messages, truth."""

from __future__ import annotations

import json
from functools import partial

import gymnasium
import numpy as np
import pytest

import video  # noqa: F401  (registers the id)
from sims.conformance import check_environment
from sims.conformance.case import same
from tests.video.fake_films import FlatFilm, choice, grounding, number_shown, question_set
from tests.video.spotlighting import ACTIONS, ALL, act, make_env, started
from video.frames import VideoError
from video.questions import Interval
from video.spotlight.config import SpotlightConfig
from video.spotlight.env import SpotlightEnv
from video.spotlight.sources import QuestionSet

TRUTH_KEYS = {
    *(
        "gold",
        "gold_letter",
        "gold_intervals",
        "question_kind",
        "question_id",
        "video",
        "groups",
        "kind",
    ),
    *("choice", "predicted_interval", "tiou", "tool", "request", "time_answer", "shown_frames"),
    *("shown_seconds", "shown_boxes", "num_frames_used", "frame_budget", "num_frames", "fps"),
    *("duration_seconds", "evidence", "evidence_boxes", "evidence_seen", "gained", "sufficient"),
    *("consistent", "broken_rule", "mentions_time", "evidence_interval"),
    *("relevance", "shown_evidence", "evidence_regions", "point_limits"),
}


CASES = {
    "default": {},
    "all_tools": {**ALL, "frame_budget": 50, "draw_timestamps": True, "subtitles": True},
    "frame_thinker": {"contract": "frame_thinker", "verification": "frame_thinker"},
    "scan_only": {"scan_only": True, "frame_budget": 20},
    "brief": {"brief": True, "verification": "none", "max_turns": 3},
    "closer": {**ALL, "max_height": 28, "look_max_height": 500, "look_max_width": 700},
}


def any_reply(env, info, rng) -> str:
    pick = int(rng.integers(len(ACTIONS) + 2))
    if pick < len(ACTIONS):
        return f"<think>Between 100 and 300.</think><action>{ACTIONS[pick]}</action>"
    return ["<answer>B</answer>", "<think>?</think><action>output answer: B</action>"][pick - 7]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["choice", "stretch"])
def test_the_contract_is_kept(case, kind):
    make = choice if kind == "choice" else grounding
    questions = question_set(
        *(make(number) for number in range(4)), captions=[(1.0, 60.0, "Hello <image>.")]
    )
    check_environment(
        partial(make_env, questions, **CASES[case]), num_steps=8, choose_action=any_reply
    )


def test_the_id_is_registered_and_takes_a_configuration_and_questions():
    env = gymnasium.make("Video/Spotlight-v0", config=SpotlightConfig(), questions=question_set())
    assert isinstance(env.unwrapped, SpotlightEnv)
    assert not hasattr(env.unwrapped, "expert_reply"), "nobody knows these films by heart"


def test_the_first_turn_has_question_options_and_a_scan():
    obs, info = make_env().reset(seed=1)
    lines = obs["text"].splitlines()
    assert "lasts 1:40.1 (1001 frames, 10 a second)" in lines[0]
    assert lines[3:7] == ["Question: Which color comes at 0:41?", "A. red", "B. blue", "C. green"]
    assert lines[8] == "frame 0 [0:00]: <image>"
    assert lines[9] == "frame 142 [0:14.2]: <image>"
    assert lines[-1] == "Turn 1 of 5."
    assert [number_shown(p) for p in obs["images"]] == info["truth"]["shown_frames"]
    assert info["truth"]["shown_frames"] == [0, 142, 285, 428, 571, 714, 857, 1000]
    assert info["options"] == {"A": "red", "B": "blue", "C": "green"}


def test_the_seed_counts_questions_round_and_an_id_names_one():
    env = make_env()
    ids = [env.reset(seed=seed)[1]["truth"]["question_id"] for seed in (0, 1, 5, 1_100_000_002)]
    assert ids == ["q0", "q1", "q1", "q2"]
    _, info = env.reset(seed=0, options={"question_id": "q3"})
    assert info["truth"]["question_id"] == "q3"
    with pytest.raises(ValueError, match=r"options.question_id is 'q9'; the set has 4 questions"):
        env.reset(options={"question_id": "q9"})


def test_questions_can_be_kept_by_kind():
    both = question_set(choice(0), grounding(1))
    env = make_env(both, question_kinds=["when"])
    assert [env.reset(seed=s)[1]["truth"]["question_id"] for s in (0, 1)] == ["g1", "g1"]
    with pytest.raises(ValueError, match=r"question_kinds .* no 'who', it has color, when"):
        make_env(both, question_kinds=["who"])


def test_each_tool_shows_what_it_says():
    env = started(**ALL)
    text, truth = act(env, "choose frames between 120 and 480", "From 120 to 480.")
    assert truth["shown_frames"] == [121, 172, 223, 274, 325, 376, 427, 479]
    assert truth["request"] == {"start_frame": 120, "end_frame": 480}
    assert text.splitlines()[0] == "frame 121 [0:12.1]: <image>"
    assert text.endswith("Turn 2 of 30.")
    text, truth = act(env, "get frame number at time 0:41.55")
    assert text.startswith("Frame number at time 0:41.55 is: 415.\n")
    assert (truth["kind"], truth["time_answer"], truth["shown_frames"]) == ("time", 415, [])
    _, truth = act(env, "rewatch 10 to 14")
    assert truth["shown_frames"] == [102, 107, 112, 117, 122, 127, 132, 137]
    _, truth = act(env, "find segment 10")
    assert len(truth["shown_frames"]) == 16
    assert 900 <= truth["shown_frames"][0] < truth["shown_frames"][-1] < 1000
    assert truth["request"]["segment"] == 10
    _, truth = act(env, "find frame 999")
    assert truth["shown_frames"] == [999]
    text, truth = act(env, "zoom frame 999 at 0.5 0 1 0.25")
    assert text.splitlines()[0] == "frame 999 [1:39.9] part 0.5 0 1 0.25: <image>"
    assert truth["shown_boxes"] == [[0.5, 0.0, 1.0, 0.25]]
    assert truth["num_frames_used"] == 8 + 8 + 8 + 16 + 1 + 1


def test_a_zoom_looks_into_the_frame_at_its_own_size():
    sizes = []

    def open_film(question, size):
        sizes.append(size)
        return FlatFilm(size=size or (720, 1280))

    env = started(QuestionSet(questions=[choice()], open_film=open_film), **ALL)
    assert sizes == [None, (360, 640)]
    obs = env.step("<action>zoom frame 5 at 0 0 0.25 0.5</action>")[0]
    assert obs["images"][0].shape == (360, 320, 3), "from 360 x 320 of 720 x 1280"


def test_what_is_shown_after_the_scan_has_a_size_of_its_own():
    """A film of 720 x 1280; of two equal sizes one film is opened."""
    sizes: list[tuple[int, int] | None] = []
    made: list[FlatFilm] = []

    def open_film(question, size):
        sizes.append(size)
        made.append(FlatFilm(size=size or (720, 1280)))
        return made[-1]

    films = QuestionSet(questions=[choice()], open_film=open_film)
    limits = {"look_max_height": 480, "look_max_width": 864, **ALL}
    env = make_env(films, **limits)
    assert env.reset(seed=0)[0]["images"][0].shape == (360, 640, 3)
    assert sizes == [None, (360, 640), (480, 853)]
    for words, shape in (
        ("choose frames between 120 and 480", (480, 853, 3)),
        ("find frame 7", (480, 853, 3)),
        ("zoom frame 7 at 0 0 0.5 1", (480, 426, 3)),
    ):
        pictures = env.step(f"<action>{words}</action>")[0]["images"]
        assert {picture.shape for picture in pictures} == {shape}
        assert env.observation_space["images"].contains(pictures)
    env.close()
    assert [film.num_closed for film in made] == [1, 1, 1]
    sizes.clear()
    env = make_env(films, max_height=28, max_width=64, look_max_width=28, **ALL)
    assert env.reset(seed=0)[0]["images"][0].shape == (28, 49, 3)
    closer = env.step("<action>find frame 7</action>")[0]["images"][0]
    assert closer.shape == (15, 28, 3), "the largest height is the scan's"
    assert sizes == [None, (28, 49), (15, 28)]
    started(films, **ALL)
    assert sizes[3:] == [None, (360, 640)]


def test_a_scan_only_variant_shows_the_whole_budget_at_once():
    env = make_env(scan_only=True, frame_budget=20)
    obs, info = env.reset(seed=0)
    assert len(obs["images"]) == info["truth"]["num_frames_used"] == 20
    assert "choose frames" not in obs["text"]
    obs, _, terminated, _, info = env.step("<action>choose frames between 1 and 99</action>")
    assert terminated
    assert obs["text"].endswith("No turns are left.")
    assert info["truth"]["kind"] == "invalid"


@pytest.mark.parametrize(
    ("reply", "success", "letter"), [("B", True, "B"), ("(b) blue", True, "B"), ("A", False, "A")]
)
def test_a_letter_ends_the_episode(reply, success, letter):
    obs, reward, terminated, truncated, info = started().step(f"<answer>{reply}</answer>")
    assert (reward, terminated, truncated) == (float(success), True, False)
    assert (info["success"], info["truth"]["choice"]) == (success, letter)
    assert (obs["text"], obs["images"]) == ("", ())


@pytest.mark.parametrize(
    ("reply", "tiou"),
    [
        ("10 to 20", 1.0),
        ("[10.0, 15.0]", 0.5),
        ("0:10 to 0:14.9", 0.49),
        ('{"start_time": "52", "end_time": "54"}', 0.5),
        ("30 to 40", 0.0),
        ("15 to 1000", 5 / 990),
    ],
)
def test_a_stretch_is_right_from_an_overlap_of_a_half_on(reply, tiou):
    env = started(question_set(grounding()))
    _, reward, terminated, _, info = env.step(f"<answer>{reply}</answer>")
    assert terminated
    assert info["truth"]["tiou"] == pytest.approx(tiou)
    assert (reward, info["options"], info["truth"]["choice"]) == (float(tiou >= 0.5), {}, None)


def test_a_question_whose_answer_is_kept_secret_is_never_right():
    env = started(question_set(choice(answer=None)))
    _, reward, terminated, _, info = env.step("<answer>A</answer>")
    assert (reward, terminated, info["truth"]["gold"]) == (0.0, True, None)


def test_evidence_counts_when_a_frame_in_it_is_shown():
    two = choice(
        evidence=(
            Interval(start_seconds=20.0, end_seconds=21.0),
            Interval(start_seconds=40.0, end_seconds=40.1),
        )
    )
    env = make_env(question_set(two), tools=["find_frame"], max_turns=9)
    truths = [env.reset(seed=0)[1]["truth"]]
    for frame in (399, 401, 205, 400, 206):
        truths.append(act(env, f"find frame {frame}")[1])
    assert [truth["gained"] for truth in truths] == [False, False, False, True, True, False]
    assert [t["sufficient"] for t in truths] == [False] * 5 + [True], "before this reply"
    assert truths[-1]["evidence_seen"] == [True, True]
    assert truths[3]["evidence_seen"] == [True, False]


def test_a_set_that_names_no_evidence_says_nothing_about_it():
    truth = make_env(question_set(choice(evidence=()))).reset(seed=0)[1]["truth"]
    assert (truth["sufficient"], truth["gained"], truth["evidence_seen"]) == (None, False, [])


def test_the_truth_is_complete_at_every_turn():
    env = make_env(**ALL)
    _, info = env.reset(seed=0)
    assert set(info["truth"]) == TRUTH_KEYS
    for words in (*ACTIONS, "nonsense"):
        _, truth = act(env, words)
        assert set(json.loads(json.dumps(truth, allow_nan=False))) == TRUTH_KEYS
    assert info["truth"]["mentions_time"]


def test_subtitles_of_what_is_shown_go_into_the_text():
    captions = [(0.0, 1.0, "at the\nstart"), (20.0, 22.0, "early"), (24.0, 24.4, "between")]
    captions += [(80.0, 90.0, "<image> late")]
    env = make_env(question_set(captions=captions), subtitles=True, max_turns=9)
    obs, _ = env.reset(seed=0)
    assert obs["text"].splitlines()[-4:] == [
        "Subtitles:",
        "[0:00 - 0:01] at the start",
        "[1:20 - 1:30] [image] late",
        "Turn 1 of 9.",
    ]
    text, _ = act(env, "choose frames between 190 and 260")
    assert "[0:20 - 0:22] early\n[0:24 - 0:24.4] between\nTurn" in text
    few = make_env(question_set(captions=captions), subtitles=True, max_subtitle_lines=1)
    few.reset(seed=0)
    text, _ = act(few, "choose frames between 190 and 260")
    assert "early" in text
    assert "between" not in text
    quiet = make_env(question_set(captions=captions))
    assert "Subtitles" not in quiet.reset(seed=0)[0]["text"]


def test_words_of_a_question_never_stand_for_a_picture():
    question = choice(text="What is <image>?", options=("<image>", "b\ud800"))
    obs, _ = make_env(question_set(question)).reset(seed=0)
    assert obs["text"].count("<image>") == len(obs["images"]) == 8
    assert "What is [image]?" in obs["text"]
    obs["text"].encode()


def test_timestamps_are_drawn_into_the_pictures_and_not_into_the_film():
    plain, stamped = make_env(), make_env(draw_timestamps=True)
    one, two = (env.reset(seed=0)[0]["images"][3] for env in (plain, stamped))
    assert (one != two).any()
    assert (one[:-7] == two[:-7]).all()


def test_a_film_that_cannot_be_read_at_first_is_an_error_and_later_a_message():
    broken = question_set(broken=[0])
    with pytest.raises(VideoError, match=r"film0 at 0.000 s: the data is corrupt"):
        make_env(broken).reset(seed=0)
    env = started(question_set(broken=[300]), **ALL)
    text, truth = act(env, "find frame 300")
    assert text.startswith("These frames cannot be read (the data is corrupt); ask for others.")
    assert (truth["kind"], truth["num_frames_used"]) == ("invalid", 8)
    _, truth = act(env, "find frame 301")
    assert truth["shown_frames"] == [301]


def test_films_are_closed():
    films = []

    def open_film(question, size):
        films.append(FlatFilm(size=size or (720, 1280)))
        return films[-1]

    env = make_env(QuestionSet(questions=[choice()], open_film=open_film))
    env.reset(seed=0)
    env.reset(seed=0)
    env.close()
    assert [film.num_closed for film in films] == [1, 1, 1, 1]


def test_a_state_survives_a_file_and_goes_on_in_another_environment():
    env, other = started(**ALL), make_env(**ALL)
    act(env, "find frame 3")
    last = env.step("what?")
    state = json.loads(json.dumps(env.get_state()))
    other.reset(seed=2)
    obs, info = other.set_state(state)
    assert same([obs, info], [last[0], last[4]])
    reply = "<action>find frame 3</action>"
    assert same(env.step(reply), other.step(reply)), "refused in both"


def test_a_long_film_has_frames_and_sizes_of_its_own():
    fields = {"num_frames": 3000, "size": (720, 1280)}
    short, long = question_set(choice(0), **fields), question_set(choice(1), **fields)
    for questions, num, size in ((short, 8, (360, 640)), (long, 12, (252, 448))):
        env = make_env(questions)
        obs, info = env.reset(seed=0)
        assert len(obs["images"]) == num, f"{info['truth']['duration_seconds']} s"
        assert obs["images"][0].shape[:2] == size


def test_a_sheet_of_the_last_pictures_is_rendered():
    sheet = started().render()
    assert sheet.shape == (90, 120, 3), "8 pictures of 30 x 40 in three rows"
    assert sheet.dtype == np.uint8


def test_a_grid_shows_all_frames_of_a_turn_in_one_picture():
    apart = make_env(frames_per_look=3, scan_frames=5)
    grid = make_env(frames_per_look=3, scan_frames=5, grid_columns=4)
    alone, _ = apart.reset(seed=1)
    together, _ = grid.reset(seed=1)
    height, width = alone["images"][0].shape[:2]
    [sheet] = together["images"]
    assert sheet.shape == (2 * height, 4 * width, 3)
    for place, picture in enumerate(alone["images"]):
        row, column = divmod(place, 4)
        top, left = row * height, column * width
        np.testing.assert_array_equal(sheet[top : top + height, left : left + width], picture)
    assert together["text"].count("<image>") == 1
    look = "<action>choose frames between 0 and 60</action>"
    obs, *_ = grid.step(look)
    assert obs["images"][0].shape == (height, 3 * width, 3), "a single row is no wider"
    assert grid.observation_space.contains(obs)
    assert grid.observation_space.contains(together)
