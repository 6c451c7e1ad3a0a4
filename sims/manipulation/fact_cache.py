"""Facts about the starts of episodes, kept for the next episode that starts the same way.

The expert's path costs a simulated episode, and the members of a group all start alike.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import deepcopy
from threading import Lock
from typing import Any

MAX_STARTS = 512
"""Most starts that are remembered; the oldest is forgotten first."""

_kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
_lock = Lock()


def start_key(task: str, config: object, generator_state: Mapping[str, Any]) -> str:
    """What tells starts apart: equal keys, equal worlds.

    Args:
        task: name of the task.
        config: of the environment, with a `repr` that says all of it.
        generator_state: of the generator that the start is drawn from.
    """
    return hashlib.sha256(repr((task, config, generator_state)).encode()).hexdigest()


def remember(key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The facts of a start, made where they are not kept; a copy that the caller may change."""
    with _lock:
        found = _kept.get(key)
    if found is None:
        found = make()
        with _lock:
            _kept[key] = found
            while len(_kept) > MAX_STARTS:
                _kept.popitem(last=False)
    return deepcopy(found)
