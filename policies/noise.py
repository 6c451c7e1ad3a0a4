"""Sampling noise that depends on what is asked, and not on time or on a place in a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from policies.interface import Conversation


def make_noise_key(conversation: Conversation) -> tuple[int, ...]:
    """The integers that the noise of a conversation's next reply is a function of."""
    digest = hashlib.blake2b(conversation.task_id.encode(), digest_size=8).digest()
    task = int.from_bytes(digest, "little")
    return (conversation.sampling_seed, task, conversation.sample_index, conversation.turn)


def make_generator(noise_key: Sequence[int]) -> np.random.Generator:
    """The random generator that belongs to a key.

    Args:
        noise_key: any integers; different keys give independent streams.
    """
    text = ",".join(str(int(part)) for part in noise_key)
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
