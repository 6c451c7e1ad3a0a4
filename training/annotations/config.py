"""The scorer that a user's own code brings, by its name in the configuration."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.annotations.semantics import SemanticScorer

PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(kw_only=True)
class AnnotationConfig:
    """What annotation passes work with besides the policy itself.

    Attributes:
        semantic_scorer: tells how near thoughts are to pictures: "module:function", a function of
            yours without arguments that returns a `training.annotations.semantics.SemanticScorer`;
            null for none. It is called once, and only where a term of the reward needs it.
    """

    semantic_scorer: str | None = None

    def check(self, needed: Sequence[str]) -> None:
        """Import the function, but do not call it.

        Args:
            needed: annotations that the reward reads.

        Raises:
            ValueError: where there is no such function, or none is named and one is needed.
        """
        if self.semantic_scorer is not None:
            _find_function(self.semantic_scorer)
        elif "semantic_cosine" in needed:
            raise ValueError(
                "annotations.semantic_scorer is null, but a term of the reward "
                "(semantic_consistency) compares thoughts with pictures; legal: module:function, a "
                "function of yours without arguments that returns a scorer"
            )

    def make_scorer(self, needed: Sequence[str]) -> SemanticScorer | None:
        """The scorer; None where none of the annotations needed asks for it.

        Raises:
            ValueError: as `check`, and where the function returns nothing that can be called.
        """
        self.check(needed)
        if self.semantic_scorer is None or "semantic_cosine" not in needed:
            return None
        scorer = _find_function(self.semantic_scorer)()
        if not callable(scorer):
            raise ValueError(
                f"annotations.semantic_scorer is {self.semantic_scorer!r}, which returned a "
                f"{type(scorer).__name__}; it must return a function of a text and pictures"
            )
        return scorer


def _find_function(path: str) -> Callable[[], SemanticScorer]:
    """The function that a path names. The path comes from the user, never from a model's reply."""
    told = f"annotations.semantic_scorer is {path!r}"
    if not PATH.fullmatch(path):
        raise ValueError(f"{told}; legal: module:function, such as my_scorers:make_scorer")
    module, _, name = path.partition(":")
    try:
        function: Callable[[], SemanticScorer] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{told}, but {error}; legal: a function in a module that Python finds, such as one in "
            "a folder on PYTHONPATH"
        ) from error
    if not callable(function) or not _takes_nothing(function):
        raise ValueError(f"{told}; legal: a function that is called without arguments")
    return function


def _takes_nothing(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    return True
