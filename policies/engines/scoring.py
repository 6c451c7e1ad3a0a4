"""Log-probabilities of given tokens, in one differentiable pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from policies.engines.attention import (
    can_share_prompts,
    check_causal_without_mask,
    packed_arguments,
    use_grouped_attention,
)
from policies.engines.sampling import affordable
from policies.engines.shared_prompts import share_prompts
from policies.inputs import ModelInputs
from policies.interface import TokenBudget


@dataclass(frozen=True, kw_only=True)
class TokenScores:
    """What a model says about the tokens of a batch.

    Attributes:
        trainer_logprobs: float32 (B, T); entry t is log p(token t | tokens before t), 0 at t = 0
            and where nothing was asked for.
        entropies: float32 (B, T), in nats, of the distribution that token t is drawn from; 0
            likewise.
        hidden: (N, hidden), the states that the N scored tokens are predicted from, row by row.
    """

    trainer_logprobs: torch.Tensor
    entropies: torch.Tensor
    hidden: torch.Tensor


def embed(model: Any, inputs: ModelInputs, *, separately: bool = False) -> torch.Tensor:
    """Token embeddings with the picture features in their places, (B, T, hidden).

    Args:
        model: any Qwen2.5-VL.
        inputs: a right-padded batch.
        separately: run the vision tower once per picture, so that a picture's features cannot
            depend on the others by a rounding error; otherwise once for all.

    Raises:
        ValueError: where the vision tower gives another number of features than there are
            placeholders, or gives features for several layers (see `language_inputs`).
    """
    arguments = language_inputs(model, inputs, separately=separately)
    if len(arguments) > 1:
        raise ValueError(
            "this model wants picture features in several layers; embeddings lack them"
        )
    return arguments["inputs_embeds"]


def language_inputs(model: Any, inputs: ModelInputs, *, separately: bool = False) -> dict[str, Any]:
    """What the language model reads of tokens and pictures: `inputs_embeds`, and for a model that
    sees in several layers (Qwen3-VL) the features of each. Arguments and errors as in `embed`.
    """
    embeddings = model.get_input_embeddings()(inputs.input_ids)
    grids, pixels = inputs.image_grid_thw, inputs.pixel_values
    if not len(grids):
        return {"inputs_embeds": _after_blank(model, inputs, embeddings)}
    if separately:
        parts = zip(pixels.split(grids.prod(dim=-1).tolist()), grids[:, None], strict=True)
        levels = zip(*(_levels(model, *part) for part in parts), strict=True)
        features, *deeper = [torch.cat(level) for level in levels]
    else:
        features, *deeper = _levels(model, pixels, grids)
    if len(features) != len(inputs.feature_index):
        raise ValueError(
            f"{len(features)} picture features for {len(inputs.feature_index)} placeholders"
        )
    flat = embeddings.flatten(0, 1)
    flat = flat.index_copy(0, inputs.feature_index, features.to(flat.dtype))
    arguments: dict[str, Any] = {"inputs_embeds": flat.view_as(embeddings)}
    if deeper:
        seen = torch.zeros_like(inputs.input_ids, dtype=torch.bool)
        seen.view(-1)[inputs.feature_index] = True
        arguments |= {"visual_pos_masks": seen, "deepstack_visual_embeds": deeper}
    return arguments


def _levels(model: Any, pixel_values: torch.Tensor, grids: torch.Tensor) -> list[torch.Tensor]:
    """What the vision tower has to say, each (num_features, hidden): its output, and for a model
    that sees in several layers the features for the first of them.
    """
    visual = model.model.visual
    outputs = visual(pixel_values.to(visual.dtype), grid_thw=grids)
    return [outputs.pooler_output, *(getattr(outputs, "deepstack_features", None) or ())]


def _after_blank(model: Any, inputs: ModelInputs, embeddings: torch.Tensor) -> torch.Tensor:
    """The embeddings as they are, but behind a run of the vision tower if the inputs ask for one.

    A blank picture is looked at and added with weight 0: the tower's weights get a gradient of 0.
    """
    if not inputs.run_vision:
        return embeddings
    side = model.config.vision_config.spatial_merge_size
    pixels = inputs.pixel_values.new_zeros(side * side, inputs.pixel_values.shape[1])
    grid = inputs.image_grid_thw.new_tensor([[1, side, side]])
    total = torch.stack([level.sum() for level in _levels(model, pixels, grid)]).sum()
    return embeddings + 0.0 * total.to(embeddings.dtype)


def encode(model: Any, inputs: ModelInputs) -> torch.Tensor:
    """Hidden states of the last layer, (B, T, hidden). Those of padding are meaningless."""
    if not inputs.packed:
        return _run_layers(model, inputs)
    mask = inputs.attention_mask.flatten()
    states = _run_packed(model, inputs)
    padded = states.new_zeros(len(mask), states.shape[-1])
    return padded.index_copy(0, mask.nonzero()[:, 0], states).view(*inputs.input_ids.shape, -1)


def states_before(model: Any, inputs: ModelInputs, targets: torch.Tensor) -> torch.Tensor:
    """The states that tokens are predicted from, (N, hidden), row by row.

    Args:
        model: any Qwen-VL.
        inputs: a right-padded batch.
        targets: bool (B, T-1), where entry t stands for token t + 1.
    """
    if can_share_prompts(model) and not inputs.input_ids.is_cuda:
        merge_size = model.config.vision_config.spatial_merge_size
        shared = share_prompts(inputs, targets, merge_size)
        if shared is not None:
            use_grouped_attention(model)
            states = _run_layers(model, shared.inputs, prompt_groups=shared.groups)[0]
            return states[shared.places[:, :-1][targets]]
    if not inputs.packed:
        return _run_layers(model, inputs)[:, :-1][targets]
    return _run_packed(model, inputs)[inputs.packed_places()[:, :-1][targets]]


def _run_packed(model: Any, inputs: ModelInputs) -> torch.Tensor:
    """Hidden states of all tokens but padding, (N, hidden), row by row."""
    lengths = inputs.attention_mask.sum(dim=1)
    return _run_layers(model, inputs.in_one_row(), **packed_arguments(model, lengths))[0]


def _run_layers(model: Any, inputs: ModelInputs, **attention: Any) -> torch.Tensor:
    check_causal_without_mask(model)
    arguments = language_inputs(model, inputs)
    # Padding is on the right, so the causal mask alone keeps it out of every real token's sight,
    # and the fast kernels for causal attention without a mask apply. Qwen3-VL makes no mask where
    # none is asked for; Qwen2.5-VL takes ours.
    takes_masks = not hasattr(model.model.visual, "deepstack_merger_list")
    outputs = model.model.language_model(
        **arguments,
        position_ids=inputs.position_ids,
        attention_mask={"full_attention": None} if takes_masks else None,
        use_cache=False,
        **attention,
    )
    return outputs.last_hidden_state


def score(
    model: Any,
    inputs: ModelInputs,
    *,
    temperature: float = 1.0,
    select: torch.Tensor | None = None,
    budget: TokenBudget | None = None,
) -> TokenScores:
    """Score every token given those before it.

    Args:
        model: any Qwen2.5-VL or Qwen3-VL.
        inputs: a right-padded batch.
        temperature: divides the logits, as in sampling; above 0.
        select: bool (B, T), the tokens to score (a loss mask, say); None scores all but padding.
            The output layer is applied to these places only.
        budget: what the tokens of `select`, one reply per row, were limited to when they were
            sampled; None for no limit.

    Returns:
        The scores, differentiable with respect to the model.
    """
    if temperature <= 0:
        raise ValueError(f"temperature={temperature} must be above 0")
    select = inputs.attention_mask if select is None else select & inputs.attention_mask
    targets = select[:, 1:]
    hidden = states_before(model, inputs, targets)
    logits = model.lm_head(hidden).float() / temperature
    if budget is not None:
        ruled_out = ~_affordable_at(targets, inputs.input_ids[:, 1:], budget)
        logits = logits.masked_fill(ruled_out, -torch.inf)
    log_probs = torch.log_softmax(logits, dim=-1)
    chosen = log_probs.gather(-1, inputs.input_ids[:, 1:][targets][:, None])[:, 0]
    # A token that is ruled out adds nothing to the entropy, and 0 * -inf would be NaN.
    finite = log_probs if budget is None else log_probs.masked_fill(ruled_out, 0.0)
    entropies = -(log_probs.exp() * finite).sum(dim=-1)
    return TokenScores(
        trainer_logprobs=scatter(chosen, targets),
        entropies=scatter(entropies, targets),
        hidden=hidden,
    )


def scatter(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Values of the places (b, t) of `targets` (B, T-1) as (B, T), each moved to t + 1."""
    rows, columns = targets.nonzero(as_tuple=True)
    out = values.new_zeros(targets.shape[0], targets.shape[1] + 1)
    return out.index_put((rows, columns + 1), values)


def _affordable_at(
    targets: torch.Tensor, tokens: torch.Tensor, budget: TokenBudget
) -> torch.Tensor:
    """Which tokens the budget allows at the N places of `targets`, bool (N, V).

    Args:
        targets, tokens: (B, T), the places to score and the tokens there.
        budget: whole at the first place of a row.
    """
    costs = torch.from_numpy(budget.costs).to(tokens.device)
    paid = torch.where(targets, costs[tokens], 0)
    left = budget.total - (paid.cumsum(dim=1) - paid)
    return affordable(costs[None], left[targets])
