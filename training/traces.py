r"""Supervised traces: an expert's episodes as conversations, in the ShareGPT form that the field
trains on.

A sample is

    {"id": ..., "question_type": ..., "scene_type": ..., "image": [path, ...],
     "conversations": [{"from": "human", "value": "<image>\n..."},
                       {"from": "gpt", "value": "<think>...</think><action>B</action>"}, ...]}

with one `<image>` in its words for each of its pictures. Of the truth it keeps what was asked and
where (question and scene type), which the words and pictures show anyway, and nothing else.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from policies.interface import IMAGE_MARKER, split_at_images
from policies.replies import read_reply
from training.checks import check_at_least, check_share
from training.episode import Episode, Turn, decode_png

FORMS = ("multi_turn", "single_step")
IMAGE_FORMATS = ("png", "jpeg")
_STYLE_STREAM = 0x7261
"""Keeps the draw of styles apart from whatever else is seeded with an environment's seed."""

Sample = dict[str, Any]


@dataclass(kw_only=True)
class TraceConfig:
    """What a dataset of reasoning traces holds.

    Attributes:
        name: of the dataset; the samples' ids start with it.
        form: multi_turn (an episode is a sample) or single_step (a decision is a sample, with what
            was seen and done before as its input).
        env_ids: Gymnasium ids taken in turn, all configured as env is; empty for env.id alone.
        styles: how the expert acts -> its weight; each episode has one style.
        keep_unsolved: whether episodes that end without the right answer are kept.
        image_format: png or jpeg.
        jpeg_quality: 1 to 100.
        max_failed_share: a larger share of broken episodes ends the run, in [0, 1].
        num_shown: sample traces on the statistics page, 0 or more.
    """

    name: str = "avr_cot"
    form: str = "multi_turn"
    env_ids: list[str] = field(default_factory=list)
    styles: dict[str, float] = field(default_factory=lambda: {"best": 1.0})
    keep_unsolved: bool = False
    image_format: str = "png"
    jpeg_quality: int = 95
    max_failed_share: float = 0.01
    num_shown: int = 6

    def check(self, prefix: str = "dataset.") -> None:
        """Raise `ValueError` naming the first field that is wrong."""
        if not self.name or not set(self.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-"):
            raise ValueError(f"{prefix}name is {self.name!r}; legal: a to z, 0 to 9, _ and -")
        for name, legal in (("form", FORMS), ("image_format", IMAGE_FORMATS)):
            if getattr(self, name) not in legal:
                raise ValueError(
                    f"{prefix}{name} is {getattr(self, name)!r}; legal: {', '.join(legal)}"
                )
        weights = self.styles.values()
        if not all(0 <= w < float("inf") for w in weights) or not any(weights):
            raise ValueError(
                f"{prefix}styles is {self.styles}; weights must be 0 or more, one of them above 0"
            )
        check_at_least(self, prefix.rstrip("."), jpeg_quality=1, num_shown=0)
        if self.jpeg_quality > 100:
            raise ValueError(f"{prefix}jpeg_quality is {self.jpeg_quality}; legal: 1 to 100")
        check_share(self, prefix.rstrip("."), "max_failed_share")


def draw_style(config: TraceConfig, seed: int) -> str:
    """The style of the expert in the episode with this environment seed."""
    names, weights = list(config.styles), np.array(list(config.styles.values()), dtype=float)
    rng = np.random.default_rng([_STYLE_STREAM, seed])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def make_samples(
    episode: Episode, config: TraceConfig, *, folder: str
) -> tuple[list[Sample], dict[str, bytes]]:
    """An episode's samples, and the picture files that they name.

    Args:
        episode: with its truth.
        config: the form of samples and pictures.
        folder: where the pictures are to lie, relative to the dataset, such as "images/00003".

    Returns:
        The samples, and path relative to the dataset -> content of the file.

    Raises:
        ValueError: for an episode without truth, without text, with `<image>` in a reply, or whose
            words have another number of them than of pictures.
    """
    if episode.truth is None:
        raise ValueError(f"episode {episode.episode_id} has no truth; a trace needs its types")
    name = f"{config.name}-{episode.seed:09d}"
    files: dict[str, bytes] = {}
    paths: list[list[str]] = []
    for turn in episode.turns:
        _check_reply(turn)
        stems = [f"{episode.seed:09d}-{len(files) + k:02d}" for k in range(len(turn.image_pngs))]
        paths.append([f"{folder}/{stem}.{_suffix(config)}" for stem in stems])
        files.update(zip(paths[-1], (_encode(p, config) for p in turn.image_pngs), strict=True))
    head = {
        "question_type": episode.truth.initial["question_kind"],
        "scene_type": episode.truth.initial["scene_type"],
    }
    if config.form == "multi_turn":
        image = [path for some in paths for path in some]
        talk = [said for turn in episode.turns for said in (_human(_ask(turn)), _gpt(turn))]
        return [{"id": name, **head, "image": image, "conversations": talk}], files
    steps = [
        {
            "id": f"{name}-{index:02d}",
            **head,
            "image": [path for some in paths[: index + 1] for path in some],
            "conversations": [_human(_history(episode.turns[: index + 1])), _gpt(turn)],
        }
        for index, turn in enumerate(episode.turns)
    ]
    return steps, files


def chosen_option(turn: Turn) -> str:
    """The text of the option that a reply chose, or what it wrote in its place; "" for nothing."""
    choice = read_reply(reply_text(turn)).choice or ""
    return turn.options.get(choice, choice)


def reply_text(turn: Turn) -> str:
    """The whole reply. Raises `ValueError` for an action chunk."""
    if turn.output.text is None:
        raise ValueError("a trace is made of replies in words; this turn has an action chunk")
    return turn.output.text


def _check_reply(turn: Turn) -> None:
    if IMAGE_MARKER in reply_text(turn):
        raise ValueError(f"{IMAGE_MARKER} stands in a reply: {reply_text(turn)[:80]!r}")


def _ask(turn: Turn) -> str:
    """What a turn showed, with a marker where each picture stands."""
    words = split_at_images(turn.text, len(turn.image_pngs))
    if IMAGE_MARKER in turn.text:
        return turn.text
    return f"{IMAGE_MARKER}\n" * len(turn.image_pngs) + words[-1]


def _history(turns: list[Turn]) -> str:
    """What was shown and chosen before, and what is shown now, as one text."""
    parts = []
    for turn in turns[:-1]:
        parts += [_ask(turn), f"You chose: {chosen_option(turn) or 'nothing'}."]
    return "\n".join([*parts, _ask(turns[-1])])


def _human(value: str) -> dict[str, str]:
    return {"from": "human", "value": value}


def _gpt(turn: Turn) -> dict[str, str]:
    return {"from": "gpt", "value": reply_text(turn)}


def _suffix(config: TraceConfig) -> str:
    return {"png": "png", "jpeg": "jpg"}[config.image_format]


def _encode(png: bytes, config: TraceConfig) -> bytes:
    """A picture in the dataset's format; colours at full resolution in JPEG, too."""
    if config.image_format == "png":
        return png
    buffer = io.BytesIO()
    image = Image.fromarray(decode_png(png))
    image.save(buffer, format="JPEG", quality=config.jpeg_quality, subsampling=0)
    return buffer.getvalue()
