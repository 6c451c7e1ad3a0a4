"""What is timed about the active visual reasoning environments, part by part.

A case does one unit of work, or a round of several, and returns the process time that it took and
how many units that was. What it has to prepare for them is left out.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from sims.avr.actions import SIDES, Action, perform
from sims.avr.belief import Belief
from sims.avr.bench_scene import BenchScene, default_look, make_scenes
from sims.avr.candidates import draw_candidates, is_openable
from sims.avr.config import AvrConfig, nursery_config
from sims.avr.env import AvrEnv
from sims.avr.foresight import Foresight
from sims.avr.physics import Physics
from sims.avr.prior import Prior
from sims.avr.scene_types import KINDS
from sims.avr.totals import totals_of
from sims.avr.world_model import MAX_GEOMS, empty_room_xml
from sims.rendering import RenderSettings, shared_renderer

Case = Callable[[], tuple[float, int]]
"""Returns process time [s], and the number of units that it was spent on."""
Part = Callable[[BenchScene], float | None]
"""Process time that a part of the work takes in a scene [s]; None where there is none of it."""

SIZE = 224
"""Height and width of the pictures, but the nursery's [px]."""
MOST_TURNS = 64


def avr_cases() -> dict[str, Case]:
    """Name -> case. Names end with the unit: `_per_core_second` or `_ms`."""
    scenes, full = make_scenes(), AvrConfig(image_height=SIZE, image_width=SIZE)
    cases: dict[str, Case] = {
        "ours.observation_shadow_per_core_second": _observation(full),
        "ours.observation_per_core_second": _observation(replace(full, shadows=False)),
        "ours.observation_nursery_per_core_second": _observation(nursery_config(), ("occlusion",)),
        "ours.reset_nursery_per_core_second": _reset(nursery_config(), "occlusion"),
        "ours.plan_ms": _plan(full),
        "mujoco_default.observation_per_core_second": _default_observation(scenes[::10]),
    }
    for kind in KINDS:
        cases[f"ours.reset_{kind}_per_core_second"] = _reset(full, kind)
    parts: dict[str, Part] = {
        "world": lambda scene: timed(scene.fresh_world),
        "settling": _settling,
        "rendering": _rendering,
        "visibility": lambda scene: timed(scene.world.seen),
        "belief": _belief,
        "expected_gains": _expected_gains,
        "pick": lambda scene: _deed(scene, "pick"),
        "push": lambda scene: _deed(scene, "move_object"),
        "open": lambda scene: _deed(scene, "open"),
    }
    return cases | {f"ours.{name}_ms": _round(scenes, part) for name, part in parts.items()}


def timed(call: Callable[[], object]) -> float:
    """The process time that a call takes [s]."""
    start = time.process_time()
    call()
    return time.process_time() - start


def _round(scenes: Sequence[BenchScene], part: Part) -> Case:
    """A round over all scenes that have the part."""

    def case() -> tuple[float, int]:
        times = [spent for scene in scenes if (spent := part(scene)) is not None]
        return sum(times), len(times)

    return case


def _observation(config: AvrConfig, kinds: Sequence[str] = KINDS) -> Case:
    """A move of the viewer: the picture and all that is said of it, but no expected gains."""
    config = replace(config, foresee=False, max_turns=MOST_TURNS)
    seeds = itertools.count()
    envs = itertools.cycle([AvrEnv(config, kind) for kind in kinds for _ in range(3)])
    options: dict[AvrEnv, dict[str, str]] = {}  # of the episodes that go on

    def case() -> tuple[float, int]:
        env = next(envs)
        if env not in options:
            options[env] = env.reset(seed=next(seeds))[1]["options"]
        move = next(letter for letter, words in options[env].items() if "Viewer]" in words)
        start = time.process_time()
        _, _, _, truncated, info = env.step(f"<action>{move}</action>")
        spent = time.process_time() - start
        options[env] = info["options"]
        if truncated:
            del options[env]
        return spent, 1

    return case


def _reset(config: AvrConfig, kind: str) -> Case:
    """A reset: a task is drawn, built, settled, shown and checked, and what can be done weighed."""
    env, seeds = AvrEnv(config, kind), itertools.count()
    return lambda: (timed(lambda: env.reset(seed=next(seeds))), 1)


def _plan(config: AvrConfig) -> Case:
    """The first decision of the expert that plans several steps ahead."""
    config = replace(config, sufficient_share=0.0, shadows=False)
    envs = itertools.cycle([AvrEnv(config, kind) for kind in KINDS])
    seeds = itertools.count()

    def case() -> tuple[float, int]:
        env = next(envs)
        env.reset(seed=next(seeds))
        return timed(lambda: env.expert_reply("plan")), 1

    return case


def _default_observation(scenes: Sequence[BenchScene]) -> Case:
    """Picture and segmentation as MuJoCo renders them by default."""
    looks = itertools.cycle([default_look(scene, SIZE, SIZE) for scene in scenes])
    return lambda: (timed(next(looks)), 1)


def _settling(scene: BenchScene) -> float:
    """The physics of a world from its start until everything rests."""
    world = scene.fresh_world()
    return timed(Physics(world.model, world.data).settle)


def _rendering(scene: BenchScene) -> float:
    """Picture and segmentation."""
    settings = RenderSettings(height=SIZE, width=SIZE)
    renderer = shared_renderer(empty_room_xml(), settings, MAX_GEOMS)
    scene.world.set_picture_size(SIZE, SIZE)
    return timed(lambda: renderer.render(scene.world.model, scene.world.data))


def _belief(scene: BenchScene) -> float:
    """The exact belief, set up from nothing, before and after a place more is seen."""
    task, config = scene.task, AvrConfig()
    prior = Prior(fill=config.fill_probability, vocabulary=config.vocabulary())
    places, known = task.layout.places(), task.first_known()
    hidden = task.layout.hidden_places()[0].name
    more = {**known, hidden: task.contents[hidden]}

    totals_of.cache_clear()  # what other beliefs about the question left

    def update() -> None:
        belief = Belief(task.question, places, prior, offer=task.offer, first_known=known)
        for seen in (known, more):
            belief.proven(seen)
            belief.entropy(seen)
            belief.log_probability(task.gold, seen)

    return timed(update)


def _expected_gains(scene: BenchScene) -> float:
    """The expected gains of all actions on a list."""
    task, known = scene.task, scene.task.first_known()
    actions = draw_candidates(AvrConfig(), scene.world, scene.rng())
    foresight = Foresight(scene.world)
    task.belief.set_offer(task.offer, known)  # forgets the gains that it has reckoned

    def weigh() -> None:
        for action in actions:
            task.belief.expected_gain(known, foresight.shows([action], known))

    return timed(weigh)


def _deed(scene: BenchScene, kind: str) -> float | None:
    """A deed of a kind that changes the world, on any of its handles."""
    rng, world = scene.rng(), scene.fresh_world()
    handles = [name for device in world.layout.devices for name in device.handles]
    for target in rng.permutation(handles):
        if is_openable(target) != (kind == "open"):
            continue
        side = SIDES[int(rng.integers(2))] if kind == "move_object" else ""
        action = Action(kind=kind, target=str(target), direction=side)
        start = time.process_time()
        if perform(action, world):
            return time.process_time() - start
    return None
