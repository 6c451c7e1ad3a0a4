"""Environments shared by the tests of a session, and a record of many drawn worlds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sims.avr.config import AvrConfig, nursery_config
from sims.avr.env import OcclusionEnv
from sims.avr.options import OptionList
from sims.avr.stage import View
from sims.avr.tasks import Task

NUM_NURSERY, NUM_FULL = 300, 60


@dataclass(frozen=True, kw_only=True)
class World:
    """One reset."""

    seed: int
    task: Task
    options: OptionList
    view: View
    sufficient: bool

    @property
    def hidden(self) -> list[int]:
        """Indices of the objects at the hiding places."""
        columns = {place.column for place in self.task.scene.hiding_places}
        things = enumerate(self.task.scene.objects)
        return [i for i, thing in things if thing.row == "back" and thing.column in columns]


def draw_worlds(env: OcclusionEnv, count: int) -> list[World]:
    """Worlds of the seeds 0 to count - 1."""
    worlds = []
    for seed in range(count):
        _, info = env.reset(seed=seed)
        worlds.append(
            World(
                seed=seed,
                task=env._task,
                options=env._options,
                view=env._view,
                sufficient=info["truth"]["sufficient"],
            )
        )
    return worlds


@pytest.fixture(scope="session")
def nursery() -> Iterator[OcclusionEnv]:
    env = OcclusionEnv(nursery_config())
    yield env
    env.close()


@pytest.fixture(scope="session")
def full() -> Iterator[OcclusionEnv]:
    env = OcclusionEnv(AvrConfig())
    yield env
    env.close()


@pytest.fixture(scope="session")
def nursery_worlds(nursery: OcclusionEnv) -> list[World]:
    return draw_worlds(nursery, NUM_NURSERY)


@pytest.fixture(scope="session")
def full_worlds(full: OcclusionEnv) -> list[World]:
    return draw_worlds(full, NUM_FULL)


@pytest.fixture(params=["nursery", "full"])
def env(request: pytest.FixtureRequest) -> OcclusionEnv:
    """Each of the two configurations in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def worlds(env: OcclusionEnv, request: pytest.FixtureRequest) -> list[World]:
    """The drawn worlds of `env`."""
    name = "nursery_worlds" if env.config.brief else "full_worlds"
    return request.getfixturevalue(name)
