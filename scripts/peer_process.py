"""A program in another interpreter that is asked by lines and answers each by a line of JSON.

So benchmarks run what cannot share a virtual environment with us.
"""

from __future__ import annotations

import json
import select
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

PATIENCE_SECONDS = 300.0
"""For how long an answer is waited for [s]."""


class PeerError(RuntimeError):
    """A peer cannot be started, stopped working, or is silent."""


class PeerProcess:
    """A peer at work. It greets with a line of JSON before it is asked anything.

    Args:
        name: for error messages.
        python: the interpreter.
        program: the script that it runs, and its arguments.

    Attributes:
        greeting: what it said first.

    Raises:
        PeerError: with the last line that the peer wrote before it failed.
    """

    def __init__(self, name: str, python: Path, program: Sequence[object]) -> None:
        self.name = name
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            [str(python), "-P", *map(str, program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            bufsize=0,
        )
        try:
            self.greeting = self._answer()
        except PeerError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, *words: object) -> dict[str, Any]:
        """What it answers to an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(map(str, words))}\n".encode())
        return self._answer()

    def close(self) -> None:
        """Let it end, and make sure that it does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()

    def _answer(self) -> dict[str, Any]:
        pipe = self._process.stdout
        assert pipe is not None
        if not select.select([pipe], [], [], PATIENCE_SECONDS)[0]:
            raise PeerError(f"{self.name} is silent for {PATIENCE_SECONDS:.0f} s")
        line = pipe.readline()
        if not line:
            self._complaints.seek(0)
            said = self._complaints.read().decode(errors="replace").strip().splitlines()
            raise PeerError(f"{self.name}: {said[-1] if said else 'it ended without a word'}")
        return json.loads(line)
