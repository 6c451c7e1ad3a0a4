"""What a user may get wrong with the real scripts: one message, exit code 2, no false result."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scripts.real_scripts import NAMES, TINY_TRAIN, call, start
from training.run_directory import RunDirectory

SHORT = ("env=avr/nursery", "num_episodes=1")
MODEL = (*SHORT, "policy=model")

CASES = [
    ("train", ["sede=1"], ["unknown setting 'sede'", "'seed'", "corpus_episodes"]),
    ("train", ["algorithm.group_sise=4"], ["'algorithm.group_sise'", "'algorithm.group_size'"]),
    ("train", ["+env.config.colour=red"], ["'env.config.colour'", "colors"]),
    ("train", ["env=avr/nursry"], ["'avr/nursry'", "avr/nursery", "avr/occlusion"]),
    ("train", ["algorithm=a2c"], ["'a2c'", "dapo", "dr_grpo", "grpo"]),
    ("train", ["reward=gold"], ["'gold'", "answer_gain"]),
    ("train", ["experiment=dmeo"], ["'dmeo'", "Did you mean 'demo'?"]),
    ("train", ["num_envs=lots"], ["'num_envs'", "'lots'", "a whole number"]),
    ("train", ["seed=-1"], ["seed is -1; it must be at least 0"]),
    ("train", ["algorithm.group_size=1"], ["algorithm.group_size is 1", "at least 2"]),
    ("train", ["algorithm.learner.learning_rate=nan"], ["algorithm.learner.learning_rate = nan"]),
    ("train", ["cold_start.learner.learning_rate=nan"], ["cold_start.learner.learning_rate = nan"]),
    ("train", ["cold_start.num_steps=-1"], ["cold_start.num_steps is -1", "at least 0"]),
    ("train", ["algorithm.loss.clip_low=2"], ["algorithm.loss.clip_low = 2", "<= 1"]),
    ("train", ["evaluation.purpose=train"], ["evaluation.purpose is 'train'", "test, validation"]),
    ("train", ["rows=[grop]"], ["rows has 'grop'", "cold_start"]),
    ("train", ["reward.terms.final_answer.weight=inf"], ["final_answer.weight is inf", "finite"]),
    ("train", ["logger.wandb=maybe"], ["logger.wandb is 'maybe'", "off, offline, online"]),
    ("train", ["run.name=a/b"], ["run.name is 'a/b'", "plain folder name"]),
    ("train", ["run.resume=true", "run.overwrite=true"], ["run.resume", "run.overwrite"]),
    ("train", ["env.config.colors=[mauve]"], ["colors is ['mauve']", "red"]),
    ("train", ["env.config.image_height=5"], ["image_height is 5", "28 to 1024"]),
    ("train", ["env.config.wall_probability=nan"], ["wall_probability is nan", "0.0 to 1.0"]),
    ("train", ["--seed=3"], ["unknown flag '--seed=3'", "--help"]),
    ("rollout", [*SHORT, "env.id=AVR/Nope-v0"], ["Nope"]),
    ("evaluate", ["env.id=Nowhere/Occlusion-v0"], ["Nowhere"]),
    ("record", [*SHORT, "env.id=AVR/Nope-v0"], ["Nope"]),
    ("rollout", ["num_episodes=0"], ["num_episodes is 0", "at least 1"]),
    ("rollout", [*SHORT, "purpose=exam"], ["'exam'", "train, validation, test"]),
    ("rollout", [*SHORT, "policy.style=loud"], ["'loud'", "best, plan, wander"]),
    ("rollout", MODEL, ["policy.path is not set", "runs/demo/models/grpo"]),
    ("rollout", [*MODEL, "policy.path=not/there"], ["not/there holds no model", "config.json"]),
    ("rollout", ["policy.kind=genius"], ["policy.kind is 'genius'", "expert, random, model"]),
    ("rollout", ["policy.temperature=-1"], ["policy.temperature is -1", "0 or more"]),
    ("evaluate", ["evaluation.num_episodes=1"], ["evaluation.num_episodes is 1", "at least 2"]),
    ("record", ["first_index=-1"], ["first_index is -1", "at least 0"]),
    ("record", [*SHORT, "first_index=999999999999"], ["999999999999", "outside 0..99999999"]),
    ("train", ["run.resume=true"], ["holds no run", "config.yaml"]),
]


@pytest.mark.parametrize(
    ("script", "arguments", "told"), CASES, ids=[f"{s}-{a[-1]}" for s, a, _ in CASES]
)
def test_bad_input(
    script: str, arguments: list[str], told: list[str], tmp_path: Path, capsys
) -> None:
    code = call(script, *arguments, f"run.root={tmp_path / 'runs'}")
    out, err = capsys.readouterr()
    assert code == 2, out + err
    assert "Traceback" not in err
    assert f"{script}.py: " in err
    for part in told:
        assert part in err
    assert not list(tmp_path.rglob("summary.json"))
    assert not list(tmp_path.rglob("report.html"))


def test_an_unknown_reward_term_in_a_file_of_ones_own(tmp_path: Path, capsys) -> None:
    (tmp_path / "reward").mkdir()
    (tmp_path / "reward" / "lucky.yaml").write_text("terms: {luck: {weight: 1}}\n")
    assert call("train", f"hydra.searchpath=[file://{tmp_path}]", "reward=lucky") == 2
    err = capsys.readouterr().err
    assert "reward term 'luck' is unknown; legal: " in err
    assert "final_answer" in err


@pytest.fixture
def unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that crashed after its first step."""
    import training.experiment

    def crash(*arguments, **settings):
        raise RuntimeError("no more power")

    with monkeypatch.context() as patch:
        patch.setattr(training.experiment.Experiment, "_grpo", crash)
        with pytest.raises(RuntimeError, match="no more power"):
            train(tmp_path)
    return tmp_path / "mine"


def train(root: Path, *argv: str) -> int:
    return call("train", *TINY_TRAIN, f"run.root={root}", "run.name=mine", *argv)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_run_that_is_there_is_not_replaced(unfinished: Path, capsys) -> None:
    before = contents(unfinished)
    assert train(unfinished.parent) == 2
    err = capsys.readouterr().err
    assert f"{unfinished} already holds an unfinished run" in err
    assert "resume=true goes on with it, overwrite=true deletes" in err
    assert contents(unfinished) == before


def test_a_run_is_replaced_on_request(unfinished: Path) -> None:
    (unfinished / "old.txt").write_text("old")
    assert train(unfinished.parent, "run.overwrite=true") == 0
    assert not (unfinished / "old.txt").exists()
    assert RunDirectory(unfinished).status == "finished"


def test_a_checkpoint_that_does_not_fit_the_model(unfinished: Path, capsys) -> None:
    assert train(unfinished.parent, "run.resume=true", "model.intermediate_size=160") == 2
    err = capsys.readouterr().err
    assert "step-000002 model tensors do not fit" in err
    assert "float32 (128, 64) in the checkpoint, float32 (160, 64) here" in err
    assert not (unfinished / "summary.json").exists()


def test_a_damaged_checkpoint(unfinished: Path, capsys) -> None:
    weights = unfinished / "checkpoints" / "cold_start" / "step-000002" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert train(unfinished.parent, "run.resume=true") == 2
    assert f"{weights}: missing or damaged" in capsys.readouterr().err


def test_a_run_that_broke_is_not_passed_off_as_a_result(unfinished: Path) -> None:
    assert not (unfinished / "summary.json").exists()
    assert RunDirectory(unfinished).status == "interrupted"


@pytest.mark.parametrize("name", NAMES)
def test_help_of_every_script(name: str, capsys) -> None:
    assert call(name, "--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Usage: python scripts/{name}.py" in out
    assert re.search(rf"python scripts/{name}\.py .*env=avr", out.partition("Groups")[0])
    assert "avr/nursery" in out
    assert ("run.*" in out) == (name != "play")  # play writes no run
    assert "--show-config" in out
    undocumented = [line for line in out.splitlines() if line.strip().endswith("(default)")]
    assert undocumented == [], "options without a description"
    assert max(map(len, out.partition("Groups")[2].splitlines())) <= 110


def test_as_a_process_and_from_another_folder(tmp_path: Path) -> None:
    process = start("rollout", "num_episodes=none", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("rollout.py: the setting 'num_episodes' cannot be 'none'")
    assert list(tmp_path.iterdir()) == []
