"""Models of a given shape, from the library's own configuration classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from policies.families import SIZES, ModelShape


def make_meta_model(name: str) -> nn.Module:
    """The model of a published size on the meta device: shapes and nothing else."""
    with torch.device("meta"):
        return make_model(SIZES[name])


def make_model(shape: ModelShape) -> nn.Module:
    """A model of this shape, with random weights."""
    text, vision, first = shape.text, shape.vision, shape.model_type == "qwen2_5_vl"
    half = text.head_dim // 2
    sections = [half // 4, (half - half // 4) // 2]
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": 1e6}
    rope["mrope_section"] = [*sections, half - sum(sections)]
    text_config: dict[str, Any] = {
        "hidden_size": text.hidden_size,
        "intermediate_size": text.intermediate_size,
        "num_hidden_layers": text.num_layers,
        "num_attention_heads": text.num_heads,
        "num_key_value_heads": text.num_key_value_heads,
        "vocab_size": text.vocab_size,
        "rope_parameters": rope,
    }
    vision_config: dict[str, Any] = {
        "depth": vision.depth,
        "hidden_size": vision.hidden_size,
        "intermediate_size": vision.intermediate_size,
        "num_heads": vision.num_heads,
        "patch_size": vision.patch_size,
        "out_hidden_size": text.hidden_size,
    }
    if first:
        text_config |= {"bos_token_id": 0, "eos_token_id": 0}
        config = Qwen2_5_VLConfig(
            text_config=text_config, vision_config=vision_config, tie_word_embeddings=text.tied
        )
        return Qwen2_5_VLForConditionalGeneration(config)
    text_config["head_dim"] = text.head_dim
    rope["mrope_interleaved"] = True
    vision_config["num_position_embeddings"] = vision.num_positions
    vision_config["deepstack_visual_indexes"] = list(range(vision.num_deepstack))
    other = Qwen3VLConfig(
        text_config=text_config, vision_config=vision_config, tie_word_embeddings=text.tied
    )
    return Qwen3VLForConditionalGeneration(other)
