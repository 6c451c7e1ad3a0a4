"""Films of episodes: what the policy saw, thought, chose and got, as mp4 for any browser."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from training.belief_chart import draw_entropy, draw_small_bars, on_its_way
from training.drawing import BAD, GOOD, MUTED, Canvas
from training.episode import Episode, is_robots
from training.film_hand import read_hand
from training.film_layout import draw_message, draw_view
from training.film_motion import Motion, motion_views
from training.film_view import (
    STAGES,
    FilmView,
    chosen_letter,
    heading,
    latest_pictures,
    make_view,
    view_belief,
    why_empty,
)
from training.run_directory import write_atomic

RewardTerms = Mapping[str, "float | Sequence[float] | np.ndarray"]
"""Name of a term -> its value for the episode, or one value per turn."""

MOVE_SECONDS = 0.7
"""How long the belief's bars take to move [s]."""
MAX_COLUMNS = 12
"""Of a contact sheet."""


def record_episode(
    episode: Episode,
    path: Path,
    *,
    reward_terms: RewardTerms | None = None,
    title: str = "",
    fps: int | None = None,
    draw_truth: bool = False,
    cameras: Sequence[str] = (),
    motion: Motion | None = None,
) -> Path:
    """Write a film of one episode to `path` (.mp4). Arguments as in `episode_mp4`."""
    film = episode_mp4(
        episode,
        reward_terms=reward_terms,
        title=title,
        fps=fps,
        draw_truth=draw_truth,
        cameras=cameras,
        motion=motion,
    )
    write_atomic(path, film)
    return Path(path)


def episode_mp4(episode: Episode, *, fps: int | None = None, **options: Any) -> bytes:
    """A film of one episode as the bytes of an mp4.

    Args:
        episode: as in `episode_frames`, and so are `options`.
        fps: frames per second; None takes 4, or 12 where there is a belief, whose bars move, and
            for robots, of which every action is a frame.
    """
    if fps is None:
        fps = 12 if _has_belief(episode) or is_robots(episode) else 4
    return encode_mp4(episode_frames(episode, fps=fps, **options), fps)


def episode_frames(
    episode: Episode,
    *,
    reward_terms: RewardTerms | None = None,
    title: str = "",
    fps: int = 4,
    hold_seconds: float = 2.5,
    draw_truth: bool = False,
    cameras: Sequence[str] = (),
    motion: Motion | None = None,
) -> list[np.ndarray]:
    """The frames of a film: every turn before and after the policy acts, and the outcome.

    Where the truth has a belief over the answers, its bars move when a new picture comes. Of a
    robot's episode every action is a frame, and so is every shot of `motion`.

    Args:
        episode: its truth, where present, adds the information gained and the right answer.
        reward_terms: shown as running sums; a single number is shown with the outcome.
        title: heading; the environment's id and the seed when empty.
        fps: frames per second, at least 1.
        hold_seconds: how long each reply stays [s]; the view before it stays a third of that.
        draw_truth: draw boxes around the objects that the truth calls visible.
        cameras: names of a turn's pictures, for what is drawn onto one of them; empty for front and
            wrist.
        motion: what the cameras saw of a robot while it moved; None for nothing.

    Returns:
        uint8 arrays of shape (540, 960, 3), or (720, 1280, 3) for a robot's episode and for one
        whose truth has a belief; a held frame is one array repeated.

    Raises:
        ValueError: `fps` below 1, or a reward term with another number of values than turns.
    """
    if fps < 1:
        raise ValueError(f"fps is {fps}; legal: whole numbers from 1")
    terms = _check_terms(reward_terms or {}, len(episode.turns))
    held, short = max(1, round(fps * hold_seconds)), max(1, round(fps * hold_seconds / 3))
    if not episode.turns:
        return [draw_message(heading(episode, title), why_empty(episode))] * held
    options: dict[str, Any] = {"title": title, "terms": terms, "show_visible": draw_truth}
    if is_robots(episode) and not _has_belief(episode):
        options |= {"cameras": cameras}
        views = motion_views(episode, held=held, short=short, motion=motion, **options)
        return [frame for view, repeat in views for frame in [draw_view(view)] * repeat]
    repeats = dict(zip(STAGES, (short, held, held), strict=True))
    moments = [(turn, stage) for turn in range(len(episode.turns)) for stage in STAGES[:2]]
    frames: list[np.ndarray] = []
    num_views = 1
    for turn, stage in [*moments, (len(episode.turns) - 1, "end")]:
        view = make_view(episode, turn, stage=stage, **options)
        seen = len(view.belief.entropies) if view.belief else 0
        moving = min(repeats[stage] - 1, round(MOVE_SECONDS * fps)) if seen > num_views else 0
        num_views = max(num_views, seen)
        frames += [_draw_moving(view, index / moving) for index in range(moving)]
        frames += [draw_view(view)] * (repeats[stage] - moving)
    return frames


def _draw_moving(view: FilmView, progress: float) -> np.ndarray:
    """A frame with the belief's bars on their way from before the latest look to now."""
    assert view.belief is not None
    return draw_view(replace(view, belief=on_its_way(view.belief, progress)))


def encode_mp4(frames: Iterable[np.ndarray], fps: int) -> bytes:
    """Encode pictures as an mp4: H.264, yuv420p, BT.709, index first, so that it plays at once.

    Args:
        frames: uint8 (H, W, 3) RGB, all of one size; an odd edge is repeated to make it even.
        fps: frames per second.

    Raises:
        ValueError: for no frames, or frames of different sizes.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise ValueError("a film needs at least one frame, got none")
    # Moving the index to the front reads the file again, which a buffer in memory does not allow.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
            stream = _add_stream(container, first.shape, fps)
            shown, picture = first, _to_yuv(first)
            for index, frame in enumerate(chain([first], iterator)):
                if frame.shape != first.shape:
                    raise ValueError(f"frame {index} has shape {frame.shape}, not {first.shape}")
                if frame is not shown:  # held frames are converted once
                    shown, picture = frame, _to_yuv(frame)
                picture.pts = index
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _to_yuv(frame: np.ndarray) -> av.VideoFrame:
    edges = ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0))
    even = np.ascontiguousarray(np.pad(frame, edges, mode="edge"))
    picture = av.VideoFrame.from_ndarray(even, format="rgb24")
    return picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)


def _add_stream(container: Any, shape: tuple[int, ...], fps: int) -> Any:
    stream = container.add_stream("libx264", rate=Fraction(fps))
    stream.height, stream.width = (edge + edge % 2 for edge in shape[:2])
    stream.pix_fmt = "yuv420p"
    stream.options = {"preset": "veryfast", "crf": "20", "tune": "stillimage"}
    # Said in the file too: players guess differently where the colours are not named.
    stream.codec_context.colorspace = Colorspace.ITU709.value
    stream.codec_context.color_range = ColorRange.MPEG.value
    return stream


def contact_sheet(episodes: Sequence[Episode], path: Path, *, cell: int = 180) -> Path:
    """Write a PNG with one row per episode and one column per turn, each with its choice below. Of
    longer episodes `MAX_COLUMNS` turns are shown, evenly spread.

    Args:
        episodes: at least one.
        path: of the PNG.
        cell: edge of a picture [pixels].
    """
    if not episodes:
        raise ValueError("a contact sheet needs at least one episode, got none")
    gap, label = 12, 170
    num_columns = max(1, *(len(_sheet_turns(episode)) for episode in episodes))
    chart = 34 if any(_has_belief(episode) for episode in episodes) else 0
    height = cell + 30 + chart
    canvas = Canvas(label + num_columns * (cell + gap) + gap, len(episodes) * height + 2 * gap)
    for row, episode in enumerate(episodes):
        top = gap + row * height
        word, color = ("solved", GOOD) if episode.success else ("not solved", BAD)
        canvas.line(gap, top + 18, f"seed {episode.seed}", width=label - 2 * gap)
        canvas.line(gap, top + 40, word, color=color, width=label - 2 * gap)
        canvas.line(gap, top + 62, f"reward {episode.env_return:.2f}", size=13, color=MUTED)
        if _has_belief(episode):
            _draw_curve(canvas, episode, (gap, top + cell - 64, label - gap, top + cell))
        for column, turn in enumerate(_sheet_turns(episode)):
            left = label + column * (cell + gap)
            _draw_cell(canvas, episode, turn, (left, top, left + cell, top + cell))
    buffer = io.BytesIO()
    canvas.image.save(buffer, format="PNG")
    write_atomic(path, buffer.getvalue())
    return Path(path)


def _sheet_turns(episode: Episode) -> list[int]:
    num_turns = len(episode.turns)
    columns = min(num_turns, MAX_COLUMNS)
    return [round(turn) for turn in np.linspace(0, num_turns - 1, columns)]


def _has_belief(episode: Episode) -> bool:
    return bool(episode.turns) and view_belief(episode, 0, "before") is not None


def _draw_curve(canvas: Canvas, episode: Episode, box: tuple[int, int, int, int]) -> None:
    """The uncertainty over the whole episode."""
    belief = view_belief(episode, len(episode.turns) - 1, "end")
    assert belief is not None
    canvas.line(box[0], box[1] - 6, "uncertainty", size=12, color=MUTED)
    draw_entropy(canvas, box, belief, size=0)


def _draw_cell(canvas: Canvas, episode: Episode, turn: int, box: tuple[int, int, int, int]) -> None:
    canvas.card(box, radius=4)
    for picture in latest_pictures(episode, turn)[:1]:
        canvas.picture(picture, box)
    baseline = box[3] + 16
    belief = view_belief(episode, turn, "before")
    if belief is not None:
        draw_small_bars(canvas, (box[0], box[3] + 5, box[2], box[3] + 33), belief)
        baseline += 34
    canvas.line(
        box[0], baseline, _cell_words(episode, turn), size=12, color=MUTED, width=box[2] - box[0]
    )


def _cell_words(episode: Episode, turn: int) -> str:
    """The choice, or for a robot the stage of its task."""
    hand = read_hand(episode, turn, "before")
    if hand is not None:
        return f"turn {turn + 1}  {hand.stage}"
    letter = chosen_letter(episode, turn)
    option = episode.turns[turn].options.get(letter or "", "")
    return f"{letter}  {option}" if letter else "no choice"


def _check_terms(reward_terms: RewardTerms, num_turns: int) -> dict[str, np.ndarray]:
    terms = {name: np.asarray(value, dtype=float) for name, value in reward_terms.items()}
    for name, values in terms.items():
        if values.ndim and values.shape != (num_turns,):
            raise ValueError(
                f"reward term {name!r} has shape {values.shape}; "
                f"legal: one number, or ({num_turns},)"
            )
    return terms
