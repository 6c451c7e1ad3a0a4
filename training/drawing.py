"""Fonts, colours and text on pictures, for films. Needs no font on the system."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BACKGROUND = (17, 20, 26)
CARD = (26, 30, 38)
LINE = (45, 51, 63)
INK = (232, 235, 240)
MUTED = (148, 157, 172)
ACCENT = (108, 166, 255)
ACCENT_CARD = (33, 49, 76)
GOOD = (98, 201, 137)
GOOD_CARD = (27, 56, 42)
BAD = (240, 113, 105)
BAD_CARD = (66, 34, 35)

Color = tuple[int, int, int]

FINENESS = 4
"""How many times finer than the picture's pixels smooth shapes are drawn."""

LONGEST_TEXT = 2000
"""Characters of one text that are looked at; far more than any panel can show."""

# Signs that the bundled font lacks and that have an obvious spelling.
_SPELLINGS = str.maketrans(
    {"→": "->", "←": "<-", "—": "-", "–": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "×": "x"}
    | {"≥": ">=", "≤": "<=", "•": "·", "\t": "    "}
)


@lru_cache(maxsize=32)
def font(size: float) -> ImageFont.FreeTypeFont:
    """The font that comes with Pillow, at `size` pixels."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


@lru_cache(maxsize=4096)
def _has_glyph(char: str) -> bool:
    if char == " ":
        return True
    mask, missing = font(20).getmask(char), font(20).getmask("\uffff")
    return mask.size != missing.size or bytes(mask) != bytes(missing)


def drawable(text: str) -> str:
    """A text as the bundled font can draw it, of at most `LONGEST_TEXT` characters.

    Line feeds stay. Accents come off, a few signs are spelled out, control characters go, and what
    the font lacks (other scripts, emoji, lone surrogates) becomes one "?" per run.
    """
    text = text[:LONGEST_TEXT].replace("\r\n", "\n").translate(_SPELLINGS)
    shown: list[str] = []
    for char in unicodedata.normalize("NFKD", text):
        category = unicodedata.category(char)
        if char == "\n":
            shown.append(char)
        elif category in ("Mn", "Cc", "Cf"):
            continue
        elif category != "Cs" and _has_glyph(char):
            shown.append(char)
        elif not shown or shown[-1] != "\ufffd":
            shown.append("\ufffd")
    return "".join(shown).replace("\ufffd", "?")


def wrap(text: str, size: float, width: float, max_lines: int = 1000) -> list[str]:
    """The first `max_lines` lines of at most `width` pixels each.

    Breaks at spaces, and inside words only where one is too long.
    """
    lines: list[str] = []
    for paragraph in drawable(text).split("\n"):
        line = ""
        for word in paragraph.split():
            if len(lines) >= max_lines:
                return lines[:max_lines]
            candidate = f"{line} {word}" if line else word
            if font(size).getlength(candidate) <= width:
                line = candidate
                continue
            previous = line
            *full, line = _break_word(word, size, width)
            lines += [previous, *full] if previous else full
        if line or (lines and lines[-1]):
            lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    return lines[:max_lines]


def _break_word(word: str, size: float, width: float) -> list[str]:
    pieces, piece = [], ""
    for char in word:
        if piece and font(size).getlength(piece + char) > width:
            pieces.append(piece)
            piece = ""
        piece += char
    return [*pieces, piece]


def ellipsis(text: str, size: float, width: float) -> str:
    """One line of at most `width` pixels; what does not fit ends in an ellipsis."""
    text = " ".join(drawable(text).split())
    if font(size).getlength(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = font(size).getlength(text[:middle].rstrip() + "…") <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low].rstrip() + "…"


class Canvas:
    """A picture to write on. Coordinates are pixels from the top left."""

    def __init__(self, width: int, height: int, color: Color = BACKGROUND) -> None:
        self.image = Image.new("RGB", (width, height), color)
        self.draw = ImageDraw.Draw(self.image)

    def card(self, box_xyxy: tuple[float, ...], fill: Color = CARD, radius: int = 8) -> None:
        """A filled rectangle with round corners."""
        self.draw.rounded_rectangle(box_xyxy, radius, fill=fill)

    @staticmethod
    def length(text: str, size: float) -> float:
        """Width of one line [pixels], after `drawable`."""
        return font(size).getlength(" ".join(drawable(text).split()))

    def line(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 15,
        color: Color = INK,
        width: float = 1e9,
        anchor: str = "ls",
    ) -> None:
        """One line of text on the baseline `y`, cut to `width`; `anchor` is "ls" for left, "rs" for
        right, "ms" for centred.
        """
        shown = ellipsis(text, size, width)
        self.draw.text((x, y), shown, font=font(size), fill=color, anchor=anchor)

    def smooth(
        self,
        box_xyxy: tuple[int, int, int, int],
        paint: Callable[[ImageDraw.ImageDraw, Callable[..., list[float]]], None],
    ) -> None:
        """Draw shapes inside a box with smooth edges; what they leave uncovered stays as it is.

        Args:
            box_xyxy: whole pixels.
            paint: called with a drawing that is `FINENESS` times finer, and with a function that
                turns a flat list of coordinates x, y, x, y ... of this canvas into that drawing's.
        """
        left, top, right, bottom = box_xyxy
        size = (right - left, bottom - top)
        fine = self.image.crop(box_xyxy).resize(
            (size[0] * FINENESS, size[1] * FINENESS), Image.Resampling.NEAREST
        )

        def place(*xy: float) -> list[float]:
            return [(v - (top if i % 2 else left)) * FINENESS for i, v in enumerate(xy)]

        paint(ImageDraw.Draw(fine), place)
        self.image.paste(fine.resize(size, Image.Resampling.BOX), (left, top))

    def paragraph(
        self,
        box_xyxy: tuple[float, ...],
        text: str,
        *,
        sizes: tuple[float, ...],
        color: Color = INK,
    ) -> float:
        """Wrapped text in a box, at the first of `sizes` that fits, else cut.

        Returns its lower edge.
        """
        left, top, right, bottom = box_xyxy
        for size in sizes:
            step = round(size * 1.38)
            room = max(1, int((bottom - top) // step))
            lines = wrap(text, size, right - left, room + 1)
            if len(lines) <= room:
                break
        else:
            lines = lines[:room]
            lines[-1] = ellipsis(lines[-1] + " …", size, right - left)
        for index, line in enumerate(lines):
            self.line(left, top + index * step + size, line, size=size, color=color)
        return top + len(lines) * step

    def picture(
        self, image: np.ndarray, box_xyxy: tuple[int, int, int, int]
    ) -> tuple[int, int, float]:
        """Put a uint8 (H, W, 3) picture into a box, as large as fits, centred.

        Small pictures are enlarged by nearest neighbour, so that their pixels show as they are.
        Returns the left and top edge in pixels, and the scale.
        """
        left, top, right, bottom = box_xyxy
        height, width = image.shape[:2]
        scale = min((right - left) / width, (bottom - top) / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        method = Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.LANCZOS
        scaled = Image.fromarray(image).resize(size, method)
        x, y = left + (right - left - size[0]) // 2, top + (bottom - top - size[1]) // 2
        self.image.paste(scaled, (x, y))
        return x, y, scale

    def array(self) -> np.ndarray:
        """The picture, uint8 (H, W, 3)."""
        return np.array(self.image)
