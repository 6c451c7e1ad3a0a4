"""Playing in the terminal: pictures as files, options as a list, a letter as the reply."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from scripts.play_game import Game, is_action, tagged, typed_kind
from training.belief_chart import entropy_of, share_words

BAR = 28
"""Characters of a full bar."""


def play_in_terminal(
    game: Game,
    folder: Path,
    *,
    show_belief: bool,
    show_gains: bool,
    source: TextIO | None = None,
    sink: TextIO | None = None,
) -> None:
    """Play until the person quits or the input ends.

    Args:
        game: its present episode is gone on with.
        folder: where pictures go, one file each.
        show_belief: whether to print the belief over the answers.
        show_gains: whether to print what each action is expected to tell.
        source, sink: None takes the process's own.
    """
    source, sink = source or sys.stdin, sink or sys.stdout

    def say(*words: str) -> None:
        print(*words, file=sink, flush=True)

    while True:
        say(describe(game, folder, show_belief=show_belief, show_gains=show_gains))
        say(_prompt(game))
        line = source.readline()
        typed = line.strip()
        if not line or _is_command(game, typed, "quit"):
            return
        if game.over or _is_command(game, typed, "next"):
            game.start(game.index + 1)
            continue
        try:
            _send(game, typed)
        except ValueError as error:
            say(f"  ({error})")


def _is_command(game: Game, typed: str, name: str) -> bool:
    """Whether a command was typed, in full or as its first letter where that is no option."""
    taken = not game.over and name[0].upper() in game.now.options
    return typed.lower() in ((name,) if taken else (name, name[0]))


def _prompt(game: Game) -> str:
    if game.over:
        return "Enter for the next world, or quit."
    if game.now.options:
        return "Type a letter, next or quit."
    return "Type an answer, an action, '=' and a reply to be sent as it stands, next or quit."


def _send(game: Game, typed: str) -> None:
    if game.now.options:
        game.choose(typed.upper())
    elif typed.startswith("="):
        game.reply(typed[1:])
    else:
        game.reply(tagged(typed, typed_kind(typed)))


def describe(game: Game, folder: Path, *, show_belief: bool, show_gains: bool) -> str:
    """The present turn in words. Its pictures are written to `folder`."""
    state = game.snapshot()
    limit = f" of {state['max_turns']}" if state["max_turns"] else ""
    lines = ["", f"World {game.index} (seed {game.seed}), {state['turn']} replies{limit}"]
    lines += [f"  {state['question']}", *([f"  {state['said']}"] if state["said"] else [])]
    lines += [f"  picture: {path}" for path in _write_pictures(game, folder)]
    if show_belief:
        lines += _belief_lines(game)
    if game.over:
        verdict = "Right" if game.success else "Not solved"
        return "\n".join([*lines, f"{verdict}. The answer was: {state['gold']}."])
    if not game.now.options:
        return "\n".join([*lines, *(f"  {line}" for line in game.now.text.splitlines())])
    gains = state["gains"] if show_gains else {}
    for option in state["options"]:
        gain = gains.get(option["letter"])
        tail = "" if gain is None else f"  (expected gain {gain:.2f} nats)"
        lines.append(f"  {option['letter']}. {option['text']}{tail}")
    return "\n".join(lines)


def _write_pictures(game: Game, folder: Path) -> list[Path]:
    paths = []
    for number, png in enumerate(game.now.pictures):
        path = folder / f"world{game.index}-turn{len(game.replies)}-{number}.png"
        path.write_bytes(png)
        paths.append(path)
    return paths


def _belief_lines(game: Game) -> list[str]:
    """A bar of characters per answer; where it ended before the latest look stands a |."""
    beliefs = [look.truth["belief"] for look in game.looks if look.truth.get("belief")]
    if not beliefs:
        return []
    now, before = beliefs[-1], beliefs[-2] if len(beliefs) > 1 else {}
    letters = {text: k for k, text in game.now.options.items() if not is_action(text)}
    width = max(len(answer) for answer in now)
    lines = [f"  belief ({entropy_of(now):.2f} nats of uncertainty)"]
    for answer, share in now.items():
        bar = list("█" * round(share * BAR) + "·" * (BAR - round(share * BAR)))
        if answer in before:
            bar[min(BAR - 1, round(before[answer] * BAR))] = "|"
        letter = letters.get(answer, " ")
        lines.append(f"    {letter} {answer:<{width}} {''.join(bar)} {share_words(share):>5}")
    return lines
