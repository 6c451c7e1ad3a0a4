"""The devices of the world: what hides a place from the first view, or lays it open.

Each `make_x(draw)` draws one device of its kind. Its parts and their names do not depend on whether
it hides its place, so that what can be done to it does not tell.
"""

from sims.avr.devices.parts import PAINTS, DeviceDraw

__all__ = ["PAINTS", "DeviceDraw"]
