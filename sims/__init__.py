"""Simulated worlds with ground truth. Importing this registers the ids and loads nothing heavy."""

from saccade import check_siblings

check_siblings(__file__)

import gymnasium  # noqa: E402
from gymnasium.envs.registration import register  # noqa: E402

from sims.config import EnvConfig  # noqa: E402
from sims.conformance import check_environment  # noqa: E402
from sims.external.config import EXTERNAL_IDS  # noqa: E402
from sims.manipulation.config import MIXED, TASKS  # noqa: E402
from sims.tools.config import TASKS as LOOK_TASKS  # noqa: E402

__all__ = ["check_environment", "make_env"]

for _kind in ("occlusion", "stack", "composite"):
    register(
        id=f"AVR/{_kind.title()}-v0",
        entry_point="sims.avr.env:AvrEnv",
        kwargs={"scene_kind": _kind},
    )

for _task in (*TASKS, MIXED):
    register(
        id=f"Manipulation/{_task.title().replace('_', '')}-v0",
        entry_point="sims.manipulation.env:ManipulationEnv",
        kwargs={"task": _task},
    )

for _task in LOOK_TASKS:
    register(
        id=f"Look/{_task.title()}-v0",
        entry_point="sims.tools.env:LookEnv",
        kwargs={"task": _task},
    )

register(id="Saccade/Mixture-v0", entry_point="sims.mixture:MixtureEnv")

for _id, _entry_point in EXTERNAL_IDS.items():
    register(id=_id, entry_point=_entry_point)


def make_env(config: EnvConfig) -> gymnasium.Env:
    """An environment from its configuration.

    Raises:
        gymnasium.error.NameNotFound: for an unknown id; the message suggests near ones.
        ValueError: for settings out of range.
    """
    config.check()
    return gymnasium.make(config.id, disable_env_checker=True, **config.kwargs())
