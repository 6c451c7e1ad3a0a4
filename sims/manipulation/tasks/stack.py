"""Stack: a thing is put on top of another."""

from __future__ import annotations

import numpy as np

from sims.manipulation.tasks.pick_place import Placing
from sims.manipulation.tasks.table import Request, Table

ON_TOP = 0.022
"""Of the upper thing's middle from the lower one's, at most, along the table [m]."""
_UPPER_SHAPES = ("cube", "cylinder")


class Stack(Placing):
    """Put the target on a cube."""


def draw_stack(request: Request, rng: np.random.Generator) -> Stack:
    """A thing to put on a cube of another colour, others beside them."""
    table = Table(request=request, rng=rng)
    color, goal = table.draw_colors_of_pair()
    shape = table.draw_shape(_UPPER_SHAPES)
    onto = table.add_thing(goal, "cube")
    target = table.add_thing(color, shape, is_target=True)
    table.add_distractors(request.num_distractors, _UPPER_SHAPES, avoid=[color, goal])
    return Stack(
        scene=table.scene(),
        instruction=table.write("stack", target=f"{color} {shape}", goal=f"{goal} cube"),
        target=target,
        words=table.words,
        onto=onto,
        tolerance=ON_TOP,
    )
