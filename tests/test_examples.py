"""The examples are short, run on the base install, and say what they should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MAX_LINES = 30
WITHOUT_TORCH = """
import runpy, sys
sys.modules["torch"] = sys.modules["transformers"] = None  # importing them raises
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run(name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, f"examples/{name}.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_every_example_is_run_here():
    assert [path.stem for path in EXAMPLES] == ["your_environment", "your_reward"]


def test_your_environment():
    said = r"Brighter keeps the contract\. The random policy was right: (True|False)\.\n"
    assert re.fullmatch(said, run("your_environment"))


@pytest.mark.render
def test_your_reward():
    """A right answer earns 1 and half its brevity, `<answer>A</answer>` having 18 characters."""
    lines = run("your_reward").splitlines()
    assert len(lines) == 4
    rewards = {number for line in lines for number in re.findall(r"\d\.\d*", line.split(",")[0])}
    assert rewards == {"0.", "1.41"}
    assert all("brevity [0.82 0.82 0.82 0.82]" in line for line in lines)
