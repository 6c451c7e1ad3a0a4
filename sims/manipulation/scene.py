"""What stands on the table, as plain data that both physics engines read.

Lengths are metres, masses kilograms, angles radians, quaternions (w, x, y, z). The world's z axis
points up, the arm stands at the origin and reaches along x, and the table's top is the plane z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Color = tuple[float, float, float]
Shape = Literal["box", "cylinder", "sphere", "capsule"]

UPRIGHT: Quaternion = (1.0, 0.0, 0.0, 0.0)
TEXTURES = ("plain", "checker", "stripes", "wood", "noise")
"""Every engine knows these, so that scenes of any of them share one renderer."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A primitive that a body is made of.

    Attributes:
        shape: "box", "cylinder" (along z), "sphere" or "capsule" (along z).
        size: half lengths [m]: (x, y, z) of a box; (radius, radius, half height) of a cylinder or a
            capsule, caps not counted; (radius, radius, radius) of a sphere.
        color: RGB in [0, 1].
        position, quat: in the body's frame.
        texture: one of `TEXTURES`, drawn in shades of `color`.
        name: of what can be grasped or asked for apart from the body, such as "handle"; "" for
            none.
    """

    shape: Shape
    size: Vector
    color: Color
    position: Vector = (0.0, 0.0, 0.0)
    quat: Quaternion = UPRIGHT
    texture: str = "plain"
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Slide:
    """A joint along which a body moves, such as a drawer's.

    Attributes:
        axis: direction of growing values, in the body's frame.
        travel: the joint's range is [0, travel] [m].
        start: value at the start [m].
        damping: force against the motion [N s/m].
    """

    axis: Vector
    travel: float
    start: float = 0.0
    damping: float = 4.0


@dataclass(frozen=True, kw_only=True)
class Body:
    """Something in the world.

    Attributes:
        name: unique in the scene; "robot" and "table" are taken.
        parts: what it is made of, at least one.
        position, quat: at the start, where a slide joint is at 0.
        mass: [kg]; None for what cannot move.
        slide: the joint by which a moving body hangs on the world; None moves freely.
        friction: coefficient of sliding friction against anything, above 0.
        collides: whether anything touches it; False for marks that are only drawn.
    """

    name: str
    parts: tuple[Part, ...]
    position: Vector
    quat: Quaternion = UPRIGHT
    mass: float | None = None
    slide: Slide | None = None
    friction: float = 0.8
    collides: bool = True


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera.

    Attributes:
        name: such as "front" or "wrist".
        position: in the world, or in the frame of the hand where `on_hand`.
        target: the point in the middle of the picture, in the same frame.
        fovy: vertical field of view [degrees].
        on_hand: whether it moves with the hand.
    """

    name: str
    position: Vector
    target: Vector
    fovy: float = 45.0
    on_hand: bool = False


@dataclass(frozen=True, kw_only=True)
class Lighting:
    """One light from far away, and light from everywhere.

    Attributes:
        direction: in which the light shines.
        diffuse, ambient: brightness in [0, 1].
    """

    direction: Vector = (-0.4, 0.3, -1.0)
    diffuse: float = 0.6
    ambient: float = 0.45


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A world at its start, the arm apart.

    Attributes:
        bodies: what stands on the table.
        cameras: what looks at it.
        lighting: how it is lit.
        table_color, table_texture: of the table's top.
        backdrop_color: of the floor and of all behind it.
        table_friction: coefficient of sliding friction of the table's top.
    """

    bodies: tuple[Body, ...] = ()
    cameras: tuple[Camera, ...] = ()
    lighting: Lighting = field(default_factory=Lighting)
    table_color: Color = (0.62, 0.60, 0.57)
    table_texture: str = "plain"
    backdrop_color: Color = (0.30, 0.33, 0.38)
    table_friction: float = 0.8

    def body(self, name: str) -> Body:
        """The body of that name.

        Raises:
            KeyError: where there is none.
        """
        for body in self.bodies:
            if body.name == name:
                return body
        raise KeyError(f"no body {name!r}; there are {', '.join(b.name for b in self.bodies)}")
