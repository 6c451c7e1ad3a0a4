"""A model whose replies are actions: what is trained, and what acts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_model, save_model

from policies.engines.scoring import score
from policies.interface import Engine, Sample
from policies.tiny import TinyConfig, load_tiny, make_tiny_model
from policies.tiny_tokenizer import make_tokenizer
from policies.vla.codec import ActionCodec, codec_from_json, fit_codec
from policies.vla.config import VlaConfig
from policies.vla.format import ActionChat, StateFormat
from policies.vla.gaussian import HEAD, GaussianEngine, GaussianHead, score_gaussian
from policies.vla.policy import VlaPolicy
from policies.vla.ranges import fit_ranges
from policies.vla.tokens import action_token_names, smooth_tokens, state_token_names
from training.agent import CHAT_WORDS, Agent, EngineConfig
from training.episode import Episode
from training.scoring import Score

VLA_FILE, HEAD_FILE = "vla.json", "action_head.safetensors"


@dataclass(kw_only=True)
class VlaAgent(Agent):
    """An agent that replies with action chunks.

    Attributes:
        chat: words, states and actions <-> tokens.
        vla: what it was made with.
    """

    chat: ActionChat
    vla: VlaConfig

    @property
    def score(self) -> Score:
        """Log-probabilities under the distribution that replies are sampled from."""
        if self.chat.codec.continuous:
            return score_gaussian
        return partial(score, budget=self.chat.budget)

    def policy(self, *, temperature: float, blind: bool = False) -> VlaPolicy:
        """A policy that acts with the weights as they are whenever it acts."""
        return VlaPolicy(
            self.chat,
            self._engine(),
            window=self.vla.window,
            temperature=temperature,
            blind=blind,
        )

    def samples(self, episode: Episode) -> list[Sample]:
        """One sample per turn: the prompt that the policy saw, and its reply. Demonstrated actions
        become tokens.
        """
        observations = [turn.observation() for turn in episode.turns]
        outputs = [turn.output for turn in episode.turns]
        spans = [(max(0, t + 1 - self.vla.window), t + 1) for t in range(len(outputs))]
        return [
            self.chat.sample_turn(observations[first:last], outputs[first:last], last - 1)
            for first, last in spans
        ]

    def sample(self, episode: Episode) -> Sample:
        """Not one: see `samples`."""
        raise ValueError("an episode of actions is several samples, one per turn")

    def save(self, directory: Path) -> None:
        """Write weights, tokenizer, and what codec and head were fitted to."""
        super().save(directory)
        state = self.chat.state
        record = {
            "codec": self.chat.codec.to_json(),
            "state": None if state is None else state.to_json(),
            "config": vars(self.vla),
        }
        (Path(directory) / VLA_FILE).write_text(json.dumps(record, allow_nan=False))
        if self.chat.codec.continuous:
            save_model(getattr(self.model, HEAD), str(Path(directory) / HEAD_FILE))

    def _engine(self) -> Engine:
        config = self.engine_config
        if self.chat.codec.continuous:
            if not config.shares_weights:
                raise ValueError(
                    f"engine.backend is {config.backend!r}, which knows no head for numbers (vla."
                    "codec=gaussian): set engine.backend=transformers, or another codec"
                )
            return GaussianEngine(
                self.model,
                self.chat.action_ids,
                self.chat.picture_format,
                max_batch_size=config.max_batch_size,
                deterministic=config.deterministic,
            )
        return self.make_engine()


def make_vla_agent(
    config: TinyConfig,
    vla: VlaConfig,
    engine: EngineConfig,
    episodes: Sequence[Episode],
    *,
    vocab_size: int = 512,
) -> VlaAgent:
    """A new tiny model whose tokenizer, codec and state bins are fitted to demonstrations. Same
    arguments, same bits.

    Args:
        config: size of the model.
        vla: how actions become tokens.
        engine: how replies are generated.
        episodes: of the expert, with actions; failed ones are passed over.
        vocab_size: tokens for words; those of actions and states come on top.

    Raises:
        ValueError: where the episodes hold no actions.
    """
    turns = [turn for episode in episodes for turn in episode.turns]
    chunks = [turn.output.action for turn in turns if turn.output.action is not None]
    if len(chunks) < len(turns) or not chunks:
        raise ValueError(
            f"{len(chunks)} of {len(turns)} demonstrated turns are actions; vla needs an "
            "environment of actions (a Box as its action space)"
        )
    codec = fit_codec(vla, chunks)
    state = _fit_state(vla, [turn.state for turn in turns])
    words = [turn.text for turn in turns]
    texts = [*words, *(word for word in CHAT_WORDS for _ in words)]
    names = action_token_names(codec.vocabulary_size)
    names += state_token_names(0 if state is None else state.num_bins)
    tokenizer = make_tokenizer(texts, vocab_size, more_tokens=names)
    model = make_tiny_model(config, tokenizer)
    chat = ActionChat(tokenizer, codec=codec, state=state, system_prompt=None)
    _teach_order(model, chat, config)
    _add_head(model, codec, vla, config)
    return VlaAgent(model=model.to(engine.device), chat=chat, engine_config=engine, vla=vla)


def load_vla_agent(directory: Path, engine: EngineConfig) -> VlaAgent:
    """An agent that `VlaAgent.save` wrote."""
    record: dict[str, Any] = json.loads((Path(directory) / VLA_FILE).read_text())
    model, tokenizer = load_tiny(directory)
    vla, codec = VlaConfig(**record["config"]), codec_from_json(record["codec"])
    state = None if record["state"] is None else StateFormat.from_json(record["state"])
    chat = ActionChat(tokenizer, codec=codec, state=state, system_prompt=None)
    _add_head(model, codec, vla, TinyConfig())
    if codec.continuous:
        load_model(getattr(model, HEAD), str(Path(directory) / HEAD_FILE))
    return VlaAgent(model=model.to(engine.device), chat=chat, engine_config=engine, vla=vla)


def _fit_state(vla: VlaConfig, states: Sequence[np.ndarray | None]) -> StateFormat | None:
    known = [state for state in states if state is not None]
    if not vla.state_bins or not known:
        return None
    ranges = fit_ranges(
        np.stack(known),
        low=vla.low_percentile,
        high=vla.high_percentile,
        still_share=vla.still_share,
    )
    return StateFormat(ranges=ranges, num_bins=vla.state_bins)


def _teach_order(model: Any, chat: ActionChat, config: TinyConfig) -> None:
    """Let the tokens of neighbouring bins begin alike."""
    embedding, std = model.get_input_embeddings(), config.initializer_range
    if len(chat.state_ids):
        smooth_tokens(embedding, chat.state_ids.tolist(), std=std, seed=config.seed)
    if chat.codec.name == "uniform":
        for layer in (embedding, model.lm_head):
            smooth_tokens(layer, chat.action_ids.tolist(), std=std, seed=config.seed + 1)


def _add_head(model: Any, codec: ActionCodec, vla: VlaConfig, config: TinyConfig) -> None:
    if codec.continuous:
        head = GaussianHead(
            model.config.text_config.hidden_size,
            codec.ranges,
            init_std=vla.init_std,
            min_std=vla.min_std,
            weight_std=config.initializer_range,
            seed=config.seed,
        )
        setattr(model, HEAD, head)
