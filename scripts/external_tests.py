"""Test against other packages, each in a virtual environment of its own: `make test-external`.

The adapters are tested inside the environments of `external_venvs.py`, and so is that our losses
are TRL's, that TRL trains in our environments, and that vLLM's log-probabilities are ours (`make
test-vllm` is that alone). LeRobot is another case: our interpreter writes a data set, and LeRobot's
own, in .venv-external/lerobot, reads it. Standard library only.

    python scripts/external_tests.py                 all
    python scripts/external_tests.py lerobot         one

PyPI's torch brings CUDA along; TORCH_INDEX names a further package index to take it from, as for
`make`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a file, this finds its neighbours

from scripts.external_venvs import ADAPTERS, DIRECTORY, make_venv, run_in  # noqa: E402

LEROBOT = "lerobot"
INSIDE = {name: ("tests/external/test_adapters.py",) for name in ADAPTERS} | {
    "trl": ("tests/external/test_trl_parity.py", "tests/external/test_trl_environment.py"),
    "vllm": ("tests/vllm",),
}
"""Environment -> what is tested by its own interpreter."""
VARIABLES = {
    "vllm": {
        "PYTHONPATH": str(ROOT / "tests" / "vllm" / "at_start"),
        "HF_HUB_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
        "TORCHDYNAMO_DISABLE": "1",  # compiling takes longer than all tests
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process less
        "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "1800",  # the first batch is slow on a busy machine
        "VLLM_ENGINE_READY_TIMEOUT_S": "1800",
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # its choice of cores knows nothing of other jobs
    }
}
"""Environment -> variables that its tests run with."""
NAMES = (*INSIDE, LEROBOT)
CONSTRAINTS = ROOT / "constraints" / f"external-{LEROBOT}.txt"


def main(arguments: Sequence[str]) -> int:
    """Make the environments and run their tests. Returns the first exit code that is not 0."""
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    if unknown := [name for name in arguments if name not in NAMES]:
        print(f"no tests for {unknown[0]!r}; legal: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    codes = [run_lerobot() if n == LEROBOT else run_inside(n) for n in arguments or NAMES]
    return next((code for code in codes if code), 0)


def run_inside(name: str) -> int:
    """The tests of a package, by the interpreter of its environment."""
    command = ["python", "-m", "pytest", *INSIDE[name], "-q"]
    return make_venv(name) or run_in(name, command, variables=VARIABLES.get(name))


def run_lerobot() -> int:
    """The tests of the export, by this interpreter; they start LeRobot's."""
    python = DIRECTORY / LEROBOT / "bin" / "python"
    if code := make_lerobot_venv():
        return code
    command = [sys.executable, "-m", "pytest", "tests/external/test_lerobot.py", "-q"]
    print(f"{LEROBOT}: {' '.join(command)}", flush=True)
    environment = {**os.environ, "SACCADE_LEROBOT_PYTHON": str(python)}
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def make_lerobot_venv(directory: Path = DIRECTORY) -> int:
    """Make LeRobot's environment unless it is up to date. Returns the exit code.

    Everything at its pinned version, LeRobot without the dependencies that it asks for.
    """
    venv = directory / LEROBOT
    stamp, wanted = venv / ".installed", fingerprint()
    print(f"Environment {venv}", flush=True)
    if stamp.exists() and stamp.read_text() == wanted:
        return 0
    index = os.environ.get("TORCH_INDEX")
    install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    install += ["--disable-pip-version-check", *(["--extra-index-url", index] if index else [])]
    pins = requirements()
    commands = [
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        [*install, *(pin for pin in pins if not pin.startswith(f"{LEROBOT}=="))],
        [*install, "--no-deps", *(pin for pin in pins if pin.startswith(f"{LEROBOT}=="))],
    ]
    for command in commands:
        if code := subprocess.run(command).returncode:
            return code
    stamp.write_text(wanted)
    return 0


def requirements() -> list[str]:
    """The pins of the constraints file."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def fingerprint() -> str:
    """Changes whenever what would be installed does."""
    return hashlib.sha256("\n".join([sys.version, *requirements()]).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
