"""Reports and tables in HTML: complete, in one file, and without markup from a scenario."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from html_pages import Page

import isacfw
from isacfw import Comparison
from isacfw.cli import main
from isacfw.report.html_table import html_table
from isacfw.report.overview_figures import fewer_points
from isacfw.report.page import Entry, render_page
from isacfw.report.svg import inline_svg
from isacfw.report.verdict import verdict, without_result

ROOT = Path(__file__).parents[2]
SORT = (ROOT / "isacfw" / "report" / "templates" / "sort.js").read_text(encoding="utf-8")
MARKUP = "</code><script>alert(1)</script> [bold]b[/bold] $\\frac$ \"'&amp;"
CHANGES = {
    "name": MARKUP,
    "allocators": ["exact", "sca", {"kind": "equal_cs", "label": MARKUP}],
    "precoders": ["mrt", "zf"],
}


@pytest.fixture(scope="module")
def compare(variant: Any) -> Callable[..., Comparison]:
    return lambda changes=None: isacfw.compare(isacfw.load_scenario(variant(changes)))


@pytest.fixture(scope="module")
def marked(compare: Any) -> Comparison:
    return compare(CHANGES)


@pytest.fixture(scope="module")
def swept(compare: Any) -> Comparison:
    return compare({"allocators": ["exact", "equal_cs"], "sweep": {"snr_db": [10, 15, 20]}})


@pytest.fixture(scope="module")
def folder(marked: Comparison, tmp_path_factory: Any) -> Path:
    from isacfw.report.folder import save_numbers

    folder: Path = tmp_path_factory.mktemp("report") / "results"
    save_numbers(marked.dataset, folder)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    target = folder / "new" / "report.html"
    assert main(["report", str(folder), "-o", str(target)]) == 0
    return target.read_text(encoding="utf-8")


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave figures out, which take most of the time."""
    monkeypatch.setattr("isacfw.report.page.comparison_figures", lambda _data: {})
    for name in ("tradeoff", "distribution", "convergence"):
        monkeypatch.setattr(f"isacfw.report.page.{name}_figure", _refuse)
    monkeypatch.setattr("isacfw.study.report._TITLES", {})


@pytest.mark.parametrize("values", [[1e308, 1e308], [-1e308, 1.7e308]])
def test_numbers_at_the_end_of_their_range_are_drawn(swept: Comparison, values: list[float]) -> None:
    data = swept.dataset.copy(deep=True)
    for name in ("sum_rate", "crlb_azimuth_db", "seconds"):
        data[name][...] = np.resize(values, data[name].shape)
    with np.errstate(over="ignore", invalid="ignore"):
        assert "<svg" in render_page([Entry(dataset=data)])


def _refuse(*_arguments: object) -> None:
    raise isacfw.IncompatibleError("not now")


def test_report_is_complete_accessible_and_refers_to_nothing_else(page: str) -> None:
    Page(page).check()
    assert "http" not in page.replace("http://www.w3.org/", "")


def test_no_text_of_a_scenario_becomes_markup(page: str) -> None:
    read = Page(page)
    assert [text.strip() for text in read.texts["script"]] == [SORT.strip()]
    assert not read.named("bold")
    assert not read.named("i")
    assert read.texts["h1"] == [MARKUP]
    assert sum(MARKUP in text for text in read.texts["th"]) == 6  # in three tables
    # Legends of figures too.
    assert any(MARKUP in text for text in read.texts["svg"])


def test_a_reference_and_an_open_element_would_be_found(page: str) -> None:
    for old, new in (
        ("</main>", '<a href="https://example.org">x</a></main>'),
        ("</main>", '<img src="x.png"></main>'),
        ("<main>", "<main><div>"),
        ("<h2 ", '<h4>x</h4><h2 data-x="" '),
    ):
        with pytest.raises(AssertionError):
            Page(page.replace(old, new, 1)).check()


def test_report_has_all_its_sections(page: str, marked: Comparison) -> None:
    read = Page(page)
    text = "\n".join(read.texts["body"])
    assert marked.dataset.attrs["scenario"] in read.texts["code"]
    assert "isacfw compare scenario.toml --out results" in read.texts["code"]
    for title in (
        "Verdict",
        "Allocators",
        "Statistics",
        "Objective against CRLB",
        "Distribution over the drops",
        "Convergence",
        "Radiation patterns",
        "Without a result",
    ):
        assert title in [*read.texts["h2"], *read.texts["h3"]]
    assert "numpy" in read.texts["th"]
    assert "@software{isacfw" in text
    assert "seed 1" in text


def test_citation_is_that_of_the_project() -> None:
    given = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    bib = (ROOT / "isacfw" / "report" / "templates" / "citation.bib").read_text(encoding="utf-8")
    plain = re.sub("[{}]", "", bib)
    titles = [title.strip('"') for title in re.findall(r"title: (.*)", given)]
    assert len(titles) == 2
    assert all(title in plain for title in titles)
    families = re.findall(r"family-names: (.*)\n\s+given-names: (.*)", given)
    assert " and ".join(", ".join(each) for each in families) in plain


def test_table_has_margins_gaps_and_binding_requirements(compare: Any) -> None:
    comparison = compare({"allocators": ["exact", "equal_cs"], "snr_db": -30, "precoders": ["mrt"]})
    table, frame = html_table(comparison.dataset), comparison.table()
    columns = [heading.text for heading in table.headings]
    assert len({len(row) for row in (*table.rows, columns)}) == 1
    for (_, allocator), row in frame.iterrows():
        cells = next(row for row in table.rows if row[table.head].text.removesuffix(" ★") == allocator)
        named = dict(zip(columns, cells, strict=True))
        least = comparison.dataset["margin_sensing"].sel(allocator=allocator).min()
        assert named["margin of sensing"].key == pytest.approx(100 * float(least), nan_ok=True)
        count = f"sensing {row['margin_sensing_binding']}/{row['answered']}"
        assert named["binding"].text == (count if row["margin_sensing_binding"] else "–")
        assert named["to best"].key == pytest.approx(row["distance_to_best_percent"], nan_ok=True)


def test_notebook_has_one_table_and_the_text_is_unchanged(marked: Comparison) -> None:
    read = Page(marked._repr_html_())
    assert len(read.named("table")) == len(read.named("caption")) == 1
    assert len(read.named("button")) == len([own for own in read.named("th") if own["scope"] == "col"])
    assert [text.strip() for text in read.texts["script"]] == [SORT.strip()]
    assert "isacfw-table" not in str(marked)
    assert not read.references()


def test_verdict_names_the_best_and_what_binds(swept: Comparison) -> None:
    best, rest = verdict(swept.dataset, swept.table())
    assert best == "Best mean sum rate: with mrt / zf, exact at all 3 points."
    bound = int(swept.table()["margin_sensing_binding"].xs("exact", level="allocator").sum())
    assert (f"in {bound} of" in rest) == bool(bound)
    assert "nothing failed" in rest


def test_report_without_any_allocation_says_so(swept: Comparison) -> None:
    data = swept.dataset.copy(deep=True)
    data["sum_rate"][:] = np.nan
    data["feasible"][:] = False
    text = render_page([Entry(dataset=data)])
    Page(text).check()
    assert "no allocation was found" in text
    assert "with mrt / zf, no allocator has a result." in text
    assert "without a feasible allocation: 24 of 24." in text
    assert "<svg" not in text


def test_verdict_counts_failures_and_says_why(swept: Comparison, without_figures: None) -> None:
    data = swept.dataset.copy(deep=True)
    where = {"allocator": "exact", "precoder": "mrt"}
    data["status"].loc[where] = "failed"
    data["message"].loc[where] = "it <i>broke</i>"
    data["feasible"].loc[where] = False
    data["sum_rate"].loc[where] = np.nan
    frame = Comparison(dataset=data).table()
    best, rest = verdict(data, frame)
    assert "with mrt, equal_cs at all 3 points" in best
    assert "3 of 12 rows have failures" in rest
    assert without_result(data, frame) == [
        ("mrt at snr_db = 10 and 2 more points", "exact", "failed", "it <i>broke</i>")
    ]
    text = render_page([Entry(dataset=data)])
    assert "it &lt;i&gt;broke&lt;/i&gt;" in text
    Page(text).check()


def test_several_results_are_side_by_side(
    marked: Comparison, compare: Any, tmp_path: Path, without_figures: None
) -> None:
    other = compare(CHANGES | {"snr_db": 9})
    read = Page(marked.report(tmp_path / "two.html", others=[other, marked]).read_text(encoding="utf-8"))
    read.check()
    heads = read.texts["h2"]
    assert heads[:2] == ["Side by side", "Differences"]
    assert heads[2:5] == [f"{number}: {MARKUP}" for number in (1, 2, 3)]
    assert "No difference." in read.texts["p"]
    assert "snr_db" in read.texts["th"]


def large(data: xarray.Dataset, points: int, allocators: int) -> xarray.Dataset:
    """Return results with more points and allocators, which repeat those of others with a little noise."""
    rows = {"allocator": np.arange(allocators) % data.sizes["allocator"]}
    data = data.isel(snr_db=np.arange(points) % data.sizes["snr_db"], **rows).load()
    names = [f"allocator with a long name {number}" for number in range(allocators)]
    data = data.assign_coords(snr_db=np.linspace(-10, 30, points), allocator=names)
    noise = np.random.default_rng(1).normal(size=data["sum_rate"].shape)
    return data.assign(sum_rate=data["sum_rate"].copy(data=data["sum_rate"].to_numpy() + 0.1 * noise))


def test_tables_show_some_of_many_points(swept: Comparison, without_figures: None) -> None:
    text = render_page([Entry(dataset=large(swept.dataset, 33, 12))])
    read = Page(text)
    assert any(re.search("show 16 of 33 points", one) for one in read.texts["li"])
    assert len(read.named("tr")) < 1300


@pytest.mark.slow
def test_report_stays_small_with_many_points(swept: Comparison) -> None:
    data = large(swept.dataset, 201, 12)
    text = render_page([Entry(dataset=data)])
    assert len(text.encode()) < 2_000_000
    Page(text).check()


@pytest.mark.parametrize(("sizes", "most"), [((100,), 7), ((9, 40), 50), ((3, 4, 5), 1), ((2, 2), 10)])
def test_fewer_points_keep_both_ends(sizes: tuple[int, ...], most: int) -> None:
    names = [f"axis{number}" for number in range(len(sizes))]
    data = xarray.Dataset(
        {"status": ((*names, "drop"), np.zeros((*sizes, 2)))},
        coords={name: np.arange(size) for name, size in zip(names, sizes, strict=True)},
    )
    kept = fewer_points(data, most)
    count = np.prod([kept.sizes[name] for name in names])
    assert count <= most
    assert count > most / 4 or count == np.prod(sizes)
    for name, size in zip(names, sizes, strict=True):
        assert kept[name][0] == 0
        assert kept.sizes[name] == 1 or kept[name][-1] == size - 1


def test_curves_of_a_large_figure_become_an_image() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot(np.random.default_rng(1).normal(size=20_000), "o", label="x")
    svg = inline_svg(figure, "many <points>", "a")
    assert len(svg) < 200_000
    assert "data:image/png;base64," in svg
    (own,) = Page(svg).named("svg")
    assert own["aria-label"] == "many <points>"
    assert "currentColor" in svg


def test_ids_of_figures_are_distinct() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2], "o")
    read = Page(inline_svg(figure, "x", "a") + inline_svg(figure, "x", "b"))
    ids = [own["id"] for _, own in read.elements if "id" in own]
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in read.references()} <= set(ids)


def test_a_scenario_that_cannot_be_loaded_is_left_out(
    marked: Comparison, tmp_path: Path, without_figures: None
) -> None:
    data = marked.dataset.copy()
    data.attrs = {**data.attrs, "scenario": 'plugins = ["<b>no_such_module</b>"]\n'}
    text = isacfw.write_report(Comparison(dataset=data), tmp_path / "x.html").read_text(encoding="utf-8")
    assert "the scenario cannot be loaded" in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{}", "-o", "r.pdf"], "-o must be a file whose name ends in .html, got 'r.pdf'"),
        (["{}/none.nc"], "must be a file that can be read, got: No such file"),
        (["{}/scenario.toml"], "must be a NetCDF file of results"),
        (["{}"] * 7, "results must be 1 to 6 comparisons, got 7"),
        ([], "RESULTS is required"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], message: str, folder: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    status, out, err = cli("report", *(one.format(folder) for one in arguments))
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_names_with_dollars_can_be_plotted(marked: Comparison) -> None:
    for figure in marked.plot().values():
        figure.draw_without_rendering()
