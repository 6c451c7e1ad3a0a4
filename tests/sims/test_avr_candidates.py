"""The lists of answers and actions, and the marks that name what is acted on."""

from __future__ import annotations

import string
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from sims.avr.actions import KINDS, SIDES, VIEWER_DIRECTIONS, Action, perform
from sims.avr.candidates import (
    deal_letters,
    draw_candidates,
    draw_first_candidates,
    key_action,
    make_list,
)
from sims.avr.marks import MAX_MARK, deal_marks, draw_marks, shows_mark
from sims.avr.sight import look
from sims.avr.texts import name_targets
from sims.avr.viewer import Station
from sims.rendering import RenderSettings
from tests.sims.staging import (
    PICTURE,
    TYPES,
    draw_parts,
    draw_station,
    draw_world,
    handles,
    position,
    small_config,
    still_world,
)

CONFIG = small_config()
ANSWERS = ("red", "green", "blue")


class TestCandidates:
    @pytest.mark.parametrize("scene_type", TYPES)
    def test_five_to_eight_different_actions_and_the_key_to_every_device(self, scene_type):
        rng, counts = np.random.default_rng(0), Counter()
        for seed in range(20):
            world = still_world(scene_type, seed)
            for _ in range(4):
                actions = draw_candidates(CONFIG, world, rng)
                assert len(set(actions)) == len(actions)
                counts[len(actions)] += 1
                assert {key_action(device, world) for device in world.layout.devices} <= {*actions}
                lift = "up" if world.station.elevation == "low" else "down"
                assert Action(kind="move_viewer", direction=lift) in actions
                world.picked.add(next(n for d in world.layout.devices for n in d.handles))
                world.station = draw_station(rng)
        assert {*range(6, 9)} >= set(counts)
        assert min(counts[number] for number in (6, 7, 8)) > 5

    def test_lists_that_offer_no_lift_never_name_it(self):
        config, rng = small_config(offer_lift=False), np.random.default_rng(0)
        for scene_type in TYPES:
            world = still_world(scene_type, 0)
            lists = [draw_candidates(config, world, rng) for _ in range(5)]
            lists.append(draw_first_candidates(config, world, rng, with_open=False))
            for actions in lists:
                assert config.min_actions <= len(actions) <= config.max_actions
                assert not {"up", "down"} & {action.direction for action in actions}

    def test_keys_go_through_the_handles_and_end_with_the_last(self):
        world = still_world("in_raised_box", 0)
        device = world.layout.devices[0]
        for name in ("0:lid", "0:box", "0:block"):
            assert key_action(device, world) == Action(kind="pick", target=name)
            world.picked.add(name)
        assert key_action(device, world) == Action(kind="pick", target="0:block")

    def test_what_opens_is_opened_and_then_the_next_handle_is_the_key(self):
        world = still_world("in_drawer", 0)
        device = world.layout.devices[2]
        assert key_action(device, world) == Action(kind="open", target="2:drawer")
        world.opened.add("2:drawer")
        assert key_action(device, world) == Action(kind="pick", target="2:cabinet")

    @pytest.mark.parametrize("scene_type", TYPES)
    def test_the_kinds_on_a_first_list_do_not_tell_what_is_hidden(self, scene_type):
        """They come as often where everything is hidden as where everything lies open."""
        table = []
        for hide in (0.0, 1.0):
            rng, kinds = np.random.default_rng(1), Counter()
            for seed in range(60):
                world = still_world(scene_type, seed, hide=hide)
                kinds.update(action.kind for action in draw_candidates(CONFIG, world, rng))
            table.append([kinds[kind] for kind in KINDS])
        counted = np.array(table)[:, np.sum(table, axis=0) > 0]
        assert chi2_contingency(counted).pvalue > 1e-3

    @pytest.mark.parametrize("form", [{"min_actions": 5, "max_actions": 5}, {"max_actions": 6}])
    def test_the_configured_number(self, form):
        config, rng = small_config(**form), np.random.default_rng(0)
        for seed in range(20):
            actions = draw_candidates(config, still_world("behind_row", seed), rng)
            assert config.min_actions <= len(actions) <= config.max_actions

    def test_most_lists_hold_something_that_is_no_key(self):
        """Distractors: viewpoints, pushes, handles further down."""
        rng, kinds = np.random.default_rng(2), Counter()
        for seed in range(100):
            world = still_world("behind_tower", seed)
            keys = {key_action(device, world) for device in world.layout.devices}
            kinds.update(a.kind for a in draw_candidates(CONFIG, world, rng) if a not in keys)
        assert set(kinds) >= {"pick", "move_object", "move_viewer", "rotate_viewer"}
        assert kinds.total() > 300


class TestLetters:
    def test_letters_run_from_a_without_a_gap(self):
        rng = np.random.default_rng(0)
        for size in range(2, 6):
            offer = tuple("vwxyz"[:size])
            answers = deal_letters(offer, rng)
            for seed in range(20):
                actions = draw_candidates(CONFIG, still_world("behind_row", seed), rng)
                names = name_targets(draw_parts("behind_row", seed)[0], {})
                options = make_list(answers, actions, names, brief=False, rng=rng)
                used = sorted(options.texts)
                assert used == list(string.ascii_uppercase[: len(used)])
                assert list(options.texts) == used
                assert options.answers == answers
                assert {*answers} | {*options.actions} == {*used}
                assert sorted(map(str, options.actions.values())) == sorted(map(str, actions))

    def test_every_letter_is_dealt_to_the_answers_alike(self):
        rng = np.random.default_rng(0)
        dealt = Counter(
            letter
            for _ in range(600)
            for letter, answer in deal_letters(ANSWERS, rng).items()
            if answer == "green"
        )
        assert set(dealt) == set("ABCDEFGH")
        assert chisquare(list(dealt.values())).pvalue > 1e-3

    def test_unshuffled_lists_begin_with_the_answers_in_order(self):
        actions = [Action(kind="pick", target="0:box"), Action(kind="move_viewer", direction="up")]
        answers = deal_letters(ANSWERS, None)
        options = make_list(answers, actions, {"0:box": "left"}, brief=True, rng=None)
        assert options.texts == {
            "A": "red",
            "B": "green",
            "C": "blue",
            "D": "[Pick] left",
            "E": "[Move Viewer] up",
        }
        assert options.letter_of("blue") == "C"
        assert options.letter_of(actions[1]) == "E"
        with pytest.raises(KeyError, match="'yellow' is not on the list"):
            options.letter_of("yellow")

    @pytest.mark.parametrize("brief", [True, False])
    def test_texts_tell_actions_apart(self, brief):
        names = {f"{i}:box": f"what is marked {i}" for i in range(3)}
        actions = [Action(kind=k, target=n) for k in ("pick", "open", "close") for n in names]
        actions += [
            Action(kind="move_object", target=n, direction=side) for n in names for side in SIDES
        ]
        actions += [
            Action(kind=k, direction=d) for k, ways in VIEWER_DIRECTIONS.items() for d in ways
        ]
        texts = [action.words(names, brief=brief) for action in actions]
        assert len(set(texts)) == len(actions)
        assert all(text.startswith("[") for text in texts)


class TestMarks:
    def test_every_number_is_dealt_to_every_handle_alike(self):
        rng, names = np.random.default_rng(0), ["a", "b", "c", "d"]
        dealt = [deal_marks(names, rng) for _ in range(600)]
        numbers = range(1, MAX_MARK + 1)
        assert all(len(set(marks.values())) == len(names) for marks in dealt)
        for name in names:
            counts = Counter(marks[name] for marks in dealt)
            assert set(counts) <= set(numbers)
            assert chisquare([counts[number] for number in numbers]).pvalue > 1e-3

    @pytest.mark.parametrize("scene_type", TYPES)
    def test_there_are_numbers_enough(self, scene_type):
        for seed in range(10):
            assert len(handles(still_world(scene_type, seed))) <= MAX_MARK

    @pytest.mark.render
    @pytest.mark.parametrize("size", [112, 224])
    @pytest.mark.parametrize("scene_type", ["behind_row", "in_block_ring", "in_drawer"])
    def test_each_handle_in_view_carries_its_own_mark(self, scene_type, size):
        """A plate per handle, on the handle, and nothing else is touched."""
        world, rng = draw_world(scene_type, 1), np.random.default_rng(0)
        marks = deal_marks(handles(world), rng)
        for station in (Station(), draw_station(rng)):
            world.look_from(station)
            sight = look(world, RenderSettings(height=size, width=size, shadows=False))
            every = sight.picture.copy()
            draw_marks(every, marks, sight, world)
            untouched = (every == sight.picture).all(axis=2)
            for name, number in marks.items():
                one = sight.picture.copy()
                draw_marks(one, {name: number}, sight, world)
                plate = (one != sight.picture).any(axis=2)
                assert plate.any() == shows_mark(name, sight)
                assert plate.sum() < 0.03 * plate.size
                if plate.any():
                    x0, y0, x1, y1 = sight.boxes[name]
                    assert plate[y0:y1, x0:x1].any()
                untouched |= plate
            assert untouched.all()

    @pytest.mark.render
    def test_plates_of_different_numbers_differ(self):
        world = draw_world("behind_wall", 0)
        sight, seen = look(world, PICTURE), set()
        for number in range(1, 16):
            picture = sight.picture.copy()
            draw_marks(picture, {"1:wall": number}, sight, world)
            seen.add(picture.tobytes())
        assert len(seen) == 15

    def test_names_of_targets(self):
        layout = draw_parts("behind_large_object", 0)[0]
        assert name_targets(layout, {}) == {
            "0:object": "left",
            "1:object": "middle",
            "2:object": "right",
        }
        assert name_targets(layout, {"1:object": 3}) == {"1:object": "what is marked 3"}


class TestPerform:
    def test_viewer_moves_report_whether_they_did(self):
        world = draw_world("behind_wall", 0)
        assert perform(Action(kind="move_viewer", direction="up"), world)
        assert not perform(Action(kind="move_viewer", direction="up"), world)
        assert perform(Action(kind="rotate_viewer", direction="left"), world)
        assert world.station == Station(azimuth=270, elevation="high")

    def test_deeds_are_done(self):
        world = draw_world("screens_and_drawers", 0)
        names = handles(world)
        drawer = next(name for name in names if name.endswith("drawer"))
        screen = next(name for name in names if name.endswith("screen"))
        assert perform(Action(kind="open", target=drawer), world)
        assert world.is_open(drawer)
        assert perform(Action(kind="close", target=drawer), world)
        x = position(world, screen)[0]
        assert perform(Action(kind="move_object", target=screen, direction="right"), world)
        assert position(world, screen)[0] > x + 0.5
        assert perform(Action(kind="pick", target=screen), world)
        assert not perform(Action(kind="pick", target=screen), world)
