"""The Hydra door: what a user may get wrong, and what they are told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from omegaconf import DictConfig

from policies.interface import PolicyOutput
from scripts import hydra_door
from scripts.hydra_door import run_script
from tests.scripts.toy_script import Light, NeedyScript, RoomConfig, Run, SweepConfig, ToyScript

ROOT = Path(__file__).resolve().parents[2]


def test_main_receives_plain_dataclasses_and_the_same_as_yaml(run: Run) -> None:
    code, [(config, config_yaml)], _, _ = run("algorithm.learning_rate=2", "room.light=NIGHT")
    assert code == 0
    assert config.room == RoomConfig(num_chairs=2, light=Light.NIGHT)
    assert config.algorithm == SweepConfig(learning_rate=2.0)
    assert type(config.algorithm.widths) is list
    assert not isinstance(config.room, DictConfig)
    assert config.seed == 7
    assert "num_chairs: 2\n" in config_yaml
    assert "light: NIGHT\n" in config_yaml


def test_experiment_overrides_groups_and_settings(run: Run) -> None:
    _, [(config, _)], _, _ = run("experiment=big", "steps=3")
    assert config.room.num_chairs == 40
    assert config.steps == 3


def test_config_folder_of_the_users_own(run: Run, config_dir: Path) -> None:
    own = config_dir / "elsewhere" / "room"
    own.mkdir(parents=True)
    (own / "attic.yaml").write_text("num_chairs: 1\n")
    _, [(config, _)], _, _ = run(f"hydra.searchpath=[file://{own.parent}]", "room=attic")
    assert config.room.num_chairs == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(
            ["sed=1"],
            ["unknown setting 'sed' (given as sed=1)", "Did you mean 'seed'?", "experiment, name"],
            id="unknown key",
        ),
        pytest.param(
            ["room.num_chair=1"],
            ["'room.num_chair'", "mean 'room.num_chairs'?", "under 'room': light, num_chairs"],
            id="unknown nested key",
        ),
        pytest.param(
            ["learning_rate=1"],
            ["unknown setting 'learning_rate'", "Did you mean 'algorithm.learning_rate'?"],
            id="key of another node",
        ),
        pytest.param(["+speed=1"], ["'speed'", "steps"], id="key added with a plus"),
        pytest.param(
            ["+room.lamp=1"],
            ["'room.lamp'", "light, num_chairs"],
            id="nested key with a plus",
        ),
        pytest.param(
            ["room=hal"],
            ["unknown option 'hal' for the group 'room'", "mean 'hall'?", "hall,", "small/den"],
            id="unknown option",
        ),
        pytest.param(
            ["room=small/pen"], ["'small/pen'", "Did you mean 'small/den'?"], id="unknown suboption"
        ),
        pytest.param(["rooom=hall"], ["'rooom'", "Did you mean 'room'?"], id="unknown group"),
        pytest.param(["room=null"], ["'room' is a group", "hall,"], id="group set to null"),
        pytest.param(["+room=hall"], ["without the +"], id="group added with a plus"),
        pytest.param(
            ["steps=many"],
            ["the setting 'steps' cannot be 'many'", "a whole number"],
            id="wrong type",
        ),
        pytest.param(["steps=2.5"], ["'steps' cannot be 2.5", "a whole number"], id="fraction"),
        pytest.param(["steps=null"], ["'steps' cannot be null"], id="null where not allowed"),
        pytest.param(
            ["algorithm.learning_rate=fast"],
            ["'algorithm.learning_rate' cannot be 'fast'", "a number"],
            id="nested wrong type",
        ),
        pytest.param(["room.light=DUSK"], ["'DUSK'", "one of DAY, NIGHT"], id="enum"),
        pytest.param(["algorithm.widths=3"], ["'algorithm.widths'", "3"], id="not a list"),
        pytest.param(["steps=0"], ["steps must be at least 1, got 0"], id="range"),
        pytest.param(
            ["algorithm.learning_rate=nan"], ["algorithm.learning_rate must be finite"], id="nan"
        ),
        pytest.param(["seed=${nowhere}"], ["'seed'", "'nowhere'"], id="interpolation"),
        pytest.param(["seed"], ["cannot read the argument 'seed'", "key=value"], id="no equals"),
        pytest.param(["--seed=3"], ["unknown flag '--seed=3'", "--help"], id="unknown flag"),
        pytest.param(
            ["room=misspelt"],
            ["room/misspelt.yaml: ", "'room.num_chair'", "light, num_chairs"],
            id="unknown key in a file",
        ),
        pytest.param(
            ["room=mistyped"],
            ["room/mistyped.yaml: ", "'room.num_chairs' cannot be 'several'"],
            id="wrong type in a file",
        ),
        pytest.param(
            ["room=unreadable"], ["unreadable.yaml", "line 1"], id="a file that is not YAML"
        ),
        pytest.param(
            ["experiment=lost"],
            ["option 'cellar' for the group 'room' (named in experiment/lost.yaml)", "hall"],
            id="unknown option in a file",
        ),
    ],
)
def test_bad_input_is_one_message(run: Run, arguments: list[str], told: list[str]) -> None:
    code, calls, out, err = run(*arguments)
    assert code == 2
    assert not calls, "main ran on bad input"
    assert out == ""
    assert err.startswith("conftest.py: ")
    assert "Traceback" not in err
    for part in told:
        assert part in err


def test_options_that_begin_with_an_underscore_are_not_offered(run: Run) -> None:
    assert "_shared" not in run("room=nope")[3]


def test_mandatory_setting(run: Run) -> None:
    code, _, _, err = run(name="needy", schema=NeedyScript)
    assert code == 2
    assert "'checkpoint' has no value and needs one: checkpoint=..." in err


def test_traceback_on_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACCADE_TRACEBACK", "1")
    with pytest.raises(hydra_door.BadInputError, match="unknown setting 'sed'"):
        run("sed=1")


def test_a_file_without_its_schema_is_the_developers_mistake(run: Run) -> None:
    with pytest.raises(TypeError, match=r"bare\.yaml does not start from the schema ToyScript"):
        run(name="bare")


def raise_error(error: BaseException) -> Callable[[ToyScript, str], None]:
    def main(config: ToyScript, config_yaml: str) -> None:
        raise error

    return main


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file", "runs/x"),
        gymnasium.error.NameNotFound("Environment `runs/x` doesn't exist."),
    ],
    ids=["file", "environment"],
)
def test_input_errors_of_main(error: Exception, config_dir: Path, capsys) -> None:
    code = run_script(
        raise_error(error), config_name="toy", schema=ToyScript, argv=[], config_dir=config_dir
    )
    assert code == 2
    assert "runs/x" in capsys.readouterr().err


def test_a_check_of_ours_that_main_runs_into_is_an_input_error(config_dir: Path, capsys) -> None:
    def main(config: ToyScript, config_yaml: str) -> None:
        PolicyOutput()

    code = run_script(main, config_name="toy", schema=ToyScript, argv=[], config_dir=config_dir)
    assert code == 2
    error = capsys.readouterr().err
    assert "PolicyOutput needs exactly one of text and action" in error
    assert "SACCADE_TRACEBACK=1" in error


def test_bugs_keep_their_traceback(config_dir: Path) -> None:
    def forget(config: ToyScript, config_yaml: str) -> None:
        np.stack([])

    arguments = {"config_name": "toy", "schema": ToyScript, "argv": [], "config_dir": config_dir}
    with pytest.raises(ValueError, match="need at least one array"):
        run_script(forget, **arguments)
    with pytest.raises(KeyError, match="lost"):
        run_script(raise_error(KeyError("lost")), **arguments)


def test_interrupt(config_dir: Path, capsys) -> None:
    code = run_script(
        raise_error(KeyboardInterrupt()),
        config_name="toy",
        schema=ToyScript,
        argv=[],
        config_dir=config_dir,
    )
    assert code == 130
    assert "interrupted" in capsys.readouterr().err


def test_show_config_prints_and_stops(run: Run) -> None:
    code, calls, out, _ = run("steps=5", "--show-config")
    assert code == 0
    assert not calls
    assert "steps: 5\n" in out


SCRIPT = '''"""Says its seed."""
import sys
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore

from scripts import hydra_door


@dataclass(kw_only=True)
class Seeded:
    """Seeded.

    Attributes:
        seed: a seed.
    """

    seed: int = 0


def main(config, config_yaml):
    print("seed", config.seed)


hydra_door.register_schemas = lambda _: ConfigStore.instance().store(name="seeded", node=Seeded)
sys.exit(
    hydra_door.run_script(
        main, config_name="say", schema=Seeded, config_dir=Path(__file__).parent / "configs"
    )
)
'''


def test_as_a_process(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "say.yaml").write_text("defaults: [seeded, _self_]\n")
    (tmp_path / "say.py").write_text(SCRIPT)

    def say(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "say.py", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    good, bad = say("seed=3"), say("seed=x")
    assert (good.returncode, good.stdout, good.stderr) == (0, "seed 3\n", "")
    assert bad.returncode == 2
    assert bad.stderr.splitlines() == [
        "say.py: the setting 'seed' cannot be 'x': it takes a whole number"
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["configs", "say.py"]
