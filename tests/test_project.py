"""The project files: pins fit what is asked for, and the Makefile says what it can do."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import saccade

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
INSTALLED_BY_MAKE = [
    *PROJECT["dependencies"],
    *(text for extra in ("train", "wandb", "dev") for text in EXTRAS[extra]),
]


def pins(name: str) -> dict[str, str]:
    """Package -> version, from a constraints file."""
    lines = (ROOT / "constraints" / name).read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {package.lower(): version for package, version in pairs}


@pytest.mark.parametrize("text", INSTALLED_BY_MAKE)
def test_what_make_installs_is_pinned_within_what_the_project_accepts(text: str) -> None:
    requirement = Requirement(text)
    assert requirement.specifier.contains(pins("cpu.txt")[requirement.name.lower()])


def test_base_install_is_light() -> None:
    names = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert not names & {"torch", "transformers", "ray", "wandb", "vllm", "decord", "torchcodec"}


def test_all_names_every_extra_that_can_be_installed_together() -> None:
    (everything,) = (Requirement(text) for text in EXTRAS["all"])
    assert everything.extras == EXTRAS.keys() - {"all", "vllm"}


def test_make_alone_lists_its_targets() -> None:
    result = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=20)
    listed = set(re.findall(r"^  ([a-z-]+) ", result.stdout, flags=re.MULTILINE))
    assert listed >= {"setup", "demo", "test", "test-slow", "lint", "bench", "clean"}


def test_changelog_has_the_version() -> None:
    assert f"## [{saccade.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
