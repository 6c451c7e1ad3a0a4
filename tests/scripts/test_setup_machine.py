"""Preparing a bare machine: who is told what, and what is run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scripts import setup_machine


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine without OpenGL where nothing may be run; collects what would be."""
    commands: list[str] = []

    def run(command, **kwargs):
        commands.append(command if isinstance(command, str) else " ".join(command))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(setup_machine, "egl_works", lambda: False)
    monkeypatch.setattr(setup_machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(setup_machine.subprocess, "run", run)
    return commands


def test_root_installs_and_then_checks_again(bare, monkeypatch) -> None:
    monkeypatch.setattr(setup_machine.os, "geteuid", lambda: 0)
    assert setup_machine.main() == 0
    installing, checking = bare
    assert installing.startswith("apt-get update && apt-get install -y ")
    assert "libegl-mesa0" in installing
    assert checking == f"{sys.executable} {setup_machine.__file__} --check"


def test_others_are_given_the_one_command(bare, monkeypatch, capsys) -> None:
    monkeypatch.setattr(setup_machine.os, "geteuid", lambda: 1000)
    assert setup_machine.main() == 1
    assert bare == []
    commands = [line for line in capsys.readouterr().out.splitlines() if "apt-get" in line]
    assert len(commands) == 1
    assert commands[0].strip().startswith("sudo sh -c 'apt-get update && ")
    assert "libopengl0" in commands[0]


def test_without_apt_the_packages_are_named(bare, monkeypatch, capsys) -> None:
    monkeypatch.setattr(setup_machine.shutil, "which", lambda name: None)
    assert setup_machine.main() == 1
    assert bare == []
    assert "libgl1-mesa-dri" in capsys.readouterr().out


def test_check_installs_nothing(bare, capsys) -> None:
    assert setup_machine.main(["--check"]) == 1
    assert bare == []
    assert "still lacks" in capsys.readouterr().out


def test_an_old_python_is_refused(bare, monkeypatch, capsys) -> None:
    monkeypatch.setattr(setup_machine.sys, "version_info", (3, 10, 4))
    assert setup_machine.main() == 1
    assert "make setup PYTHON=python3.11" in capsys.readouterr().out


def test_a_missing_library_does_not_load() -> None:
    assert setup_machine.loads("libc.so.6")
    assert not setup_machine.loads("libno-such-library.so.9")


@pytest.mark.render
def test_this_machine_renders() -> None:
    if not setup_machine.egl_works():
        pytest.skip("EGL finds no device, neither a GPU nor Mesa's software one")
    assert setup_machine.missing_packages() == []
