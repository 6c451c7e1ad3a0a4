"""What the expert says: its structure, its truth, and that it knows only what it has seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

import gymnasium
import numpy as np
import pytest

import sims  # noqa: F401  (registers the environments)
from sims.avr import wording
from sims.avr.actions import Action, perform
from sims.avr.belief import Belief
from sims.avr.candidates import OptionList, deal_letters, draw_candidates, make_list
from sims.avr.config import AvrConfig
from sims.avr.evidence import describe_evidence
from sims.avr.expert import expert_reply
from sims.avr.foresight import Foresight
from sims.avr.knowledge import Knowledge
from sims.avr.marks import deal_marks
from sims.avr.prior import Prior
from sims.avr.process import Task, choose_scene_types, draw_task
from sims.avr.question import AREA_ANSWERS, GROUP_ANSWERS, YES_NO, Question
from sims.avr.selection import Selection, make_attributes
from sims.avr.sight import Sight, look
from sims.avr.texts import name_targets
from sims.avr.things import Contents, Place, Thing
from sims.avr.vocabulary import COLORS, MATERIALS, SHAPES
from sims.avr.wording import Wording, listed
from sims.avr.world import World
from sims.rendering import RenderSettings

pytestmark = pytest.mark.render

HEADINGS = (
    "# Visual Reasoning",
    "## Uncertainty Hypothesis",
    "## Information Gain Prediction",
    "## Decision",
)
NAME = re.compile(f"small (?:{'|'.join(COLORS)}) (?:{'|'.join(MATERIALS)}) (?:{'|'.join(SHAPES)})")
THING_BOX = re.compile(f"({NAME.pattern}) " + r"bbox_2d\(([\d.,]+)\)")
LINE = re.compile(r"^- ([A-Z]), .*; gain (\d+\.\d\d) nats", re.MULTILINE)
SIZE = 64
SMALL = dict(image_height=SIZE, image_width=SIZE, shadows=False)


def small_env(kind: str = "Occlusion", **settings) -> gymnasium.Env:
    config = AvrConfig(**{**SMALL, **settings})
    return gymnasium.make(f"AVR/{kind}-v0", disable_env_checker=True, config=config).unwrapped


def episodes(
    kind: str, style: str, seeds: range, **settings
) -> Iterator[list[tuple[str, dict, dict]]]:
    """Each episode's turns, as (the expert's reply, the truth before it, the options)."""
    env = small_env(kind, **settings)
    for seed in seeds:
        _, info = env.reset(seed=seed)
        turns, over = [], False
        while not over:
            reply = env.expert_reply(style)
            turns.append((reply, info["truth"], info["options"]))
            _, _, terminated, truncated, info = env.step(reply)
            over = terminated or truncated
        yield turns


@pytest.fixture(scope="module")
def replies() -> list[list[tuple[str, dict, dict]]]:
    """Episodes of every kind and style."""
    cases = [(k, s) for k in ("Occlusion", "Stack", "Composite") for s in ("best", "wander")]
    cases.append(("Composite", "plan"))
    return [turns for kind, style in cases for turns in episodes(kind, style, range(5))]


def section(reply: str, heading: str) -> str:
    return reply.partition(f"\n{heading}\n")[2].partition("\n#")[0]


def test_a_reply_has_the_papers_sections_in_order(replies) -> None:
    for turns in replies:
        for reply, _, _ in turns:
            think = reply.partition("<think>")[2].partition("</think>")[0]
            assert [line for line in think.splitlines() if line.startswith("#")] == [*HEADINGS]
            assert all(section(reply, heading).strip() for heading in HEADINGS)


def test_boxes_are_those_of_the_picture(replies) -> None:
    num_boxes = 0
    for turns in replies:
        for reply, truth, _ in turns:
            said = sorted(
                (name, [round(float(x) * SIZE) for x in box.split(",")])
                for name, box in THING_BOX.findall(reply)
            )
            assert said == sorted((v["name"], v["box_xyxy"]) for v in truth["visible"])
            num_boxes += len(said)
    assert num_boxes > 50


def test_every_action_gets_its_gain_until_the_answer_is_proven(replies) -> None:
    for turns in replies:
        for reply, truth, options in turns:
            predicted = section(reply, HEADINGS[2])
            lines = dict(LINE.findall(predicted))
            if truth["entropy"] == 0:
                assert not lines
                assert "0.00 nats" in predicted
                continue
            assert list(lines) == [k for k, words in options.items() if words.startswith("[")]
            expected = truth["expected_gains"]
            assert lines == {letter: f"{gain:.2f}" for letter, gain in expected.items()}


def test_nothing_is_named_before_it_has_been_seen(replies) -> None:
    for turns in replies:
        seen: set[str] = set()
        for reply, truth, _ in turns:
            seen |= {thing["name"] for thing in truth["visible"]}
            assert set(NAME.findall(reply)) <= seen


def test_the_decision_names_the_chosen_option(replies) -> None:
    for turns in replies:
        for reply, _, options in turns:
            tag, letter = re.search(r"<(answer|action)>([A-Z])</", reply).groups()
            decision = section(reply, HEADINGS[3])
            assert re.search(rf"\b{letter}\b", decision)
            if tag == "answer":
                assert options[letter] in decision


def test_words_vary_between_worlds_and_not_between_runs(replies) -> None:
    openings = {section(turns[0][0], HEADINGS[0]).split(".")[0] for turns in replies}
    assert len(openings) > 5
    again = list(episodes("Occlusion", "best", range(3)))
    assert again == replies[:3]


def test_the_last_turn_is_a_stated_guess() -> None:
    guesses = 0
    for turns in episodes("Stack", "best", range(12), max_turns=2, sufficient_share=0.0):
        reply, truth, options = turns[-1]
        if truth["entropy"] == 0:
            continue
        guesses += 1
        decision = section(reply, HEADINGS[3])
        answer = options[re.search(r"<answer>([A-Z])</", reply)[1]]
        best = max(truth["belief"].values())
        assert truth["belief"][answer] == pytest.approx(best)
        assert f"{best:.2f}" in decision
        assert "turn" in decision
    assert guesses


def test_brief_environments_get_one_line() -> None:
    settings = dict(brief=True, foresee=False, materials=["rubber"], target_names="regions")
    settings |= dict(scene_types=["behind_large_object"])
    for turns in episodes("Occlusion", "best", range(4), **settings):
        for reply, _, options in turns:
            found = re.fullmatch(
                r"<think>I see (.*)\. Found (.*)\. Closed (.*)\. (.*)\.</think>"
                r"<(?:answer|action)>([A-Z])</(?:answer|action)>",
                reply,
            )
            assert found
            assert found[4] == options[found[5]]


def test_environments_that_foresee_nothing_predict_nothing() -> None:
    (turns,) = episodes("Occlusion", "best", range(1), foresee=False)
    for reply, _, _ in turns:
        assert HEADINGS[2] not in reply
        assert section(reply, HEADINGS[3])


# Worlds that look alike.


def first_look(
    task: Task, contents: Contents, config: AvrConfig
) -> tuple[Knowledge, World, Sight, np.ndarray]:
    """Knowledge of a task's first view, were its places to hold these contents."""
    world = World(task.layout, contents, task.yaws)
    sight = look(world, RenderSettings(height=SIZE, width=SIZE, shadows=False))
    rng = np.random.default_rng(0)
    handles = [name for device in task.layout.devices for name in device.handles]
    names = name_targets(task.layout, deal_marks(handles, rng))
    answers = deal_letters(task.offer, rng)
    actions = draw_candidates(config, world, rng)
    knowledge = Knowledge(
        question=task.question,
        belief=task.belief,
        options=make_list(answers, actions, names, brief=False, rng=rng),
        names=names,
        attributes=config.named_attributes(),
        turns_left=5,
    )
    knowledge.add(sight, world)
    return knowledge, world, sight, sight.picture


def foresee(knowledge: Knowledge, world: World) -> None:
    """What an environment fills in before each reply."""
    foresight, belief = Foresight(world), knowledge.belief
    known = knowledge.known
    actions = knowledge.options.actions.items()
    knowledge.foreseen = {letter: foresight.shows([a], known) for letter, a in actions}
    knowledge.gains = {k: belief.expected_gain(known, s) for k, s in knowledge.foreseen.items()}


def step_aside(knowledge: Knowledge, world: World, action: Action) -> np.ndarray:
    perform(action, world)
    sight = look(world, RenderSettings(height=SIZE, width=SIZE, shadows=False))
    knowledge.actions.append(action)
    knowledge.add(sight, world)
    return sight.picture


@pytest.mark.parametrize("kind", ["occlusion", "stack", "composite"])
def test_worlds_that_look_alike_get_the_same_words(kind: str) -> None:
    config = AvrConfig(**SMALL, sufficient_share=0.0)
    types = choose_scene_types(kind, [], include_held_out=True)
    rng, compared = np.random.default_rng(5), 0
    for _ in range(5):
        task, _ = draw_task(config, types, rng, lambda task: World(task.layout, task.contents, {}))
        known = task.first_known()
        twin = {**known, **task.belief.sample(known, rng)}
        if twin == task.contents:
            continue
        both = [first_look(task, contents, config) for contents in (task.contents, twin)]
        walks = [Action(kind="move_viewer", direction="left")] * 2
        while np.array_equal(both[0][3], both[1][3]) and both[0][0].known == both[1][0].known:
            for knowledge, world, *_ in both:
                foresee(knowledge, world)
            for style in ("best", "wander"):
                said = [expert_reply(k, Foresight(world), style) for k, world, *_ in both]
                assert said[0] == said[1]
            compared += 1
            if not walks:
                break
            move = walks.pop()
            both = [(k, w, s, step_aside(k, w, move)) for k, w, s, _ in both]
    assert compared >= 4


# Wording and evidence.


def test_phrases_of_one_thing_have_the_same_fields() -> None:
    tables = {n: v for n, v in vars(wording).items() if n.isupper() and isinstance(v, tuple)}
    assert len(tables) > 20
    for name, phrases in tables.items():
        fields = [{f for _, f, _, _ in Formatter().parse(text) if f} for text in phrases]
        assert len(set(phrases)) == len(phrases) > 1, name
        assert all(some == fields[0] for some in fields), name


def test_equal_seeds_choose_alike_and_every_phrase_is_chosen() -> None:
    phrases = ("a {x}", "b {x}", "c {x}")
    said = [[Wording(seed).say(phrases, x="1") for _ in range(2)] for seed in range(40)]
    assert all(first == second for first, second in said)
    assert {first for first, _ in said} == {"a 1", "b 1", "c 1"}
    words = Wording(3)
    assert len({tuple(words.say(phrases, x="1") for _ in range(8)) for _ in range(4)}) > 1


def test_words_in_a_row() -> None:
    assert [listed(list("abc"[:n])) for n in range(4)] == ["nothing", "a", "a and b", "a, b and c"]
    assert listed(["a", "b"], "or") == "a or b"


def a_selection(area: str | None = None, **attributes: str) -> Selection:
    return Selection(attributes=make_attributes(attributes), area=area)


def a_question(kind: str, *selections: Selection, **fields) -> Question:
    answers = {"exist": YES_NO, "count": ("0", "1", "2"), "math_count": ("1", "2", "3")}
    answers |= {"query": ("cube", "sphere", "cylinder"), "compare": GROUP_ANSWERS}
    return Question(
        kind=kind, selections=selections, **{"answers": answers.get(kind, ()), **fields}
    )


RED, BLUE = a_selection(color="red"), a_selection(color="blue")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (a_question("count", RED), "2 of the things I have found count."),
        (a_question("count", BLUE), "1 of the things I have found counts."),
        (a_question("count", a_selection(color="gray")), "None of the things I have found counts."),
        (
            a_question("math_count", BLUE, added=1, added_attributes=(("color", "blue"),)),
            "1 of the things I have found counts, and 1 more make 2.",
        ),
        (
            a_question("query", BLUE, asked="shape"),
            "It is the small blue rubber sphere in the right area, and its shape is sphere.",
        ),
        (
            a_question("exist", BLUE),
            "There is one, the small blue rubber sphere in the right area.",
        ),
        (
            a_question("exist", a_selection(color="gray")),
            "I have found no small gray object where one would count.",
        ),
        (
            a_question("compare", RED, BLUE),
            "I have found 2 small red objects and 1 small blue object.",
        ),
        (
            a_question("compare", a_selection("left"), a_selection("right"), answers=AREA_ANSWERS),
            "Of the small objects that count, 1 stood on the left and 1 on the right.",
        ),
    ],
)
def test_evidence_is_counted_right(question: Question, words: str) -> None:
    places = [Place(name=f"open{i}", pos=(x, 0.0, 0.0)) for i, x in enumerate((-2.0, 0.0, 2.0))]
    prior = Prior(fill=0.5, vocabulary=AvrConfig().vocabulary())
    cube = Thing(color="red", shape="cube", size="small", material="metal")
    ball = Thing(color="blue", shape="sphere", size="small", material="rubber")
    knowledge = Knowledge(
        question=question,
        belief=Belief(question, places, prior),
        options=OptionList(texts={}, answers={}, actions={}),
        names={},
        attributes=("size", "color", "material", "shape"),
        turns_left=1,
        known={"open0": cube, "open1": cube, "open2": ball},
    )
    assert describe_evidence(knowledge) == words
