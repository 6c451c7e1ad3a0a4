"""Keys and values of replies to the same prompts, side by side while they are decoded.

A decoding step reads every key and value once per reply, and on a CPU that takes a third of its
time. The members of a group begin with one prompt. Here it stands once for several of them, with
their own tokens behind it: first the first of each member, then the second of each. So a step
writes one block, and one product of matrices with all members' queries replaces many thin ones. A
member's products with the others' tokens are masked out, which costs less than it saves as long as
replies are not far longer than prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch.nn.functional import scaled_dot_product_attention

from policies.engines.kv_cache import KeyValuePool

MAX_QUERIES = 16
"""Of all members and heads that look at the same keys; more only adds products to mask out."""
SHARED_SLOT_COST = 2
"""Time of a step per slot that members look at, over that per slot that one row looks at alone."""
ROW_COST = 50
"""What a row alone costs beside its slots, in slots: both measured with heads of 64 numbers."""


class ReplyGroups:
    """The cache of a batch from its prompts on, in the form that the library's layers call."""

    def __init__(
        self,
        pool: KeyValuePool,
        pieces: Sequence[Sequence[int]],
        prompt_lengths: Sequence[int],
        *,
        num_sharing: int,
        num_new: int,
    ) -> None:
        """
        Args:
            pool: holds the prompts, and takes the replies in the end.
            pieces: rows of the pool with the same prompt; all pieces of one length, so a row may
                occur in its piece more than once. Together they are the first rows of the pool.
            prompt_lengths: per row.
            num_sharing: query heads per key head.
            num_new: room for so many tokens per reply.
        """
        self._pool, self._prompt_lengths = pool, prompt_lengths
        self._rows = torch.tensor(pieces, device=pool.keys[0].device)
        flat = self._rows.flatten()
        self._places = flat.new_empty(len(prompt_lengths))
        self._places[flat] = torch.arange(len(flat), device=flat.device)
        self._start = max(prompt_lengths)
        self._num_slots = self._start
        room = self._start + len(pieces[0]) * num_new
        self._keys, self._values = (
            [self._with_room(tensor, room) for tensor in tensors]
            for tensors in (pool.keys, pool.values)
        )
        self._mask = self._make_mask(room).repeat_interleave(num_sharing, dim=2)

    @property
    def _num_members(self) -> int:
        return self._rows.shape[1]

    def advance(self) -> None:
        """One more token per row is about to come."""
        self._num_slots += self._num_members

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a token's keys and values per row, (rows, heads, 1, head_dim).

        Returns:
            Those of all tokens so far, (pieces, heads, slots, head_dim), for `attend`.
        """
        result = []
        for tensor, new in ((self._keys[layer], keys), (self._values[layer], values)):
            seen = tensor[:, :, : self._num_slots]
            seen[:, :, -self._num_members :] = new[:, :, 0][self._rows].transpose(1, 2)
            result.append(seen)
        return result[0], result[1]

    def get_seq_length(self, *_: object) -> int:
        """Slots in use, as the library asks for it."""
        return self._num_slots

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None
    ) -> torch.Tensor:
        """What each row's query sees of its prompt and its own tokens.

        Args:
            query: (rows, num_heads, 1, head_dim).
            key, value: what `update` returned.
            scale: of the products; None for 1 / sqrt(head_dim).

        Returns:
            (rows, 1, num_heads, head_dim).
        """
        (pieces, heads, slots, width), members = key.shape, self._num_members
        # Members, and the heads that share keys, stand where query positions stand.
        split = query[:, :, 0][self._rows].view(pieces, members, heads, -1, width).transpose(1, 2)
        output = scaled_dot_product_attention(
            split.flatten(2, 3), key, value, self._mask[..., :slots], scale=scale
        )
        output = output.view(split.shape).transpose(1, 2)
        return output.reshape(pieces * members, 1, -1, width)[self._places]

    def store(self, counts: Sequence[int]) -> None:
        """Put the first tokens of every reply, so many per row, behind its prompt in the pool."""
        device = self._rows.device
        num_tokens = torch.tensor(counts, device=device)
        rows = torch.arange(len(counts), device=device).repeat_interleave(num_tokens)
        index = torch.arange(len(rows), device=device)
        index = index - (num_tokens.cumsum(0) - num_tokens)[rows]
        targets = torch.tensor(self._prompt_lengths, device=device)[rows] + index
        places = self._places[rows]
        sources = self._start + index * self._num_members + places % self._num_members
        for old, new in ((self._pool.keys, self._keys), (self._pool.values, self._values)):
            for target, source in zip(old, new, strict=True):
                target[rows, :, targets] = source[places // self._num_members, :, sources]

    def _with_room(self, tensor: torch.Tensor, room: int) -> torch.Tensor:
        """The prompts (pieces, heads, room, head_dim) out of a tensor of the pool."""
        firsts = self._rows[:, 0]
        new = tensor.new_empty(len(firsts), tensor.shape[1], room, tensor.shape[3])
        new[:, :, : self._start] = tensor[firsts, :, : self._start]
        return new

    def _make_mask(self, room: int) -> torch.Tensor:
        """To be added to products, (pieces, 1, members, room); one piece where all are alike."""
        device = self._rows.device
        lengths = torch.tensor(self._prompt_lengths, device=device)[self._rows[:, :1]]
        if (lengths == self._start).all():
            lengths = lengths[:1]
        slots = torch.arange(room, device=device)
        members = torch.arange(self._num_members, device=device)[:, None]
        is_own = (slots >= self._start) & ((slots - self._start) % self._num_members == members)
        sees = (slots < lengths[..., None]) | is_own
        mask = torch.zeros(sees.shape, dtype=self._keys[0].dtype, device=device)
        return mask.masked_fill_(~sees, -torch.inf)[:, None]


def make_reply_groups(
    pool: KeyValuePool,
    sources: Sequence[int],
    prompt_lengths: Sequence[int],
    *,
    num_sharing: int,
    num_new: int,
) -> ReplyGroups | None:
    """The cache of a batch whose prompts are computed; None where single rows are better.

    Args:
        pool: holds the prompts in its first rows.
        sources: per row the first row with the same prompt.
        prompt_lengths: per row.
        num_sharing: query heads per key head.
        num_new: most tokens of a reply.
    """
    groups: dict[int, list[int]] = {}
    for row, source in enumerate(sources):
        groups.setdefault(source, []).append(row)
    pieces = _cut(list(groups.values()), max(1, MAX_QUERIES // num_sharing))
    members = len(pieces[0])
    slots = len(pieces) * (max(prompt_lengths) + members * num_new / 2)  # halfway
    slots_alone = sum(length + num_new / 2 + ROW_COST for length in prompt_lengths)
    on_cpu = pool.keys[0].device.type == "cpu"
    if not on_cpu or members == 1 or SHARED_SLOT_COST * slots > slots_alone:
        return None
    return ReplyGroups(pool, pieces, prompt_lengths, num_sharing=num_sharing, num_new=num_new)


def _cut(groups: Sequence[Sequence[int]], longest: int) -> list[list[int]]:
    """Groups in even pieces of at most `longest` rows, filled up to one length by repetition."""
    pieces = []
    for group in groups:
        count = -(-len(group) // longest)
        bounds = [len(group) * index // count for index in range(count + 1)]
        pieces += [list(group[a:b]) for a, b in pairwise(bounds)]
    most = max(len(piece) for piece in pieces)
    return [piece + [piece[-1]] * (most - len(piece)) for piece in pieces]
