"""Range checks of configurations: the message names the setting, its value and what is legal."""

from __future__ import annotations


def check_at_least(config: object, prefix: str = "", **lowest: float) -> None:
    """Raise `ValueError` for the first field below its lowest legal value; NaN is below all."""
    for name, low in lowest.items():
        value = getattr(config, name)
        if not value >= low:
            raise ValueError(f"{_full(prefix, name)} is {value}; it must be at least {low}")


def check_share(config: object, prefix: str, *names: str) -> None:
    """Raise `ValueError` for the first field that is not in [0, 1]."""
    for name in names:
        value = getattr(config, name)
        if not 0 <= value <= 1:
            raise ValueError(f"{_full(prefix, name)} is {value}; legal: 0 to 1")


def _full(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
