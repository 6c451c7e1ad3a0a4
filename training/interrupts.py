"""Ctrl-C that waits for the end of a step, so that what is saved can be resumed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a request; the second SIGINT interrupts at once.

    Attributes:
        requested: whether somebody asked to stop.
    """

    def __init__(self) -> None:
        self.requested = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take over the signals for a while. Outside the main thread, signals stay as they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self, where: str, path: Path) -> None:
        """End the run: raises `KeyboardInterrupt` that says how to go on."""
        raise KeyboardInterrupt(f"interrupted after {where}; go on with run.resume=true ({path})")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt("interrupted at once; the last checkpoint stands")
        self.requested = True
        print("\nFinishing this step, then saving. Ctrl-C again stops at once.", file=sys.stderr)
