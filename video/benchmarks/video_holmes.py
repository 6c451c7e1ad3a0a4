"""Video-Holmes (arXiv 2505.21374): suspense short films, seven types of questions.

Files of the release `TencentARC/Video-Holmes`: `test_Video-Holmes.json`, `train_Video-Holmes.json`,
films `videos/` or `videos_cropped/<video ID>.mp4`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from video.answers import MAX_READ
from video.benchmarks.benchmark import Benchmark, Collector
from video.benchmarks.locating import film_candidates, find_annotations
from video.benchmarks.options import check_options, letter_of
from video.benchmarks.rows import Row, RowError, read_rows, show
from video.questions import LETTERS, VideoQuestion
from video.scoring import Prediction

SPLITS = ("test", "train")
TYPES = ("SR", "IMC", "TCI", "TA", "MHR", "PAR", "CTI")
FILM_FOLDERS = ("videos_cropped", "videos", "Benchmark/videos_cropped", "Benchmark/videos", "")
OFFICIAL_LETTERS = "ABCDEF"


def load(collector: Collector, split: str) -> Benchmark:
    """Read the set; see `video.benchmarks.catalogue.load_benchmark`."""
    name = f"{split}_Video-Holmes.json"
    names = (name, f"Benchmark/{name}", f"*/{name}")
    path = find_annotations(collector.directory, names, what=f"Video-Holmes {split}")
    collector.add(read_rows(path), lambda row: _read(row, collector))
    return collector.finish("video_holmes", split)


def _read(row: Row, collector: Collector) -> VideoQuestion:
    name = row.text("video ID")
    options = _options(row)
    kind = row.text("Question Type")
    return VideoQuestion(
        question_id=row.text("Question ID"),
        video=collector.film(film_candidates(name, FILM_FOLDERS)),
        text=row.text("Question"),
        kind=kind,
        options=options,
        answer=letter_of(row.need("Answer"), options),
        groups={"question_type": kind},
        extra={
            "video ID": name,
            "Options": row.need("Options"),
            "Explanation": row.optional_text("Explanation"),
        },
    )


def _options(row: Row) -> tuple[str, ...]:
    """Texts of `Options`, an object letter -> text in any order."""
    given = row.need("Options")
    if not isinstance(given, dict):
        raise RowError(f"the field 'Options' must be an object letter -> text, not {show(given)}")
    texts = {str(letter).strip(): str(text).strip() for letter, text in given.items()}
    letters = sorted(texts)
    if letters != list(LETTERS[: len(letters)]):
        raise RowError(f"options are lettered {', '.join(letters)}; legal: A, B, C, ...")
    return check_options([texts[letter] for letter in letters])


def official_choice(question: VideoQuestion, prediction: Prediction) -> str:
    """The letter that the official `evaluate.py` reads: of the last `<answer>` block, else of the
    whole reply, the first of A, ..., F that stands before a space or a colon or after a square
    bracket; else the first of them that stands anywhere; else `WRONG`.

    So `<answer>The D chord</answer>` is read as D, and prose with a capital A in it as A.
    """
    said = _last_block(prediction.reply_text, "answer")
    said = prediction.reply_text[-MAX_READ:] if said is None else said
    for marked in (True, False):
        for letter in OFFICIAL_LETTERS:
            forms = (f"{letter} ", f"{letter}:", f"[{letter}") if marked else (letter,)
            if any(form in said for form in forms):
                return letter
    return "WRONG"


def result_file(
    benchmark: Benchmark, predictions: Mapping[str, Prediction]
) -> list[dict[str, Any]]:
    """The content of the official result file, its misspelt `Predicr Answer` included."""
    results = []
    for question in benchmark.questions:
        prediction = predictions.get(question.question_id)
        if prediction is None:
            continue
        choice = official_choice(question, prediction)
        results.append(
            {
                "video ID": question.extra["video ID"],
                "Question ID": question.question_id,
                "Question Type": question.kind,
                "Question": question.text,
                "Options": question.extra["Options"],
                "GT": question.answer,
                "Explanation": question.extra["Explanation"],
                "Predicr Answer": choice,
                "Thinking": _last_block(prediction.reply_text, "think") or "WRONG",
                "Correct": choice == question.answer,
            }
        )
    return results


def _last_block(text: str, tag: str) -> str | None:
    end = text.rfind(f"</{tag}>")
    start = text.rfind(f"<{tag}>", 0, max(end, 0))
    return text[start + len(tag) + 2 : end].strip() if 0 <= start < end else None
