"""The measurements of `scripts/bench.py training`: whole steps of ours beside TRL's, and what
keeping keys and values from turn to turn is worth.

Both trainers take steps on the same prompts from equal weights: replies of equal length are sampled
and rewarded, then comes one update by DAPO's loss. Before anything is timed, ours must come to
TRL's rewards, loss and gradient from TRL's tokens. Steps of both take turns, at several sizes of
micro-batch, and the best step of each counts. All times are wall time.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from policies.interface import Engine
from scripts import bench_trl
from scripts.bench_equal import check_equal, our_loss
from scripts.bench_text import (
    WordsEnv,
    low_tokens,
    make_job,
    make_text_agent,
    save_job,
    text_model,
)
from scripts.bench_trl import Job
from scripts.bench_turns import TurnsJob, bench_turns
from scripts.peer_process import PeerError, PeerProcess
from training.agent import Agent
from training.grpo import GrpoConfig, reinforce
from training.learner_config import LearnerConfig
from training.pool import LocalPool
from training.rewards.compose import RewardConfig, RewardTermConfig
from training.rewards.terms import REWARD_TERMS

MICRO_BATCH_SIZES = (8, 16, 32, 64)
TARGETS = {"ours.to_trl_step_ratio": 1.5, "ours.turns_kept_to_anew_ratio": 2.0}
"""Figures of which at least so much is asked for."""

Step = dict[str, float]
"""Wall seconds of a whole `step`, of its `generation`, and of the `scoring` of replies."""
TimeSteps = Callable[[int], list[Step]]
"""Takes steps in micro-batches of a size."""


def bench_training(
    peers_root: Path, *, rounds: int, job: Job | None = None, turns: TurnsJob | None = None
) -> dict[str, float]:
    """Measure and print every figure with its target.

    Args:
        peers_root: holds TRL's virtual environment, as `scripts/external_venvs.py trl` makes it;
            without one TRL is left out.
        rounds: how often everything is measured; the best of each counts.
        job: what a step is, prompts left out; None for 64 episodes of 64 tokens after as many.
        turns: what episodes of several turns are; None for the usual ones.

    Raises:
        RuntimeError: where TRL's rewards, loss or gradient are not ours, or episodes change with
            what is kept from turn to turn.
    """
    job = job or Job()
    torch.set_num_threads(job.num_threads)
    figures = bench_steps(peers_root / "trl" / "bin" / "python", job, rounds=rounds)
    figures |= bench_turns(turns or TurnsJob(), rounds=rounds)
    print_figures(figures)
    return figures


def start_trl(python: Path, directory: Path) -> PeerProcess:
    """TRL in its own interpreter; what it is asked: `scripts.bench_trl`.

    Args:
        python: the interpreter.
        directory: of the model and the job.

    Raises:
        PeerError: where there is no such interpreter, or TRL does not work in it.
    """
    if not python.exists():
        raise PeerError(f"there is no {python}; python scripts/external_venvs.py trl makes it")
    return PeerProcess("TRL", python, [bench_trl.__file__, directory])


def bench_steps(python: Path, job: Job, *, rounds: int) -> dict[str, float]:
    """Whole steps of ours, and of TRL's where its interpreter works."""
    agent = make_text_agent(job.new_tokens, job.num_episodes)
    model, job = text_model(agent), make_job(agent, job)
    REWARD_TERMS[low_tokens.__name__] = low_tokens
    sizes = [size for size in MICRO_BATCH_SIZES if job.num_episodes % size == 0]
    time_ours: dict[str, TimeSteps] = {"ours": lambda size: our_steps(agent, job, size)}
    figures = {"ours.million_parameters": sum(w.numel() for w in model.weights.values()) / 1e6}
    with tempfile.TemporaryDirectory() as folder:
        save_job(Path(folder), agent, model, job)
        try:
            peer = start_trl(python, Path(folder))
        except PeerError as error:
            print(f"TRL is left out: {error}")
            return figures | step_figures(best_steps(time_ours, sizes, rounds), job)
        with peer:
            print(f"TRL {peer.greeting['trl']} with torch {peer.greeting['torch']}")
            figures |= check_equal(agent, model, job, peer.ask, Path(folder) / "check.safetensors")
            both = time_ours | {"trl": lambda size: peer.ask("time", size, 1)["steps"]}
            best = best_steps(both, sizes, rounds)
    figures |= step_figures(best, job)
    for part in ("step", "generation", "update"):
        theirs, own = (figures[f"{name}.{part}_ms"] for name in ("trl", "ours"))
        figures[f"ours.to_trl_{part}_ratio"] = theirs / own
    return figures


def best_steps(
    trainers: Mapping[str, TimeSteps], sizes: Sequence[int], rounds: int
) -> dict[tuple[str, int], Step]:
    """(trainer, size of micro-batch) -> its shortest step, the trainers taking turns."""
    steps: dict[tuple[str, int], list[Step]] = {}
    for _ in range(rounds):
        for size in sizes:
            for name, take_steps in trainers.items():
                steps.setdefault((name, size), []).extend(take_steps(size))
    return {key: min(taken, key=lambda step: step["step"]) for key, taken in steps.items()}


def step_figures(best: Mapping[tuple[str, int], Step], job: Job) -> dict[str, float]:
    """Action tokens per second at every size, and the parts of each trainer's best step [ms]."""
    tokens = job.num_episodes * job.new_tokens
    figures: dict[str, float] = {}
    for (name, size), step in best.items():
        figures[f"{name}.micro_batches_of_{size}_tokens_per_second"] = tokens / step["step"]
    for name in dict.fromkeys(name for name, _ in best):
        own = {size: step for (other, size), step in best.items() if other == name}
        size = min(own, key=lambda size: own[size]["step"])
        step = own[size]
        figures |= {
            f"{name}.best_micro_batch_size": float(size),
            f"{name}.tokens_per_second": tokens / step["step"],
            f"{name}.step_ms": 1000 * step["step"],
            f"{name}.generation_ms": 1000 * step["generation"],
            f"{name}.scoring_ms": 1000 * step["scoring"],
            f"{name}.update_ms": 1000 * (step["step"] - step["generation"] - step["scoring"]),
        }
    return figures


def our_steps(agent: Agent, job: Job, micro_batch_size: int) -> list[Step]:
    """One step of ours after another one that is not counted, from the first prompts on."""
    config = LearnerConfig(
        learning_rate=job.learning_rate, micro_batch_size=micro_batch_size, micro_batch_tokens=None
    )
    grpo = GrpoConfig(
        num_steps=2,
        groups_per_step=job.num_groups,
        group_size=job.group_size,
        refill_rounds=0,
        loss=our_loss(),
        learner=config,
    )
    timed = TimedAgent(model=agent.model, chat=agent.chat, engine_config=agent.engine_config)
    learner, seconds = timed.learner(config), timed.seconds
    improve, steps = learner.improve, list[Step]()
    learner.improve = timed.timing("update", improve)  # type: ignore[method-assign]
    begun = time.perf_counter()

    def on_step(number: int, metrics: dict[str, float]) -> None:
        nonlocal begun
        now = time.perf_counter()
        if metrics["num_tokens"] != job.num_episodes * job.new_tokens:
            raise RuntimeError(f"step {number} learned from {metrics['num_tokens']:.0f} tokens")
        scoring = now - begun - seconds["generation"] - seconds["update"]
        steps.append({"step": now - begun, "generation": seconds["generation"], "scoring": scoring})
        seconds.clear()
        begun = now

    reward = RewardConfig(
        terms={low_tokens.__name__: RewardTermConfig(params={"low_ids": job.low_ids})}
    )
    pool = LocalPool(lambda: WordsEnv(job.prompt_words), job.num_episodes)
    reinforce(timed, learner, pool, grpo, reward, first_step=0, run_seed=0, on_step=on_step)
    return steps[1:]


@dataclass(kw_only=True)
class TimedAgent(Agent):
    """An agent that knows how long generation took.

    Attributes:
        seconds: name of a part -> wall seconds spent in it.
    """

    seconds: Counter[str] = field(default_factory=Counter)

    def make_engine(self) -> Engine:
        """An engine that is timed."""
        engine = super().make_engine()
        engine.generate = self.timing("generation", engine.generate)  # type: ignore[method-assign]
        return engine

    def timing(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, whose time is added to a part's."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds[part] += time.perf_counter() - start  # type: ignore[assignment]

        return timed


def print_figures(figures: Mapping[str, float]) -> None:
    """One line a figure, with what is asked for."""
    for name, figure in figures.items():
        target = f"   (target: at least {TARGETS[name]:g})" if name in TARGETS else ""
        print(f"{name:<48} {figure:10.4g}{target}")
