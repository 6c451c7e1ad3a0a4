"""Options and right answers, in the many ways in which the sets write them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from video.benchmarks.rows import RowError, show
from video.questions import LETTERS

LINE_MARK = re.compile(r"^[ \t]*(?:\(([A-Z])\)|([A-Z])[.):])(?:[ \t]+|$)", re.MULTILINE)
"""A letter that begins an option on a line of its own: `(A) `, `A. `, `A) ` or `A: `."""
INLINE_MARK = re.compile(r"(?<!\S)\(([A-Z])\)[ \t]+")
"""A letter that begins an option anywhere: `(A) `."""
ANSWER_TAG = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
PADDING = "N/A"


def strip_letters(options: Sequence[object]) -> tuple[str, ...]:
    """Texts of options that are written `A. text`, `(A) text` and so on, or without letters.

    Raises:
        RowError: where they are fewer than two, one is empty, or their letters are not A, B, C, ...
    """
    texts = [str(option).strip() for option in options]
    marks = [mark for mark in map(LINE_MARK.match, texts) if mark]
    if texts and len(marks) == len(texts):
        letters = [_letter(mark) for mark in marks]
        if letters != list(LETTERS[: len(letters)]):
            raise RowError(f"options are lettered {', '.join(letters)}; legal: A, B, C, ...")
        texts = [text[m.end() :].strip() for text, m in zip(texts, marks, strict=True)]
    return check_options(texts)


def check_options(texts: Sequence[str]) -> tuple[str, ...]:
    """Options as they are.

    Raises:
        RowError: where they are fewer than two, more than the letters, or one is empty.
    """
    if not 2 <= len(texts) <= len(LETTERS):
        raise RowError(f"there are {len(texts)} options; legal: 2 to {len(LETTERS)}")
    for letter, text in zip(LETTERS, texts, strict=False):
        if not text:
            raise RowError(f"option {letter} is empty")
    return tuple(texts)


def drop_padding(options: Sequence[object]) -> list[str]:
    """Options as texts, without the `N/A` and nulls that fill them up at the end."""
    texts = ["" if option is None else str(option).strip() for option in options]
    while texts and texts[-1] in ("", PADDING):
        texts.pop()
    return texts


def split_question(text: str) -> tuple[str, tuple[str, ...]]:
    """A question whose text ends in its options, taken apart.

    The options are what follows the last A that begins a line and is followed by lines that begin
    with B, C, ... Where no line begins so, `(A)`, `(B)`, ... are looked for inside the line.

    Returns:
        The question, and the texts of its options.

    Raises:
        RowError: where it ends in no options, or in fewer than two.
    """
    for pattern in (LINE_MARK, INLINE_MARK):
        marks = _last_alphabet(list(pattern.finditer(text)))
        if len(marks) >= 2:
            ends = [mark.start() for mark in marks[1:]] + [len(text)]
            options = [text[m.end() : end].strip() for m, end in zip(marks, ends, strict=True)]
            question = text[: marks[0].start()].strip()
            if not question:
                raise RowError("there are options, but no question before them")
            return question, check_options(options)
    raise RowError(f"the question ends in no lettered options: {show(text[-60:])}")


def _last_alphabet(marks: list[re.Match[str]]) -> list[re.Match[str]]:
    """The run A, B, C, ... that begins last and has at least a B; other marks inside it are part of
    an option's text.
    """
    best: list[re.Match[str]] = []
    for start, mark in enumerate(marks):
        if _letter(mark) != "A":
            continue
        run = [mark]
        for other in marks[start + 1 :]:
            if _letter(other) == LETTERS[len(run)]:
                run.append(other)
        if len(run) >= 2:
            best = run
    return best


def _letter(mark: re.Match[str]) -> str:
    return next(group for group in mark.groups() if group)


def letter_of(value: object, options: Sequence[str]) -> str:
    """The right option's letter, however it is told: as a letter (`B`, `(B)`, `B.`, `B. text`), an
    index from 0, or the text of an option; within `<answer>` tags or not.

    Raises:
        RowError: where it names no option.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return letter_of_index(value, options)
    if not isinstance(value, str):
        raise RowError(f"the answer must be a text or an index, not {show(value)}")
    tagged = ANSWER_TAG.search(value)
    text = (tagged.group(1) if tagged else value).strip()
    legal = LETTERS[: len(options)]
    found = re.fullmatch(r"\(?([A-Z])[.):]?", text)
    if found and found.group(1) in legal:
        return found.group(1)
    lettered = LINE_MARK.match(text)
    if lettered and _letter(lettered) in legal:
        letter = _letter(lettered)
        if plain(text[lettered.end() :]) == plain(options[LETTERS.index(letter)]):
            return letter
    return letter_of_text(text, options)


def letter_of_index(value: object, options: Sequence[str]) -> str:
    """The letter of an option by its index from 0, which may be written as text, or as 1.0.

    Raises:
        RowError: where there is no such option.
    """
    try:
        index = int(str(value).removesuffix(".0"))
    except ValueError:
        raise RowError(f"the answer must be an index, not {show(value)}") from None
    if not 0 <= index < len(options):
        raise RowError(f"the answer is option {index}, and there are {len(options)}, from 0")
    return LETTERS[index]


def letter_of_text(text: object, options: Sequence[str]) -> str:
    """The letter of the option with this text: equal as it stands, else but for white space, else
    but for upper and lower case too. Of options that are alike the first counts, as in the sets'
    own code, which looks up the index of the text.

    Raises:
        RowError: where no option has it.
    """
    wanted = str(text)
    for same in (str, str.strip, _spaced, plain):
        for letter, option in zip(LETTERS, options, strict=False):
            if same(option) == same(wanted):
                return letter
    raise RowError(f"the answer {show(wanted)} is none of the options {show(tuple(options))}")


def plain(text: str) -> str:
    """A text for comparison: one space between words, none outside, no upper case."""
    return _spaced(text).casefold()


def _spaced(text: str) -> str:
    return " ".join(text.split())


def read_list(value: object) -> list[object]:
    """A list of options, also where a table of texts holds it as JSON or one option a line.

    Raises:
        RowError: where it is no list.
    """
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            loaded = json.loads(value)
        except ValueError:
            raise RowError(f"options are no JSON list: {show(value)}") from None
        if isinstance(loaded, list):
            return loaded
    if isinstance(value, str) and "\n" in value.strip():
        return list(value.strip().split("\n"))
    raise RowError(f"options must be a list, not {show(value)}")
