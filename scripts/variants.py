"""An environment's configuration with some of its settings replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import gymnasium

from sims import make_env
from sims.config import EnvConfig

if TYPE_CHECKING:
    from training.pool import MakeVariant


def variants_of(config: EnvConfig) -> MakeVariant | None:
    """Makes the environment with some of the settings of its `config` replaced; None where it has
    none.
    """
    settings = getattr(config, "config", None)
    if settings is None:
        return None

    def make_variant(changes: Mapping[str, Any]) -> gymnasium.Env:
        changed = {"config": replace_settings(settings, changes, f"{config.id} env.config")}
        return make_env(replace(config, **changed))

    return make_variant


def replace_settings(settings: Any, changes: Mapping[str, Any], place: str = "config") -> Any:
    """A copy of a configuration in which the named settings have other values.

    Args:
        settings: a dataclass, or a dictionary of dataclasses, which stays as it is.
        changes: name -> new value or, for a setting that is itself a dataclass or a dictionary of
            them, the changes in it. Other dictionaries are replaced whole.
        place: what the settings are called in errors.

    Raises:
        ValueError: for a setting that does not exist.
    """
    parts = settings if isinstance(settings, Mapping) else _fields_of(settings)
    for name in changes:
        if name not in parts:
            raise ValueError(
                f"{place} has no setting {name}; legal: {', '.join(map(str, sorted(parts)))}"
            )
    changed = {
        name: replace_settings(parts[name], value, f"{place}.{name}")
        if isinstance(value, Mapping) and _is_nested(parts[name])
        else value
        for name, value in changes.items()
    }
    if isinstance(settings, Mapping):
        return {**settings, **changed}
    return replace(settings, **changed)


def _fields_of(settings: Any) -> dict[str, Any]:
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def _is_nested(value: Any) -> bool:
    """Whether a setting has settings of its own."""
    if isinstance(value, Mapping):
        return bool(value) and all(is_dataclass(part) for part in value.values())
    return is_dataclass(value)
