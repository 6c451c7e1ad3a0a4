"""The toy script's folder, and a way to run it inside the test's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import hydra_door
from scripts.hydra_door import run_script
from tests.scripts.toy_script import FILES, Run, ToyScript, register


@pytest.fixture
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hydra_door, "register_schemas", register)
    monkeypatch.delenv("SACCADE_TRACEBACK", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def run(config_dir: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    def run_toy(*argv: str, name: str = "toy", schema: type = ToyScript, examples=()):
        calls: list[tuple[ToyScript, str]] = []

        def main(config: ToyScript, config_yaml: str) -> None:
            calls.append((config, config_yaml))

        code = run_script(
            main,
            config_name=name,
            schema=schema,
            examples=examples,
            argv=argv,
            config_dir=config_dir,
        )
        captured = capsys.readouterr()
        return code, calls, captured.out, captured.err

    yield run_toy
    assert sorted(p.name for p in config_dir.parent.iterdir()) == ["configs"], "left files behind"
