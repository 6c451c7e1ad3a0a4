"""The report: one file, complete, safe against what models write, and quick."""

import base64
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from training.charts import bars, curve, format_number, smooth, thin_out, ticks
from training.report import Film, ReportData, write_report

HOSTILE = '</pre><script>alert(1)</script><img src=x onerror=alert(2)> & "quotes" \''


def cell(mean: float, stderr: float | None = 0.03, n: int = 300) -> dict:
    """A table's cell."""
    return {"mean": mean, "stderr": stderr, "n": n}


class Page(HTMLParser):
    """Collects a page's tags with their attributes, and its text; every tag must be closed."""

    VOID = ("meta", "br", "link", "img", "input")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == [], "tags left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        """How often a tag occurs."""
        return sum(name == tag for name, _ in self.tags)


def full_data(**changes: object) -> ReportData:
    """A report with every part."""
    rows = {"random": {"acc_fa": cell(0.2), "igr": cell(0.3)}, "cold_start": {"acc_fa": cell(0.5)}}
    rows["grpo"] = {"acc_fa": cell(0.75), "igr": cell(0.6, None, 1)}
    metrics = [{"step": s, "phase": "grpo", "elapsed_seconds": s, "loss": 1 / s} for s in (1, 2, 3)]
    films = [
        Film(title=title, caption="", mp4_bytes=title.encode(), group="task 1")
        for title in ("before", "after")
    ]
    fields = dict(title="A run", tables={"evaluation": rows}, metrics=metrics, films=films)
    fields |= dict(config_yaml="seed: 0", figures={"minutes": 14.5}, notes=["mind the gap"])
    return ReportData(**(fields | changes))  # type: ignore[arg-type]


def test_everything_handed_over_is_shown(tmp_path: Path) -> None:
    page = Page(write_report(tmp_path / "report.html", full_data(intro="What this is.")))
    for text in ("A run", "What this is.", "0.750", "± 0.030", "14.5", "seed: 0", "mind the gap"):
        assert text in page.text
    # GRPO's 0.75 against the cold start's 0.5 and the random policy's 0.2.
    assert "+0.25" in page.text and "+0.55" in page.text
    assert page.count("svg") == 3  # two metrics with bars, one curve


def test_films_are_inside_the_file_and_side_by_side(tmp_path: Path) -> None:
    page = Page(write_report(tmp_path / "report.html", full_data()))
    sources = [attrs["src"] or "" for tag, attrs in page.tags if tag == "video"]
    prefix = "data:video/mp4;base64,"
    assert [base64.b64decode(s.removeprefix(prefix)) for s in sources] == [b"before", b"after"]
    assert [a.get("class") for _, a in page.tags].count("films") == 1


def test_nothing_is_fetched_from_anywhere(tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", full_data())
    for _, attrs in Page(path).tags:
        for name in ("src", "href"):
            assert (attrs.get(name) or "data:").startswith("data:")
    assert not re.search(r"https?://|@import|url\(", path.read_text())


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    data = full_data(
        title=HOSTILE,
        intro=HOSTILE,
        notes=[HOSTILE],
        config_yaml=HOSTILE,
        figures={HOSTILE: 1.0},
        tables={HOSTILE: {HOSTILE: {HOSTILE: cell(0.5)}}},
        metrics=[{"step": 1, "phase": HOSTILE, HOSTILE: 0.5}],
        films=[Film(title=HOSTILE, caption=HOSTILE, mp4_bytes=b"", group=HOSTILE)],
    )
    page = Page(write_report(tmp_path / "report.html", data))
    assert page.count("script") == 1 and page.count("img") == 0
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.text.count("<script>alert(1)</script>") >= 8


def test_only_the_pages_own_script_may_run(tmp_path: Path) -> None:
    text = write_report(tmp_path / "report.html", full_data()).read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and "default-src 'none'" in policy[1]
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='$", policy[1])


def test_characters_that_no_file_can_hold(tmp_path: Path) -> None:
    path = write_report(tmp_path / "report.html", full_data(notes=["\ud800 😀 日本 \x00"]))
    assert "😀 日本" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "words"), [("running", "still going"), ("interrupted", "was interrupted")]
)
def test_an_unfinished_run_says_so(tmp_path: Path, status: str, words: str) -> None:
    assert words in Page(write_report(tmp_path / "r.html", full_data(status=status))).text


def test_a_finished_run_carries_no_notice(tmp_path: Path) -> None:
    tags = Page(write_report(tmp_path / "r.html", full_data(status="finished"))).tags
    assert not any(attrs.get("class") == "notice" for _, attrs in tags)
    with pytest.raises(ValueError, match="'done'; legal"):
        ReportData(title="x", status="done")


def test_a_run_that_has_only_begun_has_a_valid_report(tmp_path: Path) -> None:
    page = Page(write_report(tmp_path / "report.html", ReportData(title="Just started")))
    assert "Just started" in page.text and page.count("svg") == 0


def test_a_missing_number_is_shown_as_missing(tmp_path: Path) -> None:
    assert "–" in Page(write_report(tmp_path / "report.html", full_data())).text


def test_many_figures_become_a_table(tmp_path: Path) -> None:
    figures = {f"ours.case_{k}": k + 0.5 for k in range(30)}
    page = Page(write_report(tmp_path / "report.html", full_data(figures=figures)))
    assert "ours.case_29" in page.text and "29.5" in page.text


def test_a_long_run_is_reported_quickly(tmp_path: Path) -> None:
    names = [f"metric_{k}" for k in range(20)]
    metrics = [{"step": s, "phase": "grpo"} | dict.fromkeys(names, 0.5) for s in range(5000)]
    started = time.process_time()
    path = write_report(tmp_path / "report.html", full_data(metrics=metrics, films=[]))
    assert time.process_time() - started < 2
    assert path.stat().st_size < 2_000_000


def test_smoothing_by_hand() -> None:
    # Weights 1, then 0.5 and 1, then 0.25, 0.5 and 1.
    expected = [4.0, (2 + 1) / 1.5, (1 + 0.5 + 7) / 1.75]
    np.testing.assert_allclose(smooth(np.array([4.0, 1.0, 7.0]), keep=0.5), expected)
    np.testing.assert_allclose(smooth(np.full(50, 3.25)), 3.25)


def test_thinning_keeps_the_mean_of_every_stretch() -> None:
    steps, values = thin_out(np.arange(480.0), np.arange(480.0) * 2)
    assert len(steps) == 240
    np.testing.assert_allclose(values[:3], [1, 5, 9])
    np.testing.assert_allclose(steps[:3], [0.5, 2.5, 4.5])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.5, 1]), (0, 10, [0, 5, 10]), (-1, 1, [-1, -0.5, 0, 0.5, 1]), (3, 3, [3])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (14.21, "14.2"),
        (1612345, "1,612,345"),
        (-0.001, "-0.001"),
        (1e-5, "1e-05"),
        (130.0, "130"),
    ],
)
def test_numbers_are_written_short(value: float, text: str) -> None:
    assert format_number(value) == text


def test_a_curve_of_one_point_and_a_constant_one() -> None:
    for values in ([0.5], [2.0, 2.0, 2.0], [0.0, 0.0]):
        drawing = curve("loss", range(1, len(values) + 1), values)
        assert "nan" not in drawing and "inf" not in drawing


def test_bars_are_as_long_as_their_numbers() -> None:
    svg = bars("acc", {"a": {"acc": cell(0.25)}, "b": {"acc": cell(0.75)}, "c": {"other": cell(1)}})
    first, second = (float(w) for w in re.findall(r'<rect[^>]* width="([\d.]+)"', svg))
    assert second / first == pytest.approx(3, rel=0.01)


def test_a_negative_bar_goes_the_other_way() -> None:
    svg = bars("reward", {"a": {"reward": cell(-2.0, None)}, "b": {"reward": cell(2.0, None)}})
    (x1, w1), (x2, _) = re.findall(r'<rect[^>]* x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    assert float(x1) + float(w1) == pytest.approx(float(x2), abs=0.2)
    assert "whisker" not in svg
