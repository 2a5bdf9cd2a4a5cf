"""Statistics in a report: those of the comparison, in tables that stay small and in which text is text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from html_pages import Page

import isacfw
from isacfw import Comparison
from isacfw.report.page import Entry, render_page
from isacfw.report.plain_figure import PlainFigure
from isacfw.report.sortable import HtmlTable
from isacfw.report.statistics_tables import statistics_tables

MARKUP = "</code><script>alert(1)</script>"
ALLOCATORS = ["exact", "equal_com", {"kind": "equal_cs", "label": MARKUP}]


@pytest.fixture(scope="module")
def compare(variant: Any) -> Any:
    return lambda **changes: isacfw.compare(isacfw.load_scenario(variant({"allocators": ALLOCATORS, **changes})))


@pytest.fixture(scope="module")
def comparison(compare: Any) -> Comparison:
    found: Comparison = compare(drops=4, sweep={"snr_db": [10, 20]}, precoders=["mrt", "zf"])
    return found


def numbers(table: HtmlTable, heading: str, which: int = 0) -> list[float | None]:
    columns = [number for number, one in enumerate(table.headings) if one.text == heading]
    return [row[columns[which]].key for row in table.rows]


def test_numbers_are_those_of_python(comparison: Comparison) -> None:
    spread, paired = statistics_tables(comparison.dataset, 400)
    frame = comparison.statistics()
    names = {"mean": "mean", "5 % quantile": "q05", "median": "median", "95 % quantile": "q95"}
    for heading, name in names.items():
        assert numbers(spread, heading) == frame[name].tolist()
    assert numbers(spread, "outage") == (100 * frame["outage"]).tolist()
    differences = comparison.paired()
    assert numbers(paired, "difference") == differences["difference"].tolist()
    assert numbers(paired, "difference", 1) == differences["difference_percent"].tolist()
    half = [row[3].text.partition(" ± ")[2] for row in paired.rows]
    assert half == [f"{value:.2g}" for value in differences["ci95"]]
    assert paired.caption == "Sum rate: paired differences from exact on the same drops"


def test_differences_are_from_an_allocator_with_an_answer(comparison: Comparison) -> None:
    data = comparison.dataset.copy(deep=True)
    data["feasible"].loc[{"allocator": "exact"}] = False
    (caption,) = {table.caption for table in statistics_tables(data, 400)[1:]}
    assert caption.startswith(f"Sum rate: paired differences from {data['allocator'].to_numpy()[1]} ")
    data["feasible"][...] = False
    assert "paired differences from exact" in statistics_tables(data, 400)[1].caption


def test_rows_are_named_and_text_is_text(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isacfw.report.page.comparison_figures", lambda _data: {})
    text = render_page([Entry(dataset=comparison.dataset)])
    read = Page(text)
    read.check()
    assert "Statistics" in read.texts["h2"]
    assert "<script>alert" not in text
    captions = [one for one in read.texts["caption"] if one.startswith("Sum rate")]
    assert len(captions) == 2
    spread, _ = statistics_tables(comparison.dataset, 400)
    assert [cell.text for cell in spread.rows[-1][:3]] == ["20", "zf", MARKUP]


def test_no_more_rows_than_asked_for(comparison: Comparison) -> None:
    for table, rows in zip(statistics_tables(comparison.dataset, 5), (12, 8), strict=True):
        assert len(table.rows) == 5
        assert table.notes[0] == f"The first 5 of {rows} rows."


def test_a_large_page_gets_fewer_rows(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isacfw.report.page._figures", lambda *_arguments: ())
    figure = PlainFigure()
    figure.suptitle("what it shows")
    entry = Entry(dataset=comparison.dataset, figures={"Cell": figure})
    whole = render_page([entry])
    monkeypatch.setattr("isacfw.report.page.LARGEST_PAGE", len(whole.encode()) - 500)
    monkeypatch.setattr("isacfw.report.page._MOST_ROWS", (400, 7))
    fewer = render_page([entry])
    assert "Tables and figures show 1 of 2 points of the sweep" in fewer
    assert "<figcaption>what it shows</figcaption>" in fewer
    assert len(fewer) < len(whole)


def test_drops_without_a_result_are_an_outage(comparison: Comparison) -> None:
    data = comparison.dataset.load().copy(deep=True)
    data["sum_rate"][{"drop": 0, "allocator": 1}] = float("nan")
    data["feasible"][{"drop": slice(2), "allocator": 1}] = False
    spread, paired = statistics_tables(data, 400)
    assert numbers(spread, "outage")[1::3] == [50.0] * 4
    assert [row[-1].text for row in spread.rows[:2]] == ["4/4", "3/4"]
    assert numbers(paired, "drops")[:2] == [3.0, 4.0]


@pytest.mark.parametrize(("changes", "tables"), [({"drops": 1}, 0), ({"drops": 2, "allocators": ["exact"]}, 1)])
def test_what_has_no_statistics_is_left_out(compare: Any, changes: dict[str, Any], tables: int) -> None:
    assert len(statistics_tables(compare(**changes).dataset, 400)) == tables


def test_the_page_says_so_for_one_drop(compare: Any, tmp_path: Path) -> None:
    path = compare(drops=1).report(tmp_path / "report.html")
    assert re.search(r"Statistics</h2>\s*<p>One drop has no distribution", path.read_text(encoding="utf-8"))
