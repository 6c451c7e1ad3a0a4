"""Questions and places made by hand, for the tests of what is asked."""

from __future__ import annotations

from sims.avr.question import QUESTION_TYPES, Question
from sims.avr.question_types import draw_question
from sims.avr.selection import Selection, make_attributes
from sims.avr.things import Body, Device, Geom, Layout, Place, Thing
from sims.avr.vocabulary import ATTRIBUTE_VALUES

WORDS = {name: ATTRIBUTE_VALUES[name] for name in ("color", "shape", "material")}
NAMES = tuple(WORDS)
DEVICES = [Place(name=f"hidden{i}", pos=(2.1 * (i - 1), 1.45, 0), hidden=True) for i in range(3)]
OPEN = [Place(name=f"open{i}", pos=(1.05 * (i - 1), -1.35, 0)) for i in range(3)]
PLACES = (*DEVICES, *OPEN)


def thing(color="red", shape="cube", material="rubber", size="small") -> Thing:
    return Thing(color=color, shape=shape, material=material, size=size)


def selection(area=None, without=(), **attributes) -> Selection:
    groups = tuple(make_attributes(group) for group in without)
    return Selection(attributes=make_attributes(attributes), area=area, without=groups)


def question(kind, *selections, answers, **others) -> Question:
    return Question(kind=kind, selections=selections, answers=answers, **others)


def draw(rng, kinds=QUESTION_TYPES, words=WORDS, **others) -> Question:
    settings = {"filter_attributes": NAMES, "query_attributes": NAMES, "max_count": 6} | others
    return draw_question(rng, words, kinds, **settings)


def numbers(low, high) -> tuple[str, ...]:
    return tuple(str(number) for number in range(low, high + 1))


def large_object(column: int) -> Device:
    """A large red metal cube, which no question is about."""
    body = Body(
        name=f"{column}:object",
        geoms=(Geom(shape="box", size=(0.616,) * 3),),
        pos=(2.1 * (column - 1), 0.0, 0.616),
        yaw=0.5,
        thing=thing(material="metal", size="large"),
    )
    return Device(bodies=(body,), place=DEVICES[column], handles=(body.name,))


LAYOUT = Layout(
    scene_type="large object",
    devices=tuple(large_object(column) for column in range(3)),
    open_places=tuple(OPEN),
)
