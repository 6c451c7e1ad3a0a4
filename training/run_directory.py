"""A run's folder on disk: `config.yaml` first, `metrics.jsonl` as it goes, `summary.json` at last.

`summary.json` exists only where a run reached its end; until then `status.json` says how far it
got. So a run that failed early cannot be mistaken for a result.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, SupportsFloat

STATUSES = ("running", "interrupted", "finished")
RESERVED = ("step", "phase", "elapsed_seconds")

Tables = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | int | None]]]]
"""table -> row -> metric -> {"mean", "stderr", "n"}, as `mean_stderr` gives it."""


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it.

    Text is written as UTF-8; lone surrogates, which UTF-8 cannot hold, become question marks.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def peak_rss_mib() -> float:
    """Largest resident memory so far [MiB], the larger of this process's and any finished child's.

    The two are not added up: on Linux a child that was started by fork and exec inherits its
    parent's peak, so a sum would count this process twice after any `subprocess.run`.
    """
    unit = 2**20 if sys.platform == "darwin" else 2**10
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) / unit


def open_run_directory(
    path: Path, *, resume: bool = False, overwrite: bool = False
) -> RunDirectory:
    """Open a run's folder, never replacing a result that nobody asked to replace.

    Args:
        path: the folder; made when missing. one that a run left before it produced
            anything is reused.
        resume: go on with the run that is there. Its earlier `summary.json` moves to
            `summary.previous.json`, as it no longer describes the run.
        overwrite: delete the run that is there and start anew.

    Raises:
        FileExistsError: the folder holds a run, and neither was asked for.
        FileNotFoundError: `resume` where there is no run.
        ValueError: both were asked for.
    """
    path = Path(path)
    if resume and overwrite:
        raise ValueError("resume=true and overwrite=true contradict each other; give one of them")
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"{path} is a file; a run needs a folder: choose another name")
    if resume:
        _check_resumable(path)
    elif _holds_work(path):
        _check_replaceable(path, overwrite)
        _clear(path)
    run = RunDirectory(path)
    run._rewrite(run.load_metrics())  # a line cut off by a crash would spoil the next one
    run.set_status("running")
    return run


def _check_resumable(path: Path) -> None:
    if not (path / "config.yaml").is_file():
        raise FileNotFoundError(f"resume=true, but {path} holds no run: no config.yaml in it")
    if (path / "summary.json").exists():
        os.replace(path / "summary.json", path / "summary.previous.json")


def _holds_work(path: Path) -> bool:
    """Whether anything is there beyond what every run writes before it starts working."""
    before_work = {"config.yaml", "status.json"}
    found = {item.name for item in path.iterdir()} - before_work if path.is_dir() else set()
    if "metrics.jsonl" in found and not (path / "metrics.jsonl").stat().st_size:
        found.remove("metrics.jsonl")
    return bool(found)


def _check_replaceable(path: Path, overwrite: bool) -> None:
    finished = (path / "summary.json").exists()
    if not overwrite:
        state = "a finished run" if finished else "an unfinished run or other files"
        raise FileExistsError(
            f"{path} already holds {state}; resume=true goes on with it, overwrite=true deletes "
            "it, or choose another name"
        )
    if not (path / "status.json").is_file():
        raise FileExistsError(
            f"overwrite=true, but {path} was not made by a run (no status.json in it), so it is "
            "not deleted; choose another name"
        )


def _clear(path: Path) -> None:
    # The marker goes last: a deletion that is interrupted can be repeated.
    for item in sorted(path.iterdir(), key=lambda one: one.name == "status.json"):
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


class RunDirectory:
    """One run's folder and the files that every run has. `open_run_directory` makes it for a run.

    Attributes:
        path: the folder.
        config_path, metrics_path, summary_path, report_path: files in it.
        checkpoints_path, episodes_path: folders in it, made by those who fill them.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.config_path = self.path / "config.yaml"
        self.metrics_path = self.path / "metrics.jsonl"
        self.summary_path = self.path / "summary.json"
        self.report_path = self.path / "report.html"
        self.checkpoints_path = self.path / "checkpoints"
        self.episodes_path = self.path / "episodes"
        earlier = self.load_metrics()
        self._started = time.perf_counter() - (earlier[-1]["elapsed_seconds"] if earlier else 0.0)

    @property
    def elapsed_seconds(self) -> float:
        """Wall time of this run [s]; a resumed run counts on from its last metrics line."""
        return time.perf_counter() - self._started

    @property
    def status(self) -> str:
        """One of `STATUSES`. A run that crashed still says "running"."""
        return str(json.loads((self.path / "status.json").read_text())["status"])

    def set_status(self, status: str) -> None:
        """Say how far the run got: one of `STATUSES`."""
        if status not in STATUSES:
            raise ValueError(f"unknown run status {status!r}; legal: {STATUSES}")
        write_atomic(self.path / "status.json", json.dumps({"status": status}) + "\n")

    def write_config(self, yaml_text: str) -> None:
        """Keep the run's configuration; called before anything is built."""
        write_atomic(self.config_path, yaml_text)

    def log(self, step: int, metrics: Mapping[str, SupportsFloat], *, phase: str = "") -> None:
        """Append one line to `metrics.jsonl` and flush it.

        Args:
            step: counts within the phase.
            metrics: name -> finite number.
            phase: the part of the run, such as "cold_start" or "grpo".

        Raises:
            ValueError: for a NaN or infinite metric, or one with a reserved name; nothing is
                written.
        """
        record: dict[str, Any] = {"step": int(step), "phase": phase}
        record["elapsed_seconds"] = round(self.elapsed_seconds, 3)
        for name, value in metrics.items():
            if name in RESERVED:
                raise ValueError(f"metric name {name!r} is reserved; reserved: {RESERVED}")
            record[name] = _check_finite(
                float(value), f"metric {name!r} at step {step} of {phase!r}"
            )
        with self.metrics_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")

    def load_metrics(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, oldest first; a last one that was cut off is left out."""
        if not self.metrics_path.exists():
            return []
        lines = self.metrics_path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def drop_after(self, step: int, phase: str) -> None:
        """Forget the lines of `phase` beyond `step`, which a run resumed there will write again.

        Lines of other phases stay.
        """
        lines = self.load_metrics()
        self._rewrite([x for x in lines if x["phase"] != phase or x["step"] <= step])

    def _rewrite(self, lines: list[dict[str, Any]]) -> None:
        if self.metrics_path.exists():
            write_atomic(self.metrics_path, "".join(json.dumps(line) + "\n" for line in lines))

    def write_summary(self, command: str, figures: Mapping[str, float], tables: Tables) -> None:
        """Write `summary.json` and mark the run finished. The last thing a run does.

        Args:
            command: the command line that made the run.
            figures: name -> finite number, the unit in the name.
            tables: see `Tables`.

        Raises:
            ValueError: for a number that is not finite or a cell of another form; nothing is
                written.
        """
        summary = {
            "command": command,
            "seconds": round(self.elapsed_seconds, 1),
            "peak_rss_mib": round(max(peak_rss_mib(), self._earlier_peak_mib()), 1),
            "figures": {k: _check_finite(float(v), f"figure {k!r}") for k, v in figures.items()},
            "tables": {name: _check_table(name, rows) for name, rows in tables.items()},
        }
        write_atomic(self.summary_path, json.dumps(summary, indent=1, allow_nan=False) + "\n")
        self.set_status("finished")

    def _earlier_peak_mib(self) -> float:
        """The peak memory of the run before it was resumed [MiB], 0 if it was not."""
        earlier = self.path / "summary.previous.json"
        if not earlier.exists():
            return 0.0
        return float(json.loads(earlier.read_text())["peak_rss_mib"])


def _check_finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}; only finite numbers are recorded")
    return value


def _check_table(table: str, rows: Mapping[str, Any]) -> dict[str, Any]:
    """A plain copy of a table's rows, every cell checked."""
    checked: dict[str, Any] = {}
    for row, cells in rows.items():
        checked[row] = {}
        for metric, cell in cells.items():
            where = f"{table}.{row}.{metric}"
            if set(cell) != {"mean", "stderr", "n"}:
                raise ValueError(f"{where} has keys {sorted(cell)}; legal: mean, stderr, n")
            stderr = cell["stderr"]
            checked[row][metric] = {
                "mean": _check_finite(float(cell["mean"]), f"{where}.mean"),
                "stderr": None
                if stderr is None
                else _check_finite(float(stderr), f"{where}.stderr"),
                "n": int(cell["n"]),
            }
    return checked
