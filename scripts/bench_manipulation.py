"""The measurements of `scripts/bench.py manipulation`: our frames, steps and resets, and taking
turns with them in the same run, those of five peers, each in its own interpreter.

Every peer is timed twice: with its own defaults, but for the size of the picture; and `alike`, with
our number of substeps and none of the shadows, reflections and samples that ours does without. All
that a frame is made with is in the table `settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from scripts import bench_peers
from scripts.peer_process import PeerError, PeerProcess
from sims.manipulation.bench_cases import Case, frame_settings, manipulation_cases
from sims.manipulation.physics import ENGINES

RATE, RATIO = "_per_core_second", "_ratio"
OURS = "ours.mujoco_front_128"
MIN_RATIOS = {
    "gymnasium_robotics": 1.0,
    "dm_control": 1.0,
    "robosuite": 5.0,
    "panda_gym": 5.0,
    "metaworld": 5.0,
}
"""What is asked for, over each peer at its own defaults."""
TARGETS = {
    **{f"ours.to_{peer}_front_128{RATIO}": least for peer, least in MIN_RATIOS.items()},
    f"ours.to_gymnasium_robotics_front_128_alike{RATIO}": 1.0,
}
"""Figures of which at least so much is asked for."""
SLICE_SECONDS = 0.2
"""Process time that a peer spends on a case before it answers [s]."""

Measure = Callable[[Mapping[str, Case]], dict[str, float]]
Tables = dict[str, dict[str, dict[str, dict[str, Any]]]]


def measure_case(peer: PeerProcess, case: str, seconds: float = SLICE_SECONDS) -> tuple[float, int]:
    """Process time that a peer spent on a case [s], and the number of units."""
    answer = peer.ask(case, seconds)
    return answer["seconds"], answer["units"]


def bench_manipulation(peers_root: Path, measure: Measure) -> tuple[dict[str, float], Tables]:
    """Measure and print every figure with its target.

    Args:
        peers_root: holds a virtual environment per peer, as `scripts/external_venvs.py` makes them;
            peers without one are left out, and so are those that do not work.
        measure: takes cases by name, each in turn, and gives the figure of each.

    Returns:
        The figures, and the table of what frames were made with.
    """
    cases, settings = manipulation_cases(), {}
    for engine in ENGINES:
        label = f"ours.{engine}_front_128"
        if label + RATE in cases:
            settings[label] = frame_settings(engine)
    with start_peers(peers_root, int(settings[OURS]["substeps"])) as peers:
        for (name, is_alike), peer in peers.items():
            for case in peer.greeting["cases"]:
                label = f"{name}.{case}{'_alike' if is_alike else ''}"
                if case == "physics" and is_alike:
                    continue  # a number of substeps is no look
                cases[label + RATE] = peer_case(peer, case)
                if case == "front_128":
                    settings[label] = {k: float(v) for k, v in peer.greeting["settings"].items()}
        figures = measure(cases)
    figures |= ratios(figures)
    print_figures(figures, settings)
    return figures, {"settings": {row: as_cells(made) for row, made in settings.items()}}


@contextmanager
def start_peers(root: Path, substeps: int) -> Iterator[dict[tuple[str, bool], PeerProcess]]:
    """(peer, whether alike) -> its process, for those that are there and work."""
    peers: dict[tuple[str, bool], PeerProcess] = {}
    with ExitStack() as stack:
        for name, (_, distribution) in bench_peers.PEERS.items():
            python = root / distribution.replace("_", "-") / "bin" / "python"
            if not python.exists():
                print(f"{name} is left out: there is no {python}; scripts/external_venvs.py")
                continue
            for is_alike in (False, True):
                try:
                    peer = PeerProcess(
                        name, python, [bench_peers.__file__, name, substeps if is_alike else 0]
                    )
                except PeerError as error:
                    print(f"left out: {error}")
                    continue
                stack.callback(peer.close)
                peers[name, is_alike] = peer
        yield peers


def peer_case(peer: PeerProcess, case: str) -> Case:
    """A peer's case as one of ours."""
    return lambda: measure_case(peer, case)


def ratios(figures: Mapping[str, float]) -> dict[str, float]:
    """How many of our frames there are for one of each peer's."""
    ours = figures[OURS + RATE]
    ending = ("front_128" + RATE, "front_128_alike" + RATE)
    return {
        f"ours.to_{name.removesuffix(RATE).replace('.', '_')}{RATIO}": ours / figure
        for name, figure in figures.items()
        if name.endswith(ending) and not name.startswith("ours.")
    }


def as_cells(made: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """A row of a table, of numbers that are known exactly."""
    return {name: {"mean": float(value), "stderr": None, "n": 1} for name, value in made.items()}


def print_figures(
    figures: Mapping[str, float], settings: Mapping[str, Mapping[str, float]]
) -> None:
    """What frames are made with, then one line a figure."""
    for row, made in settings.items():
        look = ", ".join(name for name in ("shadows", "reflections") if made[name]) or "plain"
        print(
            f"{row:<36} {made['width']:.0f} x {made['height']:.0f}, {made['substeps']:.0f} x "
            f"{made['physics_dt_ms']:g} ms, {made['samples']:.0f} samples, {look}"
        )
    for name, figure in figures.items():
        print(f"{name:<62} {figure:9.2f}{describe_target(name)}")


def describe_target(name: str) -> str:
    """What is asked for, in words; nothing where nothing is."""
    return f"   (target: at least {TARGETS[name]:g})" if name in TARGETS else ""
