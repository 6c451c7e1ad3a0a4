"""Models of Qwen2.5-VL and Qwen3-VL from a directory in the Hugging Face form, with the chat format
that they were tuned on.

Nothing is downloaded: the directory holds `config.json`, weights as safetensors, `tokenizer.json`,
a chat template and the processor's settings, as the publisher's does. Whether the suite speaks the
template's language is not taken on trust: a short conversation is rendered by the template and
compared token for token, so a checkpoint that expects another one is refused at the start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLForConditionalGeneration,
)

from policies.chat import ChatFormat
from policies.families import MODEL_TYPES, ModelShape, find_size, shape_from_config
from policies.inputs import TEMPORAL_PATCH_SIZE, PictureFormat
from policies.interface import Observation, PolicyOutput
from policies.tiny import TinyConfig, check_tiny_config

MODEL_CLASSES = dict(
    zip(
        MODEL_TYPES,
        (Qwen2_5_VLForConditionalGeneration, Qwen3VLForConditionalGeneration),
        strict=True,
    )
)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ATTENTIONS = ("sdpa", "flash_attention_2")
_SYSTEM = re.compile(r"<\|im_start\|>system\n(.*?)<\|im_end\|>\n", re.DOTALL)


@dataclass(kw_only=True)
class ModelConfig(TinyConfig):
    """The model that is trained: one from a directory, or a tiny one of the sizes below.

    Attributes:
        path: a directory in the Hugging Face form with a Qwen2.5-VL or Qwen3-VL, its tokenizer and
            its processor's settings; null makes a tiny model.
        size: the published size that the directory must hold, such as qwen2.5-vl-3b, by which a
            run is planned before the weights are at hand; null for any.
        dtype: in which weights are kept: float32, or bfloat16 where they are frozen.
        attention: how it attends: sdpa, or flash_attention_2, which needs a GPU and flash-attn.
        min_pixels, max_pixels: pixels that a picture is scaled to, at least and most; null takes
            the processor's own.
    """

    path: str | None = None
    size: str | None = None
    dtype: str = "float32"
    attention: str = "sdpa"
    min_pixels: int | None = None
    max_pixels: int | None = None

    def check(self) -> None:
        """Raise `ValueError` naming the first setting that is wrong. Reads no file."""
        if self.size is not None:
            find_size(self.size)
        for name, legal in (("dtype", DTYPES), ("attention", ATTENTIONS)):
            if getattr(self, name) not in legal:
                value = getattr(self, name)
                raise ValueError(f"model.{name} is {value!r}; legal: {', '.join(legal)}")
        for name in ("min_pixels", "max_pixels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"model.{name} is {value}; it must be at least 1, or null")
        if self.path is None and self.size is None:
            check_tiny_config(self)

    def check_path(self) -> None:
        """Raise where a run could not start, since there is no model to start from.

        Raises:
            ValueError: a published size without a directory.
            FileNotFoundError: a directory without a model.
        """
        if self.path is None:
            if self.size is not None:
                raise ValueError(
                    f"model.path is not set; {self.size} is trained from its own checkpoint: give "
                    "the directory that holds it, such as model.path=/models/Qwen2.5-VL-3B-Instruct"
                )
            return
        for name in ("config.json", "tokenizer.json"):
            if not (Path(self.path) / name).is_file():
                raise FileNotFoundError(
                    f"model.path is {self.path}, which holds no {name}; it must be a directory in "
                    "the Hugging Face form, with weights, tokenizer.json and preprocessor_config"
                )


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """What a directory holds.

    Attributes:
        model: with `config.dtype` weights, in eval mode, on the CPU.
        chat: its chat format.
    """

    model: nn.Module
    chat: ChatFormat


def load_pretrained(config: ModelConfig) -> Pretrained:
    """The model and chat format of `config.path`, read from the disk alone.

    Raises:
        ValueError: where `path` is not set, or the model's family, shape or chat format is not one
            that the settings name or this suite knows.
        FileNotFoundError: where a file is missing.
    """
    if config.path is None:
        raise ValueError("model.path is not set; it names the directory of the model to start from")
    config.check_path()
    model_class = MODEL_CLASSES[read_shape(config).model_type]
    chat = load_chat(config)
    model = model_class.from_pretrained(
        config.path,
        local_files_only=True,
        use_safetensors=True,
        dtype=DTYPES[config.dtype],
        attn_implementation=config.attention,
    )
    return Pretrained(model=model.eval(), chat=chat)


def read_shape(config: ModelConfig) -> ModelShape:
    """The shape of the model in `config.path`, from its `config.json`.

    Raises:
        ValueError: where the family is unknown, or `config.size` names another shape.
    """
    content = _read_json(config, "config.json")
    pictures = read_picture_format(config)
    least, most = pictures.min_pixels or 1, pictures.max_pixels or 1
    shape = shape_from_config(content, min_pixels=least, max_pixels=most)
    if config.size is not None:
        published = replace(find_size(config.size), min_pixels=least, max_pixels=most)
        if shape != published:
            raise ValueError(
                f"model.size is {config.size}, but model.path, {config.path}, holds a model of "
                f"another shape: {shape.num_parameters:,} parameters where {config.size} has "
                f"{published.num_parameters:,}; set model.size=null or another path"
            )
    return shape


def read_picture_format(config: ModelConfig) -> PictureFormat:
    """How the processor of `config.path` cuts pictures, with the bounds that `config` sets.

    Raises:
        ValueError: where it does what `PictureFormat` cannot say.
    """
    settings = _processor_settings(config)
    for name, needed in (
        ("temporal_patch_size", TEMPORAL_PATCH_SIZE),
        ("do_resize", True),
        ("do_rescale", True),
        ("do_normalize", True),
    ):
        if settings.get(name, needed) != needed:
            raise ValueError(
                f"model.path is {config.path}, whose processor has {name}={settings[name]}; this "
                f"suite's pictures are made with {needed}"
            )
    size = settings.get("size") or {}
    least = config.min_pixels or settings.get("min_pixels") or size.get("shortest_edge")
    most = config.max_pixels or settings.get("max_pixels") or size.get("longest_edge")
    if least is None or most is None:
        raise ValueError(
            f"model.path is {config.path}, whose processor names no bounds on pixels; set "
            "model.min_pixels and model.max_pixels"
        )
    if least > most:
        raise ValueError(f"model.min_pixels is {least}; it must be at most max_pixels, {most}")
    known = {name: settings[name] for name in ("patch_size", "merge_size") if name in settings}
    colors: dict[str, Any] = {
        name: tuple(settings[name]) for name in ("image_mean", "image_std") if settings.get(name)
    }
    return PictureFormat(**known, **colors, min_pixels=int(least), max_pixels=int(most))


def load_chat(config: ModelConfig) -> ChatFormat:
    """The chat format of the checkpoint in `config.path`: its tokenizer, its pictures, and the
    system line of its template, if that has one.

    Raises:
        ValueError: where its template writes conversations in another way.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(config.path), local_files_only=True)
    template = tokenizer.chat_template or _template_file(config)
    if not isinstance(template, str):
        raise ValueError(
            f"model.path is {config.path}, which holds no chat template, so its chat format is "
            f"unknown; legal: an instruct checkpoint of {' or '.join(MODEL_TYPES)}"
        )
    tokenizer.chat_template = template
    chat = ChatFormat(
        tokenizer,
        system_prompt=_system_prompt(tokenizer),
        picture_format=read_picture_format(config),
    )
    check_template(chat, str(config.path))
    return chat


def check_template(chat: ChatFormat, path: str) -> None:
    """Raise `ValueError` unless the tokenizer's chat template writes a conversation of two turns
    with pictures exactly as `chat` does.
    """
    picture = np.zeros((28, 28, 3), dtype=np.uint8)
    observations = [
        Observation(text="one", images=(picture,)),
        Observation(text="two <image> three", images=(picture,)),
    ]
    ours = _one_pad_each(chat, chat.transcript(observations, [PolicyOutput(text="four")]).ids)
    image = {"type": "image"}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [image, _text("one")]},
        {"role": "assistant", "content": "four"},
        {"role": "user", "content": [_text("two "), image, _text(" three")]},
    ]
    rendered = _render(chat.tokenizer, messages)
    theirs = chat.tokenizer(rendered, add_special_tokens=False)["input_ids"]
    if ours != theirs:
        raise ValueError(
            f"model.path is {path}, whose chat format is unknown: its template writes "
            f"{rendered!r}, this suite {chat.tokenizer.decode(ours)!r}; legal: an instruct "
            f"checkpoint of {' or '.join(MODEL_TYPES)}"
        )


def _one_pad_each(chat: ChatFormat, ids: Sequence[int]) -> list[int]:
    """The sequence with one placeholder per picture. No two pictures touch, as each is framed."""
    pad = chat.picture_format.image_token_id
    runs = ((token, list(run)) for token, run in groupby(ids))
    return [token for key, run in runs for token in (run[:1] if key == pad else run)]


def _system_prompt(tokenizer: PreTrainedTokenizerFast) -> str | None:
    """The text of the system line that the template puts before a conversation that has none."""
    opening = _render(tokenizer, [{"role": "user", "content": [_text("x")]}])
    match = _SYSTEM.match(opening)
    return match.group(1) if match else None


def _render(tokenizer: PreTrainedTokenizerFast, messages: Sequence[dict[str, Any]]) -> str:
    rendered = tokenizer.apply_chat_template(
        list(messages), tokenize=False, add_generation_prompt=True
    )
    return str(rendered)


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _processor_settings(config: ModelConfig) -> dict[str, Any]:
    """Of the image processor: a file of its own, or a part of the processor's."""
    folder = Path(str(config.path))
    if (folder / "preprocessor_config.json").is_file():
        return _read_json(config, "preprocessor_config.json")
    if (folder / "processor_config.json").is_file():
        settings: dict[str, Any] = _read_json(config, "processor_config.json")["image_processor"]
        return settings
    raise FileNotFoundError(
        f"model.path is {folder}, which holds no preprocessor_config.json; it must hold the "
        "processor's settings beside the weights"
    )


def _template_file(config: ModelConfig) -> str | None:
    """The template where the processor has it and the tokenizer does not."""
    if not (Path(str(config.path)) / "chat_template.json").is_file():
        return None
    template: str = _read_json(config, "chat_template.json")["chat_template"]
    return template


def _read_json(config: ModelConfig, name: str) -> dict[str, Any]:
    path = Path(str(config.path)) / name
    if not path.is_file():
        raise FileNotFoundError(f"model.path is {config.path}, which holds no {name}")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
