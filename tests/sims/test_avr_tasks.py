"""What a drawn world shows, hides and asks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from sims.avr.config import AvrConfig
from sims.avr.env import OcclusionEnv
from sims.avr.tasks import SceneGenerationError, draw_task

pytestmark = pytest.mark.render


def test_the_first_view_hides_what_is_hidden_and_shows_the_rest(worlds):
    for world in worlds:
        for index in range(len(world.task.scene.objects)):
            if index in world.hidden:
                assert world.view.pixels[index] == 0, f"seed {world.seed}, object {index}"
            else:
                assert world.view.seen[index], f"seed {world.seed}, object {index}"


def test_the_first_view_suffices_exactly_where_it_is_meant_to(worlds):
    assert [world.sufficient for world in worlds] == [world.task.sufficient for world in worlds]


def test_the_first_view_suffices_in_the_configured_share(env, worlds):
    """Within the binomial interval that 1 run in 1000 would miss."""
    low, high = binom.interval(0.999, len(worlds), env.config.sufficient_share)
    assert low <= sum(world.sufficient for world in worlds) <= high


def test_always_acting_and_never_acting_are_both_no_strategy(nursery_worlds):
    share = np.mean([world.sufficient for world in nursery_worlds])
    assert 0.3 <= share <= 0.5


def test_answers_are_uniform_for_each_question(nursery_worlds):
    for answers in {world.task.question.answers for world in nursery_worlds}:
        golds = [w.task.gold for w in nursery_worlds if w.task.question.answers == answers]
        counts = [golds.count(answer) for answer in answers]
        assert chisquare(counts).pvalue > 0.01, f"{answers}: {counts}"


def test_answers_and_sufficiency_are_independent(nursery_worlds):
    """Among the tasks that need looking, both answers of a yes-no question are as likely."""
    asked = [w for w in nursery_worlds if w.task.question.kind == "exist" and not w.sufficient]
    num_yes = sum(world.task.gold == "yes" for world in asked)
    low, high = binom.interval(0.999, len(asked), 0.5)
    assert low <= num_yes <= high


def test_question_types_are_equally_frequent(nursery_worlds):
    kinds = [world.task.question.kind for world in nursery_worlds]
    assert chisquare([kinds.count(kind) for kind in ("query", "exist", "count")]).pvalue > 0.01


def test_the_gold_answer_alone_is_right(env, worlds):
    for world in worlds[:40]:
        for letter, answer in world.options.answers.items():
            env.reset(seed=world.seed)
            _, reward, terminated, truncated, info = env.step(f"<answer>{letter}</answer>")
            assert reward == float(answer == world.task.gold)
            assert info["success"] is (answer == world.task.gold)
            assert (terminated, truncated) == (True, False)


def test_acting_never_changes_the_right_answer(env, worlds):
    for world in worlds[:40]:
        _, info = env.reset(seed=world.seed)
        gold_letter = world.options.letter_of(world.task.gold)
        rng = np.random.default_rng(world.seed)
        letters = rng.permutation(list(world.options.actions))[: env.config.max_turns - 1]
        for letter in letters:
            _, reward, _, _, info = env.step(f"<action>{letter}</action>")
            assert (reward, info["truth"]["gold"]) == (0.0, world.task.gold)
        assert env.step(f"<answer>{gold_letter}</answer>")[1] == 1.0


def test_every_list_has_5_to_8_actions_that_differ(worlds):
    for world in worlds:
        actions = list(world.options.actions.values())
        assert 5 <= len(actions) <= 8
        assert len(set(actions)) == len(actions)
        assert len(set(world.options.texts.values())) == len(world.options.texts)


def test_some_actions_gain_nothing(env, worlds):
    """Several of the actions on each list are distractors."""
    wasted = []
    for world in [w for w in worlds if not w.sufficient][:15]:
        gained = []
        for letter in world.options.actions:
            env.reset(seed=world.seed)
            gained.append(env.step(f"<action>{letter}</action>")[4]["truth"]["gained"])
        assert any(gained), f"seed {world.seed}: no action helps"
        wasted.append(gained.count(False))
    assert np.mean(wasted) >= 2


def test_where_no_scene_fits_the_error_says_what_to_loosen():
    config = AvrConfig(question_types=["exist"])
    message = r"200 scenes did not fit the question 'Was there a small .+ loosen the env config"
    with pytest.raises(SceneGenerationError, match=message):
        draw_task(config, np.random.default_rng(0), lambda task: False)


def test_resets_compile_nothing(monkeypatch):
    """Every environment and every reset of a process edit copies of one compiled model."""
    import mujoco

    made = []
    compile_model = mujoco.MjModel.from_xml_string
    monkeypatch.setattr(
        mujoco.MjModel,
        "from_xml_string",
        lambda *args, **kwargs: made.append(1) or compile_model(*args, **kwargs),
    )
    config = AvrConfig(image_height=64, image_width=64, shadows=False)
    envs = [OcclusionEnv(config) for _ in range(3)]
    envs[0].reset(seed=0)
    num_first = len(made)
    for env in envs:
        for seed in range(10):
            env.reset(seed=seed)
    assert num_first <= 2  # the stage, and the context of the renderer
    assert len(made) == num_first
