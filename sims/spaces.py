"""The two observation and action spaces that Gymnasium does not have.

Gymnasium's `Text` refuses spaces and angle brackets unless a character set is spelt out, and its
`Sequence` breaks `AsyncVectorEnv`'s shared memory. These two subclasses hold any Unicode reply and
any number of pictures. They work with `check_env`, `SyncVectorEnv` and
`AsyncVectorEnv(shared_memory=False)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Space

_SAMPLE_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ <>/.,:\n0123456789àßЖ中🙂"


class ReplySpace(Space[str]):
    """Any Unicode text of at most `max_length` characters: the whole reply of a language model.

    `contains` is about type and length only; whether a reply means something is for the environment
    to say, in words, at its next turn.

    Args:
        max_length: largest number of characters, at least 1.
        seed: seed of `sample`.
    """

    def __init__(self, max_length: int, *, seed: int | np.random.Generator | None = None) -> None:
        if max_length < 1:
            raise ValueError(f"ReplySpace.max_length is {max_length}; it must be at least 1")
        self.max_length = int(max_length)
        super().__init__(shape=None, dtype=None, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A random text of up to 40 characters. `mask` and `probability` are not supported."""
        if mask is not None or probability is not None:
            raise ValueError("ReplySpace.sample takes neither mask nor probability")
        length = int(self.np_random.integers(0, min(40, self.max_length) + 1))
        picks = self.np_random.integers(0, len(_SAMPLE_ALPHABET), size=length)
        return "".join(_SAMPLE_ALPHABET[i] for i in picks)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a string that is not too long."""
        return isinstance(x, str) and len(x) <= self.max_length

    @property
    def is_np_flattenable(self) -> bool:
        """Text cannot be flattened into numbers."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReplySpace) and other.max_length == self.max_length

    def __repr__(self) -> str:
        return f"ReplySpace({self.max_length})"


class ImagesSpace(Space[tuple[np.ndarray, ...]]):
    """Any number of pictures, each uint8 of shape (H, W, 3), at most max_height by max_width.

    Args:
        max_height: largest height [px].
        max_width: largest width [px].
        max_images: largest number of pictures at one turn; 0 pictures are always legal.
        seed: seed of `sample`.
    """

    def __init__(
        self,
        max_height: int,
        max_width: int,
        *,
        max_images: int = 64,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if min(max_height, max_width, max_images) < 1:
            raise ValueError(
                "ImagesSpace needs max_height, max_width and max_images of at least 1, "
                f"not {max_height}, {max_width} and {max_images}"
            )
        self.max_height, self.max_width = int(max_height), int(max_width)
        self.max_images = int(max_images)
        super().__init__(shape=None, dtype=None, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None) -> tuple[np.ndarray, ...]:
        """Up to two noise pictures of the largest size; neither `mask` nor `probability`."""
        if mask is not None or probability is not None:
            raise ValueError("ImagesSpace.sample takes neither mask nor probability")
        size = (self.max_height, self.max_width, 3)
        count = int(self.np_random.integers(0, min(2, self.max_images) + 1))
        return tuple(
            self.np_random.integers(0, 256, size=size, dtype=np.uint8) for _ in range(count)
        )

    def contains(self, x: Any) -> bool:
        """Whether `x` is a tuple of pictures within the limits."""
        return (
            isinstance(x, tuple)
            and len(x) <= self.max_images
            and all(self._is_picture(image) for image in x)
        )

    def _is_picture(self, image: Any) -> bool:
        return (
            isinstance(image, np.ndarray)
            and image.dtype == np.uint8
            and image.ndim == 3
            and image.shape[2] == 3
            and 1 <= image.shape[0] <= self.max_height
            and 1 <= image.shape[1] <= self.max_width
        )

    @property
    def is_np_flattenable(self) -> bool:
        """Pictures of any size and number cannot be flattened into one vector."""
        return False

    def __eq__(self, other: object) -> bool:
        limits = ("max_height", "max_width", "max_images")
        return isinstance(other, ImagesSpace) and all(
            getattr(self, name) == getattr(other, name) for name in limits
        )

    def __repr__(self) -> str:
        return f"ImagesSpace({self.max_height}, {self.max_width}, max_images={self.max_images})"
