"""Attention for a model with fewer key than query heads that copies no keys and values, and for
several samples in one row.

The transformers library repeats keys and values for every query head as soon as there is a mask,
and a decoding step with a batch of ragged rows always has one. That copy costs several times the
step itself.

Samples in one row must not see each other. A mask of the whole row would cost memory and time with
the square of its length, so each sample attends by itself, causally and without a mask: exactly the
sums that it would be without the others. Samples that share a prompt attend to it side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from policies.engines.reply_groups import ReplyGroups

NAME = "saccade_sdpa"


@dataclass(frozen=True, kw_only=True)
class PromptGroup:
    """A part of a row: a prompt, and behind it what each of its samples goes on with.

    Attributes:
        start: where the part begins in the row.
        prompt: tokens of the prompt.
        end: where the part ends.
        places: int64 (samples, longest), where in the row each sample goes on; that of padding is
            the end's last token.
        real: bool (samples, longest), False on padding.
        mask: bool (1, 1, longest, prompt + longest), what a sample's tokens see of the prompt and
            of the sample.
        is_even: whether there is no padding.
    """

    start: int
    prompt: int
    end: int
    places: torch.Tensor
    real: torch.Tensor
    mask: torch.Tensor
    is_even: bool

    @classmethod
    def make(cls, start: int, prompt: int, lengths: Sequence[int]) -> Self:
        """The part for samples of these lengths beyond the prompt, one behind the other."""
        sizes = torch.tensor(lengths)
        ends = start + prompt + sizes.cumsum(0)
        columns = torch.arange(int(sizes.max()))
        end = int(ends[-1])
        return cls(
            start=start,
            prompt=prompt,
            end=end,
            places=((ends - sizes)[:, None] + columns).clamp(max=end - 1),
            real=columns < sizes[:, None],
            mask=torch.ones(len(columns), prompt + len(columns)).tril(prompt).bool()[None, None],
            is_even=min(lengths) == max(lengths),
        )

    def take(self, row: torch.Tensor) -> torch.Tensor:
        """What samples go on with, (samples, heads, longest, D), of a row (1, heads, N, D)."""
        if not self.is_even:
            return row[0][:, self.places].transpose(0, 1)
        rest = row[0, :, self.start + self.prompt : self.end]
        return rest.unflatten(1, self.places.shape).transpose(0, 1)

    def put(self, samples: torch.Tensor) -> torch.Tensor:
        """Samples (samples, longest, heads, D) one behind the other, without padding."""
        return (samples.flatten(0, 1) if self.is_even else samples[self.real])[None]


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


def can_share_prompts(model: PreTrainedModel) -> bool:
    """Whether the text layers' attention is one that knows `PromptGroup`, or can become it."""
    return model.config.get_text_config()._attn_implementation in ("sdpa", NAME)


def packed_arguments(model: PreTrainedModel, lengths: torch.Tensor) -> dict[str, Any]:
    """What text layers are told so that the samples in a row do not see each other.

    Args:
        model: lets its text layers attend by `grouped_attention` where they used SDPA.
        lengths: int64 (B,), tokens of the samples in the row's order.

    Raises:
        ValueError: where the text layers have no attention that can tell samples apart.
    """
    name = model.config.get_text_config()._attn_implementation
    if name in ("sdpa", NAME):
        use_grouped_attention(model)
        return {"sample_lengths": lengths.tolist()}
    if not name.startswith("flash_attention"):
        raise ValueError(
            f"attn_implementation={name!r} of the text model cannot tell the samples of a row "
            "apart; legal with learner.packing: 'sdpa' or 'flash_attention_2'"
        )
    bounds = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    longest = int(lengths.max())
    return {
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }


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
        kwargs: `scaling`, and what the library's own function takes; and perhaps `sample_lengths`,
            a list: B is 1, and the row holds samples of these lengths, none of which sees another;
            or `prompt_groups`, a list of `PromptGroup`: B is 1, and the row holds these parts;
            or `reply_groups`, the `ReplyGroups` that keys and values are of.

    Returns:
        (B, Q, num_heads, D), and None for the weights.
    """
    lengths = kwargs.pop("sample_lengths", None)
    if lengths is not None:
        parts = zip(*(x.split(lengths, dim=2) for x in (query, key, value)), strict=True)
        outputs = [sdpa_attention_forward(module, *part, None, **kwargs)[0] for part in parts]
        return torch.cat(outputs, dim=1), None
    groups: Sequence[PromptGroup] | None = kwargs.pop("prompt_groups", None)
    if groups is not None:
        attended = [_attend_in_group(module, query, key, value, g, **kwargs) for g in groups]
        return torch.cat(attended, dim=1), None
    reply_groups: ReplyGroups | None = kwargs.pop("reply_groups", None)
    if reply_groups is not None:
        return reply_groups.attend(query, key, value, kwargs.get("scaling")), None
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


def _attend_in_group(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    group: PromptGroup,
    **kwargs: Any,
) -> torch.Tensor:
    """What the tokens of a part of the row attend to, (1, tokens of the part, num_heads, D)."""
    if len(group.places) == 1:  # nothing is shared, and nothing has to be masked
        q, k, v = (x[:, :, group.start : group.end] for x in (query, key, value))
        return grouped_attention(module, q, k, v, None, **kwargs)[0]
    middle = group.start + group.prompt
    q, k, v = (x[:, :, group.start : middle] for x in (query, key, value))
    before = grouped_attention(module, q, k, v, None, **kwargs)[0]
    own_q, own_k, own_v = (group.take(x) for x in (query, key, value))
    seen_k, seen_v = (
        torch.cat([prompt.expand(len(own), -1, -1, -1), own], dim=2)
        for prompt, own in ((k, own_k), (v, own_v))
    )
    after = grouped_attention(module, own_q, seen_k, seen_v, group.mask, **kwargs)[0]
    return torch.cat([before, group.put(after)], dim=1)
