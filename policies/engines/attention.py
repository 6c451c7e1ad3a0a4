"""Attention for a model with fewer key than query heads that copies no keys and values.

The transformers library repeats keys and values for every query head as soon as there is a mask,
and a decoding step with a batch of ragged rows always has one. That copy costs several times the
step itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

NAME = "saccade_sdpa"


def use_grouped_attention(model: PreTrainedModel) -> None:
    """Let a model's text layers attend by `grouped_attention`.

    Raises:
        ValueError: where they do not use the library's SDPA so far.
    """
    text_config = model.config.get_text_config()
    if text_config._attn_implementation not in ("sdpa", NAME):
        raise ValueError(
            f"attn_implementation={text_config._attn_implementation!r} of the text model; "
            "legal for generation: 'sdpa'"
        )
    AttentionInterface.register(NAME, grouped_attention)
    text_config._attn_implementation = NAME


def check_causal_without_mask(model: PreTrainedModel) -> None:
    """Raise ValueError where text layers that get no mask would look into the future."""
    name = model.config.get_text_config()._attn_implementation
    if name == "eager":
        raise ValueError(
            "attn_implementation='eager' of the text model; scoring needs one that is causal "
            "without a mask, such as 'sdpa' or 'flash_attention_2'"
        )


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention, called by the library's attention layers.

    Args:
        module: the attention layer.
        query: (B, num_heads, Q, D).
        key, value: (B, num_key_value_heads, K, D).
        attention_mask: boolean or additive, (B, 1, Q, K); None for causal attention.
        kwargs: `scaling`, and what the library's own function takes.

    Returns:
        (B, Q, num_heads, D), and None for the weights.
    """
    if attention_mask is None or (query.shape[2] > 1 and query.is_cuda):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    batch, num_heads, length, width = query.shape
    if length == 1:
        # With one query position, the heads that share keys can stand where query positions stand.
        query = query.reshape(batch, key.shape[1], num_heads // key.shape[1], width)
    output = scaled_dot_product_attention(
        query, key, value, attention_mask, scale=kwargs.get("scaling"), enable_gqa=length > 1
    )
    output = output.reshape(batch, num_heads, length, width)
    return output.transpose(1, 2).contiguous(), None
