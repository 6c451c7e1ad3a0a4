"""What a reply means, where it does not say so to the letter: rules that find, and never guess."""

from __future__ import annotations

import re
from collections.abc import Mapping

from video.answers import answer_text
from video.intervals import Span, find_spans

WHOLE_LETTER = re.compile(r"[\s*\"'`]*[(\[]?([A-Za-z])[)\].:]*[\s*\"'`]*")
BOXED = re.compile(r"\\boxed\{\s*(?:\\text\{)?\s*([A-Za-z])\s*\}")
FIRST_LETTER = re.compile(
    r"^[ \t*\"'`]*(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[.):](?=\s|$))", re.MULTILINE
)
BRACKETED = re.compile(r"(?<![\w(])\(([A-Z])\)(?!\w)")
DENIED = (
    r"[)\].]?[ \t]+(?i:is|was|can|could|does|seems?|would)(?i:[ \t]+|n't[ \t]+)"
    r"(?i:not|be|wrong|incorrect|false|out|unlikely|impossible|eliminated|ruled)\b"
)
ARTICLE = r"(?P<after>[ \t]+(?!(?:as|and|based|because|but|given|or|since)\b)[a-z])?"
"""What follows an `A` that is an article and no letter."""
CUED = re.compile(
    r"\b(?i:answer|option|choice|choose)\b"
    r"(?:[ \t]+(?i:is|would be|should be|must be))?[ \t]*[:=]?[ \t*\"'`]*"
    r"(?i:(?:the[ \t]+)?(?:option|letter)[ \t]+)?[(\[]?"
    rf"([A-Z])(?![\w'])(?!{DENIED}){ARTICLE}"
)
EITHER = re.compile(
    r"(?<!\w)[(\[]?[A-Z][)\].]*(?:[ \t]*[/,&][ \t]*|[ \t]+(?:or|and)[ \t]+)[(\[]?[A-Z](?!\w)"
)
NEGATION = re.compile(r"\b(?:not|no|nor|neither|never|except|without|instead|wrong)\b|n't\b")


def lenient_choice(reply: str, options: Mapping[str, str]) -> str | None:
    r"""The letter that a reply means. The first of these rules that finds one decides:

    1. The text that is read is the last `<answer>` block after the thinking; without one, all that
       follows the thinking, requests to watch more left out.
    2. The whole text is one letter: `b`, `(B)`, `B.`, `**B**`; or the text of one option.
    3. A boxed letter, `\boxed{B}`; or rule 5 on the last line by itself.
    4. The text begins with a letter and a mark, `B. red`, `B: red`, and no other line with another
       letter, as in a list of the options; `(B) red` where no other letter is in brackets.
    5. A letter follows one of the words answer, option, choice, choose: `The answer is B`,
       `Answer: (B)`. An `A` before a lower-case word (but because, or, ...) is an article, and
       does not count; nor does a letter that is denied (`option B is wrong`).
    6. A bracketed letter anywhere: `... so (B)`.
    7. The text names one option's text, of more than one letter, in whole words, and nothing
       outside it is a negation (not, no, never, instead, ...); where one option's text contains
       another's, the longest that is named counts.

    Where a rule finds two different letters, or the text offers several (`A or B`), nothing is
    found: that would be a guess.

    Args:
        reply: any text.
        options: letter -> text.

    Returns:
        The letter; None where no rule finds exactly one.
    """
    text = answer_text(reply)
    whole = WHOLE_LETTER.fullmatch(text)
    if whole:
        return _legal({whole.group(1).upper()}, options)
    same = _same_as(text, options)
    if same or EITHER.match(text):
        return same
    letters = _boxed(text) or _concluded(text) or _first(text)
    if not letters and EITHER.search(text):
        return None
    letters = letters or _cued(text) or _bracketed(text)
    return _legal(letters, options) if letters else _named(text, options)


def lenient_interval(reply: str) -> Span | None:
    """The one stretch that a reply names: `12.0 to 15.5`, `from 12 s to 15.5 s`, `12-15.5`,
    `[12.0, 15.5]`, `0:12 - 0:15.5`, `{"start_time": "12", "end_time": "15.5"}`.

    Start and end in the wrong order are put right. None where there is no stretch, or several that
    differ.
    """
    spans = set(find_spans(answer_text(reply)))
    return spans.pop() if len(spans) == 1 else None


def _legal(letters: set[str], options: Mapping[str, str]) -> str | None:
    return next(iter(letters)) if len(letters) == 1 and letters <= options.keys() else None


def _boxed(text: str) -> set[str]:
    return {letter.upper() for letter in BOXED.findall(text)}


def _concluded(text: str) -> set[str]:
    """The letter after a cue in the last of several lines."""
    last = text.rpartition("\n")[2]
    return set() if last == text or EITHER.search(last) else _cued(last)


def _first(text: str) -> set[str]:
    found = FIRST_LETTER.match(text)
    if not found:
        return set()
    letters = {next(filter(None, groups)) for groups in FIRST_LETTER.findall(text)}
    return letters if found.group(3) else letters | _bracketed(text)


def _cued(text: str) -> set[str]:
    articles = ("A", "I")
    return {
        found.group(1)
        for found in CUED.finditer(text)
        if not (found.group("after") and found.group(1) in articles)
    }


def _bracketed(text: str) -> set[str]:
    return set(BRACKETED.findall(text))


def _same_as(text: str, options: Mapping[str, str]) -> str | None:
    """The one option whose text this is."""
    same = [letter for letter, option in options.items() if _plain(option) == _plain(text)]
    return same[0] if len(same) == 1 and _plain(text) else None


def _named(text: str, options: Mapping[str, str]) -> str | None:
    """The one option whose text stands in this one, in whole words and not inside a longer one."""
    said = _plain(text)
    plain = {letter: _plain(option) for letter, option in options.items()}
    places = {
        letter: [(found.start(), found.end()) for found in _words(option).finditer(said)]
        for letter, option in plain.items()
        if len(option) > 1 or option.isdigit()
    }
    named = {
        letter
        for letter, own in places.items()
        if any(not _covered(place, letter, places) for place in own)
    }
    choice = _legal(named, options)
    if choice is None or NEGATION.search(_words(plain[choice]).sub("", said)):
        return None
    return choice


def _words(option: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(option)}(?!\w)")


def _covered(
    place: tuple[int, int], letter: str, places: Mapping[str, list[tuple[int, int]]]
) -> bool:
    """Whether a place at which an option is named is part of a longer option's."""
    start, end = place
    return any(
        other_start <= start and end <= other_end and other_end - other_start > end - start
        for other, others in places.items()
        if other != letter
        for other_start, other_end in others
    )


def _plain(text: str) -> str:
    """Words for comparison: one space between, no upper case, no full stop or quotes outside."""
    return " ".join(text.split()).casefold().strip(" .\"'`*")
