"""Log-probabilities of given tokens, in one differentiable pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import Qwen2_5_VLForConditionalGeneration

from policies.engines.attention import check_causal_without_mask
from policies.engines.sampling import affordable
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


def embed(
    model: Qwen2_5_VLForConditionalGeneration, inputs: ModelInputs, *, separately: bool = False
) -> torch.Tensor:
    """Token embeddings with the picture features in their places, (B, T, hidden).

    Args:
        model: any Qwen2.5-VL.
        inputs: a right-padded batch.
        separately: run the vision tower once per picture, so that a picture's features cannot
            depend on the others by a rounding error; otherwise once for all.

    Raises:
        ValueError: where the vision tower gives another number of features than there are
            placeholders.
    """
    embeddings = model.get_input_embeddings()(inputs.input_ids)
    if not len(inputs.image_grid_thw):
        return embeddings
    grids, pixels = inputs.image_grid_thw, inputs.pixel_values
    if separately:
        parts = zip(pixels.split(grids.prod(dim=-1).tolist()), grids[:, None], strict=True)
        features = torch.cat([picture_features(model, *part) for part in parts])
    else:
        features = picture_features(model, pixels, grids)
    if len(features) != len(inputs.feature_index):
        raise ValueError(
            f"{len(features)} picture features for {len(inputs.feature_index)} placeholders"
        )
    flat = embeddings.flatten(0, 1)
    return flat.index_copy(0, inputs.feature_index, features.to(flat.dtype)).view_as(embeddings)


def picture_features(
    model: Qwen2_5_VLForConditionalGeneration, pixel_values: torch.Tensor, grids: torch.Tensor
) -> torch.Tensor:
    """The vision tower's output for the language model, (num_features, hidden)."""
    visual = model.model.visual
    return visual(pixel_values.to(visual.dtype), grid_thw=grids).pooler_output


def encode(model: Qwen2_5_VLForConditionalGeneration, inputs: ModelInputs) -> torch.Tensor:
    """Hidden states of the last layer, (B, T, hidden). Those of padding are meaningless."""
    check_causal_without_mask(model)
    # Padding is on the right, so the causal mask alone keeps it out of every real token's sight,
    # and the fast kernels for causal attention without a mask apply.
    outputs = model.model.language_model(
        inputs_embeds=embed(model, inputs),
        position_ids=inputs.position_ids,
        attention_mask={"full_attention": None},
        use_cache=False,
    )
    return outputs.last_hidden_state


def score(
    model: Qwen2_5_VLForConditionalGeneration,
    inputs: ModelInputs,
    *,
    temperature: float = 1.0,
    select: torch.Tensor | None = None,
    budget: TokenBudget | None = None,
) -> TokenScores:
    """Score every token given those before it.

    Args:
        model: any Qwen2.5-VL.
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
    hidden = encode(model, inputs)[:, :-1][targets]
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
