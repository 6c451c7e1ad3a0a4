"""Checkpoints as their publishers write them: what is read, and that nothing is taken on trust."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, PreTrainedTokenizerFast
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
    Qwen2VLImageProcessorPil,
    smart_resize,
)

from policies.chat import ChatFormat
from policies.checkpoints import ModelConfig, load_chat, load_pretrained, read_shape
from policies.inputs import make_patches
from policies.interface import Observation, PolicyOutput
from policies.picture_size import fitted_size
from tests.policies.small_checkpoints import PLAIN, THINKING, write_qwen2_5, write_qwen3
from training.agent import EngineConfig, load_agent, load_pretrained_agent

WRITERS = {"qwen2_5_vl": write_qwen2_5, "qwen3_vl": write_qwen3}
SHAPES = ((84, 168), (224, 224), (100, 37), (20, 30), (480, 640))


@pytest.fixture(scope="module", params=WRITERS)
def folder(request, tmp_path_factory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def qwen2_5(tmp_path_factory) -> Path:
    return write_qwen2_5(tmp_path_factory.mktemp("first"))


def picture(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    smooth = np.stack([rows * 3, columns * 2, rows + columns], axis=-1) % 256
    noise = np.random.default_rng(height * width).integers(0, 40, (height, width, 3))
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


PICTURES = [picture(*shape) for shape in SHAPES]
OBSERVATIONS = [
    Observation(text="one two", images=tuple(PICTURES[:2])),
    Observation(text="three <image> red\n<image>four", images=tuple(PICTURES[2:4])),
    Observation(text="<answer>\n", images=(PICTURES[4],)),
]
REPLIES = [PolicyOutput(text="four <answer>"), PolicyOutput(text="two\n")]


def messages() -> list[dict]:
    """The same conversation as the library has it."""
    image = {"type": "image"}
    text = [{"type": "text", "text": text} for text in ("one two", "three ", " red\n", "four")]
    return [
        {"role": "user", "content": [image, image, text[0]]},
        {"role": "assistant", "content": REPLIES[0].text},
        {"role": "user", "content": [text[1], image, text[2], image, text[3]]},
        {"role": "assistant", "content": REPLIES[1].text},
        {"role": "user", "content": [image, {"type": "text", "text": "<answer>\n"}]},
    ]


def patches_of(chat: ChatFormat) -> tuple[list[int], np.ndarray]:
    prompt = chat.transcript(OBSERVATIONS, REPLIES).prompt()
    return prompt.ids.tolist(), np.concatenate(
        [make_patches(image, chat.picture_format) for image in prompt.images]
    )


def test_tokens_and_pixels_are_those_of_template_and_image_processor(folder):
    chat = load_chat(ModelConfig(path=str(folder)))
    ids, patches = patches_of(chat)

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    text = tokenizer.apply_chat_template(messages(), tokenize=False, add_generation_prompt=True)
    pictures = Qwen2VLImageProcessorPil.from_pretrained(folder)(images=PICTURES)
    merged = pictures["image_grid_thw"].prod(axis=1) // 4
    pieces = text.split("<|image_pad|>")
    expanded = pieces[0]
    for count, piece in zip(merged, pieces[1:], strict=True):
        expanded += "<|image_pad|>" * int(count) + piece
    assert ids == tokenizer(expanded, add_special_tokens=False)["input_ids"]
    np.testing.assert_allclose(patches, pictures["pixel_values"], rtol=0, atol=1e-6)


@pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None,
    reason="the library's processors of these families need torchvision",
)
def test_tokens_and_pixels_are_those_of_the_library_processor(folder):
    processor = AutoProcessor.from_pretrained(folder)
    text = processor.apply_chat_template(messages(), tokenize=False, add_generation_prompt=True)
    theirs = processor(text=[text], images=PICTURES, return_tensors="np")
    chat = load_chat(ModelConfig(path=str(folder)))
    ids, patches = patches_of(chat)
    assert ids == theirs["input_ids"][0].tolist()

    # torchvision rounds once where Pillow rounds after each direction, so a picture that has to be
    # resized differs a little; one that need not is the same, and so are all with Pillow.
    step = 1 / 255 / min(chat.picture_format.image_std)
    difference = np.abs(patches - theirs["pixel_values"])
    counts = theirs["image_grid_thw"].prod(axis=1)
    for part, image in zip(np.split(difference, np.cumsum(counts)[:-1]), PICTURES, strict=True):
        resized = chat.transcript([Observation(text="", images=(image,))], []).images[0]
        assert part.max() < 1e-6 if resized is image else part.mean() < 0.5 * step
    processor.image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    pillow = processor(text=[text], images=PICTURES, return_tensors="np")
    assert ids == pillow["input_ids"][0].tolist()
    np.testing.assert_allclose(patches, pillow["pixel_values"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("bounds", [(3136, 12845056), (65536, 16777216), (784, 40000)])
def test_sizes_equal_the_library_function(bounds):
    least, most = bounds
    rng = np.random.default_rng(0)
    sizes = [*rng.integers(1, 2000, (300, 2)).tolist(), [1, 200], [13, 14], [14, 14], [5000, 4000]]
    for height, width in sizes:
        if max(height, width) / min(height, width) > 200:
            continue
        for factor in (28, 32):
            ours = fitted_size(height, width, factor=factor, min_pixels=least, max_pixels=most)
            assert ours == smart_resize(height, width, factor, least, most)
    with pytest.raises(ValueError, match="2x401 px: no side may be over 200 times the other"):
        fitted_size(2, 401, factor=28, min_pixels=1, max_pixels=10**6)


def test_the_system_line_is_that_of_the_template(tmp_path, qwen2_5):
    assert load_chat(ModelConfig(path=str(qwen2_5))).system_prompt == "You are a helpful assistant."
    plain = write_qwen2_5(tmp_path, template=PLAIN)
    assert load_chat(ModelConfig(path=str(plain))).system_prompt is None


def test_a_template_beside_the_tokenizer_is_found(tmp_path):
    folder = write_qwen3(tmp_path, template=None)
    with pytest.raises(ValueError, match="holds no chat template, so its chat format is unknown"):
        load_chat(ModelConfig(path=str(folder)))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": PLAIN}))
    assert load_chat(ModelConfig(path=str(folder))).system_prompt is None


def test_another_chat_format_is_refused(tmp_path):
    folder = write_qwen3(tmp_path, template=THINKING)
    with pytest.raises(ValueError, match=r"model.path is .* whose chat format is unknown: .*think"):
        load_pretrained(ModelConfig(path=str(folder)))


def test_another_family_is_refused(qwen2_5, tmp_path):
    for file in qwen2_5.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "model_type": "llava"}))
    with pytest.raises(ValueError, match=r"type 'llava'; legal: qwen2_5_vl, qwen3_vl"):
        load_pretrained(ModelConfig(path=str(tmp_path)))


def test_bounds_can_be_set(qwen2_5):
    chat = load_chat(ModelConfig(path=str(qwen2_5), max_pixels=50_000))
    prompt = chat.transcript([Observation(text="", images=(PICTURES[4],))], []).prompt()
    assert prompt.images[0].shape == (168, 252, 3)  # 480 x 640 scaled by the root of 6.144
    with pytest.raises(ValueError, match=r"min_pixels is 90000; it must be at most max_pixels, 5"):
        load_chat(ModelConfig(path=str(qwen2_5), min_pixels=90_000, max_pixels=50_000))


def test_shape_and_weights_are_read(folder):
    config = ModelConfig(path=str(folder), dtype="bfloat16")
    model = load_pretrained(config).model
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert not model.training
    assert read_shape(config).num_parameters == sum(p.numel() for p in model.parameters())
    with pytest.raises(ValueError, match="model.size is qwen3-vl-4b, but model.path"):
        load_pretrained(ModelConfig(path=str(folder), size="qwen3-vl-4b"))


def test_a_checkpoint_acts_and_comes_back_as_it_was_saved(qwen2_5, tmp_path):
    agent = load_pretrained_agent(ModelConfig(path=str(qwen2_5)), EngineConfig(max_new_tokens=2))
    agent.save(tmp_path)
    again = load_agent(tmp_path, EngineConfig())
    assert again.chat.picture_format == agent.chat.picture_format
    assert again.chat.system_prompt == "You are a helpful assistant."
    samples = [a.chat.transcript(OBSERVATIONS[:2], REPLIES).sample() for a in (agent, again)]
    pairs = zip((agent, again), samples, strict=True)
    scores = [a.score(a.model, a.chat.collate([s])) for a, s in pairs]
    assert torch.equal(scores[0].trainer_logprobs, scores[1].trainer_logprobs)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"size": "qwen2.5-vl-3b"}, ValueError, "model.path is not set; qwen2.5-vl-3b is trained"),
        ({"path": "nowhere"}, FileNotFoundError, "model.path is nowhere, which holds no config"),
    ],
)
def test_nothing_to_start_from(settings, error, message):
    with pytest.raises(error, match=message):
        ModelConfig(**settings).check_path()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "qwen9"}, "model.size is 'qwen9'; legal: qwen2.5-vl-3b, "),
        ({"dtype": "int8"}, "model.dtype is 'int8'; legal: float32, bfloat16"),
        ({"attention": "eager"}, "model.attention is 'eager'; legal: sdpa, flash"),
        ({"max_pixels": 0}, "model.max_pixels is 0; it must be at least 1"),
        ({"hidden_size": 100}, "hidden_size=100 must be a multiple"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**settings).check()


def test_a_processor_that_does_something_else_is_refused(qwen2_5, tmp_path):
    for file in qwen2_5.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "preprocessor_config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "temporal_patch_size": 1}))
    with pytest.raises(ValueError, match="has temporal_patch_size=1; this suite's pictures are"):
        load_chat(ModelConfig(path=str(tmp_path)))
    path.unlink()
    with pytest.raises(FileNotFoundError, match="holds no preprocessor_config.json"):
        load_chat(ModelConfig(path=str(tmp_path)))
