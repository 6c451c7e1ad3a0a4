"""Where the viewer can stand, and how it gets from one station to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sims.rendering import import_mujoco

AZIMUTH_STEP_DEG = 45
ELEVATIONS_DEG = {"low": 18.0, "high": 52.0}
DISTANCE = 9.0
"""From the eye to what it looks at [m]."""
HALF_WIDTH = 3.3
"""Half the width of the scene that fits into a picture [m]."""
LOOK_AT = (0.0, 0.3, 0.35)


@dataclass(frozen=True, kw_only=True)
class Station:
    """A standpoint on the ring round the scene. The eye always looks at the scene's middle.

    Attributes:
        azimuth: degrees to the right of the first view, as seen from above anticlockwise; a
            multiple of 45 in [0, 360). 90 looks from the right-hand side.
        elevation: a key of `ELEVATIONS_DEG`.
    """

    azimuth: int = 0
    elevation: str = "low"

    def moved(self, direction: str) -> Station:
        """The station one step "left", "right", "up" or "down"; the same where there is none."""
        if direction in ("up", "down"):
            return Station(azimuth=self.azimuth, elevation={"up": "high", "down": "low"}[direction])
        return self._turned(AZIMUTH_STEP_DEG if direction == "right" else -AZIMUTH_STEP_DEG)

    def rotated(self, direction: str) -> Station:
        """The station a quarter turn round the scene to the "left" or "right"."""
        return self._turned(90 if direction == "right" else -90)

    def _turned(self, degrees: int) -> Station:
        return Station(azimuth=(self.azimuth + degrees) % 360, elevation=self.elevation)

    def eye(self) -> np.ndarray:
        """Where the eye is, (3,) [m]."""
        return np.asarray(LOOK_AT) + DISTANCE * self._back()

    def frame(self) -> np.ndarray:
        """The camera's axes as columns (right, up, back), (3, 3)."""
        back = self._back()
        right = np.cross((0.0, 0.0, 1.0), back)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back], axis=1)

    def _back(self) -> np.ndarray:
        azimuth, elevation = map(math.radians, (self.azimuth, ELEVATIONS_DEG[self.elevation]))
        out = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0])
        return math.cos(elevation) * out + np.array([0.0, 0.0, math.sin(elevation)])


@lru_cache(maxsize=64)
def camera_pose(station: Station) -> tuple[np.ndarray, np.ndarray]:
    """Where the camera is at a station, (3,) [m], and its turn (w, x, y, z)."""
    quat = np.empty(4)
    import_mujoco().mju_mat2Quat(quat, station.frame().flatten())
    return station.eye(), quat


FIRST_STATION = Station()
