"""Checks that an environment keeps the suite's contract. Public: test your own with it.

    from sims.conformance import check_environment
    check_environment(lambda: gymnasium.make("Yours-v0"))

Gymnasium's own checker passes environments whose reset ignores the seed, that draw from a global
generator, that show the same picture for ever, or that carry something over from the last episode.
The rules here catch those; `sims.conformance.rules` has one function for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from sims.conformance.case import Broken, Case, ChooseAction, MakeEnv, random_action
from sims.conformance.rules import RULES

__all__ = ["RULES", "ConformanceError", "check_environment"]


class ConformanceError(AssertionError):
    """An environment breaks a rule of the contract; the message says which, and how."""


def check_environment(
    make_env: MakeEnv,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    num_steps: int = 24,
    choose_action: ChooseAction | None = None,
    min_expert_success: float = 0.9,
) -> None:
    """Check every rule of `RULES` and stop at the first that is broken.

    Args:
        make_env: makes a fresh environment; called some two dozen times.
        seeds: of the episodes that are played, at least two.
        num_steps: steps played of each, at most; long enough for everything observed to change.
        choose_action: how to act. None takes a random option where there are options, and a random
            action elsewhere.
        min_expert_success: share of 20 episodes that `expert_reply` must solve, in [0, 1], where
            the environment has one.

    Raises:
        ConformanceError: names the environment, the rule, and what was found.
    """
    if len(set(seeds)) < 2:
        raise ValueError(f"seeds is {tuple(seeds)}; at least two different ones are needed")
    case = Case(
        make_env=make_env,
        seeds=tuple(seeds),
        num_steps=num_steps,
        choose_action=choose_action or random_action,
        min_expert_success=min_expert_success,
    )
    with case.env() as env:
        env_id = env.spec.id if env.spec else type(env.unwrapped).__name__
    for rule, check in RULES.items():
        try:
            check(case)
        except Exception as error:
            what = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
            raise ConformanceError(f"{env_id} breaks the rule that {rule}: {what}") from error
