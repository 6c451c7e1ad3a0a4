"""Mirrors metrics to TensorBoard's event files. Imports tensorboard only when switched on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from training.logger_config import LoggerConfig, package_missing

FOLDER = "tensorboard"
"""In the run's directory; each phase has a folder in it, which TensorBoard shows as a curve."""
SETTINGS = "settings"
"""Tag of the run's configuration, under TensorBoard's Text."""


class TensorboardMirror:
    """Writes what `log` is given as scalars, or nothing when switched off. See
    `training.logger_config.Mirror`.

    A run that is resumed writes on in the same folders, and hides the steps that it takes again.

    Args:
        config: whether it is switched on.
        directory: the run's directory.
        settings: the run's configuration, shown as text beside the curves.

    Raises:
        ModuleNotFoundError: when switched on without the package; says what to install.
    """

    def __init__(self, config: LoggerConfig, directory: Path, settings: dict[str, Any]) -> None:
        self._directory, self._settings = directory / FOLDER, settings
        self._writers: dict[str, Any] = {}
        self._protocol: Any = None
        if not config.tensorboard:
            return
        try:
            from tensorboard.compat.proto import event_pb2
        except ModuleNotFoundError as error:
            raise package_missing("tensorboard", "logger.tensorboard=true") from error
        self._protocol = event_pb2

    def log(self, step: int, metrics: dict[str, float], *, phase: str) -> None:
        """One line of metrics, each under its own name in the folder of the phase."""
        if self._protocol is None:
            return
        if phase not in self._writers:
            self._writers[phase] = self._open(phase, step)
        values = [{"tag": name, "simple_value": value} for name, value in metrics.items()]
        self._write(phase, step, summary={"value": values})
        self._writers[phase].flush()  # so that a run that is killed has its curves to the end

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers, self._protocol = {}, None

    def _open(self, phase: str, step: int) -> Any:
        """A file that begins at a step: of older files, TensorBoard shows what is before it."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writers[phase] = EventFileWriter(str(self._directory / phase))
        self._write(phase, step, session_log={"status": self._protocol.SessionLog.START})
        self._write(phase, step, summary={"value": [self._settings_as_text()]})
        return self._writers[phase]

    def _settings_as_text(self) -> dict[str, Any]:
        """A block of code in Markdown, which TensorBoard's Text shows."""
        lines = json.dumps(self._settings, indent=1, default=str).splitlines()
        text = "\n".join(f"    {line}" for line in lines)
        return {
            "tag": SETTINGS,
            "metadata": {"plugin_data": {"plugin_name": "text"}},
            "tensor": {
                "dtype": "DT_STRING",
                "string_val": [text.encode()],
                "tensor_shape": {"dim": [{"size": 1}]},
            },
        }

    def _write(self, phase: str, step: int, **what: Any) -> None:
        event = self._protocol.Event(wall_time=time.time(), step=step, **what)
        self._writers[phase].add_event(event)
