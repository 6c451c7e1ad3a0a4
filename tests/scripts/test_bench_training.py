"""The bench of training, with a TRL that only talks, and at sizes that take no time."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from policies.interface import PolicyOutput
from scripts import bench_trl
from scripts.bench_equal import check_equal, make_samples, our_step, token_advantages
from scripts.bench_text import (
    WordsEnv,
    low_tokens,
    make_job,
    make_text_agent,
    reset_seeds,
    save_job,
    text_model,
)
from scripts.bench_training import (
    bench_steps,
    best_steps,
    our_steps,
    print_figures,
    start_trl,
    step_figures,
)
from scripts.bench_trl import Clock, Job, StepsDoneError, low_share
from scripts.bench_turns import TurnsJob, bench_turns, check_same
from scripts.peer_process import PeerError
from training.episode import Episode, Turn
from training.rewards.terms import REWARD_TERMS

JOB = Job(num_groups=2, group_size=4, prompt_words=7, new_tokens=5, num_threads=1)
TALKER = """
    #!{python}
    import json, sys
    print(json.dumps(dict(trl="1.16", torch="2.13")), flush=True)
    for line in sys.stdin:
        words = line.split()
        print("noise", file=sys.stderr)
        if words[0] == "check":
            raise SystemExit("ValueError: no such model")
        steps = [dict(step=8.0 / int(words[1]), generation=0.25, scoring=0.125)] * int(words[2])
        print(json.dumps(dict(steps=steps)), flush=True)
"""


@pytest.fixture(scope="module")
def agent():
    return make_text_agent(JOB.new_tokens, JOB.num_episodes)


@pytest.fixture(scope="module")
def job(agent):
    return make_job(agent, JOB)


@pytest.fixture(autouse=True)
def own_term(monkeypatch):
    """The reward that a bench registers is there, and gone after the test."""
    monkeypatch.setitem(REWARD_TERMS, low_tokens.__name__, low_tokens)


def make_interpreter(folder: Path, program: str = TALKER) -> Path:
    python = folder / "python"
    python.write_text(textwrap.dedent(program).strip().replace("{python}", sys.executable))
    python.chmod(0o755)
    return python


def make_episode(replies: list[list[int]]) -> Episode:
    """An episode of a turn per reply."""
    turns = [
        Turn(
            text="",
            image_pngs=(),
            state=None,
            options={},
            output=PolicyOutput(text="", reply_ids=np.array(ids)),
            reward=0.0,
        )
        for ids in replies
    ]
    return Episode(task_id="t", env_id="E", env_config_hash="", seed=7, turns=turns)


def test_trl_is_asked_and_answers(tmp_path):
    with start_trl(make_interpreter(tmp_path), tmp_path) as peer:
        assert peer.greeting == {"trl": "1.16", "torch": "2.13"}
        (step,) = peer.ask("time", 4, 1)["steps"]
        assert step == {"step": 2.0, "generation": 0.25, "scoring": 0.125}
        with pytest.raises(PeerError, match="ValueError: no such model"):
            peer.ask("check", tmp_path / "file", -6.0)


def test_a_trl_that_fails_says_why(tmp_path):
    python = make_interpreter(tmp_path, "#!{python}\nraise SystemExit('ImportError: no trl')")
    with pytest.raises(PeerError, match="ImportError: no trl"):
        start_trl(python, tmp_path)


def test_without_trl_ours_is_measured_alone(tmp_path, capsys):
    figures = bench_steps(tmp_path / "bin" / "python", JOB, rounds=1)
    assert "TRL is left out: there is no" in capsys.readouterr().out
    assert figures["ours.micro_batches_of_8_tokens_per_second"] == figures["ours.tokens_per_second"]
    assert not any(name.startswith("trl.") or name.endswith("_ratio") for name in figures)


def test_trainers_take_turns_and_the_shortest_step_counts():
    calls = []

    def taking(name: str, seconds: list[float]):
        times = iter(seconds)

        def take(size: int) -> list[dict[str, float]]:
            calls.append((name, size))
            return [{"step": next(times)}]

        return take

    trainers = {"ours": taking("ours", [3, 5, 2, 6]), "trl": taking("trl", [4, 4, 5, 1])}
    best = best_steps(trainers, [8, 16], 2)
    assert calls[:4] == [("ours", 8), ("trl", 8), ("ours", 16), ("trl", 16)]
    assert {key: step["step"] for key, step in best.items()} == {
        ("ours", 8): 2,
        ("trl", 8): 4,
        ("ours", 16): 5,
        ("trl", 16): 1,
    }


def test_figures_are_tokens_per_second_and_the_parts_of_the_best_step():
    best = {
        ("ours", 4): {"step": 0.5, "generation": 0.2, "scoring": 0.1},
        ("ours", 8): {"step": 0.4, "generation": 0.2, "scoring": 0.05},
    }
    assert step_figures(best, JOB) == pytest.approx(
        {
            "ours.micro_batches_of_4_tokens_per_second": 80.0,
            "ours.micro_batches_of_8_tokens_per_second": 100.0,
            "ours.best_micro_batch_size": 8.0,
            "ours.tokens_per_second": 100.0,
            "ours.step_ms": 400.0,
            "ours.generation_ms": 200.0,
            "ours.scoring_ms": 50.0,
            "ours.update_ms": 150.0,
        }
    )


def test_targets_stand_beside_figures(capsys):
    print_figures({"ours.to_trl_step_ratio": 1.625, "ours.step_ms": 10.0})
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("1.625   (target: at least 1.5)")
    assert second.endswith("10")


def test_a_step_of_ours_is_whole_and_its_parts_fit_in_it(agent, job):
    (step,) = our_steps(agent, job, 4)
    assert 0 < step["generation"] < step["step"]
    assert 0 < step["scoring"] < step["step"] - step["generation"]


def test_prompts_are_of_one_length_and_read_alike_by_the_saved_tokenizer(agent, job, tmp_path):
    save_job(tmp_path, agent, text_model(agent), job)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    env = WordsEnv(JOB.prompt_words)
    lengths = set()
    for seed, prompt in zip(reset_seeds(job), job.prompts, strict=True):
        ids = tokenizer(text=prompt)["input_ids"]
        lengths.add(len(ids))
        assert env.reset(seed=seed)[0]["text"] in prompt
    assert lengths == {JOB.prompt_words + 9}
    assert len(job.prompts) == 2 * JOB.num_groups
    assert Job(**json.loads((tmp_path / bench_trl.JOB_FILE).read_text())) == job


def test_the_language_model_alone_computes_what_ours_does(agent, job, tmp_path):
    save_job(tmp_path, agent, text_model(agent), job)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert type(model).__name__ == "Qwen2ForCausalLM"
    ids = torch.randint(0, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = agent.model(input_ids=ids).logits
        torch.testing.assert_close(model(input_ids=ids).logits, ours, rtol=0, atol=1e-5)


def test_the_reward_is_the_share_of_low_ids():
    assert low_share([1, 250, 199, 200], 200) == 0.5
    group = [make_episode([[1, 2, 3, 9]]), make_episode([[9, 9, 9, 0]])]
    assert low_tokens(group, low_ids=5).tolist() == [0.75, 0.25]


def test_any_reply_ends_an_episode_of_words():
    env = WordsEnv(2)
    shown, _ = env.reset(seed=3)
    first, *words = shown["text"].split()
    assert first == "read"
    assert len(words) == 2
    assert env.reset(seed=3)[0] == shown != env.reset(seed=4)[0]
    assert env.step("anything")[2]


def make_trl_file(agent, job, path: Path, *, old: float):
    """What TRL would write if it computed what ours computes, and its loss."""
    rng = np.random.default_rng(0)
    seeds = [seed for seed in reset_seeds(job)[: job.num_groups] for _ in range(job.group_size)]
    texts = dict(zip(reset_seeds(job), job.prompts, strict=True))
    replies = rng.integers(0, 300, (len(seeds), job.new_tokens))
    found = {
        "prompts": torch.tensor([agent.chat.tokenizer(texts[s])["input_ids"] for s in seeds]),
        "completions": torch.from_numpy(replies),
        "rewards": torch.tensor([low_share(r, job.low_ids) for r in replies]),
    }
    samples = make_samples(agent, job, found, old)
    report, gradients = our_step(agent, samples, token_advantages(samples, found["rewards"], job))
    names = text_model(agent).names
    tensors = found | {f"gradient/{name}": gradients[own] for name, own in names.items()}
    save_file(tensors, path)
    return report["loss"], tensors


def test_equal_losses_and_gradients_pass_and_others_are_named(agent, job, tmp_path):
    model, path = text_model(agent), tmp_path / "check.safetensors"
    loss, tensors = make_trl_file(agent, job, path, old=-math.log(model.config["vocab_size"]))
    assert abs(loss) > 1e-3, "a loss of 0 would prove nothing"
    figures = check_equal(agent, model, job, lambda *_: {"loss": loss}, path)
    assert figures["ours.to_trl_gradient_difference"] < 1e-6
    assert figures["ours.clip_fraction"] > 0
    with pytest.raises(RuntimeError, match="ours.to_trl_loss_difference is 1.0e-04"):
        check_equal(agent, model, job, lambda *_: {"loss": loss + 1e-4}, path)
    for name, wrong, message in (
        ("gradient/model.norm.weight", 1.01, "ours.to_trl_gradient_difference"),
        ("rewards", 0.5, "TRL's reward for a reply"),
        ("prompts", 2, "TRL reads the prompt"),
    ):
        save_file(tensors | {name: tensors[name] * wrong}, path)
        with pytest.raises(RuntimeError, match=message):
            check_equal(agent, model, job, lambda *_: {"loss": loss}, path)


def test_the_clock_counts_whole_steps_after_the_first(monkeypatch):
    times = iter([10.0, 14.0, 17.0])
    monkeypatch.setattr("scripts.bench_trl.time.perf_counter", lambda: next(times))
    clock = Clock(1)
    clock.begin_step()
    clock.note_generation(1.0)
    clock.note_collection(1.5)
    clock.begin_step()
    with pytest.raises(StepsDoneError):
        clock.begin_step()
    assert clock.steps == [
        {"step": 4.0, "generation": 1.0, "scoring": 0.5},
        {"step": 3.0, "generation": 1.0, "scoring": 0.5},
    ]


@pytest.mark.render
def test_episodes_of_turns_are_the_same_with_and_without_what_is_kept():
    figures = bench_turns(TurnsJob(num_groups=1, group_size=2, num_turns=3, new_tokens=4), rounds=1)
    assert figures["ours.turns_per_episode"] == 3
    assert figures["ours.tokens_per_reply"] == pytest.approx(4, abs=0.5)
    for part in ("", "generation_"):
        kept, anew = (
            figures[f"ours.turns_{name}_{part}tokens_per_second"] for name in ("kept", "anew")
        )
        assert figures[f"ours.turns_kept_to_anew_{part}ratio"] == kept / anew


def test_other_episodes_are_not_compared():
    same = make_episode([[1, 2], [3]])
    check_same([same], [make_episode([[1, 2], [3]])])
    for other in ([[1, 2], [4]], [[1, 2]]):
        with pytest.raises(RuntimeError, match="seed 7, member 0: other replies"):
            check_same([same], [make_episode(other)])
