"""Pictures of synthetic films, and what is said of them."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

from sims.rendering import import_mujoco
from video.frames import VideoError
from video.synthetic.config import FilmConfig, nursery_film_config
from video.synthetic.drawing import draw_scene
from video.synthetic.events import Event
from video.synthetic.facts import frame_facts, lamp_box, place_box, visitor_boxes
from video.synthetic.film import draw_film
from video.synthetic.layout import SHELF_TOP, item_box, make_layout
from video.synthetic.record import Film
from video.synthetic.scene import Scene, scene_at
from video.synthetic.source import FilmSource
from video.synthetic.visits import Sprite
from video.synthetic.vocabulary import FILM_COLORS, SHAPES, Item

CONFIG = FilmConfig(min_seconds=400, max_seconds=400)


@pytest.fixture(scope="module")
def film() -> Film:
    return draw_film(CONFIG, 5)


def event(film: Film, kind: str) -> Event:
    return next(event for event in film.events if event.kind == kind)


def test_frames_alone_and_in_order_are_identical(film: Film) -> None:
    take = event(film, "take")
    frames = list(range(take.start_frame - 2, take.end_frame + 2))
    together = FilmSource(film).frames(frames)
    other = FilmSource(film, cache_frames=1)
    shuffled = np.random.default_rng(0).permutation(frames).tolist()
    alone = {frame: other.frames([frame]).data[0] for frame in shuffled}
    assert all(np.array_equal(alone[f], p) for f, p in zip(frames, together.data, strict=True))
    assert together.data.shape == (len(frames), 180, 320, 3)
    assert together.frame_index.tolist() == frames
    assert together.pts_seconds == pytest.approx(np.array(frames) / 10)


def test_another_process_draws_the_same_pixels(film: Film) -> None:
    code = (
        "import hashlib\nfrom video.synthetic.config import FilmConfig\n"
        "from video.synthetic.film import draw_film\n"
        "from video.synthetic.source import FilmSource\n"
        "film = draw_film(FilmConfig(min_seconds=400, max_seconds=400), 5)\n"
        "data = FilmSource(film).frames([3, 77, 1234, 3999]).data\n"
        "print(hashlib.sha256(data.tobytes()).hexdigest())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    data = FilmSource(film).frames([3, 77, 1234, 3999]).data
    assert run.stdout.strip() == hashlib.sha256(data.tobytes()).hexdigest()


def test_times_are_half_open(film: Film) -> None:
    source = FilmSource(film)
    assert source.indices_at([0.0, 0.0999, 0.1, 0.7, 399.99]).tolist() == [0, 0, 1, 7, 3999]
    every = source.indices_at((np.arange(4000) / 10).tolist())
    assert every.tolist() == list(range(4000))
    for seconds in (-0.1, 400.0, float("nan")):
        with pytest.raises(VideoError, match="film-5: has no time"):
            source.indices_at([seconds])
    with pytest.raises(VideoError, match="has no frame 4000; legal: 0 to 3999"):
        source.frames([0, 4000])


def test_the_source_is_bounded_pickles_and_scales(film: Film) -> None:
    source = FilmSource(film, size=(90, 160), cache_frames=3)
    take = event(film, "take")
    batch = source.frames(list(range(take.start_frame, take.end_frame)))
    assert batch.data.shape[1:3] == (90, 160) == (source.height, source.width)
    assert len(source._pictures) == 3
    again = pickle.loads(pickle.dumps(source))
    assert np.array_equal(again.frames([take.start_frame]).data[0], batch.data[0])
    with pytest.raises(ValueError, match="cache_frames is 0"):
        FilmSource(film, cache_frames=0)


def changed_pixels(one: Scene, two: Scene, config: FilmConfig) -> np.ndarray:
    """Box of the pixels in which two scenes differ, as shares of width and height."""
    differ = (draw_scene(one, config).astype(int) != draw_scene(two, config)).any(axis=2)
    rows, columns = np.flatnonzero(differ.any(axis=1)), np.flatnonzero(differ.any(axis=0))
    height, width = differ.shape
    return np.array(
        [columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height]
    )


@pytest.mark.parametrize("config", [CONFIG, nursery_film_config()], ids=["default", "nursery"])
def test_boxes_fit_what_is_drawn(config: FilmConfig) -> None:
    layout = make_layout(config)
    for shape, x in itertools.product(SHAPES, (-0.6, 0.0, 0.5)):
        radius = layout.visitor_radius
        sprite = Sprite(item=Item(color="red", shape=shape), x=x, z=-0.6, radius=radius)
        drawn = changed_pixels(Scene(tint=0), Scene(tint=0, visitor=sprite), config)
        said = item_box(sprite.item, x, -0.6, radius, layout.half_width)
        pixel = np.array([1 / config.width, 1 / config.height] * 2)
        assert np.all(np.abs(np.array(said) - drawn) <= 2 * pixel), shape


def test_colors_are_told_apart_in_every_chapter() -> None:
    layout = make_layout(CONFIG)
    for tint in range(6):
        means = {}
        for color in FILM_COLORS:
            item = Item(color=color, shape="sphere")
            sprite = Sprite(item=item, x=0.0, z=SHELF_TOP + 0.2, radius=layout.thing_radius)
            picture = draw_scene(Scene(tint=tint, standing=((0, sprite),)), CONFIG)
            x0, y0, x1, y1 = item_box(item, 0.0, sprite.z, sprite.radius, layout.half_width)
            y, x = round((y0 + y1) / 2 * 180), round((x0 + x1) / 2 * 320)
            means[color] = picture[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3).mean(axis=0)
            means["wall"] = picture[60, 300].astype(float)
        for one, two in itertools.combinations(means, 2):
            assert np.linalg.norm(means[one] - means[two]) > 60, (tint, one, two)


def test_facts_of_a_taking(film: Film) -> None:
    take = event(film, "take")
    name = take.thing.name
    before = frame_facts(film, take.hold_start - 1)
    during = frame_facts(film, take.hold_start)
    after = frame_facts(film, take.end_frame)
    assert name in [standing["name"] for standing in before["standing"]]
    assert before["visitor"]["touches"] is None
    assert name not in [standing["name"] for standing in during["standing"]]
    assert during["visitor"]["touches"] == name
    assert during["visitor"]["color"] == take.visitor.color
    assert after["visitor"] is None
    boxes = visitor_boxes(film, take)
    assert boxes[0].interval.start_seconds == take.hold_start / film.fps
    assert boxes[-1].interval.end_seconds == take.hold_end / film.fps
    assert all(0 <= v <= 1 for box in boxes for v in box.box_xyxy_norm)


def test_facts_of_cards_and_lamp(film: Film) -> None:
    chapter = film.chapters[2]
    card = frame_facts(film, chapter.start_frame)
    assert card["chapter"] == card["card"]["chapter"] == 3
    assert card["card"]["color"] == chapter.emblem.color
    assert (card["standing"], card["visitor"], card["lamp"]) == ([], None, None)
    switch = event(film, "switch")
    last, first = (frame_facts(film, switch.change_frame + step) for step in (-1, 0))
    assert (last["lamp"], first["lamp"]) == ("off", "on")
    assert last["visitor"]["touches"] == first["visitor"]["touches"] == "lamp"
    assert frame_facts(film, chapter.card_end)["chapter"] == 3


def test_facts_are_those_of_the_scene_alone(film: Film) -> None:
    """Frames with equal scenes, hence equal pixels, have equal facts but for their number."""
    known: dict[Scene, dict[str, object]] = {}
    for frame in range(0, film.num_frames, 3):
        facts = {k: v for k, v in frame_facts(film, frame).items() if k not in ("frame", "seconds")}
        assert known.setdefault(scene_at(film, frame), facts) == facts
    assert len(known) < film.num_frames / 3


def test_things_never_hide_each_other(film: Film) -> None:
    for frame in range(0, film.num_frames, 7):
        facts = frame_facts(film, frame)
        boxes = [standing["box_xyxy_norm"] for standing in facts["standing"]]
        boxes += [facts["visitor"]["box_xyxy_norm"]] if facts["visitor"] else []
        for (a0, b0, a1, b1), (c0, d0, c1, d1) in itertools.combinations(boxes, 2):
            wide, high = min(a1, c1) - max(a0, c0), min(b1, d1) - max(b0, d0)
            assert wide <= 0.006 or high <= 0.03, frame


def test_places_and_lamp_lie_side_by_side() -> None:
    film = draw_film(CONFIG, 0)
    boxes = [place_box(film, place) for place in range(9)] + [lamp_box(film)]
    assert all(a[2] <= b[0] + 0.01 for a, b in itertools.pairwise(boxes))


def test_words_are_written() -> None:
    plain = draw_scene(Scene(tint=0), CONFIG)
    captioned = draw_scene(Scene(tint=0, caption=7), CONFIG)
    other = draw_scene(Scene(tint=0, caption=8), CONFIG)
    assert (plain[:30, :120] != captioned[:30, :120]).any()
    assert (captioned[:30, :120] != other[:30, :120]).any()
    assert np.array_equal(plain[40:], captioned[40:])


@pytest.mark.parametrize(
    ("config", "least"),
    [(CONFIG, 100.0), (nursery_film_config(), 300.0)],
    ids=["default", "nursery"],
)
def test_drawing_is_fast(config: FilmConfig, least: float) -> None:
    import_mujoco()
    film = draw_film(config, 1)
    source = FilmSource(film)
    source.frames([0])
    frames = np.random.default_rng(0).integers(0, film.num_frames, 150).tolist()
    began = time.process_time()
    source.frames(frames)
    assert 150 / (time.process_time() - began) > least
