"""The visual tool environments: their contract, their tools, their truth, and what they cost."""

from __future__ import annotations

import json
import re
import time
import tracemalloc

import gymnasium
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sims import check_environment
from sims.conformance.case import random_action
from sims.tools.config import READABLE_PX, TOOLS, LookConfig, NoiseConfig
from sims.tools.coordinates import Box
from sims.tools.photograph import PHOTOGRAPHS, Photograph
from tests.sims.looking import SMALL, make_env, solve, use

pytestmark = pytest.mark.render


def act(env: gymnasium.Env, info: dict, rng: np.random.Generator) -> str:
    """A crop, a mark or an answer."""
    x, y = rng.uniform(0.0, 0.6, size=2)
    calls = (f"crop({x:.3f}, {y:.3f}, {x + 0.3:.3f}, {y + 0.3:.3f})", f"mark({x:.3f}, {y:.3f})")
    pick = int(rng.integers(5))
    if pick == 4:
        return random_action(env, info, rng)
    return f"<action>{calls[pick % 2]}</action>"


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "task", ["Search", pytest.param("Compare", marks=SLOW), pytest.param("Inspect", marks=SLOW)]
)
def test_the_contract(task):
    config = LookConfig(**SMALL)
    check_environment(
        lambda: gymnasium.make(f"Look/{task}-v0", config=config, disable_env_checker=True),
        seeds=(0, 1),
        num_steps=4,
        choose_action=act,
        min_expert_success=0.97,
    )


@pytest.fixture(scope="module")
def env():
    return make_env(tools=list(TOOLS))


def label_of(truth: dict, width: float = 768.0) -> list[float]:
    """The first piece of evidence's thing, as a box in shares of the picture."""
    box = truth["evidence"][0]["object_box_xyxy"]
    return [box[0] / width, box[1] / 576, box[2] / width, box[3] / 576]


def test_the_small_picture_cannot_be_read_and_a_crop_can(env):
    _, info = env.reset(seed=3)
    truth = info["truth"]
    assert truth["needs_tool"]
    assert not truth["sufficient"]
    assert truth["evidence"][0]["small_px"] < 2.0
    assert not truth["evidence"][0]["readable_small"]
    box = label_of(truth)
    obs, seen = use(env, f"crop({', '.join(f'{v:.4f}' for v in box)})")
    overlap = seen["look"]["overlaps"][0]
    assert overlap["readable"]
    assert overlap["shown_px"] >= READABLE_PX
    assert overlap["object_iou"] > 0.95
    assert overlap["covered"] == 1.0
    assert (seen["relevance"], seen["gained"], seen["seen"]) == ("correct", True, [True])
    assert "Picture 2" in obs["text"]
    _, again = use(env, f"crop({', '.join(f'{v:.4f}' for v in box)})")
    assert (again["relevance"], again["gained"], again["sufficient"]) == ("redundant", False, True)
    far = "0.01, 0.01, 0.1, 0.1" if box[0] > 0.3 else "0.9, 0.01, 0.99, 0.1"
    _, missed = use(env, f"crop({far})")
    assert missed["relevance"] == "erroneous"
    assert missed["num_relevant"] == {"correct": 1, "redundant": 1, "erroneous": 1}
    assert missed["num_looks"] == 3


def test_a_part_of_a_part_is_the_same_place(env):
    env.reset(seed=3)
    use(env, "crop(0.2, 0.2, 0.6, 0.6)")
    _, truth = use(env, "crop(0.5, 0.5, 1, 1, image=2)")
    assert truth["look"]["box_xyxy"] == pytest.approx([307.2, 230.4, 460.8, 345.6], abs=0.5)


@pytest.mark.parametrize(
    "reply",
    [
        "<action>crop(0.5, 0.5, 0.2, 0.2)</action>",
        "<action>crop(-4, 0, 9, 9)</action>",
        "<action>crop(0.5, 0.5, 0.5, 0.5)</action>",
        "<action>crop(nan, inf, 0.5, 1e999)</action>",
        "<action>crop(a, b, c, d)</action>",
        "<action>fly(1)</action>",
        "<action>crop(0.1, 0.1, 0.5, 0.5, image=9)</action>",
        "<action>zoom(0.5, 0.5, 1000000)</action>",
        "<action>detect(<image>)</action>",
        '<action>{"name": "detect", "arguments": {"what": "\\u003cimage\\u003e"}}</action>',
        "<action>crop(0.1, 0.1",
        "<answer><action>A</answer></action>",
    ],
)
def test_bad_input_is_answered_in_words_and_counted(env, reply):
    env.reset(seed=0)
    obs, reward, terminated, truncated, info = env.step(reply)
    truth = info["truth"]
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert (truth["kind"], truth["num_invalid"], truth["num_calls"]) == ("invalid", 1, 0)
    assert truth["error"]
    assert obs["images"] == ()
    assert "<image>" not in obs["text"]
    assert len(obs["text"]) > 20


PIECES = st.sampled_from([*TOOLS, "(", ")", "0.5", "-1e9", ", ", "image=2", "[", "red mug", "nan"])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=40))
def test_no_call_breaks_the_environment(env, call, noise):
    env.reset(seed=1)
    for reply in (f"<action>{call}</action>", f"<action>{call}{noise}</action>", noise):
        obs, _, terminated, _, info = env.step(reply)
        assert obs in env.observation_space
        json.dumps(info["truth"], allow_nan=False)
        assert obs["text"].count("<image>") == len(obs["images"])
        if terminated:
            break


def test_a_thousand_marks_are_too_many():
    env = make_env(max_turns=64, max_marks=5)
    env.reset(seed=0)
    for turn in range(40):
        obs, truth = use(env, f"mark(0.{turn % 9}, 0.5)")
    assert truth["num_marks"] == 5
    assert truth["num_invalid"] == 35
    assert "No more than 5 things" in obs["text"]


def test_marks_are_seen_in_later_looks():
    env = make_env()
    env.reset(seed=0)
    plain = use(env, "crop(0.3, 0.3, 0.7, 0.7)")[0]["images"][0]
    marked = use(env, "draw_box(0.4, 0.4, 0.6, 0.6, label=here)")[0]["images"][0]
    again = use(env, "crop(0.3, 0.3, 0.7, 0.7)")[0]["images"][0]
    assert marked.shape == (42, 56, 3)
    assert not np.array_equal(plain, again)
    assert np.array_equal(plain[30:50, 40:70], again[30:50, 40:70])  # inside the box
    truth = env.knowledge.desk.marks[0]
    assert (truth.kind, truth.label, truth.number) == ("box", "here", 1)


def test_oracles_without_noise_are_right(env):
    _, info = env.reset(seed=4)
    piece = info["truth"]["evidence"][0]
    _, found = use(env, f"detect({piece['thing']})")
    assert found["detected"] == [[piece["thing"], piece["object_box_xyxy"]]]
    x, y = Box(*piece["box_xyxy"]).center
    _, cut = use(env, f"segment({x / 768}, {y / 576})")
    assert cut["segmented"] == piece["thing"]
    box = ", ".join(f"{v:.4f}" for v in label_of(info["truth"]))
    obs, told = use(env, f"read({box})")
    assert told["told"][piece["thing"]] == piece["symbol"]
    assert f": {piece['symbol']} at" in obs["text"]
    assert told["gained"]
    _, far = use(env, f"depth({x / 768}, {y / 576})")
    assert 2.5 < far["distance"] < 6.0


def test_an_oracle_reads_no_more_than_a_look_would_show(env):
    env.reset(seed=4)
    obs, truth = use(env, "read(0, 0, 1, 1)")
    assert truth["told"] == {}
    assert "nothing that can be read" in obs["text"]


def test_noise_is_settable_and_asking_again_tells_nothing_new():
    noise = NoiseConfig(miss=0.5, jitter=0.2, confusion=0.5, depth=0.3)
    env = make_env(tools=list(TOOLS), noise=noise, max_turns=20)
    wrong = missed = total = 0
    for seed in range(7):
        _, info = env.reset(seed=seed)
        things = {thing["name"]: thing for thing in info["truth"]["things"]}
        names = [name for name, thing in things.items() if thing["label_share"] > 0.99][:6]
        for name in names:
            first, again = use(env, f"detect({name})")[1], use(env, f"detect({name})")[1]
            assert first["detected"] == again["detected"]
            missed += name not in [found for found, _ in first["detected"]]
            x0, y0, x1, y1 = things[name]["object_box_xyxy"]
            box = f"{x0 / 768:.4f}, {y0 / 576:.4f}, {x1 / 768:.4f}, {y1 / 576:.4f}"
            told = use(env, f"read({box})")[1]["told"]
            wrong += told.get(name, "") != things[name]["symbol"]
            total += 1
    assert total >= 30
    assert 0.3 < wrong / total < 0.75
    assert 0.5 < missed / total < 0.95  # missed, or taken for something else


def test_zoom_rules():
    def shape(rule, call):
        env = make_env(zoom_rule=rule)
        env.reset(seed=0)
        return use(env, call)[0]["images"][0].shape

    tiny = "crop(0.4, 0.4, 0.5, 0.5)"  # 77 x 58 pixels of the photograph
    assert shape("fit", tiny) == (84, 112, 3)
    assert shape("native", tiny) == (58, 77, 3)
    assert shape("area", "crop(0.4, 0.4, 0.45, 0.45)") == (58, 77, 3)  # 38 x 29, twice
    assert shape("native", "crop(0, 0, 1, 1)") == (84, 112, 3)
    assert shape("fit", "zoom(0.5, 0.5, 4)") == (84, 112, 3)


@pytest.mark.parametrize("coordinates", ["unit", "thousand", "pixels"])
def test_the_expert_speaks_every_convention(coordinates):
    env = make_env(coordinates=coordinates)
    assert all(solve(env, seed)["success"] for seed in range(3))


def test_few_words_and_two_decimals_are_enough():
    env = make_env(brief=True)
    first, _ = env.reset(seed=0)
    assert first["text"].splitlines()[0].startswith("Question: ")
    assert re.search(r"<action>crop\((0\.\d\d, ){3}[01]\.\d\d\)", env.expert_reply())
    assert all(solve(env, seed)["success"] for seed in range(3))


@pytest.mark.parametrize("style", ["best", "point", "mark", "wander", "direct"])
def test_expert_styles(style):
    env = make_env(max_turns=6)
    infos = [solve(env, seed, style) for seed in range(6)]
    solved = sum(info["success"] for info in infos)
    calls = sum(info["truth"]["num_calls"] for info in infos)
    if style == "direct":
        assert (calls, solved < 6) == (0, True)
    elif style == "mark":
        assert (calls, solved) == (12, 6), "a box around the thing, then a look at it"
        assert all(info["truth"]["num_marks"] == 1 for info in infos)
    elif style != "wander":
        assert (calls, solved) == (6, 6)
    else:
        assert calls > 8


def test_a_window_makes_each_turn_complete():
    env = make_env(memory_window=1)
    first, _ = env.reset(seed=0)
    question = first["text"].partition("Question: ")[2].partition("\n")[0]
    looks = [use(env, f"crop(0.{i}, 0.1, 0.{i + 3}, 0.4)")[0] for i in range(1, 4)]
    assert [len(obs["images"]) for obs in looks] == [2, 3, 3]
    assert all(question in obs["text"] for obs in looks)
    assert np.array_equal(looks[2]["images"][0], first["images"][0])
    assert np.array_equal(looks[2]["images"][1], looks[1]["images"][2])
    assert "Picture 3: <image>\nPicture 4: <image>" in looks[2]["text"]


def test_readable_labels_need_no_tool():
    env = make_env(
        full_width=1280,
        small_width=336,
        look_width=336,
        label_pixels=6.0,
        readable_share=1.0,
        layouts=["shelves"],
    )
    needs = [env.reset(seed=seed)[1]["truth"]["needs_tool"] for seed in range(3)]
    assert False in needs
    assert solve(env, next(s for s in range(3) if not needs[s]))["truth"]["num_calls"] == 0


def test_photographs_are_taken_once_and_again_when_forgotten():
    env = make_env()
    PHOTOGRAPHS.clear()
    before = PHOTOGRAPHS.num_taken
    first, _ = env.reset(seed=11)
    crop = "crop(0.2, 0.2, 0.5, 0.5)"
    one = use(env, crop)[0]["images"][0]
    assert PHOTOGRAPHS.num_taken == before + 1
    PHOTOGRAPHS.clear()
    assert np.array_equal(use(env, crop)[0]["images"][0], one)
    assert PHOTOGRAPHS.num_taken == before + 2
    PHOTOGRAPHS.clear()
    assert np.array_equal(env.reset(seed=11)[0]["images"][0], first["images"][0])


def test_the_cache_is_bounded():
    PHOTOGRAPHS.clear()
    env = make_env(full_width=1280, small_width=96, cache_mib=16)
    for seed in range(5):
        env.reset(seed=seed)
    assert PHOTOGRAPHS.num_bytes() <= 16 * 2**20
    PHOTOGRAPHS.clear()


def test_a_waiting_episode_is_small():
    solve(make_env(), 0)  # what every process needs once
    tracemalloc.start()
    try:
        waiting = []
        for seed in range(4):
            env = make_env(max_turns=30)
            env.reset(seed=seed)
            for turn in range(20):
                use(env, f"crop(0.1, 0.1, 0.{turn % 7 + 2}, 0.5)")
            waiting.append(env)
        PHOTOGRAPHS.clear()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / len(waiting) < 2**20


def test_a_crop_of_a_4k_photograph_is_quick():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 256, size=(2880, 3840, 3), dtype=np.uint8)
    levels = tuple(np.ascontiguousarray(level[:: 2**i, :: 2**i]) for i in range(5))
    coarse = np.zeros((720, 960), np.int8)
    photograph = Photograph(
        levels=levels, owners=coarse, distances=coarse.astype(np.float16), sightings=()
    )
    for side in (100, 500, 1200, 3840):
        region = Box(0.0, 0.0, float(side), side * 0.75)
        times = []
        for _ in range(15):
            start = time.perf_counter()
            picture = photograph.show(region, (224, 168))
            times.append(time.perf_counter() - start)
        assert picture.shape == (168, 224, 3)
        assert min(times) < 2e-3


def test_state_is_json_and_comes_back_in_another_environment():
    env, other = make_env("compare"), make_env("compare")
    env.reset(seed=5)
    use(env, "crop(0.1, 0.1, 0.5, 0.5)")
    state = json.loads(json.dumps(env.get_state()))
    other.set_state(state)
    assert other.expert_reply() == env.expert_reply()
    one, two = env.step(env.expert_reply()), other.step(other.expert_reply())
    assert one[0]["text"] == two[0]["text"]
    assert json.dumps(one[4]) == json.dumps(two[4])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tools": ["crop", "fly"]}, "env.config.tools is .* legal, each once: crop, zoom"),
        ({"coordinates": "metres"}, "coordinates is 'metres'; legal: unit, thousand, pixels"),
        ({"label_pixels": float("nan")}, "label_pixels is nan"),
        ({"full_width": 768, "small_width": 336}, "it needs 20 to be read"),
        ({"layouts": []}, "layouts is empty"),
        ({"noise": NoiseConfig(miss=2.0)}, "noise.miss is 2.0; it must be from 0 to 1"),
        ({"question_kinds": ["sum"]}, "question_kinds is .'sum'.; legal, each once: symbol"),
    ],
)
def test_settings_out_of_range_are_named(changes, what):
    with pytest.raises(ValueError, match=what):
        make_env(**changes)
