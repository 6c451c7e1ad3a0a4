"""The thirty scene types: what stands in their columns, and what hides what.

Ten per kind. Three of each kind are held out of training: the devices of those hide things in ways
that no type for training does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sims.avr.devices import DeviceDraw, boxes, furniture, solids, stacks, walls
from sims.avr.things import Device

KINDS = ("occlusion", "stack", "composite")

DeviceMaker = Callable[[DeviceDraw], Device]


@dataclass(frozen=True, kw_only=True)
class SceneType:
    """A way in which a world hides things.

    Attributes:
        name: unique.
        kind: one of `KINDS`: "occlusion" (behind or inside one thing), "stack" (behind or inside
            things that carry each other), "composite" (columns of different families).
        summary: one sentence that says what hides what.
        makers: makers of the devices that stand in its columns. A composite world has at least
            one device of each of its makers.
        held_out: whether it is kept out of training.
    """

    name: str
    kind: str
    summary: str
    makers: tuple[DeviceMaker, ...]
    held_out: bool = False

    @property
    def has_openable(self) -> bool:
        """Whether something in it may be opened and closed."""
        return bool({furniture.make_drawer, furniture.make_cupboard} & set(self.makers))


_TYPES = (
    SceneType(
        name="behind_large_object",
        kind="occlusion",
        summary="A large object hides what stands behind it.",
        makers=(solids.make_large_object,),
    ),
    SceneType(
        name="behind_row",
        kind="occlusion",
        summary="Two pillars in a row hide what stands behind them, neither of them alone.",
        makers=(solids.make_row,),
    ),
    SceneType(
        name="behind_wall",
        kind="occlusion",
        summary="A fixed wall hides what stands behind it; a low one can be looked over.",
        makers=(walls.make_wall,),
    ),
    SceneType(
        name="between_two_walls",
        kind="occlusion",
        summary="Two parallel walls hide what stands between them, except along the alley.",
        makers=(walls.make_alley,),
    ),
    SceneType(
        name="behind_screen",
        kind="occlusion",
        summary="A screen that can be moved hides what stands behind it.",
        makers=(walls.make_screen,),
    ),
    SceneType(
        name="in_box",
        kind="occlusion",
        summary="A box, with or without a lid, hides what stands in it.",
        makers=(boxes.make_open_box, boxes.make_lidded_box),
    ),
    SceneType(
        name="in_drawer",
        kind="occlusion",
        summary="A closed drawer hides what stands in it.",
        makers=(furniture.make_drawer,),
    ),
    SceneType(
        name="in_corner",
        kind="occlusion",
        summary="Two walls that meet hide what stands in the corner between them.",
        makers=(walls.make_corner,),
        held_out=True,
    ),
    SceneType(
        name="in_cupboard",
        kind="occlusion",
        summary="A shutter hides what stands in a cupboard.",
        makers=(furniture.make_cupboard,),
        held_out=True,
    ),
    SceneType(
        name="on_high_shelf",
        kind="occlusion",
        summary="The lip of a high shelf hides what stands on the shelf.",
        makers=(furniture.make_shelf,),
        held_out=True,
    ),
    SceneType(
        name="behind_tower",
        kind="stack",
        summary="Two or three stacked blocks hide what stands behind them.",
        makers=(stacks.make_tower,),
    ),
    SceneType(
        name="behind_beams",
        kind="stack",
        summary="Two or three stacked beams hide what stands behind them.",
        makers=(stacks.make_beams,),
    ),
    SceneType(
        name="behind_pyramid",
        kind="stack",
        summary="Two blocks that carry a third hide what stands behind them.",
        makers=(stacks.make_pyramid,),
    ),
    SceneType(
        name="under_slab",
        kind="stack",
        summary="A block hides what stands under a slab on two pillars.",
        makers=(stacks.make_portal,),
    ),
    SceneType(
        name="under_two_covers",
        kind="stack",
        summary="A cover under a larger cover hides what stands under both.",
        makers=(boxes.make_stacked_covers,),
    ),
    SceneType(
        name="in_raised_box",
        kind="stack",
        summary="A box with a lid, on a block, hides what stands in it.",
        makers=(boxes.make_raised_box,),
    ),
    SceneType(
        name="in_stacked_boxes",
        kind="stack",
        summary="A box under an empty box hides what stands in it.",
        makers=(boxes.make_stacked_boxes,),
    ),
    SceneType(
        name="in_block_ring",
        kind="stack",
        summary="Blocks all round, with a slab on top, hide what stands among them.",
        makers=(stacks.make_ring,),
        held_out=True,
    ),
    SceneType(
        name="in_chimney",
        kind="stack",
        summary="Three stacked rings hide what stands at the bottom of the chimney they form.",
        makers=(boxes.make_chimney,),
        held_out=True,
    ),
    SceneType(
        name="behind_stacked_door",
        kind="stack",
        summary="Two stacked blocks before the door of a niche hide what stands in it.",
        makers=(walls.make_blocked_niche,),
        held_out=True,
    ),
    SceneType(
        name="objects_and_covers",
        kind="composite",
        summary="Large objects hide what is behind them, covers what is under them.",
        makers=(solids.make_large_object, boxes.make_cover),
    ),
    SceneType(
        name="objects_and_towers",
        kind="composite",
        summary="Large objects and stacked blocks hide what is behind them.",
        makers=(solids.make_large_object, stacks.make_tower),
    ),
    SceneType(
        name="walls_and_boxes",
        kind="composite",
        summary="Fixed walls hide what is behind them, boxes what is in them.",
        makers=(walls.make_wall, boxes.make_open_box, boxes.make_lidded_box),
    ),
    SceneType(
        name="screens_and_drawers",
        kind="composite",
        summary="Screens hide what is behind them, drawers what is in them.",
        makers=(walls.make_screen, furniture.make_drawer),
    ),
    SceneType(
        name="alleys_and_pyramids",
        kind="composite",
        summary="Two walls hide what is between them, three stacked blocks what is behind them.",
        makers=(walls.make_alley, stacks.make_pyramid),
    ),
    SceneType(
        name="covers_drawers_and_beams",
        kind="composite",
        summary="A cover, a drawer and stacked beams each hide something, each in its own way.",
        makers=(boxes.make_cover, furniture.make_drawer, stacks.make_beams),
    ),
    SceneType(
        name="rows_and_raised_boxes",
        kind="composite",
        summary="Pillars hide what is behind them, boxes on blocks what is in them.",
        makers=(solids.make_row, boxes.make_raised_box),
    ),
    SceneType(
        name="tunnels_and_niches",
        kind="composite",
        summary="Tunnels and niches hide what is in them, except from the side they open to.",
        makers=(walls.make_tunnel, walls.make_niche),
        held_out=True,
    ),
    SceneType(
        name="raised_covers_and_corners",
        kind="composite",
        summary="Covers hide what stands on a block under them, corners what stands in them.",
        makers=(boxes.make_raised_cover, walls.make_corner),
        held_out=True,
    ),
    SceneType(
        name="shelves_and_chimneys",
        kind="composite",
        summary="High shelves hide what is on them, chimneys of rings what is at their bottom.",
        makers=(furniture.make_shelf, boxes.make_chimney),
        held_out=True,
    ),
)

SCENE_TYPES: dict[str, SceneType] = {scene_type.name: scene_type for scene_type in _TYPES}
"""Name -> scene type."""
