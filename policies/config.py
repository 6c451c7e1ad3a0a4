"""Which policy, as plain data. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("expert", "random", "model")


@dataclass(kw_only=True)
class PolicyConfig:
    """A policy.

    Attributes:
        kind: "expert" (the environment's scripted one), "random", or "model".
        style: how an expert acts; what is legal is for the environment to say.
        path: for a model, the directory that training wrote, such as runs/demo/models/grpo.
        temperature: of a model's sampling; 0 takes the likeliest token.
        blind: whether a model sees black pictures instead of the real ones.
        max_batch_size: most conversations that a model decodes side by side, at least 1.
        max_new_tokens: longest reply of a model in tokens, at least 1.
        device: where a model lives: "cpu", "cuda" or "cuda:1".
    """

    kind: str = "expert"
    style: str = "best"
    path: str | None = None
    temperature: float = 0.0
    blind: bool = False
    max_batch_size: int = 64
    max_new_tokens: int = 96
    device: str = "cpu"

    def check(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.kind not in KINDS:
            raise ValueError(f"policy.kind is {self.kind!r}; legal: {', '.join(KINDS)}")
        if self.kind == "model" and self.path is None:
            raise ValueError(
                "policy.path is not set; policy=model needs the directory of a trained model, "
                "such as policy.path=runs/demo/models/grpo"
            )
        if not self.temperature >= 0:
            raise ValueError(f"policy.temperature is {self.temperature}; it must be 0 or more")
        for name in ("max_batch_size", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"policy.{name} is {getattr(self, name)}; it must be at least 1")
