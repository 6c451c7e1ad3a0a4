"""What every test gets: random state given back, and promised hardware that may not be missing."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator

import numpy as np
import pytest

PROMISES = {"gpu": "REQUIRE_GPU", "render": "REQUIRE_RENDER"}
"""Marker -> the variable that, set to 1, says the machine has it: a skip is then a failure."""


@pytest.fixture(autouse=True)
def restore_random_state() -> Iterator[None]:
    """Give the global generators back as they were, so that no test depends on another's draws."""
    torch = sys.modules.get("torch")
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch_state = torch.get_rng_state() if torch else None
    yield
    random.setstate(python_state)
    np.random.set_state(numpy_state)
    if torch:
        torch.set_rng_state(torch_state)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Turn a skip into a failure where the machine promises what the test needs."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        for marker, variable in PROMISES.items():
            if item.get_closest_marker(marker) and os.environ.get(variable) == "1":
                report.outcome = "failed"
                report.longrepr = f"{variable}=1, but the test was skipped: {report.longrepr}"
    return report
