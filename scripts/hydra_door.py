"""The Hydra door: the one place where a command line becomes a plain, checked configuration.

Every script hands its `main` to `run_script`. Hydra composes `configs/<config_name>.yaml` with the
command line, OmegaConf turns the result into the script's dataclass, and `main` receives that and
nothing of Hydra. Whatever is wrong with the input becomes one message that says which setting,
which value, and what is legal.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from gymnasium.error import Error as GymnasiumError
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import configs
from saccade import PACKAGES
from scripts.config_errors import explain, unknown_key
from scripts.script_help import help_text

CONFIG_DIR = Path(configs.__file__).parent

EXIT_OK = 0
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

FLAGS = ("--help", "-h", "--show-config")

Config = TypeVar("Config")


class BadInputError(Exception):
    """The command line or a configuration file is wrong; the message says how to put it right."""


def run_script(
    main: Callable[[Config, str], None],
    *,
    config_name: str,
    schema: type[Config],
    examples: Sequence[str] = (),
    argv: Sequence[str] | None = None,
    config_dir: Path = CONFIG_DIR,
) -> int:
    """Run one script and return its exit code. The last line of every script is
    `sys.exit(run_script(main, config_name="train", schema=TrainScript, examples=EXAMPLES))`.

    Input errors end in one message on stderr; with `SACCADE_TRACEBACK=1` they end in a traceback.

    Args:
        main: called with the configuration, a `schema` instance, and the same as resolved YAML, to
            be kept as `config.yaml`. The docstring of its module opens the help text.
        config_name: the primary file, `configs/<config_name>.yaml`.
        schema: the dataclass registered in `configs/store.py` that this file starts from. If it
            has a method `check()`, that is called to check ranges; it raises ValueError.
        examples: command lines for the help text.
        argv: arguments without the program's name; None takes those of the process.
        config_dir: where the YAML lies.

    Returns:
        0 when done, 2 for bad input, 130 when interrupted by Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    script = Path(sys.modules[main.__module__].__file__ or "script").name
    try:
        if "--help" in arguments or "-h" in arguments:
            register_schemas(config_name)
            print(help_text(main, config_name, schema, examples, config_dir))
            return EXIT_OK
        config, config_yaml = load_config(config_name, schema, arguments, config_dir)
        if "--show-config" in arguments:
            print(config_yaml, end="")
            return EXIT_OK
        main(config, config_yaml)
        return EXIT_OK
    except KeyboardInterrupt as stop:
        how = str(stop) or "interrupted"
        print(f"\n{script}: {how}. What was written so far is kept.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if os.environ.get("SACCADE_TRACEBACK") == "1" or not is_input_error(error):
            raise
        print(f"{script}: {error}", file=sys.stderr)
        if not isinstance(error, BadInputError):
            print("(SACCADE_TRACEBACK=1 shows where this was raised.)", file=sys.stderr)
        return EXIT_BAD_INPUT


def register_schemas(config_name: str) -> None:
    """Make the schemas that a primary file needs known to Hydra. Doing so twice changes nothing."""
    from configs.store import register_schemas as register

    register(config_name)


def load_config(
    config_name: str, schema: type[Config], arguments: Sequence[str], config_dir: Path = CONFIG_DIR
) -> tuple[Config, str]:
    """Compose and check. Writes nothing: no Hydra output folder, no logging set up, no chdir.

    Returns:
        The configuration as a `schema` instance, and as resolved YAML.

    Raises:
        BadInputError: anything is wrong with the command line, a YAML file or a value.
    """
    register_schemas(config_name)
    overrides = check_arguments(arguments)
    try:
        with initialize_config_dir(str(Path(config_dir).resolve()), version_base="1.3"):
            tree = compose(config_name, overrides=overrides)
        check_extra_keys(tree)
        config = OmegaConf.to_object(tree)
        check = getattr(config, "check", None)
        if check is not None:
            check()
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        raise BadInputError(explain(error, overrides, Path(config_dir))) from error
    if not isinstance(config, schema):
        raise TypeError(
            f"{config_name}.yaml does not start from the schema {schema.__name__}: put its name in "
            "configs/store.py first in the defaults list"
        )
    return config, OmegaConf.to_yaml(tree, resolve=True)


def check_arguments(arguments: Sequence[str]) -> list[str]:
    """The overrides among the arguments. Raises BadInputError for a flag that does not exist."""
    for argument in arguments:
        if argument.startswith("-") and argument not in FLAGS:
            raise BadInputError(
                f"unknown flag {argument!r}. Legal: {', '.join(FLAGS)}. "
                "Settings are written key=value, without dashes"
            )
    return [argument for argument in arguments if argument not in FLAGS]


def check_extra_keys(tree: DictConfig) -> None:
    """Refuse keys that a `+key=value` on the command line added beside a schema's own.

    Raises:
        BadInputError: names the key and the schema's keys.
    """
    schema = OmegaConf.get_type(tree)
    names = {field.name for field in fields(schema)} if is_dataclass(schema) else set(tree)
    for key in tree:
        if key not in names:
            raise BadInputError(unknown_key(tree._get_full_key(key), tree, legal=names))
        node = tree._get_node(key)
        if isinstance(node, DictConfig) and not (node._is_none() or node._is_missing()):
            check_extra_keys(node)


def is_input_error(error: Exception) -> bool:
    """Whether an exception tells the user about their input, rather than us about a bug.

    A missing or unreadable file and an unknown environment id are input errors wherever they are
    raised. A ValueError is one when the suite's own code raised it: that is how the house says
    "this setting is wrong". A ValueError from inside a library is a bug and keeps its traceback.
    """
    if isinstance(error, BadInputError | OSError | GymnasiumError):
        return True
    if not isinstance(error, ValueError):
        return False
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename).resolve()
    return any(raised_in.is_relative_to(CONFIG_DIR.parent / package) for package in PACKAGES)
