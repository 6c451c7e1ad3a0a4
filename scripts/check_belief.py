"""Evidence that the belief is right: log-loss and calibration over many episodes, brute force on
small scenes, and a search for loops of actions that pay.

The log-loss of the belief on the true answer is compared with that of a reference that simulates
every world which may lie behind what was seen. Writes runs/check_belief/summary.json.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from configs.check_belief_schema import CheckBeliefScript
from scripts.hydra_door import run_script
from scripts.making import open_run
from sims.avr.adversary import best_loop, idle_expectation, overpaid, paid_when_proven, search
from sims.avr.calibration import CHOOSERS, Turn, calibration_error, play, statements
from sims.avr.config import QUESTION_TYPES, AvrConfig
from sims.avr.env import AvrEnv
from sims.avr.scene_types import SCENE_TYPES
from sims.avr.small_scenes import Cell, compare, small_config
from training.evaluation import Row
from training.progress import progress_bar
from training.seeding import task_seeds
from training.statistics import mean_stderr

EXAMPLES = (
    "python scripts/check_belief.py num_episodes=60",
    "python scripts/check_belief.py num_episodes=3000 reference_share=0.3 num_scenes=60",
    "python scripts/check_belief.py kinds='[stack]' policies='[deeds]' num_scenes=0",
)
GOALS = {
    "log_loss.largest_excess": 0.01,
    "log_loss.mean_expected_excess": 0.01,
    "calibration.error": 0.02,
    "small_scenes.largest_deviation_of_reference": 5.0,
    "adversary.largest_overpayment": 1e-6,
    "adversary.largest_loop": 1e-6,
    "adversary.paid_when_proven": 1e-6,
}
"""Figure -> the most that it should be. A share of worlds is more than 5 standard errors away from
its probability once in two million cells."""
LEAST_EPISODES = 30
"""Cells with fewer episodes have no say in `log_loss.largest_excess`."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, less their whole part, are spread evenly over [0, 1) whatever else repeats."""
NUM_RESAMPLES = 20
DEPTH, WIDTH = 5, 3
"""Of the adversary's search."""


def main(config: CheckBeliefScript, config_yaml: str) -> None:
    """Gather the evidence and write it down."""
    run = open_run(config.run, config_yaml)
    episodes = play_episodes(config)
    turns = [turn for played in episodes.values() for episode in played for turn in episode]
    figures = log_loss_figures([e for played in episodes.values() for e in played])
    figures |= calibration_figures(turns) | divergence_figures(turns)
    figures |= small_scene_figures(config) | adversary_figures(config)
    tables = log_loss_tables(turns) | {"excess_by_policy_and_turn": policy_table(episodes)}
    print("Log-loss of the belief less the reference's, per turn [nats]")
    print_excess(tables["excess_by_question_and_turn"] | tables["excess_by_policy_and_turn"])
    for name, value in figures.items():
        goal = f"   (goal: at most {GOALS[name]:g})" if name in GOALS else ""
        print(f"{name:<58} {value:10.5f}{goal}")
    run.write_summary("check_belief", figures, tables)
    print(f"Results: {run.summary_path}")


def play_episodes(config: CheckBeliefScript) -> dict[str, list[list[Turn]]]:
    """Episodes of each scene kind under each policy, in turn; by policy."""
    side = config.image_size
    settings = AvrConfig(
        image_height=side,
        image_width=side,
        shadows=False,
        balanced=config.balanced,
        include_held_out=True,
        max_turns=config.num_actions + 2,  # the last action is never the last turn
    )
    envs = [AvrEnv(settings, kind) for kind in config.kinds]
    played: dict[str, list[list[Turn]]] = {name: [] for name in config.policies}
    seeds = task_seeds("validation", config.first_index, config.num_episodes)
    with progress_bar("episodes", 0, len(seeds)) as advance:
        for index, seed in enumerate(seeds):
            name = config.policies[index // len(envs) % len(config.policies)]
            turns, _ = play(
                envs[index % len(envs)],
                seed,
                CHOOSERS[name],
                num_actions=config.num_actions,
                with_reference=index * GOLDEN % 1 < config.reference_share,
            )
            played[name].append(turns)
            advance({})
    return played


def policy_table(episodes: Mapping[str, Sequence[Sequence[Turn]]]) -> dict[str, Row]:
    """Mean excess over the reference, per policy and turn [nats]."""
    table = {
        name: _table(
            [turn for turns in played for turn in turns if turn.reference is not None],
            lambda turn: ("all", f"turn_{turn.turn}"),
            _expected_excess,
        )
        for name, played in episodes.items()
    }
    return {name: rows["all"] for name, rows in table.items() if rows}


def log_loss_tables(turns: Sequence[Turn]) -> dict[str, dict[str, Row]]:
    """Mean excess over the reference, expected and realised, and mean log-loss over the belief's
    own entropy, in nats.
    """
    compared = [turn for turn in turns if turn.reference is not None]
    return {
        "excess_by_question_and_turn": _table(compared, _question_and_turn, _expected_excess),
        "excess_by_scene_type": _table(compared, lambda t: (t.scene_type, "all"), _expected_excess),
        "realised_excess_by_question_and_turn": _table(
            compared, _question_and_turn, lambda turn: turn.excess
        ),
        "surprise_by_question_and_turn": _table(turns, _question_and_turn, _surprise),
    }


def log_loss_figures(episodes: Sequence[Sequence[Turn]]) -> dict[str, float]:
    """Means over episodes of what their turns have on average, and the largest mean of a question
    type and turn.
    """
    turns = [turn for episode in episodes for turn in episode]
    cells = log_loss_tables(turns)["excess_by_question_and_turn"].values()
    means = [cell for row in cells for cell in row.values() if (cell["n"] or 0) >= LEAST_EPISODES]
    compared = [episode for episode in episodes if episode[0].reference is not None]
    figures = {"log_loss.num_turns": float(len(turns))}
    figures |= _figure("log_loss.mean_over_own_entropy", episodes, _surprise)
    if compared:
        figures |= _figure("log_loss.mean_excess", compared, lambda turn: turn.excess)
        figures |= _figure("log_loss.mean_expected_excess", compared, _expected_excess)
    if means:
        figures["log_loss.largest_excess"] = max(float(cell["mean"] or 0.0) for cell in means)
    return figures


def calibration_figures(turns: Sequence[Turn]) -> dict[str, float]:
    """Expected calibration error over all answers of unsettled turns, and per class of answers;
    beside each, what as many independent turns would show if every probability were right.
    """
    names, probabilities, outcomes = statements(turns)
    if not names:
        return {}
    rng, classes = np.random.default_rng(0), np.array(names)

    def classwise(came_true: np.ndarray) -> float:
        found = [(classes == name) for name in sorted(set(names))]
        return float(np.mean([calibration_error(probabilities[at], came_true[at]) for at in found]))

    resampled = [statements(turns, rng)[2] for _ in range(NUM_RESAMPLES)]
    floor = [calibration_error(probabilities, drawn) for drawn in resampled]
    return {
        "calibration.num_statements": float(len(names)),
        "calibration.error": calibration_error(probabilities, outcomes),
        "calibration.error_if_right": float(np.mean(floor)),
        "calibration.classwise_error": classwise(outcomes),
        "calibration.classwise_error_if_right": float(np.mean([classwise(d) for d in resampled])),
    }


def divergence_figures(turns: Sequence[Turn]) -> dict[str, float]:
    """Per kind of action: how likely a world that looked the same shows other places after it."""
    moved = [turn for turn in turns if turn.divergence is not None]
    figures: dict[str, float] = {}
    for kind in sorted({turn.action_kind for turn in moved}):
        found = [turn.divergence for turn in moved if turn.action_kind == kind and turn.divergence]
        figures |= {
            f"divergence.{kind}.num_actions": float(len(found)),
            f"divergence.{kind}.share": float(np.mean([d.anywhere for d in found])),
            f"divergence.{kind}.share_elsewhere": float(np.mean([d.elsewhere for d in found])),
        }
    return figures


def small_scene_figures(config: CheckBeliefScript) -> dict[str, float]:
    """Rejection sampling beside the belief and the reference, in standard errors of the counts."""
    types = [name for name, made in SCENE_TYPES.items() if made.kind in config.kinds]
    cells: list[Cell] = []
    with progress_bar("small scenes", 0, config.num_scenes) as advance:
        for index in range(config.num_scenes):
            scene_type = types[7 * index % len(types)]
            question = QUESTION_TYPES[(index + index // len(types)) % len(QUESTION_TYPES)]
            settings = small_config(question, scene_type, balanced=index % 4 >= 2)
            cells += compare(
                AvrEnv(settings, SCENE_TYPES[scene_type].kind),
                config.first_index + index,
                CHOOSERS[config.policies[index % len(config.policies)]],
                num_actions=4,
                num_draws=config.num_draws,
            )
            advance({})
    if not cells:
        return {}
    return {
        "small_scenes.num_cells": float(len(cells)),
        "small_scenes.num_cells_with_physics": float(
            sum(abs(cell.belief - cell.reference) > 1e-9 for cell in cells)
        ),
        "small_scenes.largest_deviation_of_reference": _largest(
            cell.deviation(cell.reference) for cell in cells
        ),
        "small_scenes.largest_deviation_of_belief_without_physics": _largest(
            cell.deviation(cell.belief)
            for cell in cells
            if abs(cell.belief - cell.reference) <= 1e-9
        ),
    }


def adversary_figures(config: CheckBeliefScript) -> dict[str, float]:
    """What the search for loops found, in nats."""
    settings = AvrConfig(
        image_height=28,
        image_width=28,
        shadows=False,
        include_held_out=True,
        sufficient_share=0.3,
        max_turns=DEPTH + 2,
    )
    scores = {
        "adversary.largest_overpayment": overpaid,
        "adversary.largest_loop": best_loop,
        "adversary.paid_when_proven": paid_when_proven,
        "adversary.largest_idle_expectation": idle_expectation,
    }
    found = dict.fromkeys(scores, 0.0) if config.num_searches else {}
    with progress_bar("adversary", 0, config.num_searches) as advance:
        for index in range(config.num_searches):
            env = AvrEnv(settings, config.kinds[index % len(config.kinds)])
            goal = list(scores.values())[index // len(config.kinds) % len(scores)]
            walks = search(env, config.first_index + index, goal, depth=DEPTH, width=WIDTH)
            for name, score in scores.items():
                found[name] = max(found[name], *map(score, walks))
            advance({})
    return found


def print_excess(table: Mapping[str, Row]) -> None:
    """Rows of means with standard errors."""
    for question, row in table.items():
        cells = [f"{cell['mean']:+.4f}+-{cell['stderr'] or 0:.4f}" for cell in row.values()]
        print(f"  {question:<13}", "  ".join(cells))


def _table(
    turns: Iterable[Turn],
    place: Callable[[Turn], tuple[str, str]],
    value: Callable[[Turn], float],
) -> dict[str, Row]:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in turns:
        row, column = place(turn)
        values[row][column].append(value(turn))
    return {
        row: {column: mean_stderr(found) for column, found in sorted(columns.items())}
        for row, columns in sorted(values.items())
    }


def _question_and_turn(turn: Turn) -> tuple[str, str]:
    return turn.question_kind, f"turn_{turn.turn}"


def _expected_excess(turn: Turn) -> float:
    return turn.expected_excess


def _surprise(turn: Turn) -> float:
    return turn.log_loss - turn.entropy


def _largest(deviations: Iterable[float]) -> float:
    found = [abs(deviation) for deviation in deviations]
    return min(max(found, default=0.0), 1e9)  # an infinite one would not be a number in JSON


def _figure(
    name: str, episodes: Iterable[Sequence[Turn]], value: Callable[[Turn], float]
) -> dict[str, float]:
    """Mean and standard error; turns of an episode depend on each other, episodes do not."""
    cell = mean_stderr(float(np.mean([value(turn) for turn in turns])) for turns in episodes)
    return {name: float(cell["mean"] or 0.0), f"{name}_stderr": float(cell["stderr"] or 0.0)}


if __name__ == "__main__":
    sys.exit(
        run_script(main, config_name="check_belief", schema=CheckBeliefScript, examples=EXAMPLES)
    )
