"""What `scripts/bench.py training` compares with TRL: a tiny model, prompts of words, and one turn.

TRL trains language models, ours are vision-language models. So TRL gets the language model of
ours alone, weight by weight: Qwen2.5-VL's is Qwen2's, with rotary positions that have three parts,
which are equal where there is no picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from safetensors.torch import save_file
from torch import Tensor

from policies.interface import Observation
from policies.tiny import TinyConfig
from scripts.bench_trl import JOB_FILE, Job, low_share
from training.agent import Agent, EngineConfig, make_tiny_agent
from training.episode import Episode
from training.seeding import task_seeds

WORDS = (
    *("ball", "basket", "bed", "bird", "blue", "boat", "book", "box", "bread", "brick", "car"),
    *("cat", "chair", "clock", "coat", "cube", "cup", "desk", "dog", "door", "fish", "fork"),
    *("gold", "gray", "green", "hat", "jar", "key", "lamp", "leaf", "moon", "pen", "red"),
    *("road", "rope", "ship", "sky", "star", "tree", "white"),
)
FIRST_WORD = "read"


def model_config() -> TinyConfig:
    """2.7 million parameters of language model, and the smallest vision tower, which rests."""
    return TinyConfig(
        hidden_size=256,
        num_layers=4,
        num_heads=4,
        num_key_value_heads=2,
        intermediate_size=560,
        vision_hidden_size=48,
        vision_depth=1,
        vision_intermediate_size=96,
        initializer_range=0.02,
    )


class WordsEnv(gymnasium.Env):
    """Shows some words, takes one reply, whatever it is, and is over.

    Args:
        num_words: shown, beside the first, which is always the same.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  (as gymnasium has it)
    observation_space = gymnasium.spaces.Dict(
        {"text": gymnasium.spaces.Text(4096), "images": gymnasium.spaces.Tuple(())}
    )
    action_space = gymnasium.spaces.Text(4096)

    def __init__(self, num_words: int) -> None:
        self.num_words = num_words

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The words of a seed."""
        super().reset(seed=seed)
        words = self.np_random.choice(WORDS, self.num_words)
        return {"text": " ".join([FIRST_WORD, *words]), "images": ()}, {}

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Any reply ends it."""
        return {"text": "", "images": ()}, 0.0, True, False, {}


def make_text_agent(new_tokens: int, num_episodes: int) -> Agent:
    """A new tiny agent whose replies all have `new_tokens` tokens, since none ends one."""
    engine = EngineConfig(max_batch_size=num_episodes, max_new_tokens=new_tokens)
    spoken = [FIRST_WORD, *(f" {word}" for word in WORDS)]  # each becomes one token
    agent = make_tiny_agent(model_config(), engine, spoken * 20, vocab_size=512)
    agent.chat.stop_ids = ()
    return agent


NUM_STEPS = 2
"""Steps with prompts of their own; then they recur."""


def reset_seeds(job: Job) -> list[int]:
    """The seeds that our trainer resets environments to, step after step."""
    return task_seeds("reinforcement", 0, NUM_STEPS * job.num_groups)


def make_job(agent: Agent, job: Job) -> Job:
    """The job with its prompts, as the agent's model reads them."""
    env, prompts = WordsEnv(job.prompt_words), []
    for seed in reset_seeds(job):
        shown = Observation.from_env(env.reset(seed=seed)[0])
        ids = agent.chat.transcript([shown], []).prompt().ids
        prompts.append(agent.chat.tokenizer.decode(ids, skip_special_tokens=False))
    return replace(job, prompts=prompts)


def low_tokens(group: Sequence[Episode], *, low_ids: float = 0) -> np.ndarray:
    """The reward term of `scripts.bench_trl.low_share`, (G,)."""
    replies = [episode.turns[-1].output.reply_ids for episode in group]
    return np.array([low_share(ids.tolist(), int(low_ids)) for ids in replies if ids is not None])


@dataclass(frozen=True, kw_only=True)
class TextModel:
    """Our language model as a checkpoint of its own.

    Attributes:
        config: of `config.json`.
        names: parameter of the checkpoint -> the same in our model.
        weights: parameter -> its value.
    """

    config: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)


def text_model(agent: Agent) -> TextModel:
    """The language model of an agent in Qwen2's form."""
    text: Any = agent.model.config.text_config  # type: ignore[union-attr]
    same = (
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "max_position_embeddings",
        "initializer_range",
        "rms_norm_eps",
        "hidden_act",
        "eos_token_id",
        "pad_token_id",
    )
    config = {name: getattr(text, name) for name in same} | {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "dtype": "float32",
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "tie_word_embeddings": False,
        "use_sliding_window": False,
    }
    ours = {name: p.detach() for name, p in agent.model.named_parameters()}
    prefix = "model.language_model."
    names = {f"model.{n.removeprefix(prefix)}": n for n in ours if n.startswith(prefix)}
    names["lm_head.weight"] = "lm_head.weight"
    weights = {theirs: ours[own].clone() for theirs, own in names.items()}
    return TextModel(config=config, names=names, weights=weights)


def save_job(directory: Path, agent: Agent, model: TextModel, job: Job) -> None:
    """Write what `scripts.bench_trl` reads."""
    agent.chat.tokenizer.save_pretrained(directory)
    save_file(dict(model.weights), directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(dict(model.config)), encoding="utf-8")
    (directory / JOB_FILE).write_text(json.dumps(asdict(job)), encoding="utf-8")
