"""Between action chunks and the tokens of an action vocabulary: one interface, and how a codec is
fitted, written and read. No torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from policies.vla.binning import UniformCodec
from policies.vla.config import VlaConfig
from policies.vla.dct_tokens import DctCodec, fit_dct
from policies.vla.ranges import Ranges, fit_ranges, whole_chunk


class ActionCodec(Protocol):
    """Turns chunks into tokens and back.

    A reply is whole when the costs of its tokens add up to `total_cost`. Whoever samples allows
    only tokens that do not exceed it, so every reply that is sampled to its end decodes.

    Attributes:
        name: one of `policies.vla.config.CODECS`.
        continuous: whether actions come from a density and tokens only mark their places.
        ranges: of each dimension of an action.
        num_steps: H, rows of a chunk.
        num_dims: D, numbers of an action.
        vocabulary_size: tokens are 0..vocabulary_size - 1.
    """

    name: str
    continuous: bool
    ranges: Ranges
    num_steps: int
    num_dims: int
    vocabulary_size: int

    @property
    def total_cost(self) -> int:
        """What the tokens of a whole reply cost, at least 1; no reply has more tokens."""

    @property
    def token_costs(self) -> np.ndarray:
        """int64 (vocabulary_size,), each at least 1; some token costs 1."""

    def encode(self, actions: np.ndarray) -> np.ndarray:
        """The tokens, int64 (T,), of a chunk (h, D), h <= H; a shorter one goes on with its last
        row. Numbers outside the fitted ranges count as the nearest inside.

        Raises:
            ValueError: for another shape, or numbers that are not finite.
        """

    def decode(self, tokens: np.ndarray) -> tuple[np.ndarray, str | None]:
        """The chunk, float32 (H, D), and None; or zeros and what is wrong with the tokens."""

    def to_json(self) -> dict[str, Any]:
        """Everything the codec was fitted to, as plain data."""


class GaussianCodec:
    """One token per row of a chunk, which says where in the sequence the row's density is read. The
    numbers themselves travel beside the tokens.
    """

    name = "gaussian"
    continuous = True

    def __init__(self, *, ranges: Ranges, num_steps: int) -> None:
        """
        Args:
            ranges: of each dimension; the head works in units of half a range.
            num_steps: rows of a chunk.
        """
        self.ranges, self.num_steps = ranges, num_steps
        self.num_dims, self.vocabulary_size = len(ranges.low), num_steps

    @property
    def total_cost(self) -> int:
        """Rows of a chunk."""
        return self.num_steps

    @property
    def token_costs(self) -> np.ndarray:
        """1 for every token."""
        return np.ones(self.num_steps, dtype=np.int64)

    def encode(self, actions: np.ndarray) -> np.ndarray:
        """0, 1, .. H - 1, whatever the chunk."""
        whole_chunk(actions, self.num_steps, self.num_dims)
        return np.arange(self.num_steps)

    def decode(self, tokens: np.ndarray) -> tuple[np.ndarray, str | None]:
        """Always a hold: these tokens hold no numbers."""
        hold = np.zeros((self.num_steps, self.num_dims), dtype=np.float32)
        return hold, "continuous actions are not in the tokens"

    def to_json(self) -> dict[str, Any]:
        """See `ActionCodec`."""
        return {"name": self.name, "num_steps": self.num_steps, "ranges": self.ranges.to_json()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> GaussianCodec:
        """What `to_json` gave."""
        return cls(ranges=Ranges.from_json(record["ranges"]), num_steps=record["num_steps"])


def fit_codec(config: VlaConfig, chunks: Sequence[np.ndarray]) -> ActionCodec:
    """The codec that a configuration names, fitted to demonstrated chunks.

    Args:
        config: checked.
        chunks: (h, D) each; the longest gives H, and the others go on with their last row.

    Raises:
        ValueError: for no chunks, chunks of different D, or actions that never vary.
    """
    if not chunks:
        raise ValueError("a codec is fitted to demonstrated actions, and there are none")
    num_dims = np.atleast_2d(chunks[0]).shape[1]
    num_steps = max(len(np.atleast_2d(chunk)) for chunk in chunks)
    whole = [whole_chunk(chunk, num_steps, num_dims) for chunk in chunks]
    ranges = fit_ranges(
        np.concatenate(whole),
        low=config.low_percentile,
        high=config.high_percentile,
        exempt=config.exempt,
        still_share=config.still_share,
    )
    if not ranges.free.any():
        raise ValueError(f"all {len(chunks)} demonstrated chunks are the same action")
    if config.codec == "uniform":
        return UniformCodec(ranges=ranges, num_steps=num_steps, num_bins=config.num_bins)
    if config.codec == "dct":
        return fit_dct(
            whole,
            ranges=ranges,
            scale=config.dct_scale,
            vocabulary_size=config.dct_vocabulary,
        )
    return GaussianCodec(ranges=ranges, num_steps=num_steps)


def codec_from_json(record: dict[str, Any]) -> ActionCodec:
    """The codec whose `to_json` this is.

    Raises:
        ValueError: for an unknown name.
    """
    codecs: dict[str, Any] = {c.name: c for c in (UniformCodec, DctCodec, GaussianCodec)}
    if record["name"] not in codecs:
        raise ValueError(f"action codec {record['name']!r} is unknown; legal: {', '.join(codecs)}")
    return codecs[record["name"]].from_json(record)


def save_codec(path: Path, codec: ActionCodec) -> None:
    """Write a codec as JSON."""
    path.write_text(json.dumps(codec.to_json(), allow_nan=False))


def load_codec(path: Path) -> ActionCodec:
    """Read what `save_codec` wrote."""
    return codec_from_json(json.loads(Path(path).read_text()))
