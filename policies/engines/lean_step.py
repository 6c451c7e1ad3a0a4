"""One token per row through the text layers of a Qwen2.5-VL, in half as many operations as the
library's layers take.

While a model decodes, the products of matrices are so thin that everything around them counts. The
three axes of the rotary positions are equal then, so that all steps can share one table, and
queries and keys turn together. The linear layers, the feed-forward, the cache and the attention
are the very ones that the library's layers call.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLDecoderLayer,
    Qwen2_5_VLTextModel,
)

from policies.engines.attention import grouped_attention


class LeanStep:
    """What `Qwen2_5_VLTextModel.forward` computes for one token per row, up to rounding."""

    def __init__(self, text_model: Qwen2_5_VLTextModel, first: int, last: int) -> None:
        """
        Args:
            text_model: one that `can_step_leanly`.
            first, last: the rotary positions of all tokens are in [first, last).
        """
        weight = text_model.embed_tokens.weight
        positions = torch.arange(first, last, device=weight.device)
        cos, sin = text_model.rotary_emb(weight, positions.expand(3, 1, -1))
        self._text_model, self._first = text_model, first
        self._half = cos.shape[-1] // 2
        # In a head x = (a, b), (-b, a) sin = (b, a) (-sin, sin), and (b, a) is x rolled by half.
        self._cos, self._sin = (
            cos[0],
            torch.cat([-sin[0, :, : self._half], sin[0, :, self._half :]], -1),
        )

    def __call__(
        self,
        hidden: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor | None,
        cache: Any,
        **attention_arguments: Any,
    ) -> torch.Tensor:
        """
        Args:
            hidden: embeddings of the tokens, (B, hidden).
            positions: int64 (B,), rotary.
            mask: as in `grouped_attention`.
            cache: as the library's layers call it.
            attention_arguments: for `grouped_attention`.

        Returns:
            The last hidden states, (B, hidden).
        """
        index = positions - self._first
        cos, sin = self._cos[index][:, None], self._sin[index][:, None]
        for layer in self._text_model.layers:
            attention = layer.self_attn
            normed = _normalize(layer.input_layernorm, hidden)
            heads = torch.cat([attention.q_proj(normed), attention.k_proj(normed)], dim=-1)
            heads = heads.unflatten(-1, (-1, attention.head_dim))
            turned = torch.addcmul(heads * cos, heads.roll(self._half, -1), sin)[:, :, None]
            value = attention.v_proj(normed).unflatten(-1, (-1, 1, attention.head_dim))
            query, key = turned.split([attention.num_heads, attention.num_key_value_heads], dim=1)
            key, value = cache.update(key, value, attention.layer_idx)
            attended, _ = grouped_attention(
                attention, query, key, value, mask, scaling=attention.scaling, **attention_arguments
            )
            hidden = hidden + attention.o_proj(attended.flatten(1))
            hidden = hidden + layer.mlp(_normalize(layer.post_attention_layernorm, hidden))
        return _normalize(self._text_model.norm, hidden)


def can_step_leanly(text_model: Any) -> bool:
    """Whether `LeanStep` knows all that a model's layers do, and is worth it: float32 on a CPU.

    It does not where layers are wrapped, as sharding does, or carry hooks.
    """
    if type(text_model) is not Qwen2_5_VLTextModel:
        return False
    weight = text_model.embed_tokens.weight
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and text_model.rotary_emb.rope_type == "default"
        and all(type(layer) is Qwen2_5_VLDecoderLayer for layer in text_model.layers)
        and not any(_is_changed(module) for module in text_model.modules())
    )


def _is_changed(module: torch.nn.Module) -> bool:
    """Whether calling a module does more than its class says."""
    return bool(module._forward_hooks or module._forward_pre_hooks) or "forward" in vars(module)


def _normalize(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    """The library's RMS norm of float32."""
    variance = hidden.square().mean(-1, keepdim=True)
    return hidden * torch.rsqrt(variance + norm.variance_epsilon) * norm.weight
