"""From the prompts of a batch to its replies, token by token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from policies.engines.kv_cache import PoolWindow
from policies.engines.lean_step import LeanStep, can_step_leanly
from policies.engines.pending import DecodeState, PendingReply
from policies.engines.reply_groups import ReplyGroups
from policies.engines.rows import RowTable
from policies.engines.sampling import sample_tokens


class Decoding:
    """The replies of a batch, whose prompts' keys and values lie in the first rows of a pool."""

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        table: RowTable,
        *,
        deterministic: bool,
        num_call: int,
    ) -> None:
        """
        Args:
            model: what samples.
            table: its rows, in the order of the replies; it is told what they hold in the end.
            deterministic: whether the shape of every step depends on the single request alone.
            num_call: number of the engine's call.
        """
        self._model, self._table = model, table
        self._deterministic, self._num_call = deterministic, num_call
        self._groups: ReplyGroups | None = None
        self._lean_step: LeanStep | None = None

    def run(
        self,
        batch: list[PendingReply],
        hidden: torch.Tensor,
        state: DecodeState,
        groups: ReplyGroups | None,
    ) -> None:
        """Sample until every reply is complete, and note what the rows hold then.

        Args:
            batch: the replies.
            hidden: of each prompt's last token, (B, hidden).
            state: at that moment.
            groups: holds what the rows hold; None where the pool alone does.
        """
        self._groups, self._lean_step = groups, self._make_lean_step(state)
        window = list(batch)
        step = 0
        while True:
            logits = state.restrict(self._model.lm_head(hidden))
            tokens, logprobs = sample_tokens(logits, state.temperatures, state.uniforms[:, step])
            step += 1
            state.spend(tokens)
            for reply, token, logprob in zip(
                window, tokens.tolist(), logprobs.tolist(), strict=True
            ):
                if reply.reason is None:
                    reply.take(token, logprob)
            active = [row for row, reply in enumerate(window) if reply.reason is None]
            if not active:
                self._note(window)
                return
            if not self._deterministic and 2 * len(active) <= len(window):
                self._note(window)
                done = [row for row, reply in enumerate(window) if reply.reason is not None]
                self._table.reorder(active + done)
                window = [window[row] for row in active]
                state, tokens = state.select(active), tokens[active]
            hidden = self._step(tokens, state, window)

    def _make_lean_step(self, state: DecodeState) -> LeanStep | None:
        text_model = self._model.model.language_model
        if self._deterministic or not can_step_leanly(text_model):
            return None
        last = int(state.positions.max()) + state.uniforms.shape[1]
        return LeanStep(text_model, int(state.positions.min()), last)

    def _step(
        self, tokens: torch.Tensor, state: DecodeState, window: Sequence[PendingReply]
    ) -> torch.Tensor:
        """Feed one token per row; the hidden states that predict the next ones, (B, hidden)."""
        embeddings = self._model.get_input_embeddings()(tokens)
        cache, mask = self._cache(state, window)
        if self._lean_step is not None:
            hidden = self._lean_step(
                embeddings, state.positions, mask, cache, reply_groups=self._groups
            )
        else:
            positions = state.positions[:, None].expand(3, -1, 1)
            hidden = forward_text(
                self._model, embeddings[:, None], positions, mask, cache, self._groups
            )[:, 0]
        # A row whose reply is complete stays where it is and overwrites its one spare slot.
        active = torch.tensor([int(reply.reason is None) for reply in window], device=tokens.device)
        state.lengths, state.positions = state.lengths + active, state.positions + active
        return hidden

    def _cache(
        self, state: DecodeState, window: Sequence[PendingReply]
    ) -> tuple[PoolWindow | ReplyGroups, torch.Tensor | None]:
        """The cache of the coming step, and what of it each row sees."""
        if self._groups is not None:
            self._groups.advance()
            return self._groups, None
        num_slots = int(state.lengths.max()) + 1
        if self._deterministic:
            num_slots = window[0].fixed_shape[0]
        slots = state.lengths[:, None]
        mask = torch.arange(num_slots, device=slots.device) <= slots
        cache = self._table.pool.window(0, len(window), slots, num_slots)
        return cache, mask[:, None, None]

    def _note(self, window: Sequence[PendingReply]) -> None:
        """Tell the table what the first rows hold, which is all in the pool from now on."""
        if self._groups is not None:
            self._groups.store([len(reply.tokens) - 1 for reply in window])
            self._groups = None
        for row, reply in enumerate(window):
            stays = reply.keep or reply.reason is None
            self._table.assign(row, reply.row(self._num_call) if stays else None)


def forward_text(
    model: Qwen2_5_VLForConditionalGeneration,
    embeddings: torch.Tensor,
    positions: torch.Tensor,
    mask: torch.Tensor | None,
    cache: PoolWindow | ReplyGroups,
    groups: ReplyGroups | None = None,
) -> torch.Tensor:
    """The library's text layers.

    Args:
        model: whose they are.
        embeddings: (B, T, hidden).
        positions: int64 (3, B, T), rotary.
        mask: bool (B, 1, T, slots), what of the cache each token sees; None for causal attention.
        cache: takes the tokens' keys and values.
        groups: the cache, where it is one of these.

    Returns:
        The last hidden states, (B, T, hidden).
    """
    outputs = model.model.language_model(
        inputs_embeds=embeddings,
        position_ids=positions,
        attention_mask={"full_attention": mask},
        past_key_values=cache,
        use_cache=True,
        reply_groups=groups,
    )
    return outputs.last_hidden_state
