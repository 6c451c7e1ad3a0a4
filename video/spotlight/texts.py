"""What the environment says: instructions, question, frames, turns."""

from __future__ import annotations

from video.frames import FrameSource
from video.questions import VideoQuestion
from video.spotlight.clock import format_clock
from video.spotlight.config import SpotlightConfig
from video.spotlight.decisions import Decision, Situation
from video.spotlight.look_texts import escape
from video.spotlight.replies import form_of
from video.spotlight.toolbox import choose_tools, describe_tools


def answer_form(question: VideoQuestion, config: SpotlightConfig) -> str:
    """How to answer, and to name the evidence where that is asked for."""
    if not question.options:
        return "<answer>START to END</answer>"
    evidence = "<evidence>START to END</evidence>" if config.ask_evidence else ""
    return f"<answer>LETTER</answer>{evidence}"


def instructions(question: VideoQuestion, film: FrameSource, config: SpotlightConfig) -> str:
    """What may be done, in the words of the contract."""
    if config.contract == "frame_thinker":
        return _published_instructions(question, film, config)
    opening = (
        f"You are asked about a film that lasts {format_clock(film.duration_seconds)} "
        f"({film.num_frames} frames, {film.average_fps:.6g} a second); you see frames of it."
    )
    answering = f"the answer, as {answer_form(question, config)}"
    if not question.options:
        answering += " (the stretch that is asked for, in seconds or MM:SS)"
    elif config.ask_evidence:
        answering += " (the evidence is the stretch that shows it, in seconds or MM:SS)"
    if config.scan_only:
        return f"{opening} Think inside <think></think>, then give {answering}."
    return (
        f"{opening} Each reply thinks inside <think></think> and then either asks for one action, "
        "as <action>...</action>, or ends the episode with "
        f"{answering}. {_naming(config)}Actions:\n{_list_tools(film, config)}"
    )


def _naming(config: SpotlightConfig) -> str:
    """What frames are called, where it is not by their numbers."""
    if config.frame_names == "numbers":
        return ""
    return "Frames are numbered in the order in which you see them: 1, 2, 3 and so on. "


def first_text(
    question: VideoQuestion, film: FrameSource, config: SpotlightConfig, frames: str, turn: str
) -> str:
    """The first observation's text.

    Args:
        question: what is asked.
        film: what it is about.
        config: gives the contract and whether to be brief.
        frames: the scan, from `look_text`.
        turn: what turn it is, from `turn_text`; the contract frame_thinker does not say.
    """
    asked = [escape(question.text)]
    asked += [f"{letter}. {escape(words)}" for letter, words in question.letters().items()]
    if config.contract == "frame_thinker":
        return "\n".join([instructions(question, film, config), *asked, frames])
    asked[0] = f"Question: {asked[0]}"
    if config.brief:
        form = [f"Answer as {answer_form(question, config)}"] if config.ask_evidence else []
        length = f"{film.num_frames} frames, {format_clock(film.duration_seconds)}"
        return "\n".join([*asked, *form, length, frames, turn])
    scan = "Frames of a first scan, spread evenly over the film:"
    return "\n".join([instructions(question, film, config), *asked, scan, frames, turn])


def text_after(decision: Decision, situation: Situation) -> str:
    """What is said after a reply; nothing after one that ends the episode.

    Args:
        decision: what the reply came to.
        situation: how things stand after it.
    """
    if decision.ends:
        return ""
    config, body = situation.config, decision.text
    if decision.look is None:
        legal = legal_text(situation.question, config) if situation.turns_left else ""
        body = escape(f"{decision.note} {legal}".strip())
    if config.contract == "frame_thinker":
        return body
    return "\n".join(filter(None, [body, turn_text(situation)]))


def turn_text(situation: Situation) -> str:
    """What turn it is, how many frames are left, and whether an answer is due."""
    config, left = situation.config, situation.frames_left
    total = config.num_turns()
    if situation.turns_left == 0:
        return "No turns are left."
    parts = [f"Turn {total - situation.turns_left + 1} of {total}."]
    if left is not None and not config.scan_only:
        parts.append(f"Frames left: {left}.")
    if situation.turns_left == 1 or left == 0:
        due = f"Answer now: {answer_form(situation.question, config)}."
        parts.append("Answer now." if config.brief else due)
    return " ".join(parts)


def legal_text(question: VideoQuestion, config: SpotlightConfig) -> str:
    """What a reply may be, in a sentence."""
    answer = answer_form(question, config)
    if config.scan_only:
        return f"Legal: {answer}."
    forms = [form_of(tool) for tool in choose_tools(config.tools).values()]
    if not config.brief:
        forms = [f"<action>{form}</action>" for form in forms]
    return f"Legal: {', '.join(forms)}, or {answer}."


def _list_tools(film: FrameSource, config: SpotlightConfig) -> str:
    tools = describe_tools(config, film).values()
    return "\n".join(f"- {form_of(tool)}: {tool.says}" for tool in tools)


def _published_instructions(
    question: VideoQuestion, film: FrameSource, config: SpotlightConfig
) -> str:
    """The released system prompt's content in words of ours; the actions are its own."""
    answer = "`output answer: OPTION`: the final answer, one letter"
    if not question.options:  # the paper asks no such question
        answer = "`output answer: START to END`: the final answer, a stretch in seconds or MM:SS"
    form = "Think inside <think></think>, then write one action inside <action></action>."
    opening = "You answer a question about a video."
    if config.scan_only:
        return f"{opening} {form} The only action is {answer}."
    num = config.look_frames(film.duration_seconds)
    return "\n".join(
        [
            f"{opening} You look at it step by step. {form} Actions:",
            "1. `choose frames between START_FRAME and END_FRAME`: a closer look at that part of "
            f"the video. It shows a fixed number of frames, here {num}.",
            "2. `get frame number at time MM:SS`: the number of the frame at that time. Turn hours "
            "into minutes: 1 hour, 2 minutes and 30 seconds is 62:30.",
            f"3. {answer}.",
        ]
    )
