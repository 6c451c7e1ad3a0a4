"""The bench of manipulation and its peers, with peers that only talk."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import bench_manipulation, bench_peers, peer_process
from scripts.bench_manipulation import describe_target, measure_case, ratios, start_peers
from scripts.bench_peers import Peer, Settings, check_picture, make_cases
from scripts.peer_process import PeerError, PeerProcess

SETTINGS = Settings(substeps=20, physics_dt_ms=2.0, shadows=True, reflections=False, samples=4)
TALKER = """
    #!{python}
    import json, sys
    settings = dict(substeps=int(sys.argv[4]) or 10, physics_dt_ms=2.0, shadows=sys.argv[4] == "0",
                    reflections=False, samples=0, height=128, width=128)
    hello = dict(version="1", cases=["front_128", "physics"], settings=settings)
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        case, seconds = line.split()
        print(json.dumps(dict(seconds=1.0, units=40 if sys.argv[4] == "0" else 80)), flush=True)
"""
BROKEN = """
    #!{python}
    raise SystemExit("ImportError: no MuJoCo like that")
"""


def make_interpreter(root: Path, name: str, program: str) -> Path:
    """An executable that takes a peer's arguments and says what the program says."""
    python = root / name / "bin" / "python"
    python.parent.mkdir(parents=True)
    lines = textwrap.dedent(program).strip()
    python.write_text(lines.replace("{python}", sys.executable))
    python.chmod(0o755)
    return python


def begin(python, name):
    return PeerProcess(name, python, [bench_peers.__file__, name, 0])


def test_a_peer_is_asked_and_answers(tmp_path):
    peer = begin(make_interpreter(tmp_path, "dm-control", TALKER), "dm_control")
    assert peer.greeting["cases"] == ["front_128", "physics"]
    assert measure_case(peer, "front_128") == (1.0, 40)
    assert measure_case(peer, "physics", 0.5) == (1.0, 40)
    peer.close()


def test_a_peer_that_fails_is_left_out_with_its_last_words(tmp_path, capsys):
    with pytest.raises(PeerError, match="robosuite: ImportError: no MuJoCo like that"):
        begin(make_interpreter(tmp_path, "robosuite", BROKEN), "robosuite")
    make_interpreter(tmp_path, "dm-control", TALKER)
    with start_peers(tmp_path, 20) as peers:
        assert list(peers) == [("dm_control", False), ("dm_control", True)]
    printed = capsys.readouterr().out
    assert "left out: robosuite: ImportError" in printed
    assert "metaworld is left out: there is no" in printed


def test_a_silent_peer_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(peer_process, "PATIENCE_SECONDS", 0.2)
    program = "#!{python}\nimport sys\nsys.stdin.read()"
    with pytest.raises(PeerError, match="panda_gym is silent for 0 s"):
        begin(make_interpreter(tmp_path, "panda-gym", program), "panda_gym")


def test_figures_settings_and_ratios_are_put_together(tmp_path, monkeypatch, capsys):
    make_interpreter(tmp_path, "dm-control", TALKER)
    ours = {"ours.mujoco_front_128_per_core_second": lambda: (1.0, 200)}
    settings = {**vars(SETTINGS), "shadows": 0.0}
    monkeypatch.setattr(bench_manipulation, "manipulation_cases", ours.copy)
    monkeypatch.setattr(bench_manipulation, "frame_settings", lambda engine: settings)

    def measure(cases: Any) -> dict[str, float]:
        return {name: case()[1] / case()[0] for name, case in cases.items()}

    figures, tables = bench_manipulation.bench_manipulation(tmp_path, measure)
    assert figures["dm_control.front_128_per_core_second"] == 40
    assert figures["dm_control.front_128_alike_per_core_second"] == 80
    assert figures["ours.to_dm_control_front_128_ratio"] == 5.0
    assert figures["ours.to_dm_control_front_128_alike_ratio"] == 2.5
    assert "dm_control.physics_alike_per_core_second" not in figures
    rows = tables["settings"]
    assert set(rows) == {
        "ours.mujoco_front_128",
        "dm_control.front_128",
        "dm_control.front_128_alike",
    }
    assert rows["dm_control.front_128_alike"]["substeps"]["mean"] == 20
    assert rows["dm_control.front_128"]["shadows"] == {"mean": 1.0, "stderr": None, "n": 1}
    assert "128 x 128, 10 x 2 ms, 0 samples, shadows" in capsys.readouterr().out


def test_ratios_are_over_frames_of_peers_alone():
    figures = {
        "ours.mujoco_front_128_per_core_second": 100.0,
        "ours.bullet_front_128_per_core_second": 50.0,
        "metaworld.front_128_per_core_second": 10.0,
        "metaworld.reset_per_core_second": 5.0,
    }
    assert ratios(figures) == {"ours.to_metaworld_front_128_ratio": 10.0}
    assert describe_target("ours.to_metaworld_front_128_ratio") == "   (target: at least 5)"
    assert describe_target("ours.to_metaworld_front_128_alike_ratio") == ""


def test_a_frame_is_an_action_and_a_picture_and_a_new_episode_where_one_is_over():
    done: list[str] = []
    overs = iter([False, True, False])
    peer = Peer(
        act=lambda action: bool(done.append("act")) or next(overs),
        reset=lambda: done.append("reset"),
        picture=lambda: done.append("picture"),
        bounds=(-np.ones(2), np.ones(2)),
        settings=SETTINGS,
    )
    frame = make_cases(peer)["front_128"]
    assert all(frame() >= 0 for _ in range(3))
    assert done == ["reset", "act", "picture", "act", "picture", "reset", "act", "picture"]
    done.clear()
    make_cases(peer)["reset"]()
    assert done == ["reset", "picture"]


def test_a_black_picture_is_not_timed():
    peer = Peer(
        act=lambda action: False,
        reset=lambda: None,
        picture=lambda: np.zeros((128, 128, 3)),
        bounds=(-np.ones(2), np.ones(2)),
        settings=SETTINGS,
    )
    with pytest.raises(AssertionError, match="of deviation 0.0"):
        check_picture(peer)


def test_every_peer_has_a_virtual_environment_to_be_made():
    from scripts.external_venvs import REQUIREMENTS

    distributions = {name for _, name in bench_peers.PEERS.values()}
    assert {name.replace("_", "-") for name in distributions} <= set(REQUIREMENTS)


@pytest.mark.render
def test_our_cases_are_timed_for_the_engines_that_are_installed():
    from sims.manipulation.bench_cases import engine_cases, frame_settings

    cases = engine_cases("mujoco")
    assert set(cases) == {
        f"ours.mujoco_{name}_per_core_second"
        for name in ("front_128", "both_128", "front_224", "physics", "reset")
    }
    for case in cases.values():
        seconds, units = case()
        assert seconds > 0
        assert units == 1
    assert frame_settings("mujoco")["substeps"] == 20
