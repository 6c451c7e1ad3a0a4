"""What the tasks of other packages ask for, in the imperative, without a capital and a full stop.

The packages have names for their tasks, no words: these are ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

GYMNASIUM_ROBOTICS_TASKS = {
    "FetchReach": "move the gripper to the red mark",
    "FetchPush": "push the block to the red mark",
    "FetchSlide": "hit the puck so that it slides to the red mark",
    "FetchPickAndPlace": "bring the block to the red mark",
    "HandReach": "move the finger tips to the marks",
    "HandManipulateBlock": "turn the block in the hand until it lies as the transparent one does",
    "HandManipulateEgg": "turn the egg in the hand until it lies as the transparent one does",
    "HandManipulatePen": "turn the pen in the hand until it lies as the transparent one does",
    "AdroitHandDoor": "undo the latch and open the door",
    "AdroitHandHammer": "pick up the hammer and drive the nail into the board",
    "AdroitHandPen": "turn the pen in the hand until it lies as the green one does",
    "AdroitHandRelocate": "bring the blue ball to the green mark",
    "FrankaKitchen": "do everything that is to be done in the kitchen",
    "PointMaze": "roll the ball through the maze to the red mark",
}
"""Beginning of a task's name -> what to do; the longest that fits counts."""

ROBOSUITE_TASKS = {
    "Lift": "lift the red cube off the table",
    "Stack": "put the red cube on the green cube",
    "PickPlace": "put each thing into the bin that it belongs in",
    "PickPlaceSingle": "put the thing into the bin that it belongs in",
    "PickPlaceCan": "put the can into the bin that it belongs in",
    "PickPlaceMilk": "put the milk carton into the bin that it belongs in",
    "PickPlaceBread": "put the bread into the bin that it belongs in",
    "PickPlaceCereal": "put the cereal box into the bin that it belongs in",
    "NutAssembly": "put both nuts on the pegs that they fit",
    "NutAssemblySingle": "put the nut on the peg that it fits",
    "NutAssemblySquare": "put the square nut on the square peg",
    "NutAssemblyRound": "put the round nut on the round peg",
    "Door": "turn the handle and open the door",
    "Wipe": "wipe the marks off the table",
    "ToolHang": "put the hook into the stand and hang the tool on it",
    "TwoArmLift": "lift the pot with both arms and keep it level",
    "TwoArmPegInHole": "put the peg that one arm holds into the hole that the other holds",
    "TwoArmHandover": "take the hammer with one arm and hand it over to the other",
    "TwoArmTransport": "bring the hammer into the target bin with both arms, and the rubbish out",
}

METAWORLD_TASKS = {
    "assembly": "pick up the ring and put it on the peg",
    "basketball": "drop the ball into the basket",
    "bin-picking": "bring the thing from one bin to the other",
    "box-close": "take the lid and close the box with it",
    "button-press": "press the button in the wall",
    "button-press-topdown": "press the button from above",
    "button-press-topdown-wall": "reach over the wall and press the button from above",
    "button-press-wall": "reach around the wall and press the button",
    "coffee-button": "press the button of the coffee machine",
    "coffee-pull": "pull the mug away from the coffee machine",
    "coffee-push": "push the mug under the coffee machine",
    "dial-turn": "turn the dial",
    "disassemble": "take the ring off the peg",
    "door-close": "close the door",
    "door-lock": "lock the door by turning its lock",
    "door-open": "open the door",
    "door-unlock": "unlock the door by turning its lock",
    "drawer-close": "close the drawer",
    "drawer-open": "open the drawer",
    "faucet-close": "close the tap",
    "faucet-open": "open the tap",
    "hammer": "hammer the nail into the wall",
    "hand-insert": "put the thing and the hand into the hole",
    "handle-press": "press the handle down",
    "handle-press-side": "press the handle down from the side",
    "handle-pull": "pull the handle up",
    "handle-pull-side": "pull the handle up from the side",
    "lever-pull": "pull the lever up",
    "peg-insert-side": "put the peg into the hole in the side",
    "peg-unplug-side": "pull the peg out of the hole",
    "pick-out-of-hole": "take the puck out of the hole",
    "pick-place": "pick up the puck and bring it to the goal",
    "pick-place-wall": "pick up the puck and bring it over the wall to the goal",
    "plate-slide": "slide the plate into the cabinet",
    "plate-slide-back": "slide the plate out of the cabinet",
    "plate-slide-back-side": "slide the plate sideways out of the cabinet",
    "plate-slide-side": "slide the plate sideways into the cabinet",
    "push": "push the puck to the goal",
    "push-back": "pull the puck back to the goal",
    "push-wall": "push the puck around the wall to the goal",
    "reach": "move the gripper to the goal",
    "reach-wall": "move the gripper around the wall to the goal",
    "shelf-place": "put the puck on the shelf",
    "soccer": "kick the ball into the goal",
    "stick-pull": "pull the box with the stick",
    "stick-push": "push the box with the stick",
    "sweep": "sweep the puck off the table",
    "sweep-into": "sweep the puck into the hole",
    "window-close": "slide the window shut",
    "window-open": "slide the window open",
}


def describe(task: str, tasks: Mapping[str, str]) -> str:
    """What a task asks for.

    Args:
        task: the package's name for it, version and variant included.
        tasks: beginning of a name -> what to do; the longest that fits counts, and a task that has
            none is described by its name.
    """
    begins = [name for name in tasks if task.startswith(name)]
    return tasks[max(begins, key=len)] if begins else f"do the task {task}"


def check_task(task: str, legal: Iterable[str]) -> None:
    """Require that a package has a task.

    Raises:
        ValueError: names the tasks with the nearest names.
    """
    names = sorted(legal)
    if task not in names:
        near = difflib.get_close_matches(task, names, n=6, cutoff=0.3) or names[:6]
        raise ValueError(
            f"env.config.task is {task!r}; near are {', '.join(near)} (of {len(names)})"
        )
