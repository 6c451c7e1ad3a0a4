"""Keys and values of many conversations, kept from turn to turn.

One row per conversation, one slot per token, and no holes: a row's tokens lie in slots 0, 1, 2, ...
whatever the other rows hold. So conversations of any length share a batch, and a row is cut back by
forgetting its last slots.
"""

from __future__ import annotations

import torch


class KeyValuePool:
    """Storage that grows by rows and slots on demand."""

    def __init__(
        self,
        *,
        num_layers: int,
        num_heads: int,
        head_dim: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """
        Args:
            num_layers: text layers of the model.
            num_heads: key and value heads per layer.
            head_dim: width of a head.
            dtype: of keys and values.
            device: where they live.
        """
        # Zeros, not empty memory: a masked slot's value is multiplied by 0, and 0 * NaN is NaN.
        shape = (0, num_heads, 0, head_dim)
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(num_layers)]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(num_layers)]

    @property
    def num_rows(self) -> int:
        """Rows that storage is held for."""
        return self.keys[0].shape[0]

    @property
    def num_slots(self) -> int:
        """Slots per row that storage is held for."""
        return self.keys[0].shape[2]

    def reserve(self, num_rows: int, num_slots: int) -> None:
        """Make room for so many rows and slots; what is stored stays."""
        if num_rows <= self.num_rows and num_slots <= self.num_slots:
            return
        rows, slots = self.num_rows, self.num_slots
        # By halves, so that a conversation that grows turn by turn is copied only a few times.
        new_rows = rows if num_rows <= rows else max(num_rows, rows * 3 // 2)
        new_slots = slots if num_slots <= slots else max(-(-num_slots // 64) * 64, slots * 3 // 2)
        for tensors in (self.keys, self.values):
            for layer, old in enumerate(tensors):
                tensors[layer] = old.new_zeros(new_rows, old.shape[1], new_slots, old.shape[3])
                tensors[layer][:rows, :, :slots] = old

    def copy_rows(self, targets: list[int], sources: list[int], num_slots: int) -> None:
        """Row targets[i] becomes what row sources[i] was, in its first `num_slots` slots."""
        if not targets:
            return
        for tensors in (self.keys, self.values):
            for tensor in tensors:
                tensor[targets, :, :num_slots] = tensor[sources, :, :num_slots]

    def window(self, first: int, last: int, slots: torch.Tensor, num_slots: int) -> PoolWindow:
        """The rows [first, last) as the cache of one forward pass."""
        return PoolWindow(self, first, last, slots, num_slots)


class PoolWindow:
    """Some rows of a pool, in the form of a cache that the transformers library's layers call."""

    def __init__(
        self, pool: KeyValuePool, first: int, last: int, slots: torch.Tensor, num_slots: int
    ) -> None:
        """
        Args:
            pool: where keys and values live.
            first, last: half-open range of rows.
            slots: int64 (rows, q): where the q new tokens of each row are written.
            num_slots: how many slots attention looks at, from the first.
        """
        self._pool, self._first, self._last = pool, first, last
        self._slots, self._num_slots = slots, num_slots
        self._rows = torch.arange(first, last, device=slots.device)[:, None]

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store new keys and values (rows, heads, q, head_dim); return all up to `num_slots`."""
        result = []
        for tensor, new in ((self._pool.keys[layer], keys), (self._pool.values[layer], values)):
            tensor[self._rows, :, self._slots] = new.transpose(1, 2)
            result.append(tensor[self._first : self._last, :, : self._num_slots])
        return result[0], result[1]

    def get_seq_length(self, *_: object) -> int:
        """Slots in use, as the library asks for it."""
        return self._num_slots
