"""What the README tells people to type: every command composes, every target and file exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.scripts.real_scripts import NAMES, call

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition(" #")[0].strip()
    for block in BLOCKS
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]
SCRIPTS = [
    re.sub(r"^torchrun .*?(?=scripts/)", "python ", command)
    for command in COMMANDS
    if command.startswith(("python scripts/", "torchrun "))
]
TARGETS = sorted({word for c in COMMANDS if c.startswith("make ") for word in c.split()[1:]})
OTHERS = [c for c in COMMANDS if not c.startswith(("python scripts/", "torchrun ", "make", "pip "))]


def test_the_readme_shows_the_main_commands() -> None:
    shown = {command.split()[1].removeprefix("scripts/").removesuffix(".py") for command in SCRIPTS}
    assert set(NAMES) <= shown
    assert {"demo", "test"} <= set(TARGETS)
    assert OTHERS == [], "commands that nothing here checks"


@pytest.mark.parametrize("command", SCRIPTS)
def test_every_script_command_composes(command: str, capsys) -> None:
    _, script, *arguments = shlex.split(command)
    name = Path(script).stem
    assert (ROOT / script).is_file()
    assert call(name, *arguments, "--show-config") == 0
    shown = capsys.readouterr().out
    assert "env:" in shown or "run:" in shown


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
