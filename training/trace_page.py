"""The statistics page of a dataset of traces: one HTML file with bars, tables and samples."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from policies.interface import IMAGE_MARKER
from training.charts import format_number
from training.run_directory import write_atomic
from training.trace_statistics import Tally
from training.traces import Sample, TraceConfig

BOX = re.compile(r"(mark \d+ )?bbox_2d\((\d\.\d{3}),(\d\.\d{3}),(\d\.\d{3}),(\d\.\d{3})\)")
"""A box in a reply, as shares of the picture; those of marks are drawn dashed."""

TILES = {
    "num_samples": "samples",
    "num_pictures": "pictures",
    "mean_turns": "turns per episode",
    "mean_reply_words": "words per reply",
    "share_sufficient": "share of episodes whose first view suffices",
    "mean_predicted_gain_nats": "predicted gain of an action, mean [nats]",
    "mean_realised_gain_nats": "realised gain of an action, mean [nats]",
    "num_unsolved": "episodes not solved",
    "num_failed": "episodes that broke",
}
CHARTS = {
    "scene_type": "Scene types",
    "question_type": "Question types",
    "turns": "Turns per episode",
    "reply_words": "Words per reply",
    "env": "Environments",
    "first_view": "First views",
    "style": "Expert styles",
}


def write_statistics_page(root: Path, statistics: Tally, config: TraceConfig) -> Path:
    """Write `statistics.html` into a dataset's folder, from its numbers and its first samples.

    Args:
        root: the folder, `data.jsonl` and its pictures in it.
        statistics: as `training.trace_statistics.make_statistics` gives them.
        config: of the dataset.
    """
    body = [
        f'<p class="intro">{statistics["num_kept"]:,} of {statistics["num_episodes"]:,} expert '
        f"episodes, as {html.escape(config.form.replace('_', '-'))} conversations.</p>",
        _tiles(statistics),
        f'<h2>What it is made of</h2><div class="cards">{_charts(statistics)}</div>',
        "<h2>Answers by question type</h2>",
        f'<div class="cards">{_answers(statistics.get("answer", {}))}</div>',
        f"<h2>Actions</h2>{_actions(statistics.get('action', {}))}",
        "<h2>Samples</h2>" * bool(config.num_shown),
        *(_sample(root, sample) for sample in choose_samples(root, config.num_shown)),
    ]
    template = Path(__file__).with_name("trace_page.html").read_text(encoding="utf-8")
    page = Template(template).substitute(title=html.escape(config.name), body="\n".join(body))
    write_atomic(root / "statistics.html", page)
    return root / "statistics.html"


def choose_samples(root: Path, count: int) -> list[Sample]:
    """The first sample of each scene type, and the first others where there are fewer types."""
    first: dict[str, Sample] = {}
    others: list[Sample] = []
    with (root / "data.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            if len(first) >= count:
                break
            sample = json.loads(line)
            if sample["scene_type"] not in first:
                first[sample["scene_type"]] = sample
            elif len(others) < count:
                others.append(sample)
    return [*first.values(), *others][:count]


def _tiles(statistics: Tally) -> str:
    tiles = [
        f'<div class="card tile"><b>{format_number(statistics[name])}</b>'
        f"<span>{html.escape(words)}</span></div>"
        for name, words in TILES.items()
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _charts(statistics: Tally) -> str:
    return "".join(
        f'<div class="card"><h3>{html.escape(title)}</h3>{_bars(statistics[name])}</div>'
        for name, title in CHARTS.items()
        if len(statistics.get(name, ())) > 1
    )


def _says(reply: str) -> str:
    """A reply, its headings in bold."""
    return re.sub(r"^(#+ .*)$", r"<b>\1</b>", html.escape(reply), flags=re.MULTILINE)


def _answers(answers: Mapping[str, Mapping[str, int]]) -> str:
    return "".join(
        f'<div class="card"><h3>{html.escape(_spaced(kind))}</h3>{_bars(table)}</div>'
        for kind, table in answers.items()
    )


def _bars(table: Mapping[str, int]) -> str:
    """A bar per entry, as long as its share of the largest, with its number and share."""
    most, total = max(table.values()), sum(table.values())
    return "".join(
        f'<div class="row"><span>{html.escape(_spaced(name))}</span>'
        f'<span class="track"><i style="width:{100 * number / most:.1f}%"></i></span>'
        f"<span>{number:,} ({100 * number / total:.1f}%)</span></div>"
        for name, number in table.items()
    )


def _actions(actions: Mapping[str, Mapping[str, Any]]) -> str:
    head = "<th></th><th>number</th><th>predicted gain [nats]</th><th>realised gain [nats]</th>"
    rows = []
    for kind, row in actions.items():
        predicted = row["predicted_gain"] / row["num_predicted"] if row["num_predicted"] else None
        cells = [
            f"{row['count']:,}",
            "none" if predicted is None else f"{predicted:.3f}",
            f"{row['realised_gain'] / row['count']:.3f}",
        ]
        rows.append(
            f"<tr><th>{html.escape(_spaced(kind))}</th>"
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    return (
        f'<div class="card"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _sample(root: Path, sample: Sample) -> str:
    """A conversation, each picture beside what is said about it, with the boxes drawn in."""
    pictures = iter(sample["image"])
    turns = []
    for human, gpt in zip(sample["conversations"][::2], sample["conversations"][1::2], strict=True):
        names = [next(pictures) for _ in range(human["value"].count(IMAGE_MARKER))]
        views = [_view(root / name, gpt["value"] * (name == names[-1])) for name in names]
        asked = human["value"].replace(f"{IMAGE_MARKER}\n", "")
        turns.append(
            f'<div class="turn"><div>{"".join(views)}</div><div>'
            f'<div class="says human">{html.escape(asked)}</div>'
            f'<div class="says">{_says(gpt["value"])}</div></div></div>'
        )
    kinds = f"{_spaced(sample['scene_type'])}, {_spaced(sample['question_type'])}"
    head = f'<b>{html.escape(kinds)}</b> <span class="small">{html.escape(sample["id"])}</span>'
    return f'<details class="card sample" open><summary>{head}</summary>{"".join(turns)}</details>'


def _view(path: Path, reply: str) -> str:
    """A picture, and the boxes that a reply names in it."""
    kind = "png" if path.suffix == ".png" else "jpeg"
    data = base64.b64encode(path.read_bytes()).decode()
    boxes = []
    for mark, *corners in BOX.findall(reply):
        x0, y0, x1, y1 = map(float, corners)
        boxes.append(
            f'<rect class="{"mark" if mark else "thing"}" x="{x0}" y="{y0}" '
            f'width="{x1 - x0:.3f}" height="{y1 - y0:.3f}"/>'
        )
    return (
        f'<div class="view"><img alt="" src="data:image/{kind};base64,{data}">'
        f'<svg viewBox="0 0 1 1" preserveAspectRatio="none">{"".join(boxes)}</svg></div>'
    )


def _spaced(name: str) -> str:
    return name.replace("_", " ")
