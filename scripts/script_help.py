"""The `--help` of every script: what it does, examples, what can be chosen, what can be set."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from scripts.config_errors import describe_type, list_groups, list_options

WIDTH = 96

CLOSING = """\
Other flags:
  --show-config   print every setting with its value and stop
  --help, -h      this text

Deeper settings are written with dots, as --show-config prints them: group.setting=value.
Lists are written '[a, b]', nothing is written null.
A folder of your own, laid out like configs/, is added with 'hydra.searchpath=[file:///folder]'."""


def help_text(
    main: Callable[..., None],
    config_name: str,
    schema: type,
    examples: Sequence[str],
    config_dir: Path,
) -> str:
    """The whole help text of one script. Arguments as in `scripts.hydra_door.run_script`."""
    module = sys.modules[main.__module__]
    script = f"scripts/{Path(module.__file__ or 'script').name}"
    tree, choices = _defaults(config_name, config_dir)
    docs = field_docs(schema)
    parts = [
        inspect.cleandoc(module.__doc__ or ""),
        f"Usage: python {script} [group=option ...] [setting=value ...]",
        "Examples:\n" + "\n".join(f"  {example}" for example in examples) if examples else "",
        _groups_text(choices, docs, config_dir, schema),
        _settings_text(schema, tree, choices, docs),
        CLOSING,
    ]
    return "\n\n".join(part for part in parts if part)


def field_docs(schema: type) -> dict[str, str]:
    """The lines of a dataclass docstring's `Attributes:` section, by field, each on one line.

    `name: text` and `first, second: text` both work, and a text may run over several lines.
    """
    _, _, section = inspect.cleandoc(schema.__doc__ or "").partition("Attributes:\n")
    section = textwrap.dedent(re.split(r"\n(?=\S)", section)[0])
    docs = {}
    for entry in re.split(r"\n(?=\S)", section):
        names, _, text = entry.partition(":")
        for name in names.split(","):
            docs[name.split("(")[0].strip()] = " ".join(text.split())
    return docs


def option_doc(file: Path) -> str:
    """An option's one line: the first comment of its YAML file, directives left out."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            return ""
        text = line.lstrip("# ").strip()
        if text and not text.startswith("@"):
            return text
    return ""


def _defaults(
    config_name: str, config_dir: Path
) -> tuple[DictConfig | None, Mapping[str, str | None]]:
    """The configuration as it is without arguments, and the option chosen in each group.

    Where something must be chosen first, there is no such configuration: (None, every group).
    """
    try:
        with initialize_config_dir(str(config_dir.resolve()), version_base="1.3"):
            tree = compose(config_name, return_hydra_config=True)
        choices = OmegaConf.to_container(tree.hydra.runtime.choices)
    except (HydraException, OmegaConfBaseException):
        return None, dict.fromkeys(list_groups(config_dir))
    assert isinstance(choices, dict)
    ours = {str(group): option for group, option in choices.items() if "hydra/" not in str(group)}
    return tree, ours


def fitting_options(config_dir: Path, group: str, schema: type) -> list[str]:
    """The options of a group that a script can take: those whose own schema is one that the
    script's field of that name holds. Options without a schema always fit.
    """
    held = typing.get_type_hints(schema).get(group)
    kinds = tuple(
        t for t in (held, *typing.get_args(held)) if isinstance(t, type) and t is not type(None)
    )
    return [
        option
        for option in list_options(config_dir, group)
        if not kinds or issubclass(_schema_of(config_dir, group, option) or kinds[0], kinds)
    ]


def _schema_of(config_dir: Path, group: str, option: str) -> type | None:
    """The registered dataclass that an option's YAML starts from; None where it has none."""
    text = (config_dir / group / f"{option}.yaml").read_text(encoding="utf-8")
    found = re.search(rf"^ *- /{group}/(\w+_schema)@_here_", text, re.MULTILINE)
    if found is None:
        return None
    node = ConfigStore.instance().repo[group][f"{found[1]}.yaml"].node
    kind = OmegaConf.get_type(node)
    return kind if isinstance(kind, type) else None


def _groups_text(
    choices: Mapping[str, str | None], docs: Mapping[str, str], config_dir: Path, schema: type
) -> str:
    lines = []
    for group, chosen in choices.items():
        folder = group.partition("@")[0]
        options = fitting_options(config_dir, folder, schema)
        if not options:
            continue
        lines += _entry(group, docs.get(group, ""))
        for option in options:
            mark = " (default)" if option == chosen else ""
            doc = option_doc(config_dir / folder / f"{option}.yaml")
            lines += _entry(f"  {option}{mark}", doc)
    return "\n".join(["Groups, chosen with group=option:", *lines]) if lines else ""


def _settings_text(
    schema: type, tree: DictConfig | None, choices: Mapping[str, Any], docs: Mapping[str, str]
) -> str:
    hints = typing.get_type_hints(schema)
    lines = []
    for field in dataclasses.fields(schema):
        if field.name in choices:
            continue
        doc = docs.get(field.name, "")
        if dataclasses.is_dataclass(hints[field.name]):
            lines += _entry(f"{field.name}.*", doc)
            continue
        value = _value_text(tree, field.name)
        kind = describe_type(hints[field.name])
        lines += _entry(f"{field.name}={value}", f"{doc} ({kind})".strip())
    return "\n".join(["Settings, with their defaults:", *lines]) if lines else ""


def _value_text(tree: DictConfig | None, name: str) -> str:
    """A setting's value as it would be typed; `???` when it must be given."""
    if tree is None or OmegaConf.is_missing(tree, name):
        return "???"
    text = OmegaConf.to_yaml(OmegaConf.create([OmegaConf.to_container(tree)[name]]))  # type: ignore[index, call-overload]
    return str(text).strip().removeprefix("- ")


def _entry(name: str, text: str) -> list[str]:
    """A name and its text in two columns; a long name gets a line of its own."""
    column = 30
    head = f"  {name}"
    wrapped = textwrap.wrap(text, WIDTH - column)
    if not wrapped:
        return [head]
    if len(head) < column - 1:
        head, wrapped = head.ljust(column) + wrapped[0], wrapped[1:]
    return [head, *(" " * column + line for line in wrapped)]
