"""Tiny Qwen2.5-VL models and tokenizers, built from nothing and with no download.

They have the real architecture at a size that learns on a laptop's CPU, so that every path through
the suite (chat format, engines, learner, checkpoints) is the one that a large model takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from policies.inputs import PictureFormat

ARCHITECTURES = ("qwen2_5_vl",)
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|vision_pad|>",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for item in message['content'] %}"
    "{% if item['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% elif item['type'] == 'video' %}{{ '<|vision_start|><|video_pad|><|vision_end|>' }}"
    "{% else %}{{ item['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(kw_only=True)
class TinyConfig:
    """Size of a tiny model. The defaults give about 1.7 million parameters beside the vocabulary.

    Attributes:
        architecture: one of `ARCHITECTURES`.
        hidden_size: width of the text model; num_heads must divide it, and head_dim must be at
            least 32 and even (vLLM has no kernel below 32).
        num_layers: text layers.
        num_heads: query heads.
        num_key_value_heads: key and value heads; must divide num_heads.
        intermediate_size: width inside the text feed-forward.
        max_position_embeddings: longest context in tokens.
        tie_embeddings: whether the output layer shares the embedding's weights.
        vision_hidden_size: width of the vision tower.
        vision_depth: vision layers; the last one attends to the whole picture, the others to
            windows.
        vision_num_heads: heads of the vision tower; the width of each must be a multiple of 4.
        vision_intermediate_size: width inside the vision feed-forward.
        window_size: side of an attention window of the vision tower in pixels.
        patch_size: side of a patch in pixels.
        merge_size: patches per side merged into one feature.
        image_size: side in pixels of the square pictures that the model is meant for.
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


def make_tiny_config(config: TinyConfig, tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLConfig:
    """The transformers library's own configuration of a tiny model."""
    check_tiny_config(config)
    half = config.hidden_size // config.num_heads // 2
    sections = [half // 4, (half - half // 4) // 2]
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [*sections, half - sum(sections)],
    }
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    return Qwen2_5_VLConfig(
        text_config=_text_config(config, len(tokenizer), ids, rope),
        vision_config=_vision_config(config),
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=config.tie_embeddings,
    )


def make_tiny_model(
    config: TinyConfig, tokenizer: PreTrainedTokenizerFast
) -> Qwen2_5_VLForConditionalGeneration:
    """A float32 model with random weights that depend on `config.seed` and nothing else.

    The global random state is left as it was.
    """
    model_config = make_tiny_config(config, tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = Qwen2_5_VLForConditionalGeneration(model_config)
    return model.float().eval()


def make_tokenizer(
    corpus: Iterable[str],
    vocab_size: int = 512,
    *,
    whole_words: Sequence[str] = (),
    more_tokens: Sequence[str] = (),
) -> PreTrainedTokenizerFast:
    """Learn a byte-level BPE tokenizer that can encode any text.

    Args:
        corpus: texts whose words should become single tokens; the commonest come first where
            `vocab_size` does not suffice for all.
        vocab_size: upper bound of the vocabulary, at least 264 (256 bytes and 8 special tokens).
        whole_words: strings that are one token wherever they stand, such as tags. They are ordinary
            text.
        more_tokens: special tokens beyond `vocab_size`, such as actions; no text encodes to one.

    Raises:
        ValueError: where `vocab_size` is too small.
    """
    smallest = 256 + len(SPECIAL_TOKENS) + len(whole_words)
    if vocab_size < smallest:
        raise ValueError(f"vocab_size={vocab_size} must be at least {smallest}")
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(whole_words),
        min_frequency=1,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_without(corpus, whole_words), trainer)
    backend.add_tokens([AddedToken(word, special=False, normalized=False) for word in whole_words])
    backend.add_special_tokens([AddedToken(name, normalized=False) for name in more_tokens])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[*SPECIAL_TOKENS, *more_tokens],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tiny(
    directory: Path | str,
    model: Qwen2_5_VLForConditionalGeneration,
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


def load_tiny(
    directory: Path | str,
) -> tuple[Qwen2_5_VLForConditionalGeneration, PreTrainedTokenizerFast]:
    """Read what `save_tiny` wrote, from the disk alone.

    Raises:
        FileNotFoundError: where the folder holds no model.
    """
    if not (Path(directory) / "config.json").exists():
        raise FileNotFoundError(f"{directory} holds no config.json; save_tiny writes one")
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        str(directory), local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(directory), local_files_only=True)
    return model.eval(), tokenizer


def _without(corpus: Iterable[str], whole_words: Sequence[str]) -> Iterable[str]:
    """The corpus with `whole_words` cut out, so that no merges are spent on their parts."""
    for text in corpus:
        for word in whole_words:
            text = text.replace(word, "\n")
        yield text


def _text_config(config: TinyConfig, vocab_size: int, ids: dict, rope: dict) -> dict:
    return {
        "vocab_size": vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "max_position_embeddings": config.max_position_embeddings,
        "initializer_range": config.initializer_range,
        "rope_parameters": rope,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "tie_word_embeddings": config.tie_embeddings,
    }


def _vision_config(config: TinyConfig) -> dict:
    return {
        "depth": config.vision_depth,
        "hidden_size": config.vision_hidden_size,
        "intermediate_size": config.vision_intermediate_size,
        "num_heads": config.vision_num_heads,
        "out_hidden_size": config.hidden_size,
        "patch_size": config.patch_size,
        "spatial_merge_size": config.merge_size,
        "window_size": config.window_size,
        "fullatt_block_indexes": [config.vision_depth - 1],
        "initializer_range": config.initializer_range,
    }


_WHOLE_WORD = re.compile(r"\n[A-Z]\.|</?[a-z]+>| ?\[(?![\d.]+, [\d.]+\])[^\[\]\n]{1,40}\]")


def find_whole_words(corpus: Iterable[str]) -> list[str]:
    """Tags, bracketed action names and times (not points, of which there are too many), and letters
    that open an option's line, as the corpus has them.

    One token each, they cut a tiny model's sequences by a third.
    """
    return sorted({match for text in corpus for match in _WHOLE_WORD.findall(text)})


_NUMBER = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")


def find_whole_numbers(corpus: Iterable[str]) -> list[str]:
    """Numbers with a decimal point and all others between the smallest and the largest of as many
    decimals, in their order: 0.41, 0.42, 0.43.

    As one token each they are places on a line, and `smooth_tokens` can say so to a new model.

    Returns:
        Texts, those of fewer decimals first.
    """
    found: dict[int, list[int]] = {}
    for number in {match for text in corpus for match in _NUMBER.findall(text)}:
        decimals = len(number.partition(".")[2])
        found.setdefault(decimals, []).append(int(number.replace(".", "")))
    return [
        f"{count / 10**decimals:.{decimals}f}"
        for decimals, counts in sorted(found.items())
        for count in range(min(counts), max(counts) + 1)
    ]


_SPACED = re.compile(r" (\d+(?:\.\d+)?)")


def find_counts(corpus: Iterable[str]) -> list[str]:
    """Whole numbers of one or two digits that follow a space, with all between the smallest and the
    largest of them, the space included: " 0" to " 16".

    Left out are those that some longer number begins with, which would otherwise be cut in two.
    """
    spaced = {number for text in corpus for number in _SPACED.findall(text)}
    short = {number for number in spaced if number.isdigit() and len(number) <= 2}
    cut = {number[:length] for number in spaced - short for length in (1, 2)}
    if not short:
        return []
    counts = range(min(map(int, short)), max(map(int, short)) + 1)
    return [f" {count}" for count in counts if str(count) not in cut]
