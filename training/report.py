"""The run's report: one HTML file with tables, curves and films, opened by any browser, offline."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from training.charts import ROW_CLASSES, Cell, bars, curve, format_number, mean_of
from training.run_directory import RESERVED, STATUSES, Tables, write_atomic

NOTICES = {
    "running": "This run is still going: the numbers are the latest, not the last.",
    "interrupted": "This run was interrupted before its end: the numbers are those it had reached.",
}

METRIC_HELP = {
    "success": "share of episodes in which the task was done",
    "region_iou": "overlap of the predicted with the right box, 0 to 1",
    "trajectory_frechet": "nearness of the predicted to the right path, 0 to 1",
    "trajectory_end": "nearness of the predicted to the right end of the path, 0 to 1",
    "vla_r1_format": "share of replies in the published form",
    "execution_reached": "share of episodes in which the arm came to every point it was sent to",
    "acc_fa": "share of episodes whose final answer is right",
    "igr": "share of decisions that gain information",
    "acc_isj": "share of episodes whose first view is judged rightly as enough or not",
    "igr_entropy": "share of the same decisions after which the exact belief is less uncertain",
    "acc_isj_balanced": "the same for every reply, sufficient and insufficient views weighed alike",
    "information": "share of the uncertainty left by the first view that is removed",
    "invalid": "share of void replies",
    "path_efficiency": "the planner's turns over the policy's, 0 where the answer is wrong",
    "optimal_turns": "replies that the planning expert needs",
    "turns": "decisions per episode",
    "frames": "frames shown per episode",
    "reward": "reward per episode",
}

NUM_TILES = 8
"""With more figures than this, they are listed in a table instead of as large numbers."""

# Shows the value of a curve's point nearest to the pointer.
SCRIPT = """
const tip = document.getElementById("tip");
for (const box of document.querySelectorAll("[data-curve]")) {
  const {points, words} = JSON.parse(box.dataset.curve);
  const svg = box.querySelector("svg"), dot = box.querySelector(".hover");
  box.addEventListener("mousemove", event => {
    const area = svg.getBoundingClientRect(), scale = area.width / svg.viewBox.baseVal.width;
    const x = (event.clientX - area.left) / scale;
    let best = 0;
    points.forEach((p, i) => { if (Math.abs(p[0] - x) < Math.abs(points[best][0] - x)) best = i; });
    dot.setAttribute("cx", points[best][0]);
    dot.setAttribute("cy", points[best][1]);
    tip.textContent = words[best];
    tip.style.left = area.left + points[best][0] * scale + "px";
    tip.style.top = area.top + points[best][1] * scale + "px";
    tip.style.opacity = 1;
  });
  box.addEventListener("mouseleave", () => { tip.style.opacity = 0; dot.setAttribute("cx", -9); });
}
"""


@dataclass(frozen=True, kw_only=True)
class Film:
    """A film in the report.

    Attributes:
        title: such as "after GRPO".
        caption: what to look at.
        mp4_bytes: the whole file.
        group: films with the same group stand side by side under it, in the order given.
    """

    title: str
    caption: str
    mp4_bytes: bytes
    group: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart in the report.

    Attributes:
        title: heading.
        body: HTML that one of our drawing functions made; it stands in the page as it is.
    """

    title: str
    body: str


@dataclass(kw_only=True)
class ReportData:
    """All that a report shows. Any part may be empty.

    Attributes:
        title: heading.
        intro: a paragraph that says what the run is.
        status: one of `run_directory.STATUSES`; other than "finished" it is said at the top.
        tables: as in `summary.json`; the bars of the table `evaluation` come first.
        charts: shown after the tables.
        metrics: the lines of `metrics.jsonl`.
        films: shown in groups.
        config_yaml: the run's configuration.
        figures: name -> number, as in `summary.json`.
        notes: remarks, one paragraph each.
    """

    title: str
    intro: str = ""
    status: str = "running"
    tables: Tables = field(default_factory=dict)
    charts: Sequence[Chart] = ()
    metrics: Sequence[Mapping[str, Any]] = ()
    films: Sequence[Film] = ()
    config_yaml: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"unknown report status {self.status!r}; legal: {STATUSES}")


def write_report(path: Path, data: ReportData) -> Path:
    """Write the report, replacing an older one in one go, and return its path.

    All text is escaped: what a model wrote cannot become part of the page, and the page's content
    policy allows no script but its own and no network.
    """
    sections = (_status, _intro, _headlines, _tables, _charts, _films, _curves, _notes, _config)
    template = Path(__file__).with_name("report_template.html").read_text(encoding="utf-8")
    page = Template(template).substitute(
        title=html.escape(data.title),
        body="\n".join(section(data) for section in sections),
        script=SCRIPT,
        script_hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
    )
    write_atomic(path, page)
    return Path(path)


def _status(data: ReportData) -> str:
    notice = NOTICES.get(data.status)
    return f'<p class="notice">{notice}</p>' if notice else ""


def _intro(data: ReportData) -> str:
    return f'<p class="intro">{html.escape(data.intro)}</p>' if data.intro else ""


def _headlines(data: ReportData) -> str:
    """The run's main numbers, large: the trained policy's accuracy and gains, and the figures."""
    tiles = _evaluation_tiles(data.tables.get("evaluation", {}))
    if len(data.figures) <= NUM_TILES:
        tiles += [(format_number(v), k.replace("_", " ")) for k, v in data.figures.items()]
    cards = "".join(
        f'<div class="card tile"><b>{html.escape(number)}</b><span>{html.escape(name)}</span></div>'
        for number, name in tiles
    )
    return f'<div class="tiles">{cards}</div>' if cards else ""


def _evaluation_tiles(rows: Mapping[str, Mapping[str, Cell]]) -> list[tuple[str, str]]:
    row = rows.get("grpo", {})
    metric = "success" if "success" in row else "acc_fa"
    trained = row.get(metric)
    if trained is None:
        return []
    what = "tasks done" if metric == "success" else "final answers right"
    tiles = [(f"{mean_of(trained):.2f}", f"{what} after GRPO")]
    for name in ("cold_start", "random"):
        other = rows.get(name, {}).get(metric)
        if other is not None:
            gain = mean_of(trained) - mean_of(other)
            tiles.append((f"{gain:+.2f}", f"gained over {name.replace('_', ' ')}"))
    return tiles


def _tables(data: ReportData) -> str:
    order = sorted(data.tables, key=lambda name: name != "evaluation")
    parts = [_table(name, data.tables[name]) for name in order if data.tables[name]]
    if len(data.figures) > NUM_TILES:
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{format_number(value)}</td></tr>"
            for name, value in data.figures.items()
        )
        parts.append(f'<h2>Figures</h2><div class="card wide"><table>{rows}</table></div>')
    return "\n".join(parts)


def _table(name: str, rows: Mapping[str, Mapping[str, Cell]]) -> str:
    """A table of mean ± standard error, and a bar chart per metric."""
    metrics = list(dict.fromkeys(metric for cells in rows.values() for metric in cells))
    head = "".join(
        f'<th title="{html.escape(METRIC_HELP.get(m, ""))}">{html.escape(m)}</th>' for m in metrics
    )
    body = "".join(
        f'<tr class="{ROW_CLASSES.get(row, "")}"><th>{html.escape(row.replace("_", " "))}</th>'
        + "".join(_cell(cells.get(metric)) for metric in metrics)
        + "</tr>"
        for row, cells in rows.items()
    )
    charts = "".join(_bar_card(metric, rows) for metric in metrics)
    return (
        f"<h2>{html.escape(name.replace('_', ' ').capitalize())}</h2>"
        f'<div class="card wide"><table><thead><tr><th></th>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="small">{_sample_sizes(rows)}</p>'
        f'<div class="grid-of">{charts}</div>'
    )


def _bar_card(metric: str, rows: Mapping[str, Mapping[str, Cell]]) -> str:
    meaning = html.escape(METRIC_HELP.get(metric, ""))
    heading = f'<h4>{html.escape(metric)} <span class="small">{meaning}</span></h4>'
    return f'<div class="card">{heading}{bars(metric, rows)}</div>'


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td>–</td>"
    spread = "" if cell["stderr"] is None else f" <small>± {float(cell['stderr']):.3f}</small>"
    return f'<td title="n = {cell["n"]}">{mean_of(cell):.3f}{spread}</td>'


def _sample_sizes(rows: Mapping[str, Mapping[str, Cell]]) -> str:
    counts = {int(cell["n"] or 0) for cells in rows.values() for cell in cells.values()}
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    size = f"{low}" if low == high else f"{low} to {high}"
    return f"Mean ± standard error over n = {size} values."


def _charts(data: ReportData) -> str:
    return "".join(
        f'<h2>{html.escape(chart.title)}</h2><div class="card wide">{chart.body}</div>'
        for chart in data.charts
    )


def _films(data: ReportData) -> str:
    groups: dict[str, list[Film]] = {}
    for film in data.films:
        groups.setdefault(film.group, []).append(film)
    parts = [
        f'<h3>{html.escape(group)}</h3><div class="films">{"".join(map(_film, films))}</div>'
        for group, films in groups.items()
    ]
    return "<h2>Films</h2>" + "".join(parts) if parts else ""


def _film(film: Film) -> str:
    source = "data:video/mp4;base64," + base64.b64encode(film.mp4_bytes).decode()
    return (
        f'<figure class="card film"><video controls muted loop playsinline preload="auto" '
        f'src="{source}"></video>'
        f"<figcaption><b>{html.escape(film.title)}</b>"
        f'<span class="small">{html.escape(film.caption)}</span></figcaption></figure>'
    )


def _curves(data: ReportData) -> str:
    """A curve per phase and metric, in the order in which they first appear."""
    phases: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for line in data.metrics:
        curves = phases.setdefault(str(line.get("phase", "")), {})
        for name, value in line.items():
            if name not in RESERVED and math.isfinite(value):
                curves.setdefault(name, []).append((line["step"], value))
    parts = []
    for phase, curves in phases.items():
        cards = "".join(
            f'<div class="card"><h4>{html.escape(name)}</h4>'
            f"{curve(name, *zip(*points, strict=True))}</div>"
            for name, points in curves.items()
        )
        heading = html.escape(phase.replace("_", " ")) or "steps"
        parts.append(f'<h3>{heading}</h3><div class="grid-of">{cards}</div>')
    return "<h2>Curves</h2>" + "".join(parts) if parts else ""


def _notes(data: ReportData) -> str:
    items = "".join(f"<li>{html.escape(note)}</li>" for note in data.notes)
    return f"<h2>Notes</h2><ul>{items}</ul>" if items else ""


def _config(data: ReportData) -> str:
    if not data.config_yaml:
        return ""
    text = html.escape(data.config_yaml)
    return f'<h2>Configuration</h2><div class="card"><pre>{text}</pre></div>'
