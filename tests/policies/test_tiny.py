"""Tiny models: real architecture, right size, reproducible, saved without pickle."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import Qwen2_5_VLConfig, Qwen3VLConfig

from policies.tiny import (
    ARCHITECTURES,
    TinyConfig,
    load_tiny,
    make_tiny_model,
    save_tiny,
    sinusoidal_places,
)
from policies.tiny_tokenizer import (
    SPECIAL_TOKENS,
    find_counts,
    find_whole_numbers,
    find_whole_words,
    make_tokenizer,
)

CONFIGS = {"qwen2_5_vl": Qwen2_5_VLConfig, "qwen3_vl": Qwen3VLConfig}


@pytest.fixture(params=ARCHITECTURES)
def config(request) -> TinyConfig:
    return TinyConfig(architecture=request.param)


def test_default_model_is_a_real_qwen_of_one_to_five_million_parameters(tokenizer, config):
    model = make_tiny_model(config, tokenizer)
    text = model.config.text_config

    assert isinstance(model.config, CONFIGS[config.architecture])
    assert 1e6 < sum(p.numel() for p in model.parameters()) < 5e6
    assert text.hidden_size // text.num_attention_heads >= 32
    assert text.vocab_size == len(tokenizer)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("size", [56, 84, 112, 140, 168, 224])
def test_vision_tower_takes_the_usual_picture_sizes(tokenizer, config, size):
    model, side = make_tiny_model(config, tokenizer), size // 14
    pixels = torch.zeros(side * side, 3 * 2 * 14 * 14)
    features = model.model.visual(pixels, grid_thw=torch.tensor([[1, side, side]])).pooler_output
    assert features.shape == ((side // 2) ** 2, model.config.text_config.hidden_size)


def test_places_tell_cells_apart_and_neighbours_are_alike():
    places = sinusoidal_places(6, 96)
    assert places.shape == (36, 96)
    assert places.abs().max() <= 1
    torch.testing.assert_close(places.norm(dim=1), torch.full((36,), 48**0.5))
    apart = torch.cdist(places, places) + 100 * torch.eye(36)
    assert apart.min() > 1
    across, down = apart[0, 1:6], apart[0, 6::6]
    assert across[0] < across[-1]
    torch.testing.assert_close(across, down)


def test_equal_patches_look_unequal_where_places_are_embedded(tokenizer):
    """Cells of a grey picture are all one to Qwen2.5-VL's tower, and differ to Qwen3-VL's."""
    pixels = torch.full((36, 3 * 2 * 14 * 14), 0.5)
    apart = {}
    for name in ARCHITECTURES:
        model = make_tiny_model(TinyConfig(architecture=name), tokenizer)
        features = model.model.visual(pixels, grid_thw=torch.tensor([[1, 6, 6]])).pooler_output
        apart[name] = torch.pdist(features.detach()).min() / features.norm(dim=1).mean()
    assert apart["qwen2_5_vl"] < 1e-5
    assert apart["qwen3_vl"] > 0.05


def test_seed_alone_decides_the_weights_and_global_noise_is_untouched(tokenizer, config):
    before = torch.get_rng_state()
    first, again, other = (
        make_tiny_model(replace(config, seed=seed), tokenizer).lm_head.weight for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_save_and_load_give_back_weights_and_tokens(tmp_path, config, tokenizer):
    model = make_tiny_model(config, tokenizer)
    save_tiny(tmp_path, model, tokenizer)
    loaded, loaded_tokenizer = load_tiny(tmp_path)

    assert type(loaded) is type(model)
    assert (tmp_path / "model.safetensors").exists()
    assert not [p for p in tmp_path.iterdir() if p.suffix in (".bin", ".pt", ".pkl")]
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    text = "grasp the red cube <|im_end|> 42 ünï"
    assert loaded_tokenizer.encode(text) == tokenizer.encode(text)


def test_load_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        load_tiny(tmp_path)


def test_corpus_words_are_single_tokens_and_any_text_survives(tokenizer):
    assert len(tokenizer.tokenize("turn left then grasp the red cube")) == 7
    text = "Ångström 漢字 \t\n\x00 <think>12</think>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert len(tokenizer.tokenize("1234")) == 4
    assert [tokenizer.convert_tokens_to_ids(t) for t in SPECIAL_TOKENS] == list(range(8))


def test_whole_words_are_one_token_each():
    tokenizer = make_tokenizer(["<think> red </think>"], whole_words=("<think>", "</think>"))
    assert len(tokenizer.tokenize("<think></think>")) == 2
    assert tokenizer.decode(tokenizer.encode("a<think>b")) == "a<think>b"


def test_tokenizer_depends_on_the_corpus_alone():
    # Hash maps inside the trainer are seeded anew every time, so chance would show.
    corpus = ["the cat sat on a mat", "a cat and a dog", "dog on mat"] * 3
    vocabularies = [make_tokenizer(corpus, vocab_size=280).get_vocab() for _ in range(5)]
    assert all(vocabulary == vocabularies[0] for vocabulary in vocabularies)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "llama"}, "architecture='llama'; legal"),
        ({"hidden_size": 100}, "hidden_size=100 must be a multiple of num_heads=6"),
        ({"hidden_size": 96}, r"16 \(head_dim\) must be even and at least 32"),
        ({"num_key_value_heads": 4}, "num_key_value_heads=4 must divide num_heads=6"),
        ({"image_size": 100}, "image_size=100 must be a positive multiple of"),
        ({"vision_hidden_size": 90}, "vision_hidden_size=90 must be a multiple of"),
    ],
)
def test_impossible_sizes_are_named(tokenizer, changes, message):
    with pytest.raises(ValueError, match=message):
        make_tiny_model(TinyConfig(**changes), tokenizer)


def test_too_small_a_vocabulary_is_named():
    with pytest.raises(ValueError, match="vocab_size=100 must be at least 264"):
        make_tokenizer(["a"], vocab_size=100)


def test_points_are_no_whole_words_but_actions_and_times_are():
    corpus = ["[Move left] [0:12] <output>[[0.42, 0.61], [0.50, 0.20]]</output>"]
    assert find_whole_words(corpus) == [" [0:12]", "</output>", "<output>", "[Move left]"]


def test_whole_numbers_leave_no_gap():
    corpus = ["0.42 [0.45, 1.5]", "1.3 4 v1.2.3 0.40"]
    hundredths = ["0.40", "0.41", "0.42", "0.43", "0.44", "0.45"]
    assert find_whole_numbers(corpus) == ["1.3", "1.4", "1.5", *hundredths]
    assert find_whole_numbers(["none 7"]) == []


def test_counts_are_whole_unless_a_longer_number_begins_like_them():
    corpus = ["Between 3 and 6.", "frames 4, 5: none", "256 frames, 1:04", "at 0.45"]
    assert find_counts(corpus) == [" 1", " 2", " 3", " 4", " 5", " 6"]
    assert find_counts(["9 of 11 or 3 of 104"]) == [" 3", " 4", " 5", " 6", " 7", " 8", " 9", " 11"]
    assert find_counts(["none"]) == []


def test_a_tokenizer_reads_whole_counts_as_one_token_each():
    corpus = ["Between 9 and 12. So 3."] * 5
    tokenizer = make_tokenizer(corpus, 300, whole_words=find_counts(corpus))
    ids = tokenizer("Between 9 and 12. So 10.")["input_ids"]
    assert [tokenizer.decode([i]) for i in ids if tokenizer.decode([i])[-1:].isdigit()] == [
        " 9",
        " 12",
        " 10",
    ]
    assert tokenizer.decode(ids) == "Between 9 and 12. So 10."
