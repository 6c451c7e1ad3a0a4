"""Without PyTorch: what needs it says so in a line, and what does not need it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_TORCH = """
import runpy, sys
sys.modules["torch"] = sys.modules["transformers"] = None  # importing them raises
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(ROOT / "scripts" / f"{name}.py"), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("train", ["experiment=demo"]),
        ("evaluate", ["env=avr/nursery", "policy=model", "policy.path=nowhere"]),
    ],
)
def test_what_needs_torch_says_what_to_install(
    name: str, arguments: list[str], tmp_path: Path
) -> None:
    done = run(name, *arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert "needs torch" in done.stderr
    assert "pip install -e '.[train]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir()), "no run directory passed off as a result"


@pytest.mark.render
def test_the_expert_is_filmed_without_torch(tmp_path: Path) -> None:
    done = run("record", "env=avr/nursery", "policy=expert", "num_episodes=1", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert list((tmp_path / "runs" / "record" / "films").glob("*.mp4"))
