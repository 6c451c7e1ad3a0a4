"""The policies that a learned one must beat, for whatever an environment acts with."""

from __future__ import annotations

import gymnasium

from policies.interface import Policy
from policies.scripted import RandomActionPolicy, RandomPolicy


def make_random_policy(action_space: gymnasium.Space | None) -> Policy:
    """A policy that acts at random within an action space.

    Args:
        action_space: a Box of shape (D,) or (H, D), from which chunks are drawn uniformly; for any
            other and for None, replies are drawn from what observations offer.

    Raises:
        ValueError: for a Box of another shape, or with an infinite bound.
    """
    if not isinstance(action_space, gymnasium.spaces.Box):
        return RandomPolicy()
    shape = action_space.shape
    if len(shape) not in (1, 2):
        raise ValueError(f"an action space of shape {shape}; legal: (D,) or (steps, D)")
    chunk = (1, shape[0]) if len(shape) == 1 else (shape[0], shape[1])
    return RandomActionPolicy(low=action_space.low, high=action_space.high, shape=chunk)
