"""Says what is wrong with a configuration: the key, the value, and what is legal there.

Hydra's own messages often hide the reason in the chained exception ("Error merging override
lr=abc") and never list the legal keys. The facts are in the chain: OmegaConf's exceptions carry the
full key, the value and the node.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import re
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

TYPE_TEXTS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def explain(error: BaseException, overrides: Sequence[str], config_dir: Path) -> str:
    """One message for whatever composing, converting or checking a configuration raised.

    Args:
        error: the exception; its causes are read too.
        overrides: the command line, to quote the offending argument.
        config_dir: the folder of the YAML files, to list a group's options.
    """
    where = _where(error)
    for cause in _chain(error):
        message = _explain_one(cause, overrides, config_dir)
        if message is not None:
            return where + message
    return where + str(error)


def _explain_one(error: BaseException, overrides: Sequence[str], config_dir: Path) -> str | None:
    """The message for one link of the chain, or None if it says nothing by itself."""
    if isinstance(error, MissingConfigException):
        return _unknown_option(error, overrides, config_dir)
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read the argument {error.override!r}: write key=value or group=option, "
            "in quotes where the value holds spaces or brackets"
        )
    if isinstance(error, yaml.YAMLError):
        return f"cannot read a configuration file: {error}"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return _explain_key(error, overrides, config_dir)
    if str(error).startswith("Config group override must be"):
        return _not_an_option(overrides, config_dir)
    if str(error).startswith("Multiple values for "):
        return "a group is chosen twice: write group=option without the +, and only once"
    return None


def _explain_key(error: OmegaConfBaseException, overrides: Sequence[str], config_dir: Path) -> str:
    key = str(error.full_key)
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        argument = _argument_for(key, overrides)
        legal = _keys(error.parent_node)
        if "." not in key:
            legal += [group for group in list_groups(config_dir) if group not in legal]
        return unknown_key(key, error.parent_node, legal=legal, argument=argument)
    if isinstance(error, MissingMandatoryValue):
        return f"the setting '{key}' has no value and needs one: {key}=... ({_legal(error)})"
    if isinstance(error, ValidationError) and error.child_node is not None:
        value = "null" if error.value is None else repr(error.value)
        return f"the setting '{key}' cannot be {value}: it takes {_legal(error)}"
    return f"the setting '{key}': {str(error).splitlines()[0]}"


def unknown_key(
    full_key: str, parent: Any, *, legal: Iterable[str], argument: str | None = None
) -> str:
    """The message for a key that does not exist.

    Args:
        full_key: dotted, from the root.
        parent: the node under which the last part was looked for.
        legal: what may stand there.
        argument: the command-line argument that named it, or None when a file did.
    """
    prefix, _, name = full_key.rpartition(".")
    legal = sorted(legal)
    close = difflib.get_close_matches(name, legal, n=1)
    suggestion = f"{prefix}.{close[0]}".lstrip(".") if close else _same_name_elsewhere(name, parent)
    lines = [f"unknown setting '{full_key}'" + (f" (given as {argument})" if argument else "")]
    if suggestion:
        lines.append(f"  Did you mean '{suggestion}'?")
    place = f"under '{prefix}'" if prefix else "at the top level"
    lines.append(f"  Legal {place}: {', '.join(legal) or '(none)'}")
    return "\n".join(lines)


def list_groups(config_dir: Path) -> list[str]:
    """The config groups: the folders of `config_dir` that hold YAML."""
    return sorted(
        folder.name
        for folder in config_dir.iterdir()
        if folder.is_dir() and any(folder.rglob("*.yaml"))
    )


def list_options(config_dir: Path, group: str) -> list[str]:
    """A group's options as they are written after `group=`, files beginning with `_` left out."""
    folder = config_dir / group
    files = sorted(folder.rglob("*.yaml"))
    return [
        file.relative_to(folder).with_suffix("").as_posix()
        for file in files
        if not file.name.startswith("_")
    ]


def _unknown_option(
    error: MissingConfigException, overrides: Sequence[str], config_dir: Path
) -> str | None:
    """The message for `group=option` where the group has no such option."""
    missing = error.missing_cfg_file
    if not missing or "/" not in missing:
        return None
    group, _, option = missing.partition("/")
    named_by = "named in " + ", ".join(_files_naming(option, config_dir))
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if f"{key}/{value}" == missing:
            group, option, named_by = key, value, f"given as {override}"
    options = list_options(config_dir, group) or list(error.options or ())
    lines = [f"unknown option '{option}' for the group '{group}' ({named_by})"]
    lines += [
        f"  Did you mean '{close}'?" for close in difflib.get_close_matches(option, options, 1)
    ]
    lines.append(f"  Legal: {', '.join(options)}")
    return "\n".join(lines)


def _not_an_option(overrides: Sequence[str], config_dir: Path) -> str | None:
    """The message for a group that was given a number or null."""
    groups = list_groups(config_dir)
    for override in overrides:
        key, _, value = override.partition("=")
        if key in groups and value not in list_options(config_dir, key):
            options = ", ".join(list_options(config_dir, key))
            return f"'{key}' is a group and cannot be {value!r}. Legal: {options}"
    return None


def _files_naming(option: str, config_dir: Path) -> list[str]:
    """The YAML files in which an option's name stands, relative to the configuration folder."""
    word = re.compile(rf"(?<![\w/]){re.escape(option)}(?![\w/])")
    return [
        file.relative_to(config_dir).as_posix()
        for file in sorted(config_dir.rglob("*.yaml"))
        if word.search(file.read_text(encoding="utf-8"))
    ]


def _where(error: BaseException) -> str:
    """The YAML file that Hydra was reading, as a prefix; empty for the command line."""
    if isinstance(error, MissingConfigException) or not str(error).startswith("In '"):
        return ""
    return str(error).split("'")[1] + ".yaml: "


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _argument_for(full_key: str, overrides: Sequence[str]) -> str | None:
    """The argument that set a key, or None."""
    for override in overrides:
        if override.lstrip("+~").partition("=")[0] == full_key:
            return override
    return None


def _keys(node: Any) -> list[str]:
    """The keys under a node, Hydra's own settings left out."""
    if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
        return []
    return [str(key) for key in node if str(key) != "hydra"]


def _same_name_elsewhere(name: str, node: Any) -> str | None:
    """The one full key in the tree whose last part is `name`; None if there are none or many."""
    if not isinstance(node, DictConfig):
        return None
    matches = [key for key in _all_keys(node._get_root()) if key.rpartition(".")[2] == name]
    return matches[0] if len(matches) == 1 else None


def _all_keys(node: Any, prefix: str = "") -> Iterator[str]:
    for key in _keys(node):
        yield prefix + key
        yield from _all_keys(node._get_node(key), f"{prefix}{key}.")


def _legal(error: OmegaConfBaseException) -> str:
    """What the schema allows for the key that an exception names."""
    schema = error.object_type
    if dataclasses.is_dataclass(schema):
        hint = typing.get_type_hints(schema).get(str(error.key))
        if hint is not None:
            return describe_type(hint)
    return "another type"


def describe_type(hint: Any) -> str:
    """A type hint in words: `int | None` is "a whole number or null"."""
    if hint in TYPE_TEXTS:
        return TYPE_TEXTS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        parts = [describe_type(part) for part in arguments if part is not type(None)]
        return " or ".join([*parts, *(["null"] if type(None) in arguments else [])])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return f"one of {', '.join(member.name for member in hint)}"
    if origin in (list, tuple):
        return "a list"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "a mapping of settings"
    return getattr(hint, "__name__", str(hint))
