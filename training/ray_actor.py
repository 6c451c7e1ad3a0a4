"""An environment actor: a Ray process that holds a local pool and works off what it is sent."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import ray

from training.pool import EpisodeSpec, LocalPool, MixedPool
from training.seat import Answer, Move
from training.wire import pack


@dataclass(frozen=True, kw_only=True)
class Begin:
    """Begin an episode. Fields as in `Pool.begin`."""

    ticket: int
    spec: EpisodeSpec
    style: str | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """Carry out a move."""

    ticket: int
    move: Move


@dataclass(frozen=True, kw_only=True)
class End:
    """Break an episode off; this has no answer."""

    ticket: int


Order = Begin | Step | End


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an actor sends back for a message, all in one.

    Attributes:
        answers: each with its ticket, pictures encoded.
        gl_renderer: what draws in this process, in the first reply after something was drawn; ""
            in all others.
    """

    answers: list[tuple[int, Answer]]
    gl_renderer: str


class EnvActor:
    """Holds environments. It works through messages one after another, in its one thread.

    Args:
        make_env: a list that holds the reference of the function that makes an environment, of a
            key where `keyed`. In a list it is fetched in here, once the process is set up.
        num_envs: how many episodes it holds at once.
        keyed: whether environments are of many kinds.
        variables: of the process's environment, set before anything is drawn or computed.
    """

    def __init__(
        self, make_env: list[Any], num_envs: int, keyed: bool, variables: dict[str, str]
    ) -> None:
        os.environ.update(variables)
        kind = MixedPool if keyed else LocalPool
        self._pool = kind(ray.get(make_env[0]), num_envs)
        self._renderer = ""

    def where(self) -> str:
        """Names the machine and the process; answered once the actor is up."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def work(self, orders: Sequence[Order]) -> Reply:
        """Carry out orders, in turn."""
        for order in orders:
            if isinstance(order, Begin):
                self._pool.begin(order.ticket, order.spec, style=order.style)
            elif isinstance(order, Step):
                self._pool.step(order.ticket, order.move)
            else:
                self._pool.end(order.ticket)
        answers = [(ticket, pack(answer)) for ticket, answer in self._pool.answers(None)]
        return Reply(answers=answers, gl_renderer=self._news_of_renderer())

    def action_space(self) -> gymnasium.Space | None:
        """That of its environments; None where they are of many kinds."""
        return self._pool.action_space()

    def _news_of_renderer(self) -> str:
        if self._renderer:
            return ""
        self._renderer = gl_renderer()
        return self._renderer


def process_variables(number: int, render_devices: Sequence[int]) -> dict[str, str]:
    """What the environment of an actor's process is set to, whatever Ray made of it.

    One thread each for software GL and for numerics, so that actors have a core each; no CUDA,
    which environments do not compute with (Ray has blanked CUDA_VISIBLE_DEVICES for processes
    without a GPU in some versions, and not in others). EGL does not ask CUDA_VISIBLE_DEVICES: it
    numbers devices itself, and MuJoCo draws with `MUJOCO_EGL_DEVICE_ID`, else with the first.

    Args:
        number: of the actor.
        render_devices: as in `RolloutConfig`.
    """
    variables = {"LP_NUM_THREADS": "0", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    if render_devices:
        device = render_devices[number % len(render_devices)]
        variables |= {"MUJOCO_GL": "egl", "MUJOCO_EGL_DEVICE_ID": str(device)}
    return variables


def gl_renderer() -> str:
    """The driver's `GL_RENDERER` of the context that is current here; "" before one is."""
    if "OpenGL" not in sys.modules:  # nothing in this process draws with it
        return ""
    from OpenGL import GL

    try:
        name = GL.glGetString(GL.GL_RENDERER)
    except Exception:  # PyOpenGL raises whatever it likes where no context is current
        return ""
    return name.decode() if name else ""


def is_software(renderer: str) -> bool:
    """Whether a `GL_RENDERER` draws on the processor."""
    return any(name in renderer.lower() for name in ("llvmpipe", "softpipe", "swrast", "software"))
