"""One peer of `scripts/bench.py manipulation`, timed in its own interpreter, with one look.

Needs numpy and the peer, nothing of ours. The first line that it writes says which cases it has and
how frames are made; then it reads a case's name and how long to spend on it [s] from each line of
its standard input, and answers with a line of JSON. All times are process time.

    python scripts/bench_peers.py dm_control 0     its own defaults
    python scripts/bench_peers.py dm_control 20    20 substeps, and as plain a look as ours

Cases: `front_128`, an action and the front camera's picture at 128 x 128; `physics`, an action
without a picture; `reset`, a reset with its first picture.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TextIO

import numpy as np

SIZE = 128
"""Height and width of the pictures [px]."""
PLAIN: dict[str, Any] = {"shadows": False, "reflections": False, "samples": 0}
"""No shadows, no reflections, no multisampling."""
SHADOW_FLAG, REFLECTION_FLAG = 0, 2
"""mjRND_SHADOW and mjRND_REFLECTION, which are the same in all versions of MuJoCo."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a frame is made with.

    Attributes:
        substeps: physics steps per frame.
        physics_dt_ms: time of one physics step [ms].
        shadows, reflections: whether any are drawn.
        samples: per pixel; 0 without multisampling.
        height, width: of the picture [px].
    """

    substeps: int
    physics_dt_ms: float
    shadows: bool
    reflections: bool
    samples: int
    height: int = SIZE
    width: int = SIZE


@dataclass(frozen=True, kw_only=True)
class Peer:
    """An environment as a loop needs it.

    Attributes:
        act: takes an action; whether the episode is over.
        reset: starts an episode.
        picture: the front camera's picture, (SIZE, SIZE, 3).
        bounds: lowest and highest action, (D,) each.
        settings: what frames are made with.
    """

    act: Callable[[np.ndarray], bool]
    reset: Callable[[], object]
    picture: Callable[[], Any]
    bounds: tuple[np.ndarray, np.ndarray]
    settings: Settings


def make_fetch(substeps: int | None) -> Peer:
    """gymnasium-robotics: FetchPickAndPlace-v4 in its own camera."""
    gymnasium = importlib.import_module("gymnasium")
    gymnasium.register_envs(importlib.import_module("gymnasium_robotics"))
    env = gymnasium.make("FetchPickAndPlace-v4", render_mode="rgb_array", width=SIZE, height=SIZE)
    default_substeps = env.unwrapped.n_substeps
    if substeps is not None:
        env.unwrapped.n_substeps = substeps
    return of_gymnasium(env, substeps, default_substeps)


def make_metaworld(substeps: int | None) -> Peer:
    """metaworld: pick-place-v3, camera corner2."""
    gymnasium = importlib.import_module("gymnasium")
    importlib.import_module("metaworld")
    env = gymnasium.make(
        "Meta-World/MT1",
        env_name="pick-place-v3",
        seed=0,
        render_mode="rgb_array",
        camera_name="corner2",
        width=SIZE,
        height=SIZE,
    )
    default_substeps = env.unwrapped.frame_skip
    if substeps is not None:
        env.unwrapped.frame_skip = substeps
    return of_gymnasium(env, substeps, default_substeps)


def of_gymnasium(env: Any, substeps: int | None, default_substeps: int) -> Peer:
    """A peer that is a gymnasium environment with gymnasium's own MuJoCo renderer."""
    model = env.unwrapped.model
    look = read_look(model)
    env.reset(seed=0)
    if substeps is not None:
        look = PLAIN
        plain_quality(model)
        plain_flags(env.unwrapped.mujoco_renderer._get_viewer("rgb_array").scn)
    return Peer(
        act=lambda action: any(env.step(action)[2:4]),
        reset=env.reset,
        picture=env.render,
        bounds=(env.action_space.low, env.action_space.high),
        settings=Settings(
            substeps=substeps or default_substeps,
            physics_dt_ms=1000 * float(model.opt.timestep),
            **look,
        ),
    )


def make_dm_control(substeps: int | None) -> Peer:
    """dm_control: manipulator, bring_ball, camera fixed."""
    suite = importlib.import_module("dm_control.suite")
    env = suite.load("manipulator", "bring_ball", task_kwargs={"random": 0})
    model, flags = env.physics.model, None
    look, used_substeps = read_look(model), env._n_sub_steps
    if substeps is not None:
        look, used_substeps, env._n_sub_steps = PLAIN, substeps, substeps
        plain_quality(model)
        flags = {"shadow": False, "reflection": False}
    spec = env.action_spec()
    return Peer(
        act=lambda action: bool(env.step(action).last()),
        reset=env.reset,
        picture=lambda: env.physics.render(
            SIZE, SIZE, camera_id="fixed", render_flag_overrides=flags
        ),
        bounds=(spec.minimum, spec.maximum),
        settings=Settings(
            substeps=used_substeps, physics_dt_ms=1000 * float(model.opt.timestep), **look
        ),
    )


def make_robosuite(substeps: int | None) -> Peer:
    """robosuite: Lift with a Panda arm, camera agentview. Alike, a reset keeps its model."""
    suite = importlib.import_module("robosuite")
    step = importlib.import_module("robosuite.macros").SIMULATION_TIMESTEP
    settings = {} if substeps is None else {"control_freq": 1 / (substeps * step + 1e-9)}
    env = suite.make(
        "Lift",
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=True,
        use_camera_obs=False,
        hard_reset=substeps is None,
        seed=0,
        **settings,
    )
    env.reset()
    look = read_look(env.sim.model)
    if substeps is not None:
        look, context = PLAIN, env.sim._render_context_offscreen
        plain_quality(env.sim.model)
        context.con.free()
        context._set_mujoco_context_and_buffers()
        plain_flags(context.scn)
    return Peer(
        act=lambda action: bool(env.step(action)[2]),
        reset=env.reset,
        picture=lambda: env.sim.render(width=SIZE, height=SIZE, camera_name="agentview")[::-1],
        bounds=env.action_spec,
        settings=Settings(
            substeps=int(env.control_timestep / env.model_timestep),
            physics_dt_ms=1000 * env.model_timestep,
            **look,
        ),
    )


def make_panda_gym(substeps: int | None) -> Peer:
    """panda-gym: PandaPickAndPlace-v3 in its own camera, drawn by PyBullet's TinyRenderer."""
    gymnasium = importlib.import_module("gymnasium")
    importlib.import_module("panda_gym")
    env = gymnasium.make("PandaPickAndPlace-v3", render_width=SIZE, render_height=SIZE)
    inner, sim = env.unwrapped, env.unwrapped.sim
    look: dict[str, Any] = {**PLAIN, "shadows": True}
    picture = env.render
    if substeps is not None:
        look, sim.n_substeps = PLAIN, substeps
        picture = plain_bullet_picture(inner, sim.physics_client)
    env.reset(seed=0)
    return Peer(
        act=lambda action: any(env.step(action)[2:4]),
        reset=env.reset,
        picture=picture,
        bounds=(env.action_space.low, env.action_space.high),
        settings=Settings(
            substeps=sim.n_substeps, physics_dt_ms=1000 * float(sim.timestep), **look
        ),
    )


def plain_bullet_picture(env: Any, client: Any) -> Callable[[], np.ndarray]:
    """panda-gym's picture without its shadow and without the segmentation that it throws away."""
    view = client.computeViewMatrixFromYawPitchRoll(
        cameraTargetPosition=env.render_target_position,
        distance=env.render_distance,
        yaw=env.render_yaw,
        pitch=env.render_pitch,
        roll=env.render_roll,
        upAxisIndex=2,
    )
    projection = client.computeProjectionMatrixFOV(fov=60, aspect=1.0, nearVal=0.1, farVal=100.0)

    def picture() -> np.ndarray:
        pixels = client.getCameraImage(
            SIZE,
            SIZE,
            view,
            projection,
            shadow=False,
            renderer=client.ER_TINY_RENDERER,
            flags=client.ER_NO_SEGMENTATION_MASK,
        )[2]
        return np.array(pixels, dtype=np.uint8).reshape(SIZE, SIZE, 4)[..., :3]

    return picture


def read_look(model: Any) -> dict[str, Any]:
    """Shadows, reflections and samples of `Settings` as a MuJoCo model asks for them."""
    casts = model.nlight and np.any(np.asarray(model.light_castshadow))
    return {
        "shadows": bool(casts) and int(model.vis.quality.shadowsize) > 0,
        "reflections": bool(np.any(np.asarray(model.mat_reflectance) > 0)),
        "samples": int(model.vis.quality.offsamples),
    }


def plain_quality(model: Any) -> None:
    """Ask for no multisampling and no shadow map, before a context is made."""
    model.vis.quality.offsamples, model.vis.quality.shadowsize = 0, 0


def plain_flags(scene: Any) -> None:
    """Draw neither shadows nor reflections."""
    scene.flags[SHADOW_FLAG] = scene.flags[REFLECTION_FLAG] = 0


PEERS: dict[str, tuple[Callable[[int | None], Peer], str]] = {
    "gymnasium_robotics": (make_fetch, "gymnasium-robotics"),
    "dm_control": (make_dm_control, "dm_control"),
    "robosuite": (make_robosuite, "robosuite"),
    "panda_gym": (make_panda_gym, "panda-gym"),
    "metaworld": (make_metaworld, "metaworld"),
}
"""Name -> (maker, given a number of substeps for the plain look or None for the defaults; the
distribution's name)."""


def make_cases(peer: Peer) -> dict[str, Callable[[], float]]:
    """Case -> function that makes one unit of it and returns the process time that it took [s]."""
    actions = np.random.default_rng(0).uniform(*peer.bounds, size=(500, len(peer.bounds[0])))
    return {
        "front_128": time_frames(peer, actions.astype(np.float32), pictures=True),
        "physics": time_frames(peer, actions.astype(np.float32), pictures=False),
        "reset": lambda: timed(lambda: (peer.reset(), peer.picture())),
    }


def time_frames(peer: Peer, actions: np.ndarray, *, pictures: bool) -> Callable[[], float]:
    """A function that makes one frame; a new episode where one is over is not counted."""
    next_action, over = itertools.cycle(actions), True

    def act() -> None:
        nonlocal over
        over = peer.act(next(next_action))
        if pictures:
            peer.picture()

    def frame() -> float:
        if over:
            peer.reset()
        return timed(act)

    return frame


def timed(call: Callable[[], object]) -> float:
    """The process time that a call takes [s]."""
    start = time.process_time()
    call()
    return time.process_time() - start


def check_picture(peer: Peer) -> None:
    """Require a picture of the right size that shows something.

    Raises:
        AssertionError: where it is not.
    """
    peer.reset()
    found = np.asarray(peer.picture())
    if found.shape != (SIZE, SIZE, 3) or found.std() < 5:
        raise AssertionError(f"the picture is {found.shape}, of deviation {found.std():.1f}")


def serve(name: str, substeps: int | None, answers: TextIO) -> None:
    """Make a peer and time its cases as asked for on standard input, until that ends.

    Args:
        name: one of `PEERS`.
        substeps: per frame, with the plain look; None for the peer's own defaults.
        answers: where the lines of JSON go.
    """
    make, distribution = PEERS[name]
    peer = make(substeps)
    check_picture(peer)
    cases = make_cases(peer)

    def answer(**what: Any) -> None:
        print(json.dumps(what), file=answers, flush=True)

    version = importlib.metadata.version(distribution)
    answer(version=version, cases=list(cases), settings=asdict(peer.settings))
    for line in sys.stdin:
        case, seconds = line.split()
        spent, count = 0.0, 0
        while spent < float(seconds) or not count:
            spent, count = spent + cases[case](), count + 1
        answer(seconds=spent, units=count)


def main(arguments: list[str]) -> None:
    """Serve; all that a package prints by itself goes to standard error."""
    os.environ.setdefault("LP_NUM_THREADS", "0")  # as for ours
    os.environ.setdefault("MUJOCO_GL", "egl")
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        serve(arguments[0], int(arguments[1]) or None, answers)


if __name__ == "__main__":
    main(sys.argv[1:])
