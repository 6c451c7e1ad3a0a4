"""Things on a table for tests of PyBullet, and what skips those where it is not installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from sims.manipulation import panda
from sims.manipulation.cameras import FRONT, WRIST
from sims.manipulation.scene import Body, Part, Scene, Slide

needs_bullet = pytest.mark.skipif(
    importlib.util.find_spec("pybullet") is None, reason="PyBullet is not installed"
)
HOME = np.array(panda.HOME)
RED, WOOD = (0.9, 0.1, 0.1), (0.6, 0.4, 0.2)


def cube(name: str, x: float, y: float, z: float = 0.02, texture: str = "plain") -> Body:
    part = Part(shape="box", size=(0.02, 0.02, 0.02), color=RED, texture=texture)
    return Body(name=name, parts=(part,), position=(x, y, z), mass=0.05)


DRAWER = Body(
    name="drawer",
    parts=(
        Part(shape="box", size=(0.08, 0.09, 0.005), color=WOOD, position=(0.0, 0.0, -0.03)),
        Part(shape="box", size=(0.005, 0.09, 0.04), color=WOOD, position=(-0.08, 0.0, 0.01)),
        Part(
            shape="box",
            size=(0.008, 0.04, 0.008),
            color=(0.1, 0.1, 0.1),
            position=(-0.115, 0.0, 0.01),
            name="handle",
        ),
    ),
    position=(0.62, 0.2, 0.06),
    mass=0.4,
    slide=Slide(axis=(-1.0, 0.0, 0.0), travel=0.15, start=0.02),
)
SCENE = Scene(
    bodies=(cube("low", 0.45, 0.0), cube("high", 0.46, 0.01, 0.06, "checker"), DRAWER),
    cameras=(FRONT, WRIST),
    table_texture="noise",
)
OTHER = Scene(bodies=(cube("a", 0.5, -0.1), cube("b", 0.4, 0.1, texture="wood")), cameras=(FRONT,))
