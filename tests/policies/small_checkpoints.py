"""Directories in the Hugging Face form, as Qwen2.5-VL and Qwen3-VL are published, but tiny."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from policies.tiny import make_tiny_model, save_tiny
from policies.tiny_tokenizer import SPECIAL_TOKENS, make_tokenizer
from tests.training.small_agent import SIZE

CORPUS = ("You are a helpful assistant. user assistant system", "one two three four <answer> red")
_MESSAGE = (
    "{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}"
    "{% if part.type == 'image' or 'image' in part %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in part %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}"
)
_OPENING = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
PLAIN = "{% for m in messages %}" + _MESSAGE + "{% endfor %}" + _OPENING
"""Writes what Qwen3-VL-Instruct's template writes."""
WITH_SYSTEM = (
    "{% if messages[0].role != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}" + PLAIN
)
"""Writes what Qwen2.5-VL-Instruct's template writes."""
THINKING = PLAIN.replace("'<|im_start|>assistant\n'", "'<|im_start|>assistant\n<think>\n'")
"""Writes what Qwen3-VL-Thinking's template writes in a conversation's last line."""


def write_qwen2_5(folder: Path, *, template: str | None = WITH_SYSTEM) -> Path:
    """A tiny Qwen2.5-VL with the processor settings that it is published with."""
    tokenizer = make_tokenizer(CORPUS)
    tokenizer.chat_template = template
    save_tiny(folder, make_tiny_model(SIZE, tokenizer), tokenizer)
    settings = {"min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "merge_size": 2}
    return write_processor(folder, "Qwen2VLImageProcessor", settings)


def write_qwen3(folder: Path, *, template: str | None = PLAIN) -> Path:
    """A tiny Qwen3-VL with the processor settings that it is published with."""
    tokenizer = make_tokenizer(CORPUS)
    tokenizer.chat_template = template
    make_tiny_qwen3(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = {
        "size": {"shortest_edge": 65536, "longest_edge": 16777216},
        "patch_size": 16,
        "merge_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    return write_processor(folder, "Qwen2VLImageProcessorFast", settings)


def write_processor(folder: Path, kind: str, settings: dict) -> Path:
    """The image processor's settings, in a file as it is published."""
    content = {"image_processor_type": kind, "temporal_patch_size": 2, **settings}
    (folder / "preprocessor_config.json").write_text(json.dumps(content))
    return folder


def make_tiny_qwen3(
    tokenizer: PreTrainedTokenizerFast, *, initializer_range: float = 0.3
) -> Qwen3VLForConditionalGeneration:
    """Random weights, large enough that features of pictures matter."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [4, 6, 6],
        "mrope_interleaved": True,
    }
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 48,
            "intermediate_size": 96,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 32,
            "max_position_embeddings": 4096,
            "rope_parameters": rope,
            "initializer_range": initializer_range,
        },
        vision_config={
            "depth": 4,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 48,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [1, 2],
            "initializer_range": initializer_range,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Qwen3VLForConditionalGeneration(config).float().eval()
