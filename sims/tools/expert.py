"""The scripted expert: finds what is asked about in the small picture, looks at it closely, says
what it reads, and answers.

It acts on what has been seen: where things are, as the small picture shows them, and labels that a
picture made readable. Two photographs that look alike so far get the same words.
"""

from __future__ import annotations

from sims.replies import find_choice
from sims.tools.asking import can_ask, next_question, told_signs
from sims.tools.config import READABLE_PX
from sims.tools.coordinates import Box
from sims.tools.desk import look_size
from sims.tools.knowledge import Knowledge
from sims.tools.questions import Known
from sims.tools.sight import readable_side

STYLES = ("best", "point", "mark", "wander", "ask", "direct")
PURPOSEFUL_SHARE = 0.3
"""Share of its looks at which the wandering demonstrator does what the best one does."""
MARGIN = 1.15
"""How much larger than a thing its crop is."""
TIGHTER = 0.7
MAX_TIGHTER = 12
_TOO_SMALL = (
    "its label is too small to read here",
    "I cannot read its label at this size",
    "the label on it is only a few pixels wide",
)


def expert_reply(knowledge: Knowledge, style: str = "best") -> str:
    """The expert's reply, with its reasoning.

    Args:
        knowledge: what has been seen.
        style: "best" crops what it needs to see; "point" zooms at it instead; "mark" first draws a
            box around each thing that is asked about, or a mark on it, as far as turns and marks
            go, then does as "best" does; "wander" sees and answers the same, but seven looks in ten
            go to some part of the picture, blindly; "ask" looks at nothing, but asks `detect` and
            `read`, and takes what they tell for true; "direct" answers at once. Where a tool is
            not there, another that serves takes its place: who cannot crop zooms.

    Raises:
        ValueError: for an unknown style.
    """
    if style not in STYLES:
        raise ValueError(f"expert style {style!r} is unknown; legal: {', '.join(STYLES)}")
    if style == "ask" and can_ask(knowledge):
        return _asking_reply(knowledge)
    known = knowledge.known
    answer = knowledge.question.decided(known, knowledge.desk.scene)
    call, index = "", -1
    can_look = style != "direct" and knowledge.turns_left > 1
    if can_look and style == "mark" and (left := _unmarked(knowledge)):
        index = left[0]
        call = _marking(knowledge, index)
    elif answer is None and can_look and knowledge.missing():
        index = knowledge.missing()[0]
        call = _choose_call(knowledge, style)
    if call:
        thought = _intent(knowledge, index, style)
        return f"<think>{thought}</think><action>{call}</action>"
    return _answer(knowledge, known)


def _asking_reply(knowledge: Knowledge) -> str:
    """What it says where it takes the oracles at their word."""
    found, call = next_question(knowledge)
    if not call or knowledge.turns_left == 1:
        return _answer(knowledge, told_signs(knowledge))
    thought = found if knowledge.brief else f"{found or 'I ask where it is'}.".capitalize()
    return f"<think>{thought}</think><action>{call}</action>"


def _answer(knowledge: Knowledge, known: Known) -> str:
    """What it answers from what it knows. In few words it says what the option says, where that
    cannot be taken for the letter of one.
    """
    decided = knowledge.question.decided(known, knowledge.desk.scene)
    answer = decided or _guess(knowledge, known)
    letter = knowledge.letter_of(answer)
    thought = _conclusion(knowledge, known, letter, answer, guess=decided is None)
    spoken = f"<answer>{answer}</answer>"
    if not knowledge.brief or find_choice(spoken, knowledge.letters) != letter:
        spoken = f"<answer>{letter}</answer>"
    return f"<think>{thought}</think>{spoken}"


def _choose_call(knowledge: Knowledge, style: str) -> str:
    """The tool that it uses next; "" where none of those there are helps."""
    tools = knowledge.desk.config.tools
    index = knowledge.missing()[0]
    region = _closeup(knowledge, index)
    blind = style == "wander" and knowledge.draw(100, salt="mood") >= 100 * PURPOSEFUL_SHARE
    if blind and {"crop", "zoom"} & {*tools}:
        region = _anywhere(knowledge)
    order = ("zoom", "crop", "read") if style == "point" else ("crop", "zoom", "read")
    chosen = next((name for name in order if name in tools), "")
    if chosen == "zoom":
        return _zoom_call(knowledge, region)
    return f"{chosen}{_written(knowledge, region)}" if chosen else ""


def _unmarked(knowledge: Knowledge) -> list[int]:
    """The items that the question hangs on around which it has drawn nothing yet."""
    desk = knowledge.desk
    if len(desk.marks) >= desk.config.max_marks or not {"draw_box", "mark"} & {*desk.config.tools}:
        return []
    return list(knowledge.question.targets[len(desk.marks) :])


def _marking(knowledge: Knowledge, index: int) -> str:
    """How it draws a box around an item, or a mark on it, under the item's name."""
    desk = knowledge.desk
    name = "" if knowledge.brief else f", label={desk.scene.items[index].name}"
    if "draw_box" in desk.config.tools:
        words = _written(knowledge, knowledge.box_of(index).grown(MARGIN)).strip("()")
        return f"draw_box({words}{name})"
    words = desk.write_point(knowledge.box_of(index).center).strip("()")
    return f"mark({words}{name})"


def _written(knowledge: Knowledge, region: Box) -> str:
    """A box as it writes it, inside the picture."""
    desk = knowledge.desk
    return desk.write_box(region.moved_into(desk.whole))


def _zoom_call(knowledge: Knowledge, region: Box) -> str:
    """A zoom that shows about as much; the usual factor where that shows no less."""
    desk = knowledge.desk
    needed = min(desk.whole.width / region.width, desk.whole.height / region.height)
    words = desk.write_point(region.center).strip("()")
    if needed <= desk.config.zoom_factor:
        return f"zoom({words})"
    return f"zoom({words}, {min(64, round(needed + 0.5))})"


def _closeup(knowledge: Knowledge, index: int) -> Box:
    """The part of the picture to look at for an item's label: the item with a margin, or less of it
    about the label where that would still be too small.
    """
    desk = knowledge.desk
    label = desk.photograph().sightings[index].label
    region = knowledge.box_of(index).grown(MARGIN).moved_into(desk.whole)
    for _ in range(MAX_TIGHTER):
        if readable_side(label, region, look_size(region, desk.config)) >= 1.1 * READABLE_PX:
            break
        side = TIGHTER * max(region.width, region.height)
        x, y = label.center
        region = Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2).moved_into(desk.whole)
    return region


def _anywhere(knowledge: Knowledge) -> Box:
    """A fifth of the picture's width and height somewhere."""
    whole = knowledge.desk.whole
    column, row = (knowledge.draw(81, salt=salt) / 100 for salt in ("column", "row"))
    left, top = column * whole.width, row * whole.height
    return Box(left, top, left + 0.2 * whole.width, top + 0.2 * whole.height)


def _guess(knowledge: Knowledge, known: Known) -> str:
    """One of the answers that are still possible."""
    left = knowledge.question.possible(known, knowledge.desk.scene)
    return left[knowledge.draw(len(left), salt="guess")]


def _readings(knowledge: Knowledge, known: Known) -> str:
    """What has been read that matters: "the red mug shows K, the blue box shows F"."""
    items = knowledge.desk.scene.items
    read = [index for index in knowledge.question.targets if index in known]
    return ", ".join(f"the {items[index].name} shows {known[index]}" for index in read)


def _intent(knowledge: Knowledge, index: int, style: str) -> str:
    """Why it looks or draws: what it sees, where, and what it cannot see yet."""
    name = knowledge.desk.scene.items[index].name
    box = _written(knowledge, knowledge.box_of(index))
    place = knowledge.desk.write_point(knowledge.box_of(index).center)
    if knowledge.brief:
        points = style == "point" or "crop" not in knowledge.desk.config.tools
        return f"the {name} {place if points else box}"
    if style == "mark" and index in _unmarked(knowledge):
        return f"The question is about the {name}. It is at {place}, in {box}; I mark it."
    read = _readings(knowledge, knowledge.known)
    so_far = f"So far {read}. " if read else ""
    reason = _TOO_SMALL[knowledge.draw(len(_TOO_SMALL), salt="reason")]
    return f"{so_far}The {name} is at {place}, in {box}; {reason}. I look closer."


def _conclusion(
    knowledge: Knowledge, known: Known, letter: str, answer: str, *, guess: bool
) -> str:
    read = _readings(knowledge, known)
    if knowledge.brief:
        return read or "not seen"
    if guess:
        seen = f"So far {read}. " if read else "I have read none of the labels. "
        return f"{seen}That leaves several answers; {answer} is one of them."
    sentence = f"{read[0].upper()}{read[1:]}. "
    return f"{sentence}So the answer is {answer}, {letter}."
