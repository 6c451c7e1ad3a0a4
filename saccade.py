"""The suite's name, its version, and the check that its folders are really its own.

The folder names are the import names (`sims`, `policies`, `video`, `training`, `configs`,
`scripts`), and names like these may well exist in a user's own project. This module has the only
name that nobody else uses and imports nothing of the suite, so every package may ask it.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

__version__ = "0.1.0"

PACKAGES = ("sims", "policies", "video", "training", "configs", "scripts")


def check_siblings(init_file: str, *, needs: tuple[str, ...] = ()) -> None:
    """Check that the suite's other packages are the ones that lie beside `init_file`.

    Every package calls this once, from its `__init__.py`, before it imports anything of ours.
    Nothing is imported here: Python is only asked where it would look.

    Args:
        init_file: the calling package's `__file__`.
        needs: the packages that the caller imports. One of these shadowed is an error; any other
            is a warning, so that `import sims` stays possible in a project that has a `training`
            of its own.

    Raises:
        ImportError: a needed package is shadowed; the message names the file in its place.
    """
    root = Path(init_file).resolve().parent.parent
    for name in PACKAGES:
        ours = root / name
        found = _find_package(name)
        if found is None or not ours.is_dir() or found == ours:
            continue
        message = (
            f"the package '{name}' of Saccade ({ours}) is shadowed by {found}: rename that one, "
            f"start Python from another folder, or put {root} first on PYTHONPATH"
        )
        if name in needs:
            raise ImportError(message, name=name, path=str(found))
        warnings.warn(message, UserWarning, stacklevel=3)


def _find_package(name: str) -> Path | None:
    """The folder or file that `import name` would load; None if there is none."""
    module = sys.modules.get(name)
    spec = module.__spec__ if module else importlib.util.find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None
