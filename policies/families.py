"""Shapes of the model families that the suite trains, from which memory and time are planned.

The numbers of `SIZES` are those of the `config.json` and `preprocessor_config.json` that the Qwen
team publishes with each checkpoint (huggingface.co/Qwen/<name>). Counts of parameters follow from
them exactly; the tests build every one from the transformers library's own configuration classes
and compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MODEL_TYPES = ("qwen2_5_vl", "qwen3_vl")
"""`model_type` of the families whose chat format and layers are known here."""


@dataclass(frozen=True, kw_only=True)
class TextShape:
    """A family's language model: grouped-query attention, SwiGLU, RMSNorm.

    Attributes:
        hidden_size: width of the residual stream.
        intermediate_size: width inside the feed-forward.
        num_layers: decoder layers.
        num_heads, num_key_value_heads: query heads, and key and value heads.
        head_dim: width of a head.
        vocab_size: rows of the embedding.
        tied: whether the output layer shares the embedding's weights.
        qkv_bias: whether queries, keys and values have biases.
        qk_norm: whether queries and keys are normalised, head by head.
    """

    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_key_value_heads: int
    head_dim: int = 128
    vocab_size: int = 151936
    tied: bool = False
    qkv_bias: bool = False
    qk_norm: bool = False

    @property
    def query_size(self) -> int:
        """Width of all query heads together."""
        return self.num_heads * self.head_dim

    @property
    def key_size(self) -> int:
        """Width of all key heads together, which is that of all value heads."""
        return self.num_key_value_heads * self.head_dim

    @property
    def layer_matrices(self) -> int:
        """Entries of the matrices of one decoder layer."""
        attention = self.hidden_size * (2 * self.query_size + 2 * self.key_size)
        return attention + 3 * self.hidden_size * self.intermediate_size

    @property
    def layer_parameters(self) -> int:
        """Parameters of one decoder layer: matrices, biases, two norms of the stream and perhaps
        two of the heads.
        """
        biases = (self.query_size + 2 * self.key_size) if self.qkv_bias else 0
        norms = 2 * self.hidden_size + (2 * self.head_dim if self.qk_norm else 0)
        return self.layer_matrices + biases + norms

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the embedding, which are those of an output layer too."""
        return self.vocab_size * self.hidden_size

    @property
    def num_parameters(self) -> int:
        """All parameters of the language model, its output layer included."""
        outer = self.embedding_parameters * (1 if self.tied else 2) + self.hidden_size
        return self.num_layers * self.layer_parameters + outer


@dataclass(frozen=True, kw_only=True)
class VisionShape:
    """A family's vision tower, which ends in the merger that feeds the language model.

    Attributes:
        hidden_size: width.
        intermediate_size: width inside the feed-forward.
        depth: layers.
        num_heads: attention heads.
        patch_size: side of a patch [px].
        merge_size: patches per side that become one token of the language model.
        gated: Qwen2.5-VL's layers, with SwiGLU and RMSNorm; else GELU and LayerNorm, a bias in the
            patch embedding and learned positions.
        num_positions: learned positions; 0 for none.
        num_deepstack: further mergers, whose features enter the first decoder layers.
    """

    hidden_size: int
    intermediate_size: int
    depth: int
    num_heads: int = 16
    patch_size: int = 14
    merge_size: int = 2
    gated: bool = True
    num_positions: int = 0
    num_deepstack: int = 0

    @property
    def patch_inputs(self) -> int:
        """Numbers in a patch: three colours, two time steps."""
        return 3 * 2 * self.patch_size**2

    @property
    def layer_matrices(self) -> int:
        """Entries of the matrices of one layer."""
        num_projections = 3 if self.gated else 2
        feed_forward = num_projections * self.hidden_size * self.intermediate_size
        return 4 * self.hidden_size**2 + feed_forward

    @property
    def layer_parameters(self) -> int:
        """Parameters of one layer."""
        attention_biases = 4 * self.hidden_size
        inner = 2 if self.gated else 1
        feed_forward_biases = inner * self.intermediate_size + self.hidden_size
        norms = (2 if self.gated else 4) * self.hidden_size
        return self.layer_matrices + attention_biases + feed_forward_biases + norms

    def merger_matrices(self, text_size: int) -> int:
        """Entries of the matrices of one merger into a language model of width `text_size`."""
        merged = self.merge_size**2 * self.hidden_size
        return merged * merged + merged * text_size

    def num_parameters(self, text_size: int) -> int:
        """All parameters of the tower before a language model of width `text_size`."""
        merged = self.merge_size**2 * self.hidden_size
        merger = self.merger_matrices(text_size) + merged + text_size
        norm_terms = 1 if self.gated else 2
        mergers = merger + norm_terms * self.hidden_size
        mergers += self.num_deepstack * (merger + norm_terms * merged)
        patches = self.patch_inputs * self.hidden_size + (0 if self.gated else self.hidden_size)
        positions = self.num_positions * self.hidden_size
        return patches + positions + self.depth * self.layer_parameters + mergers


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """A vision-language model in numbers.

    Attributes:
        model_type: one of `MODEL_TYPES`.
        text: its language model.
        vision: its vision tower.
        min_pixels, max_pixels: pixels that its processor scales a picture to, at least and most.
    """

    model_type: str
    text: TextShape
    vision: VisionShape
    min_pixels: int
    max_pixels: int

    @property
    def vision_parameters(self) -> int:
        """Parameters of the vision tower, its mergers included."""
        return self.vision.num_parameters(self.text.hidden_size)

    @property
    def num_parameters(self) -> int:
        """All parameters; a shared output layer counts once."""
        return self.text.num_parameters + self.vision_parameters

    @property
    def factor(self) -> int:
        """Pixels per side of a picture that become one token."""
        return self.vision.patch_size * self.vision.merge_size


def _qwen2_5_vl(text: TextShape) -> ModelShape:
    vision = VisionShape(hidden_size=1280, intermediate_size=3420, depth=32)
    return ModelShape(
        model_type="qwen2_5_vl", text=text, vision=vision, min_pixels=3136, max_pixels=12845056
    )


def _qwen3_vl(text: TextShape, *, large_vision: bool = False) -> ModelShape:
    vision = VisionShape(
        hidden_size=1152 if large_vision else 1024,
        intermediate_size=4304 if large_vision else 4096,
        depth=27 if large_vision else 24,
        patch_size=16,
        gated=False,
        num_positions=2304,
        num_deepstack=3,
    )
    return ModelShape(
        model_type="qwen3_vl", text=text, vision=vision, min_pixels=65536, max_pixels=16777216
    )


SIZES: Mapping[str, ModelShape] = {
    "qwen2.5-vl-3b": _qwen2_5_vl(
        TextShape(
            hidden_size=2048,
            intermediate_size=11008,
            num_layers=36,
            num_heads=16,
            num_key_value_heads=2,
            tied=True,
            qkv_bias=True,
        )
    ),
    "qwen2.5-vl-7b": _qwen2_5_vl(
        TextShape(
            hidden_size=3584,
            intermediate_size=18944,
            num_layers=28,
            num_heads=28,
            num_key_value_heads=4,
            vocab_size=152064,
            qkv_bias=True,
        )
    ),
    "qwen3-vl-2b": _qwen3_vl(
        TextShape(
            hidden_size=2048,
            intermediate_size=6144,
            num_layers=28,
            num_heads=16,
            num_key_value_heads=8,
            tied=True,
            qk_norm=True,
        )
    ),
    "qwen3-vl-4b": _qwen3_vl(
        TextShape(
            hidden_size=2560,
            intermediate_size=9728,
            num_layers=36,
            num_heads=32,
            num_key_value_heads=8,
            tied=True,
            qk_norm=True,
        )
    ),
    "qwen3-vl-8b": _qwen3_vl(
        TextShape(
            hidden_size=4096,
            intermediate_size=12288,
            num_layers=36,
            num_heads=32,
            num_key_value_heads=8,
            qk_norm=True,
        ),
        large_vision=True,
    ),
}
"""Name of a published size -> its shape."""


def find_size(name: str) -> ModelShape:
    """The shape of a published size.

    Raises:
        ValueError: the name is none of `SIZES`.
    """
    if name not in SIZES:
        raise ValueError(f"model.size is {name!r}; legal: {', '.join(SIZES)}")
    return SIZES[name]


def shape_from_config(config: Mapping[str, Any], *, min_pixels: int, max_pixels: int) -> ModelShape:
    """The shape that a checkpoint's `config.json` describes.

    Args:
        config: its content. Qwen2.5-VL was published with the language model's settings at the top;
            newer files have them under `text_config`.
        min_pixels, max_pixels: of its processor.

    Raises:
        ValueError: where its `model_type` is none of `MODEL_TYPES`.
    """
    model_type = config.get("model_type")
    if model_type not in MODEL_TYPES:
        raise ValueError(
            f"model.path holds a model of type {model_type!r}; legal: {', '.join(MODEL_TYPES)}"
        )
    first = model_type == "qwen2_5_vl"
    text = {**config, **config.get("text_config", {})}
    vision = config["vision_config"]
    heads = text["num_attention_heads"]
    return ModelShape(
        model_type=model_type,
        text=TextShape(
            hidden_size=text["hidden_size"],
            intermediate_size=text["intermediate_size"],
            num_layers=text["num_hidden_layers"],
            num_heads=heads,
            num_key_value_heads=text["num_key_value_heads"],
            head_dim=text.get("head_dim") or text["hidden_size"] // heads,
            vocab_size=text["vocab_size"],
            tied=bool(config.get("tie_word_embeddings") or text.get("tie_word_embeddings")),
            qkv_bias=first,
            qk_norm=not first,
        ),
        vision=VisionShape(
            hidden_size=vision["hidden_size"],
            intermediate_size=vision["intermediate_size"],
            depth=vision["depth"],
            num_heads=vision["num_heads"],
            patch_size=vision["patch_size"],
            merge_size=vision["spatial_merge_size"],
            gated=first,
            num_positions=0 if first else vision["num_position_embeddings"],
            num_deepstack=0 if first else len(vision["deepstack_visual_indexes"]),
        ),
        min_pixels=min_pixels,
        max_pixels=max_pixels,
    )
