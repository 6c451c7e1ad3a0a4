"""Rotation matrices, quaternions (w, x, y, z) and rotation vectors."""

from __future__ import annotations

import math

import numpy as np


def rotation_vector(rotation: np.ndarray) -> np.ndarray:
    """Axis times angle of a rotation matrix: (3,) [rad], of length at most pi."""
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    x, y, z = h - f, c - g, d - b
    sine, cosine = math.sqrt(x * x + y * y + z * z) / 2, (a + e + i - 1) / 2
    if sine > 1e-6:
        scale = math.atan2(sine, cosine) / (2 * sine)
        return np.array([x * scale, y * scale, z * scale])
    if cosine > 0:
        return np.array([x / 2, y / 2, z / 2])
    quat = quat_of(rotation)
    return math.pi * quat[1:] / np.linalg.norm(quat[1:])


def rotation_of(quat: np.ndarray) -> np.ndarray:
    """The rotation matrix (3, 3) of a quaternion (w, x, y, z), whatever its length."""
    w, x, y, z = np.asarray(quat, dtype=np.float64).tolist()
    s = 2.0 / (w * w + x * x + y * y + z * z)
    return np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
            [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
            [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
        ]
    )


def quat_of(rotation: np.ndarray) -> np.ndarray:
    """The quaternion (4,), (w, x, y, z), of a rotation matrix. Its greatest number is positive."""
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    squares = (1 + a + e + i, 1 + a - e - i, 1 - a + e - i, 1 - a - e + i)
    biggest = max(range(4), key=squares.__getitem__)
    rows = (
        (squares[0], h - f, c - g, d - b),
        (h - f, squares[1], b + d, c + g),
        (c - g, b + d, squares[2], f + h),
        (d - b, c + g, f + h, squares[3]),
    )
    quat = np.array(rows[biggest])
    return quat / np.linalg.norm(quat)
