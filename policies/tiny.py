"""Tiny Qwen2.5-VL and Qwen3-VL models, built from nothing and with no download.

They have the real architecture at a size that learns on a laptop's CPU, so that every path through
the suite (chat format, engines, learner, checkpoints) is the one that a large model takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import (
    AutoModelForImageTextToText,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from policies.inputs import PictureFormat
from policies.tiny_tokenizer import SPECIAL_TOKENS

ARCHITECTURES = ("qwen2_5_vl", "qwen3_vl")
TinyModel: TypeAlias = Qwen2_5_VLForConditionalGeneration | Qwen3VLForConditionalGeneration


@dataclass(kw_only=True)
class TinyConfig:
    """Size of a tiny model. The defaults give about 1.7 million parameters beside the vocabulary.

    Attributes:
        architecture: "qwen2_5_vl", whose vision tower knows where patches lie by rotations alone,
            or "qwen3_vl", whose tower adds an embedding of the place to every patch: with Muon,
            tiny models learn to point with it in a fraction of the examples.
        hidden_size: width of the text model; num_heads must divide it, and head_dim must be at
            least 32 and even (vLLM has no kernel below 32).
        num_layers: text layers.
        num_heads: query heads.
        num_key_value_heads: key and value heads; must divide num_heads.
        intermediate_size: width inside the text feed-forward.
        max_position_embeddings: longest context in tokens.
        tie_embeddings: whether the output layer shares the embedding's weights.
        vision_hidden_size: width of the vision tower.
        vision_depth: vision layers. Of "qwen2_5_vl" the last one attends to the whole picture, the
            others to windows; of "qwen3_vl" all attend to the whole picture, and what each but the
            last one sees goes to an early text layer too.
        vision_num_heads: heads of the vision tower; the width of each must be a multiple of 4.
        vision_intermediate_size: width inside the vision feed-forward.
        window_size: side of an attention window of the vision tower in pixels ("qwen2_5_vl").
        patch_size: side of a patch in pixels.
        merge_size: patches per side merged into one feature.
        image_size: side in pixels of the square pictures that the model is meant for; others have
            their places interpolated.
        initializer_range: standard deviation of the random weights.
        seed: decides the weights.
    """

    architecture: str = "qwen2_5_vl"
    hidden_size: int = 192
    num_layers: int = 3
    num_heads: int = 6
    num_key_value_heads: int = 2
    intermediate_size: int = 512
    max_position_embeddings: int = 4096
    tie_embeddings: bool = False
    vision_hidden_size: int = 96
    vision_depth: int = 2
    vision_num_heads: int = 3
    vision_intermediate_size: int = 256
    window_size: int = 112
    patch_size: int = 14
    merge_size: int = 2
    image_size: int = 84
    initializer_range: float = 0.05
    seed: int = 0


def check_tiny_config(config: TinyConfig) -> None:
    """Raise ValueError that names the field, its value and what is legal."""
    if config.architecture not in ARCHITECTURES:
        raise ValueError(f"architecture={config.architecture!r}; legal: {ARCHITECTURES}")
    if config.hidden_size % config.num_heads:
        raise ValueError(
            f"hidden_size={config.hidden_size} must be a multiple of num_heads={config.num_heads}"
        )
    head_dim = config.hidden_size // config.num_heads
    if head_dim < 32 or head_dim % 2:
        raise ValueError(
            f"hidden_size/num_heads = {head_dim} (head_dim) must be even and at least 32"
        )
    if config.num_heads % config.num_key_value_heads:
        raise ValueError(
            f"num_key_value_heads={config.num_key_value_heads} must divide "
            f"num_heads={config.num_heads}"
        )
    if config.vision_hidden_size % (4 * config.vision_num_heads):
        raise ValueError(
            f"vision_hidden_size={config.vision_hidden_size} must be a multiple of "
            f"4*vision_num_heads = {4 * config.vision_num_heads}"
        )
    factor = config.patch_size * config.merge_size
    for name in ("image_size", "window_size"):
        value = getattr(config, name)
        if value < factor or value % factor:
            raise ValueError(
                f"{name}={value} must be a positive multiple of patch_size*merge_size={factor}"
            )


def make_tiny_config(
    config: TinyConfig, tokenizer: PreTrainedTokenizerFast
) -> Qwen2_5_VLConfig | Qwen3VLConfig:
    """The transformers library's own configuration of a tiny model."""
    check_tiny_config(config)
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    made = Qwen3VLConfig if config.architecture == "qwen3_vl" else Qwen2_5_VLConfig
    return made(
        text_config=_text_config(config, len(tokenizer), ids),
        vision_config=_vision_config(config),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=config.tie_embeddings,
    )


def make_tiny_model(config: TinyConfig, tokenizer: PreTrainedTokenizerFast) -> TinyModel:
    """A float32 model with random weights that depend on `config.seed` and nothing else.

    The global random state is left as it was.
    """
    model_config = make_tiny_config(config, tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if isinstance(model_config, Qwen2_5_VLConfig):
            return Qwen2_5_VLForConditionalGeneration(model_config).float().eval()
        model = Qwen3VLForConditionalGeneration(model_config)
    places: Any = model.model.visual.pos_embed
    side = config.image_size // config.patch_size
    with torch.no_grad():
        places.weight.copy_(sinusoidal_places(side, config.vision_hidden_size))
    return model.float().eval()


def sinusoidal_places(side: int, width: int) -> Tensor:
    """Fixed embeddings of the cells of a square grid, row by row: a quarter of the width each for
    sine and cosine of the row and of the column, wavelengths from twice the side down (the form of
    MoCo v3, arXiv:2104.02057, with wavelengths that suit a small grid).

    Returns:
        float32 (side * side, width), in [-1, 1].
    """
    octaves = torch.linspace(0, math.log2(max(side, 2)), width // 4)
    rates = math.pi / side * 2**octaves
    angles = torch.arange(side)[:, None] * rates
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows, columns = waves[:, None].expand(-1, side, -1), waves[None].expand(side, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


def save_tiny(
    directory: Path | str,
    model: TinyModel,
    tokenizer: PreTrainedTokenizerFast,
    picture_format: PictureFormat | None = None,
) -> None:
    """Write model (safetensors), tokenizer and image processor, in the library's format.

    A head of the suite's own on top of the model is left out, since the library knows none.

    Args:
        directory: made when missing.
        model, tokenizer: what to write.
        picture_format: what the image processor is to do; None, or one without bounds, writes those
            of a tiny model.
    """
    vision = model.config.vision_config
    state = model.state_dict()
    known = {name: w for name, w in state.items() if name.startswith(("model.", "lm_head."))}
    chosen = known if len(known) < len(state) else None
    model.save_pretrained(directory, state_dict=chosen, safe_serialization=True)
    tokenizer.save_pretrained(directory)
    pictures = picture_format
    if pictures is None or pictures.min_pixels is None:
        pictures = tiny_pictures(vision.patch_size, vision.spatial_merge_size)
    Qwen2VLImageProcessorPil(
        patch_size=pictures.patch_size,
        merge_size=pictures.merge_size,
        image_mean=list(pictures.image_mean),
        image_std=list(pictures.image_std),
        size={"shortest_edge": pictures.min_pixels, "longest_edge": pictures.max_pixels},
    ).save_pretrained(directory)


def tiny_pictures(patch_size: int, merge_size: int) -> PictureFormat:
    """How a tiny model's processor cuts pictures: 1 to 1,024 tokens each."""
    area = (patch_size * merge_size) ** 2
    return PictureFormat(
        patch_size=patch_size, merge_size=merge_size, min_pixels=area, max_pixels=1024 * area
    )


def load_tiny(directory: Path | str) -> tuple[TinyModel, PreTrainedTokenizerFast]:
    """Read what `save_tiny` wrote, from the disk alone.

    Raises:
        FileNotFoundError: where the folder holds no model.
    """
    if not (Path(directory) / "config.json").exists():
        raise FileNotFoundError(f"{directory} holds no config.json; save_tiny writes one")
    model = AutoModelForImageTextToText.from_pretrained(
        str(directory), local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(directory), local_files_only=True)
    return model.eval(), tokenizer


def _text_config(config: TinyConfig, vocab_size: int, ids: dict) -> dict:
    common = {
        "vocab_size": vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "max_position_embeddings": config.max_position_embeddings,
        "initializer_range": config.initializer_range,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "tie_word_embeddings": config.tie_embeddings,
    }
    head_dim = config.hidden_size // config.num_heads
    half = head_dim // 2
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    if config.architecture == "qwen3_vl":
        third = half // 3
        sections = [half - 2 * third, third, third]
        rope |= {"mrope_section": sections, "mrope_interleaved": True}
        return common | {"rope_parameters": rope, "head_dim": head_dim}
    sections = [half // 4, (half - half // 4) // 2]
    rope |= {"mrope_section": [*sections, half - sum(sections)]}
    return common | {"rope_parameters": rope}


def _vision_config(config: TinyConfig) -> dict:
    common = {
        "depth": config.vision_depth,
        "hidden_size": config.vision_hidden_size,
        "intermediate_size": config.vision_intermediate_size,
        "num_heads": config.vision_num_heads,
        "out_hidden_size": config.hidden_size,
        "patch_size": config.patch_size,
        "spatial_merge_size": config.merge_size,
        "initializer_range": config.initializer_range,
    }
    last = config.vision_depth - 1
    if config.architecture == "qwen3_vl":
        places = (config.image_size // config.patch_size) ** 2
        early = list(range(min(last, config.num_layers)))
        return common | {"num_position_embeddings": places, "deepstack_visual_indexes": early}
    return common | {"window_size": config.window_size, "fullatt_block_indexes": [last]}
