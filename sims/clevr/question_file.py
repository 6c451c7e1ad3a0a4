"""CLEVR's question files, `{"info": ..., "questions": [...]}`, and their answers from scenes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sims.clevr.checks import Place, check_filename, check_index, check_list, check_text, show
from sims.clevr.json_file import load_entries, save_entries
from sims.clevr.programs import check_program, execute, spelled
from sims.clevr.scene import ClevrScene

QUESTION_KEYS = (
    "split",
    "image_index",
    "image_filename",
    "question",
    "answer",
    "program",
    "question_family_index",
)
NODE_KEYS = ("inputs", "function", "type", "value_inputs", "side_inputs")


@dataclass(frozen=True, kw_only=True)
class ClevrQuestion:
    """One question about one picture.

    Attributes:
        question: its text.
        image_index: number of the picture in its split, from 0.
        image_filename: name of the picture, by which the scene is found.
        split: "train", "val", "test", "new" or any other name.
        answer: as `sims.clevr.execute` gives it. None: not told, as in CLEVR's test questions.
        program: nodes in the spelling of CLEVR's release: inputs, function, value_inputs. None: not
            told, as in CLEVR's test questions.
        question_family_index: which template it was made from. None: not told.
        extra: further fields of its record, kept as they are.

    Raises:
        ValueError: if a value is not legal.
    """

    question: str
    image_index: int
    image_filename: str
    split: str = "new"
    answer: str | None = None
    program: list[dict[str, Any]] | None = None
    question_family_index: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("question", self.question)
        check_index("image_index", self.image_index)
        check_filename("image_filename", self.image_filename)
        check_text("split", self.split)
        if self.answer is not None:
            check_text("answer", self.answer)
        if self.program is not None:
            check_program(self.program)
        if self.question_family_index is not None:
            check_index("question_family_index", self.question_family_index)


def load_questions(path: str | Path) -> list[ClevrQuestion]:
    """The questions of a file, in its order.

    Programs are read in the spelling of the release or of the generator (see
    `sims.clevr.programs`), and answers as the release has them or as the generator writes them:
    true, false and bare numbers become "yes", "no" and the number's digits.

    Raises:
        OSError: if the file cannot be read.
        ValueError: naming the file, the entry and what is legal, if something is not.
    """
    return load_entries(path, "questions", _read_question)


def save_questions(
    path: str | Path, questions: Iterable[ClevrQuestion], info: Mapping[str, Any]
) -> None:
    """Write questions in the format of CLEVR's release.

    Args:
        path: the file, replaced if it is there.
        questions: in the order in which they are to stand.
        info: about the data set; CLEVR has split, version, date and license, all texts.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if an `extra` field has no JSON form, or the name of one of CLEVR's.
    """
    records = []
    for i, question in enumerate(questions):
        with Place(f"{path}: questions", i):
            records.append(_question_record(question))
    save_entries(path, "questions", records, info)


def answer_questions(questions: Iterable[ClevrQuestion], scenes: Iterable[ClevrScene]) -> list[str]:
    """What each question's program answers on the scene of its picture.

    Raises:
        ValueError: naming the question, if it has no program, or no scene or several have its
            picture.
    """
    scene_of: dict[str, ClevrScene] = {}
    for scene in scenes:
        if scene.image_filename in scene_of:
            raise ValueError(f"each picture has one scene; {scene.image_filename!r} has several")
        scene_of[scene.image_filename] = scene
    answers = []
    for i, question in enumerate(questions):
        with Place("questions", i):
            answers.append(_answer(question, scene_of))
    return answers


def _answer(question: ClevrQuestion, scene_of: Mapping[str, ClevrScene]) -> str:
    if question.program is None:
        raise ValueError(
            "a question without a program, like those of CLEVR's test split, has no answer"
        )
    if question.image_filename not in scene_of:
        raise ValueError(f"none of the {len(scene_of)} scenes is of {question.image_filename!r}")
    return execute(question.program, scene_of[question.image_filename])


def _read_question(record: dict[str, Any]) -> ClevrQuestion:
    for key in ("question", "image_index", "image_filename"):
        if key not in record:
            raise ValueError(f"the field {key!r} is missing; there are: {', '.join(record)}")
    return ClevrQuestion(
        question=record["question"],
        image_index=record["image_index"],
        image_filename=record["image_filename"],
        split=record.get("split", ""),
        answer=_read_answer(record.get("answer")),
        program=_read_program(record.get("program")),
        question_family_index=record.get("question_family_index"),
        extra={key: value for key, value in record.items() if key not in QUESTION_KEYS},
    )


def _read_answer(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    raise ValueError(f"answer must be a text, an integer, true or false; got {show(value)}")


def _read_program(nodes: object) -> list[dict[str, Any]] | None:
    """The nodes in the release's spelling, with any further fields they have."""
    if nodes is None:
        return None
    program = []
    for i, node in enumerate(check_list("program", nodes)):
        with Place("program", i):
            program.append(_release_node(node))
    return program


def _release_node(node: object) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise ValueError(f"a node must be an object with named fields; got {show(node)}")
    return {
        "inputs": node.get("inputs", []),
        "function": spelled(node, "function", "type", None),
        "value_inputs": spelled(node, "value_inputs", "side_inputs", []),
        **{key: value for key, value in node.items() if key not in NODE_KEYS},
    }


def _question_record(question: ClevrQuestion) -> dict[str, Any]:
    if clash := set(QUESTION_KEYS) & question.extra.keys():
        raise ValueError(
            f"extra may not hold {', '.join(sorted(clash))}, which have their own field"
        )
    told = {
        "answer": question.answer,
        "program": question.program,
        "question_family_index": question.question_family_index,
    }
    return {
        "split": question.split,
        "image_index": question.image_index,
        "image_filename": question.image_filename,
        "question": question.question,
        **{key: value for key, value in told.items() if value is not None},
        **question.extra,
    }
