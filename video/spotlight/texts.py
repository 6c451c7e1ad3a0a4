"""What the environment says: instructions, question, frames, turns."""

from __future__ import annotations

from collections.abc import Sequence

from video.frames import FrameSource
from video.questions import VideoQuestion
from video.spotlight.clock import format_clock
from video.spotlight.config import SpotlightConfig
from video.spotlight.decisions import Decision, Situation
from video.spotlight.looks import segments_of
from video.spotlight.naming import names_of
from video.spotlight.replies import TOOL_FORMS
from video.spotlight.truth import Shown
from video.subtitles import SubtitleLine

IMAGE = "<image>"
"""Where a picture stands in the text: one marker for each picture of the turn."""


def escape(text: str) -> str:
    """A text of others, in which nothing stands for a picture."""
    return text.replace(IMAGE, "[image]").encode(errors="replace").decode()


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


def text_after(
    decision: Decision,
    shown: Shown,
    situation: Situation,
    captions: Sequence[SubtitleLine],
) -> str:
    """What is said after a reply; nothing after one that ends the episode.

    Args:
        decision: what the reply came to.
        shown: what it was shown.
        situation: how things stand after it.
        captions: subtitles of the film.
    """
    if decision.ends:
        return ""
    config, look, body = situation.config, decision.look, ""
    if look is None:
        legal = legal_text(situation.question, config) if situation.turns_left else ""
        body = escape(f"{decision.note} {legal}".strip())
    elif look.told is not None:
        body = f"Frame number at time {look.details['time']} is: {look.told}."
    else:
        body = look_text(
            shown,
            config,
            captions,
            whole_stretch=look.box_xyxy_norm is None,
            num_before=len(situation.shown) - len(shown.frames),
        )
    if config.contract == "frame_thinker":
        return body
    note = look.note if look is not None else ""
    return "\n".join(filter(None, [note, body, turn_text(situation)]))


def look_text(
    shown: Shown,
    config: SpotlightConfig,
    captions: Sequence[SubtitleLine],
    *,
    whole_stretch: bool,
    num_before: int = 0,
) -> str:
    """A line for each frame shown, and the subtitles that go with them.

    Args:
        shown: which frames, and when they are.
        config: says whether times and subtitles are given.
        captions: subtitles of the film.
        whole_stretch: whether subtitles between the frames are wanted too.
        num_before: frames shown at earlier turns.
    """
    box = shown.box_xyxy_norm
    part = "" if box is None else " part " + " ".join(f"{share:g}" for share in box)
    names = names_of(shown.frames, config.frame_names, num_before=num_before)
    if config.show_times:
        pairs = zip(names, shown.seconds, strict=True)
        names = [f"{name} [{format_clock(at)}]" for name, at in pairs]
    if config.grid_columns and names:
        lines = [f"frames {', '.join(names)}{part}: {IMAGE}"]
    else:
        lines = [f"frame {name}{part}: {IMAGE}" for name in names]
    if config.subtitles:
        lines += caption_lines(
            captions,
            shown.seconds,
            whole_stretch=whole_stretch,
            max_lines=config.max_subtitle_lines,
        )
    return "\n".join(lines)


def caption_lines(
    captions: Sequence[SubtitleLine],
    seconds: Sequence[float],
    *,
    whole_stretch: bool,
    max_lines: int,
) -> list[str]:
    """The subtitles of what is shown, a line for each, under a heading; none where there are none.

    Args:
        captions: of the film.
        seconds: when the frames shown are.
        whole_stretch: whether those between the frames are wanted too. Where these are more than
            `max_lines`, only those on show at a frame are given.
        max_lines: most lines.
    """
    if not seconds or not captions:
        return []
    first, last = min(seconds), max(seconds)
    lines = [c for c in captions if c.start_seconds <= last and first < c.end_seconds]
    if not whole_stretch or len(lines) > max_lines:
        lines = [c for c in lines if any(c.start_seconds <= s < c.end_seconds for s in seconds)]
    shown = [
        f"[{format_clock(max(0.0, c.start_seconds))} - {format_clock(c.end_seconds)}] "
        f"{escape(' '.join(c.text.split()))}"
        for c in lines[:max_lines]
    ]
    return ["Subtitles:", *shown] if shown else []


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
    forms = [TOOL_FORMS[tool].form for tool in config.tools]
    if not config.brief:
        forms = [f"<action>{form}</action>" for form in forms]
    return f"Legal: {', '.join(forms)}, or {answer}."


def _list_tools(film: FrameSource, config: SpotlightConfig) -> str:
    facts = {
        "look": config.look_frames(film.duration_seconds),
        "rewatch_fps": config.rewatch_fps,
        "segment_frames": config.segment_frames,
        "segments": len(segments_of(film, config)),
    }
    tools = (TOOL_FORMS[name] for name in config.tools)
    return "\n".join(f"- {tool.form}: {tool.shows.format(**facts)}" for tool in tools)


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
