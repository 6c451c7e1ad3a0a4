"""What the environment says: instructions, question, options, tools, turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sims.tools.config import LookConfig
from sims.tools.questions import Question
from sims.tools.tool import Tool

IMAGE = "<image>"
"""Where a picture stands in a text."""
SCALES = {
    "unit": "from 0 at the left and top to 1 at the right and bottom",
    "thousand": "from 0 at the left and top to 1000 at the right and bottom",
    "pixels": "in pixels of the picture, from 0 at the left and top",
}
SETTING = (
    "You see a small copy of a large photograph. Every thing in it has a label, and the answer to "
    "the question hangs on labels that may be too small to read here. "
)
WITH_TOOLS = (
    "Each reply gives one letter as the answer, which ends the episode, or uses one tool. Think "
    "inside <think></think>, then write <answer>letter</answer> or <action>tool(...)</action>."
)
WITHOUT_TOOLS = "Think inside <think></think>, then write <answer>letter</answer>."


def first_text(
    question: Question, letters: Mapping[str, str], tools: Mapping[str, Tool], config: LookConfig
) -> str:
    """All that does not change in an episode: instructions, question and options.

    Args:
        question: what is asked.
        letters: letter -> answer.
        tools: those that may be used.
        config: coordinates, and whether to be brief.
    """
    lines = []
    if not config.brief:
        lines.append(SETTING + (WITH_TOOLS if tools else WITHOUT_TOOLS))
        lines += _about_tools(tools, config)
    lines.append(f"Question: {question.text}")
    return "\n".join([*lines, *(f"{letter}. {words}" for letter, words in letters.items())])


def _about_tools(tools: Mapping[str, Tool], config: LookConfig) -> list[str]:
    if not tools:
        return []
    lines = [f"Tools, with x and y {SCALES[config.coordinates]}:"]
    lines += [f"- {tool.form}: {tool.says}" for tool in tools.values()]
    if any(tool.points for tool in tools.values()):
        lines.append("They point into picture 1; image=2 as a last argument points into picture 2.")
    return lines


def turn_text(turn: int, config: LookConfig) -> str:
    """What turn it is."""
    return f"Turn {min(turn + 1, config.max_turns)} of {config.max_turns}."


def what_is_legal(letters: Sequence[str], tools: Mapping[str, Tool]) -> str:
    """What may be written, after a reply that meant nothing."""
    answer = f"Answer with one letter, as <answer>{letters[0]}</answer>"
    if not tools:
        return f"{answer}."
    forms = ", ".join(tool.form for tool in tools.values())
    return f"{answer}, or use a tool inside <action></action>: {forms}."


def with_pictures(numbers: Sequence[int], *, brief: bool) -> str:
    """Where the pictures stand that come with a text, each with its number."""
    if brief:
        return ""
    return "\n".join(f"Picture {number}: {IMAGE}" for number in numbers)
