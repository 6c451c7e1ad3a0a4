"""Which conversation lies in which row of the key-value pool."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from policies.engines.kv_cache import KeyValuePool
from policies.interface import GenerationRequest


@dataclass(kw_only=True, eq=False)
class CachedRow:
    """What a row of the pool holds.

    Attributes:
        key: the conversation's cache key.
        ids: int64 (T,), the tokens in slots 0 to T - 1.
        images: the pictures behind the placeholders among them.
        image_spans: int64 (N, 2), where these are.
        used_at: number of the call that used it last.
    """

    key: str
    ids: np.ndarray
    images: tuple[np.ndarray, ...]
    image_spans: np.ndarray
    used_at: int


def shared_prefix(row: CachedRow, request: GenerationRequest) -> int:
    """How many tokens of a prompt need not be computed again.

    Placeholders look alike whatever they stand for, so the pictures are compared as well. The last
    token of the prompt is always left over, since the reply starts from its hidden state.

    Args:
        row: what is cached.
        request: what is asked.

    Returns:
        A number of tokens that ends inside no picture.
    """
    limit = min(len(row.ids), len(request.prompt_ids) - 1)
    differs = np.flatnonzero(row.ids[:limit] != request.prompt_ids[:limit])
    length = int(differs[0]) if len(differs) else limit
    for index, (start, end) in enumerate(request.image_spans.tolist()):
        if start >= length:
            break
        known = index < len(row.images) and tuple(row.image_spans[index]) == (start, end)
        if end > length or not known or not _same(row.images[index], request.images[index]):
            return start
    return length


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    return first is second or np.array_equal(first, second)


class RowTable:
    """The rows of a pool and their tenants."""

    def __init__(self, pool: KeyValuePool, capacity: int) -> None:
        """
        Args:
            pool: the storage, kept in step with this table.
            capacity: how many conversations to keep; beyond, those unused for longest are dropped.
        """
        self.pool = pool
        self.capacity = capacity
        self._rows: list[CachedRow | None] = []

    def find(self, key: str) -> CachedRow | None:
        """The row of a conversation, or None."""
        return next((row for row in self._rows if row is not None and row.key == key), None)

    def forget(self, keys: Collection[str]) -> None:
        """Free the rows of these conversations; unknown ones are ignored."""
        self._rows = [None if row is None or row.key in keys else row for row in self._rows]

    def bring_forward(self, wanted: Sequence[CachedRow | None], num_slots: int) -> None:
        """Put rows into the first places of the pool, in the given order.

        Args:
            wanted: cached rows, and None where an empty one will do.
            num_slots: slots that the coming forward passes need.
        """
        places = {id(row): place for place, row in enumerate(self._rows) if row is not None}
        taken = {places[id(row)] for row in wanted if row is not None}
        self._evict(taken, len(wanted))
        free = [place for place, row in enumerate(self._rows) if row is None]
        num_missing = sum(row is None for row in wanted) - len(free)
        free += range(len(self._rows), len(self._rows) + num_missing)
        self._rows += [None] * max(num_missing, 0)
        self.pool.reserve(len(self._rows), num_slots)
        chosen = [free.pop(0) if row is None else places[id(row)] for row in wanted]
        used = set(chosen)
        self.reorder(chosen + [place for place in range(len(self._rows)) if place not in used])

    def reorder(self, order: Sequence[int]) -> None:
        """Row i becomes what row order[i] was, for the first len(order) rows."""
        moves = [(new, old) for new, old in enumerate(order) if new != old]
        held = [(new, old) for new, old in moves if self._rows[old] is not None]
        num_slots = max((len(self._rows[old].ids) for _, old in held), default=0)  # type: ignore
        self.pool.copy_rows([new for new, _ in held], [old for _, old in held], num_slots)
        self._rows[: len(order)] = [self._rows[old] for old in order]

    def assign(self, place: int, row: CachedRow | None) -> None:
        """Say what a row holds now."""
        self._rows[place] = row

    def _evict(self, taken: Collection[int], num_coming: int) -> None:
        """Free the rows unused for longest, until what stays and what comes fit the capacity."""
        others = [
            (row.used_at, place)
            for place, row in enumerate(self._rows)
            if row is not None and place not in taken
        ]
        for _, place in sorted(others)[: max(0, len(others) + num_coming - self.capacity)]:
            self._rows[place] = None
