"""What is wrong with a data set, collected so that one look tells all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from training.lerobot.layout import LerobotError

MAX_PROBLEMS = 20
"""So many are told of at once."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass
class Problems:
    """What is wrong, in the order in which it was found.

    Attributes:
        texts: one line each.
    """

    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Note one. Raises `LerobotError` with all of them where there are too many to go on."""
        self.texts.append(text)
        if len(self.texts) >= MAX_PROBLEMS:
            self.tell()

    def tell(self) -> None:
        """Raise `LerobotError` with all of them, if there are any."""
        if self.texts:
            raise LerobotError("\n".join(self.texts))

    def trying(
        self,
        what: Callable[Arguments, Result],
        *args: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result | None:
        """The result, or None and the problem noted."""
        try:
            return what(*args, **options)
        except LerobotError as error:
            self.add(str(error))
            return None
