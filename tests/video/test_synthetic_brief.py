"""The few words for very small models: what is where in each frame, then what follows."""

from __future__ import annotations

import re

import numpy as np

from video.spotlight.tools import uniform_indices
from video.synthetic.checks import Turn
from video.synthetic.config import nursery_film_config
from video.synthetic.expert import make_expert
from video.synthetic.facts import frame_facts
from video.synthetic.film import draw_film
from video.synthetic.knowledge import place_of
from video.synthetic.questions import draw_questions

STATEMENT = re.compile(r"(\d+)((?: [a-z]+)+)\.")
PLACE = re.compile(r"( it)? (red|blue|green|yellow|none)(?: by (\w+)(?: has (\w+)( taken)?)?)?")


def test_every_frame_is_described_as_it_is() -> None:
    described = carrying = 0
    for seed in range(12):
        film = draw_film(nursery_film_config(), seed)
        [question] = draw_questions(film, np.random.default_rng(seed), num=1)
        expert = make_expert(question, film, look_frames=3, max_turns=5, brief=True)
        thing = question.extra["asks"]["thing"]
        asked = place_of(frame_facts(film, 0), thing)
        reply = expert.reply([Turn(frames=tuple(uniform_indices(film.num_frames, 30)))])
        for number, words in STATEMENT.findall(reply):
            facts = frame_facts(film, int(number))
            places = PLACE.findall(words)
            standing = {thing["place"]: thing["color"] for thing in facts["standing"]}
            marks, colors, *_ = zip(*places, strict=True)
            assert list(colors) == [standing.get(p, "none") for p in range(3)]
            assert [bool(mark) for mark in marks] == [place == asked for place in range(3)]
            visits = [[color, load] for *_, color, load, _ in places if color]
            taken = any(mark for *_, mark in places)
            seen = facts["visitor"]
            assert taken == (seen is not None and seen["touches"] == thing)
            carried = "" if not (seen and seen["touches"]) else seen["touches"].split()[0]
            assert visits == ([] if seen is None else [[seen["color"], carried]])
            described += 1
            carrying += bool(carried)
    assert described == 12 * 30
    assert carrying > 3
