"""What the expert says: what each frame shows, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from video.synthetic.facts import LAMP
from video.synthetic.knowledge import Facts, Known, change_side, neighbor_of, place_of, touched
from video.synthetic.solving import Asks, Step
from video.synthetic.vocabulary import clock

MOST_LISTED = 3
"""Places on a shelf whose things are all named in brief."""
Namer = Callable[[int], str]
"""Frame -> what it is called."""


def frame_words(kind: str, asks: Asks, known: Known, facts: Facts, *, brief: bool) -> str:
    """What a frame shows of what is asked, in a few words.

    Args:
        kind, asks: the question.
        known: all that has been seen.
        facts: of the frame.
        brief: one word or two where possible.
    """
    if facts["card"] is not None:
        return _card_words(kind, asks, facts)
    if kind in ("what_taken", "what_brought", "what_moved", "when", "when_choice"):
        return _change_words(asks, known, facts, brief=brief)
    if kind in ("what_switched", "how_many"):
        touching = touched(facts) == LAMP and "attribute" in asks
        return f"lamp {facts['lamp']}" + (_visitor_words(asks, facts) if touching else "")
    if kind in ("what_card", "spoken"):
        return f"chapter {facts['chapter']}"
    if kind == "what_after_card":
        return f"chapter {facts['chapter']}" + _visitor_words(asks, facts)
    if kind == "what_at_time":
        return _visitor_words(asks, facts).removeprefix(", ") or "nobody"
    if kind == "where":
        found = [s["part"] for s in facts["standing"] if s["name"] == asks["thing"]]
        return found[0] if found else "not there"
    if kind == "next_to":
        return _neighbor_words(asks, facts)
    pairs = [(asks["first"]["thing"]), asks["second"]["thing"]] if kind == "before_after" else None
    things = pairs or asks["things"]
    there = [thing for thing in things if place_of(facts, thing) is not None]
    return " and ".join(there) if there else "none of them"


def _card_words(kind: str, asks: Asks, facts: Facts) -> str:
    if kind == "what_card" and facts["chapter"] == asks["chapter"]:
        return f"card {facts['chapter']}, {facts['card'][asks['attribute']]}"
    return f"card {facts['chapter']}"


def _change_words(asks: Asks, known: Known, facts: Facts, *, brief: bool) -> str:
    """Whether a thing stands, is carried, or is not there; in brief, all that is to be seen."""
    if brief and known.num_places <= MOST_LISTED:
        return _scene_words(asks["thing"], known, facts)
    if touched(facts) == asks["thing"] and "attribute" in asks:
        visitor = str(facts["visitor"][asks["attribute"]])
        return visitor if brief else f"carried by the {visitor} visitor"
    if asks["event"] == "move":
        side = change_side(known, "move", asks["thing"])(facts)
        return "first place" if side == "before" else "other place"
    return "there" if place_of(facts, asks["thing"]) is not None else "gone"


def _scene_words(asked: str, known: Known, facts: Facts) -> str:
    """The colour at each place, and who is under it with what. A small model learns to see from
    words that say what is where, and to reason from words that it has said: "it" marks the place
    of what is asked for, and "taken" that this is what a visitor has.
    """
    standing = {thing["place"]: str(thing["color"]) for thing in facts["standing"]}
    words = [[standing.get(place, "none")] for place in range(known.num_places)]
    places = (place_of(seen, asked) for seen in (facts, *known.facts.values()))
    place = next((place for place in places if place is not None), None)
    if place is not None:
        words[place].insert(0, "it")
    visitor, carried = facts["visitor"], touched(facts)
    if visitor is not None:
        left, _, right, _ = visitor["box_xyxy_norm"]
        place = min(int((left + right) / 2 * known.num_places), known.num_places - 1)
        words[place] += ["by", str(visitor["color"])]
        words[place] += [] if carried in (None, LAMP) else ["has", str(carried).split()[0]]
        words[place] += ["taken"] if carried == asked else []
    return " ".join(word for group in words for word in group)


def _neighbor_words(asks: Asks, facts: Facts) -> str:
    if place_of(facts, asks["thing"]) is None:
        return "gone"
    beside = neighbor_of(facts, asks["thing"], asks["side"])
    return f"beside {beside}" if beside else "nothing beside"


def _visitor_words(asks: Asks, facts: Facts) -> str:
    if not facts["visitor"] or "attribute" not in asks:
        return ""
    return f", {facts['visitor'][asks['attribute']]}"


def brief_thought(
    words: Mapping[int, str],
    step: Step,
    look: tuple[int, int] | None,
    name: Namer = str,
    *,
    guess: str = "",
) -> str:
    """A few words for very small models, the same forms always.

    Args:
        words: frame -> what it shows, of the frames shown last and those beside them.
        step: what is done next.
        look: the two frames to look between; None for no look.
        name: what frames are called.
        guess: the option that is taken where nothing was found.
    """
    seen = " ".join(f"{name(frame)} {text}." for frame, text in words.items())
    if look is not None:
        close = f"Between {name(look[0])} and {name(look[1])}."
    elif step.time:
        close = f"Time {step.time}."
    else:
        found = None if step.answer is None else f"So {_answer_text(step)}."
        close = found or f"I guess {guess}".rstrip() + "."
    return f"{seen} {close}".strip()


def fluent_thought(
    words: Mapping[int, str],
    step: Step,
    look: tuple[int, int] | None,
    known: Known,
    told: Sequence[int],
    name: Namer = str,
) -> str:
    """Whole sentences. Arguments as for `brief_thought`.

    Args:
        words, step, look, name: see there.
        known: gives the frame rate.
        told: frame numbers that the last turn told.
    """
    parts = []
    for text, group in groupby(words.items(), key=lambda pair: pair[1]):
        frames = [frame for frame, _ in group]
        parts.append(f"{_span(frames, known.fps, name)}: {text}.")
    parts += [f"The time is at frame {frame}." for frame in told]
    if look is not None:
        parts.append(
            "The answer has not been shown yet. What I need lies in a smaller stretch, so I look "
            f"at frames between {name(look[0])} and {name(look[1])}."
        )
    elif step.time:
        parts.append(f"The question names the time {step.time}, so I ask which frame that is.")
    elif step.answer is not None:
        parts.append(f"That settles it: {_answer_text(step)}.")
    else:
        parts.append("I have to answer now, and take what is likeliest.")
    return " ".join(parts)


def _span(frames: Sequence[int], fps: int, name: Namer) -> str:
    first, last = frames[0], frames[-1]
    if first == last:
        return f"Frame {name(first)} ({clock(first / fps)})"
    return f"Frames {name(first)} to {name(last)} ({clock(first / fps)} to {clock(last / fps)})"


def _answer_text(step: Step) -> str:
    answer = step.answer
    return f"{answer[0]:.2f} to {answer[1]:.2f}" if isinstance(answer, tuple) else str(answer)
