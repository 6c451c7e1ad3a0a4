"""Estimates of KL(trainer || reference) from single tokens (http://joschu.net/blog/kl-approx.html).

With d = ref - trainer, the difference of log-probabilities of a token drawn from the trainer:

    k1 = -d               unbiased as a number; its gradient is 0 in expectation
    k2 = d^2 / 2          biased as a number; its gradient is that of the KL in expectation
    k3 = exp(d) - d - 1   unbiased and >= 0 as a number; its gradient is that of KL(ref || trainer)

Multiplied with the ratio trainer / old (`kl_importance`), k1 and k3 are unbiased as numbers and in
their gradients even for tokens drawn from old weights.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def k1(difference: Tensor) -> Tensor:
    """-d."""
    return -difference


def k2(difference: Tensor) -> Tensor:
    """d^2 / 2."""
    return 0.5 * difference.square()


def k3(difference: Tensor) -> Tensor:
    """exp(d) - d - 1."""
    return difference.exp() - difference - 1.0


KL_ESTIMATORS: dict[str, Callable[[Tensor], Tensor]] = {"k1": k1, "k2": k2, "k3": k3}
"""Name in configuration -> cost of a token from d, elementwise."""
