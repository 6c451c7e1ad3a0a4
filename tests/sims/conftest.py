"""Environments shared by the tests of a session."""

from __future__ import annotations

import pytest

from sims.avr.config import AvrConfig, nursery_config
from sims.avr.env import AvrEnv


@pytest.fixture(scope="session")
def nursery() -> AvrEnv:
    return AvrEnv(nursery_config())


@pytest.fixture(scope="session")
def full() -> AvrEnv:
    return AvrEnv(AvrConfig())
