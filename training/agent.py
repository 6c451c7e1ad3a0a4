"""A model with its chat format: what is trained, and what acts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from policies.chat import ChatFormat
from policies.checkpoints import ModelConfig, load_pretrained
from policies.engines.scoring import score
from policies.engines.transformers import TransformersEngine
from policies.engines.vllm_config import VllmConfig
from policies.interface import Engine, PolicyOutput, Sample
from policies.memory import remember
from policies.tiny import TinyConfig, make_tiny_model, save_tiny, tiny_pictures
from policies.tiny_tokenizer import (
    find_counts,
    find_whole_numbers,
    find_whole_words,
    make_tokenizer,
)
from policies.vla.tokens import smooth_tokens
from policies.vlm import VLMPolicy
from training.critic import make_critic
from training.episode import Episode
from training.learner import Learner
from training.learner_config import LearnerConfig
from training.scoring import Score
from training.vllm_engine import start_vllm_engine

CHAT_WORDS = ("user\n", "assistant\n", "system\n")


BACKENDS = ("transformers", "vllm")


@dataclass(kw_only=True)
class EngineConfig:
    """How replies are generated.

    Attributes:
        backend: "transformers" decodes in this process with the learner's own weights; "vllm" has
            weights of its own, which are sent to it after every step.
        max_batch_size: most conversations decoded side by side, at least 1.
        max_new_tokens: longest reply in tokens, at least 1.
        deterministic: fixed batch shapes, so that results do not depend on what shares a batch;
            slower.
        device: where the model lives: "cpu", "cuda" or "cuda:1".
        picture_window: of how many observations, the newest, a prompt shows the pictures beside
            those of the first, at least 1; null for all. Words stay. Replies in words only.
        vllm: how vLLM is set up; only that backend reads it.
    """

    backend: str = "transformers"
    max_batch_size: int = 64
    max_new_tokens: int = 96
    deterministic: bool = False
    device: str = "cpu"
    picture_window: int | None = None
    vllm: VllmConfig = field(default_factory=VllmConfig)

    @property
    def shares_weights(self) -> bool:
        """Whether whatever generates uses the very weights that the learner changes."""
        return self.backend == "transformers"

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.backend not in BACKENDS:
            raise ValueError(f"engine.backend is {self.backend!r}; legal: {', '.join(BACKENDS)}")
        if self.deterministic and self.backend == "vllm":
            raise ValueError(
                "engine.deterministic is true with engine.backend=vllm, whose results depend on "
                "what shares a batch; legal: false, or engine.backend=transformers"
            )
        self.vllm.check("engine.vllm.")
        for name in ("max_batch_size", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"engine.{name} is {getattr(self, name)}; it must be at least 1")
        if self.picture_window is not None and self.picture_window < 1:
            raise ValueError(
                f"engine.picture_window is {self.picture_window}; it must be at least 1, or null"
            )
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
        vllm_engine: the engine that all policies share where that is vLLM; None until one is asked
            for.
    """

    model: nn.Module
    chat: ChatFormat
    engine_config: EngineConfig
    vllm_engine: Engine | None = field(default=None, init=False, repr=False)

    @property
    def weights_source(self) -> nn.Module | None:
        """What `Engine.update_weights` takes: None where the engine shares the weights."""
        return None if self.engine_config.shares_weights else self.model

    def make_engine(self) -> Engine:
        """An engine with the weights as they are now. One that shares them keeps up with them; all
        others need `update_weights`.
        """
        config = self.engine_config
        if config.shares_weights:
            return TransformersEngine(
                self.model, max_batch_size=config.max_batch_size, deterministic=config.deterministic
            )
        if self.vllm_engine is None:
            self.vllm_engine = start_vllm_engine(
                self.save,
                config.vllm,
                picture_format=self.chat.picture_format,
                max_batch_size=config.max_batch_size,
            )
        else:
            self.vllm_engine.update_weights(self.model, self.vllm_engine.weights_version)
        return self.vllm_engine

    def policy(self, *, temperature: float, blind: bool = False) -> VLMPolicy:
        """A policy that acts with the weights as they are whenever it acts; see `make_engine`."""
        return VLMPolicy(
            self.chat,
            self.make_engine(),
            max_new_tokens=self.engine_config.max_new_tokens,
            temperature=temperature,
            blind=blind,
            picture_window=self.engine_config.picture_window,
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
        """A finished episode as what the learner trains on: one token sequence, and with a window
        of pictures one more for every turn at which pictures had left the prompt.
        """
        window, num_turns = self.engine_config.picture_window, len(episode.turns)
        if window is None or num_turns <= window + 1:
            return [self.sample(episode)]
        observations = [turn.observation() for turn in episode.turns]
        outputs = [turn.output for turn in episode.turns]
        first = window + 1
        whole = self.chat.transcript(observations[:first], outputs[:first]).sample()
        later = [
            self.chat.sample_turn(remember(observations[:end], window), outputs[:end], end - 1)
            for end in range(first + 1, num_turns + 1)
        ]
        return [whole, *later]

    def sample(self, episode: Episode) -> Sample:
        """A finished episode as one token sequence; sampled tokens are kept, written ones
        tokenised. No picture has left it.
        """
        observations = [turn.observation() for turn in episode.turns]
        outputs: Sequence[PolicyOutput] = [turn.output for turn in episode.turns]
        return self.chat.transcript(observations, outputs).sample()

    def save(self, directory: Path) -> None:
        """Write weights and tokenizer as safetensors and JSON, loadable by `from_pretrained`."""
        save_tiny(directory, self.model, self.chat.tokenizer, self.chat.picture_format)


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
            that are nearly the same begin nearly the same; and whether small counts are one token
            with the space before them.
    """
    texts = [*corpus, *(word for word in CHAT_WORDS for _ in range(max(1, len(corpus))))]
    numbers = find_whole_numbers(corpus) if whole_numbers else []
    counts = find_counts(corpus) if whole_numbers else []
    words = find_whole_words(corpus) + counts + numbers
    tokenizer = make_tokenizer(texts, vocab_size, whole_words=words)
    model = make_tiny_model(config, tokenizer)
    if numbers:
        ids = [tokenizer.convert_tokens_to_ids(number) for number in numbers]
        for layer in (model.get_input_embeddings(), model.lm_head):
            smooth_tokens(layer, ids, std=config.initializer_range, seed=config.seed)
    pictures = tiny_pictures(config.patch_size, config.merge_size)
    chat = ChatFormat(tokenizer, system_prompt=None, picture_format=pictures)
    return Agent(model=model.to(engine.device), chat=chat, engine_config=engine)


def load_pretrained_agent(config: ModelConfig, engine: EngineConfig) -> Agent:
    """An agent that starts from the checkpoint in `config.path`, in its own chat format.

    Raises:
        ValueError: where the directory holds another model than the settings say, or one whose chat
            format is unknown.
        FileNotFoundError: where a file is missing.
    """
    pretrained = load_pretrained(config)
    model = pretrained.model.to(engine.device)
    return Agent(model=model, chat=pretrained.chat, engine_config=engine)


def load_agent(directory: Path, engine: EngineConfig) -> Agent:
    """An agent that `Agent.save` wrote, or a published checkpoint, with float32 weights.

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
    return load_pretrained_agent(ModelConfig(path=str(directory)), engine)
