"""TRL's GRPOTrainer trains in our environments. Run by `make test-external`."""

from __future__ import annotations

import json
import re
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="scripts/external_tests.py trl makes TRL's environment")

import torch
from datasets import Dataset
from transformers import ProcessorMixin, Qwen3Config, Qwen3ForCausalLM, Qwen3VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from trl import GRPOConfig, GRPOTrainer

from policies.tiny_tokenizer import make_tokenizer
from tests.policies.small_checkpoints import make_tiny_qwen3
from tests.training.guessing import GuessEnv
from training.adapters.trl import OVER, TrlEnvironment, make_rows

pytestmark = pytest.mark.filterwarnings("ignore")
END = "<|im_end|>"
SEEDS = (0, 1, 2, 3)


class WordsEnv(GuessEnv):
    """Without its picture, for a model that cannot see."""

    def _obs(self) -> dict[str, Any]:
        return {**super()._obs(), "images": ()}


class ScriptedTrainer(GRPOTrainer):
    """Generates what a model that has learned to call tools would: each of the three members of a
    group answers with a letter of its own until the episode is over, and then says so.

    Attributes:
        rewards: of all batches, (episodes, reward functions).
        batches: what went into the losses.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.rewards: list[list[float]] = []
        self.batches: list[dict[str, Any]] = []

    def _generate_single_turn(self, prompt_ids, *rest: Any, **settings: Any):
        texts = [self._tokenizer.decode(ids) for ids in prompt_ids]
        replies = [reply_to(text, letter="ABC"[i % 3]) + END for i, text in enumerate(texts)]
        return [self._tokenizer(reply)["input_ids"] for reply in replies], None

    def _calculate_rewards(self, *arguments: Any, **settings: Any) -> torch.Tensor:
        rewards = super()._calculate_rewards(*arguments, **settings)
        self.rewards += rewards.tolist()
        return rewards

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        self.batches.append(inputs)
        return super()._compute_loss(model, inputs)


def reply_to(text: str, *, letter: str) -> str:
    """The next reply in a conversation; the letter, once chosen, stays."""
    if text.rpartition("<|im_start|>user")[2].count(OVER):
        return "Done."
    said = re.findall(r"<answer>([ABC])</answer>", text)
    call = {"name": "act", "arguments": {"reply": f"<answer>{(said or [letter])[-1]}</answer>"}}
    return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"


def make_chat_tokenizer(family: str):
    """With the chat template of a family, as TRL knows it."""
    template = files("trl").joinpath(f"chat_templates/{family}.jinja").read_text()
    tokenizer = make_tokenizer([template])
    tokenizer.chat_template = template
    return tokenizer


def make_model():
    """A tiny Qwen3, and its tokenizer."""
    tokenizer = make_chat_tokenizer("qwen3")
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=0,
    )
    torch.manual_seed(0)
    return Qwen3ForCausalLM(config), tokenizer


class PictureProcessor(Qwen3VLProcessor):
    """Qwen3-VL's without its video processor, which needs torchvision."""

    def __init__(self, image_processor=None, tokenizer=None, chat_template=None, **settings: Any):
        for name in ("image_pad", "video_pad", "vision_start", "vision_end"):
            attribute = f"{name.removesuffix('_pad')}_token"
            setattr(self, attribute, f"<|{name}|>")
            setattr(self, f"{attribute}_id", tokenizer.convert_tokens_to_ids(f"<|{name}|>"))
        self.video_processor = None
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


def make_seeing_model():
    """A tiny Qwen3-VL, and its processor."""
    tokenizer = make_chat_tokenizer("qwen3_vl")
    pictures = Qwen2VLImageProcessorPil(patch_size=16, min_pixels=32 * 32, max_pixels=64 * 64)
    processor = PictureProcessor(pictures, tokenizer, tokenizer.chat_template)
    return make_tiny_qwen3(tokenizer), processor


def train(folder: Path, make_env: Any, *, make: Any = make_model) -> ScriptedTrainer:
    """One step on groups of three in each of the worlds."""
    model, processing_class = make()
    trainer = ScriptedTrainer(
        model=model,
        processing_class=processing_class,
        train_dataset=Dataset.from_list(make_rows(len(SEEDS), seeds=SEEDS)),
        environment_factory=partial(TrlEnvironment, make_env),
        args=GRPOConfig(
            output_dir=str(folder),
            use_cpu=True,
            report_to="none",
            max_steps=1,
            per_device_train_batch_size=3 * len(SEEDS),
            num_generations=3,
            max_completion_length=2000,
            learning_rate=0.01,
            shuffle_dataset=False,
        ),
    )
    trainer.before = {n: p.detach().clone() for n, p in trainer.model.named_parameters()}
    trainer.train()
    return trainer


def gold_and_patience(seed: int) -> tuple[str, int]:
    env = WordsEnv()
    env.reset(seed=seed)
    return "ABC"[env._gold], env._patience


def test_every_world_rewards_the_member_that_answers_rightly(tmp_path: Path) -> None:
    trainer = train(tmp_path, WordsEnv)
    expected = [[float(c == gold_and_patience(seed)[0])] for seed in SEEDS for c in "ABC"]
    assert trainer.rewards == expected
    changed = [n for n, p in trainer.model.named_parameters() if not p.equal(trainer.before[n])]
    assert changed
    [log] = [line for line in trainer.state.log_history if "rewards/TrlEnvironment/mean" in line]
    assert log["rewards/TrlEnvironment/mean"] == pytest.approx(1 / 3)
    assert log["tools/failure_frequency"] == 0


def test_the_loss_is_over_what_the_model_wrote(tmp_path: Path) -> None:
    trainer = train(tmp_path, WordsEnv)
    [batch] = trainer.batches
    played = []
    for ids, mask in zip(batch["completion_ids"], batch["tool_mask"], strict=True):
        everything = trainer.processing_class.decode(ids)
        learned = trainer.processing_class.decode(ids[mask.bool()])
        assert "Look 2." not in learned
        assert OVER in everything
        assert OVER not in learned
        assert "Done." in learned
        [letter] = set(re.findall(r"<answer>([ABC])</answer>", learned))
        looks = everything.count("Look ")
        played.append((letter, looks + 1, learned.count("<tool_call>")))
    expected = [(c, gold_and_patience(seed)[1]) for seed in SEEDS for c in "ABC"]
    assert sorted(played) == sorted((letter, turns, turns) for letter, turns in expected)


def test_a_world_that_breaks_is_left_out_of_what_is_learned(tmp_path: Path) -> None:
    trainer = train(tmp_path, partial(WordsEnv, broken_steps=[1]))
    rewards = torch.tensor(trainer.rewards)[:, 0]
    assert rewards.isnan().tolist() == [seed == 1 for seed in SEEDS for _ in range(3)]
    assert (trainer.batches[0]["advantages"] == 0).sum() == 3


def test_a_model_that_sees_is_trained_on_the_pictures_of_every_turn(tmp_path: Path) -> None:
    trainer = train(tmp_path, GuessEnv, make=make_seeing_model)
    expected = [[float(c == gold_and_patience(seed)[0])] for seed in SEEDS for c in "ABC"]
    assert trainer.rewards == expected
    [batch] = trainer.batches
    num_pictures = sum(3 * gold_and_patience(seed)[1] for seed in SEEDS)
    assert len(batch["image_grid_thw"]) == num_pictures
    image_token = trainer.model.config.image_token_id
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    assert (ids == image_token).sum() == batch["image_grid_thw"].prod(dim=1).sum() // 4
    moved = {n for n, p in trainer.model.named_parameters() if not p.equal(trainer.before[n])}
    assert any("visual" in name for name in moved)
