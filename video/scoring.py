"""What a reply answers, read strictly and leniently, and whether that is right.

Both readings stand side by side in every result, since the same replies have been published with
accuracies of 33 and 65 % (read strictly, and by a language model). A reply that neither reading
finds an answer in is wrong: it is never dropped, and its answer is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from video.answers import strict_choice, strict_interval
from video.intervals import Span
from video.lenient import lenient_choice, lenient_interval
from video.questions import VideoQuestion


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What came of one question.

    Attributes:
        question_id: of the set.
        reply_text: the last reply, whole.
        choice: the letter that the environment took the reply for, by its own contract; None where
            there was none, or no environment.
        interval: (start, end) in seconds that the environment took the reply for, or that a policy
            named as its evidence beside a choice; None where there is none. start may equal end: a
            moment.
        num_frames_used: frames shown, the first scan included; None where nobody counted.
        evidence_seen: for each stretch of `question.evidence`, whether a frame of it was shown;
            None where nobody looked.
    """

    question_id: str
    reply_text: str
    choice: str | None = None
    interval: Span | None = None
    num_frames_used: int | None = None
    evidence_seen: tuple[bool, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of a prediction. For a question with options `choice` counts, else `interval`.

    Attributes:
        choice: the letter, or None where there is none.
        interval: the stretch [s], or None where there is none.
    """

    choice: str | None = None
    interval: Span | None = None


def read_strictly(question: VideoQuestion, prediction: Prediction) -> Reading:
    """What the reply says to the letter; see `strict_choice` and `strict_interval`.

    An evidence interval beside a choice is taken as the prediction has it.
    """
    if question.options:
        choice = strict_choice(prediction.reply_text, question.letters())
        return Reading(choice=choice, interval=prediction.interval)
    return Reading(interval=strict_interval(prediction.reply_text))


def read_leniently(question: VideoQuestion, prediction: Prediction) -> Reading:
    """What the reply means: the strict reading; else what the environment took it for; else what
    `lenient_choice` and `lenient_interval` find. So it finds an answer wherever the strict one
    does, and the same.
    """
    strict, text = read_strictly(question, prediction), prediction.reply_text
    if question.options:
        choice = strict.choice or prediction.choice or lenient_choice(text, question.letters())
        return Reading(choice=choice, interval=prediction.interval)
    return Reading(interval=strict.interval or prediction.interval or lenient_interval(text))
