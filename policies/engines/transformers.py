"""Generation inside this process, with a model of the transformers library.

The engine shares the learner's module. It has its own decoding loop (`policies.engines.decoding`),
because conversations differ in length, come back turn after turn and must be sampled with noise of
their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from policies.engines.attention import use_grouped_attention
from policies.engines.decoding import Decoding, forward_text
from policies.engines.kv_cache import KeyValuePool
from policies.engines.pending import (
    DecodeState,
    PendingReply,
    find_twins,
    make_stand_in,
    split_prompts,
)
from policies.engines.reply_groups import ReplyGroups, make_reply_groups
from policies.engines.rows import RowTable, shared_prefix
from policies.engines.scoring import TokenScores, embed, encode, score
from policies.inputs import PictureFormat, collate
from policies.interface import Completion, GenerationRequest

__all__ = ["TokenScores", "TransformersEngine", "embed", "encode", "score"]

MAX_MASK_ENTRIES = 2**26


class TransformersEngine:
    """Batched sampling with keys and values kept from turn to turn."""

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        *,
        max_batch_size: int = 64,
        deterministic: bool = False,
        max_cached: int | None = None,
    ) -> None:
        """
        Args:
            model: shared with the learner; only the way its text layers attend is set here.
            max_batch_size: most conversations in one forward pass.
            deterministic: every forward pass has a shape that depends on the single request alone:
                rows are padded to max_batch_size and lengths to fixed steps. Samples and
                log-probabilities then do not change by a bit with what else is in the batch.
                Slower.
            max_cached: how many conversations to keep keys and values of; None: four batches.

        Raises:
            ValueError: where the model is no Qwen2.5-VL or max_batch_size is below 1.
        """
        if model.config.model_type != "qwen2_5_vl":
            raise ValueError(f"model_type={model.config.model_type!r}; legal: 'qwen2_5_vl'")
        if max_batch_size < 1:
            raise ValueError(f"max_batch_size={max_batch_size} must be at least 1")
        use_grouped_attention(model)
        vision = model.config.vision_config
        self.model = model
        self.max_batch_size = max_batch_size
        self.deterministic = deterministic
        self.weights_version = 0
        self.max_context: int = model.config.text_config.max_position_embeddings
        self._max_cached = 4 * max_batch_size if max_cached is None else max_cached
        self._format = PictureFormat(
            patch_size=vision.patch_size,
            merge_size=vision.spatial_merge_size,
            image_token_id=model.config.image_token_id,
        )
        self._num_calls = 0
        self._table = self._make_table()

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Completion]:
        """One completion per request, in order. See `Engine`."""
        self._num_calls += 1
        self._table.capacity = max(self._max_cached, len(requests) + self.max_batch_size)
        replies = [PendingReply(place=place, request=r) for place, r in enumerate(requests)]
        with _inference(self.model):
            self._look_up(replies)
            for batch in self._make_batches(replies):
                self._run(batch)
        return [reply.completion(self.weights_version) for reply in replies]

    def update_weights(self, source: Any, version: int) -> None:
        """Take new weights; everything cached is dropped.

        Args:
            source: None, as the module is shared with the learner; or a state dict to load into it,
                where the learner lives in another process.
            version: the number that completions carry from now on.
        """
        if source is not None:
            self.model.load_state_dict(source)
        self.weights_version = version
        self._table = self._make_table()

    def forget(self, cache_keys: Sequence[str]) -> None:
        """Drop what is cached for these conversations."""
        self._table.forget(set(cache_keys))

    def _make_table(self) -> RowTable:
        text = self.model.config.text_config
        weight = self.model.get_input_embeddings().weight
        pool = KeyValuePool(
            num_layers=text.num_hidden_layers,
            num_heads=text.num_key_value_heads,
            head_dim=text.hidden_size // text.num_attention_heads,
            dtype=weight.dtype,
            device=weight.device,
        )
        return RowTable(pool, self._max_cached)

    def _look_up(self, replies: Sequence[PendingReply]) -> None:
        """Find out how much of every prompt is cached."""
        seen: set[str] = set()
        for reply in replies:
            key = reply.request.cache_key
            # A second reply to one conversation in the same call gets a row of its own for the
            # moment.
            reply.keep = key not in seen
            seen.add(key)
            row = self._table.find(key) if reply.keep else None
            if row is None:
                continue
            reply.start = shared_prefix(row, reply.request)
            if reply.start:
                row.used_at = self._num_calls
                reply.cached = row
            else:
                self._table.forget({key})

    def _make_batches(self, replies: Sequence[PendingReply]) -> Iterator[list[PendingReply]]:
        """At most max_batch_size replies at a time; in deterministic mode all of one shape."""
        groups = [list(replies)]
        if self.deterministic:
            ordered = sorted(replies, key=lambda reply: reply.fixed_shape)
            groups = [list(group) for _, group in groupby(ordered, key=lambda r: r.fixed_shape)]
        for group in groups:
            for first in range(0, len(group), self.max_batch_size):
                batch = group[first : first + self.max_batch_size]
                missing = self.max_batch_size - len(batch) if self.deterministic else 0
                yield batch + [make_stand_in() for _ in range(missing)]

    def _run(self, batch: list[PendingReply]) -> None:
        """Compute the prompts of a batch, then sample its replies to the end."""
        twins = {} if self.deterministic else find_twins(batch)
        if not self.deterministic:
            batch.sort(key=lambda reply: (reply in twins, reply.num_suffix))
        # Prompt padding is written behind a row's last token, so it needs room too.
        widest = max(reply.start for reply in batch) + max(r.fixed_shape[1] for r in batch)
        num_slots = max(widest, *(reply.fixed_shape[0] for reply in batch))
        self._table.bring_forward([reply.cached for reply in batch], num_slots)
        for row in range(len(batch)):
            # Until the batch is through, so that a failure half-way leaves no row that claims too
            # much.
            self._table.assign(row, None)
        hidden, positions = self._compute_prompts(batch[: len(batch) - len(twins)])
        reply_groups = None
        if twins:
            rows = {reply: row for row, reply in enumerate(batch)}
            sources = [rows[twins.get(reply, reply)] for reply in batch]
            first = len(batch) - len(twins)
            longest = max(len(reply.request.prompt_ids) for reply in twins)
            self._table.pool.copy_rows(list(range(first, len(batch))), sources[first:], longest)
            hidden, positions = hidden[sources], positions[sources]
            reply_groups = self._make_reply_groups(batch, sources)
        vocab_size = self.model.lm_head.out_features
        state = DecodeState.start(batch, positions, vocab_size)
        decoding = Decoding(
            self.model,
            self._table,
            deterministic=self.deterministic,
            num_call=self._num_calls,
        )
        decoding.run(batch, hidden, state, reply_groups)

    def _make_reply_groups(
        self, batch: Sequence[PendingReply], sources: Sequence[int]
    ) -> ReplyGroups | None:
        text = self.model.config.text_config
        return make_reply_groups(
            self._table.pool,
            sources,
            [len(reply.request.prompt_ids) for reply in batch],
            num_sharing=text.num_attention_heads // text.num_key_value_heads,
            num_new=max(reply.request.max_new_tokens for reply in batch),
        )

    def _compute_prompts(
        self, replies: Sequence[PendingReply]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Fill the first rows of the pool.

        Returns:
            The hidden state of each prompt's last token (B, hidden), and the rotary position of the
            token after it, int64 (B,).
        """
        ranges = [(0, len(replies))]
        if not self.deterministic:
            ranges = split_prompts(replies, MAX_MASK_ENTRIES)
        parts = [self._compute_range(replies[first:last], first) for first, last in ranges]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def _compute_range(
        self, replies: Sequence[PendingReply], first_row: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        device = self._table.pool.keys[0].device
        columns = replies[0].fixed_shape[1] if self.deterministic else None
        inputs = collate([r.sequence() for r in replies], self._format, num_columns=columns)
        inputs = inputs.to(device)
        starts = torch.tensor([reply.start for reply in replies], device=device)
        slots = starts[:, None] + torch.arange(inputs.input_ids.shape[1], device=device)
        num_slots = max(len(reply.request.prompt_ids) for reply in replies)
        if self.deterministic:
            num_slots = replies[0].fixed_shape[0]
        mask = None
        if self.deterministic or any(reply.start for reply in replies):
            mask = (torch.arange(num_slots, device=device) <= slots[..., None])[:, None]
        hidden = forward_text(
            self.model,
            embed(self.model, inputs, separately=self.deterministic),
            inputs.position_ids,
            mask,
            self._table.pool.window(first_row, first_row + len(replies), slots, num_slots),
        )
        last = torch.tensor([reply.num_suffix - 1 for reply in replies], device=device)
        rows = torch.arange(len(replies), device=device)
        return hidden[rows, last], inputs.position_ids.amax(dim=(0, 2)) + 1


@contextmanager
def _inference(model: torch.nn.Module) -> Iterator[None]:
    """No gradients and no dropout; the model's mode is put back afterwards."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)
