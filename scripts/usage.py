"""What a policy used up, such as tokens, over a run and all its resumptions."""

from __future__ import annotations

import json
from pathlib import Path

from policies.interface import Policy
from training.run_directory import write_atomic


class UsageRecord:
    """Adds up what `policy.usage()` counts, and keeps it in a file.

    Args:
        path: of the file; what it holds from before is counted on from.
        policy: any; one without `usage` uses nothing that is counted.
    """

    def __init__(self, path: Path, policy: Policy) -> None:
        self._path, self._count = path, getattr(policy, "usage", None)
        self._before = json.loads(path.read_text()) if path.is_file() else {}

    def figures(self) -> dict[str, float]:
        """Name -> number used, earlier attempts included."""
        if self._count is None:
            return {}
        now = self._count()
        names = dict.fromkeys([*now, *self._before])
        return {name: float(now.get(name, 0) + self._before.get(name, 0)) for name in names}

    def save(self) -> None:
        """Write the file."""
        if self._count is not None:
            write_atomic(self._path, json.dumps(self.figures(), indent=1) + "\n")
