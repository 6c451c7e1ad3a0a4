"""A model with its chat format: what is trained, and what acts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from policies.chat import ChatFormat
from policies.engines.scoring import score
from policies.engines.transformers import TransformersEngine
from policies.interface import PolicyOutput, Sample
from policies.tiny import (
    TinyConfig,
    find_whole_numbers,
    find_whole_words,
    load_tiny,
    make_tiny_model,
    make_tokenizer,
    save_tiny,
)
from policies.vla.tokens import smooth_tokens
from policies.vlm import VLMPolicy
from training.critic import make_critic
from training.episode import Episode
from training.learner import Learner
from training.learner_config import LearnerConfig
from training.scoring import Score

CHAT_WORDS = ("user\n", "assistant\n", "system\n")


@dataclass(kw_only=True)
class EngineConfig:
    """How replies are generated.

    Attributes:
        max_batch_size: most conversations decoded side by side, at least 1.
        max_new_tokens: longest reply in tokens, at least 1.
        deterministic: fixed batch shapes, so that results do not depend on what shares a batch;
            slower.
        device: where the model lives: "cpu", "cuda" or "cuda:1".
    """

    max_batch_size: int = 64
    max_new_tokens: int = 96
    deterministic: bool = False
    device: str = "cpu"

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        for name in ("max_batch_size", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"engine.{name} is {getattr(self, name)}; it must be at least 1")
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise ValueError(f"engine.device is {self.device!r}; legal: cpu, cuda, cuda:<number>")
        if self.device != "cpu" and not torch.cuda.is_available():
            raise ValueError(f"engine.device is {self.device!r}; no CUDA here, so legal: cpu")


@dataclass(kw_only=True)
class Agent:
    """A model, its chat format and how it generates. Policies and learners made of it share the
    weights.

    Attributes:
        model: the network.
        chat: conversations <-> tokens.
        engine_config: how it generates.
    """

    model: nn.Module
    chat: ChatFormat
    engine_config: EngineConfig

    def policy(self, *, temperature: float, blind: bool = False) -> VLMPolicy:
        """A policy that acts with the weights as they are whenever it acts."""
        config = self.engine_config
        engine = TransformersEngine(
            self.model, max_batch_size=config.max_batch_size, deterministic=config.deterministic
        )
        return VLMPolicy(
            self.chat,
            engine,
            max_new_tokens=config.max_new_tokens,
            temperature=temperature,
            blind=blind,
        )

    def learner(self, config: LearnerConfig) -> Learner:
        """A learner of this model."""
        return Learner(
            self.model,
            collate=self.chat.collate,
            score=self.score,
            config=config,
            critic=make_critic(self.model, config.critic),
        )

    @property
    def score(self) -> Score:
        """Log-probabilities under the distribution that replies are sampled from."""
        return score

    def samples(self, episode: Episode) -> list[Sample]:
        """A finished episode as what the learner trains on."""
        return [self.sample(episode)]

    def sample(self, episode: Episode) -> Sample:
        """A finished episode as one token sequence; sampled tokens are kept, written ones
        tokenised.
        """
        observations = [turn.observation() for turn in episode.turns]
        outputs: Sequence[PolicyOutput] = [turn.output for turn in episode.turns]
        return self.chat.transcript(observations, outputs).sample()

    def save(self, directory: Path) -> None:
        """Write weights and tokenizer as safetensors and JSON, loadable by `from_pretrained`."""
        save_tiny(directory, self.model, self.chat.tokenizer)


def words_of(episodes: Sequence[Episode]) -> list[str]:
    """Everything that was said in episodes, for a tokenizer to learn its words from."""
    said = [turn.text for episode in episodes for turn in episode.turns]
    return said + [turn.output.text or "" for episode in episodes for turn in episode.turns]


def make_tiny_agent(
    config: TinyConfig,
    engine: EngineConfig,
    corpus: Sequence[str],
    *,
    vocab_size: int = 512,
    whole_numbers: bool = False,
) -> Agent:
    """A new tiny model whose tokenizer knows the corpus's words. Same arguments, same bits.

    Args:
        config: size of the model.
        engine: how replies are generated.
        corpus: texts.
        vocab_size: tokens in all.
        whole_numbers: whether every number with a decimal point is one token, and tokens of numbers
            that are nearly the same begin nearly the same.
    """
    texts = [*corpus, *(word for word in CHAT_WORDS for _ in range(max(1, len(corpus))))]
    numbers = find_whole_numbers(corpus) if whole_numbers else []
    words = find_whole_words(corpus) + numbers
    tokenizer = make_tokenizer(texts, vocab_size, whole_words=words)
    model = make_tiny_model(config, tokenizer)
    if numbers:
        ids = [tokenizer.convert_tokens_to_ids(number) for number in numbers]
        for layer in (model.get_input_embeddings(), model.lm_head):
            smooth_tokens(layer, ids, std=config.initializer_range, seed=config.seed)
    chat = ChatFormat(
        tokenizer,
        system_prompt=None,
        patch_size=config.patch_size,
        merge_size=config.merge_size,
    )
    return Agent(model=model.to(engine.device), chat=chat, engine_config=engine)


def load_agent(directory: Path, engine: EngineConfig) -> Agent:
    """An agent that `Agent.save` wrote.

    Raises:
        FileNotFoundError: where the directory holds no such agent.
    """
    directory = Path(directory)
    if not (directory / "config.json").exists():
        raise FileNotFoundError(
            f"{directory} holds no model (no config.json); give a directory that training wrote, "
            "such as runs/<name>/models/grpo"
        )
    if (directory / "vla.json").exists():
        from training.vla_agent import load_vla_agent  # which is made of this module

        return load_vla_agent(directory, engine)
    model, tokenizer = load_tiny(directory)
    vision = model.config.vision_config
    chat = ChatFormat(
        tokenizer,
        system_prompt=None,
        patch_size=vision.patch_size,
        merge_size=vision.spatial_merge_size,
    )
    return Agent(model=model.to(engine.device), chat=chat, engine_config=engine)
