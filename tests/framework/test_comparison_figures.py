"""Figures of comparisons: curves that can be told apart, labels, styles and sizes."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.colors
import numpy as np
import pytest
import scipy.stats
import xarray

from isacfw import InputError, compare
from isacfw.cli import main
from isacfw.config.structure import structure
from isacfw.report.comparison import Comparison
from isacfw.report.curves import coincident, make_look, shifts_of
from isacfw.report.distributions import HIDDEN, INFEASIBLE, PARTIAL
from isacfw.report.effort import mean_histories
from isacfw.report.files import save_figures
from isacfw.report.folder import save_numbers
from isacfw.report.means import SHIFTED
from isacfw.report.path_labels import label_path, short_values
from isacfw.report.sheet import CROSSED
from isacfw.report.style import STYLES
from isacfw.report.summary import mean_and_interval

SNR = [0.0, 5.0, 10.0, 20.0]


@pytest.fixture(scope="module")
def swept(variant: Any, host_with: Any) -> Comparison:
    """A comparison of two allocators over four SNRs and three limits."""
    changes = {
        "drops": 3,
        "sweep": {"snr_db": SNR, "sensing.crlb_limit_db": [-20, -22, -24]},
        "allocators": ["exact", "equal_cs"],
    }
    return compare(structure(variant(changes), host_with()))


@pytest.fixture(scope="module")
def many(swept: Comparison) -> Callable[..., Comparison]:
    """Return a function that gives a comparison with any number of allocators."""

    def of(count: int, *, apart: float = 1.0, precoders: int = 2, name: str = "allocator {}") -> Comparison:
        data = swept.dataset.isel({"sensing.crlb_limit_db": [0]})
        data = data.isel({"allocator": [0] * count, "precoder": range(precoders)}).load().copy(deep=True)
        data = data.assign_coords(allocator=[name.format(number) for number in range(count)])
        steps = apart * xarray.DataArray(np.arange(count), dims="allocator")
        data["sum_rate"] = (data["sum_rate"] + steps).assign_attrs(data["sum_rate"].attrs)
        data["sum_rate"][{"precoder": precoders - 1}] += 0.5 * apart
        return Comparison(dataset=data)

    return of


def curves(axes: Any) -> dict[str, Any]:
    """Return the error bars of the curves by label."""
    handles, labels = axes.get_legend_handles_labels()
    return {label: one for one, label in zip(handles, labels, strict=True) if hasattr(one, "lines")}


def look(container: Any) -> tuple[Any, ...]:
    line = container.lines[0]
    dashes = tuple(map(repr, line._unscaled_dash_pattern))
    return matplotlib.colors.to_hex(line.get_color()), line.get_marker(), dashes, line.get_fillstyle()


def assert_whole(figure: Any) -> None:
    """Assert that legend and title are within the figure, and overlap no axes."""
    figure.draw_without_rendering()
    boxes = [one.get_window_extent() for one in (*figure.legends, figure._suptitle)]
    for box in boxes:
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y1 <= figure.bbox.y1 + 1
        for axes in figure.axes:
            assert not box.padded(-2).overlaps(axes.get_tightbbox())


@pytest.mark.parametrize(
    ("style", "count"),
    [
        ("screen", 12),
        ("paper-column", 1),
        ("paper-column", 12),
        ("slides", 12),
        *(pytest.param(style, 1, marks=pytest.mark.slow) for style in ("screen", "paper-wide", "slides")),
        pytest.param("paper-wide", 12, marks=pytest.mark.slow),
    ],
)
def test_legend_is_whole_and_outside(style: str, count: int, many: Callable[..., Comparison]) -> None:
    figure = many(count).plot(style=style, quantity="sum_rate")["sum_rate"]
    assert_whole(figure)
    assert len(figure.legends[0].get_texts()) == 2 * count
    width, height = figure.get_size_inches()
    if (expected := STYLES[style].width) is not None:
        assert width == expected
    if style != "slides":
        # The panel keeps its height whatever the legend needs.
        assert figure.axes[0].bbox.height / figure.dpi > 0.7 * STYLES[style].heights[0]
    else:
        assert height == pytest.approx(width * 9 / 16)


def test_labels_too_long_for_a_column_are_folded(many: Callable[..., Comparison]) -> None:
    figure = many(3, name="a label with as many words as a user likes, number {}, and more").plot(
        style="paper-column", quantity="sum_rate"
    )["sum_rate"]
    assert_whole(figure)
    assert "\n" in figure.legends[0].get_texts()[0].get_text()


@pytest.mark.parametrize(
    ("count", "precoders"), [(12, 2), (24, 1), (1, 2), pytest.param(24, 2, marks=pytest.mark.slow)]
)
def test_every_curve_looks_different(count: int, precoders: int, many: Callable[..., Comparison]) -> None:
    figure = many(count, precoders=precoders).plot(quantity="sum_rate")["sum_rate"]
    drawn = curves(figure.axes[0])
    assert len(drawn) == count * precoders
    assert len({look(one) for one in drawn.values()}) == len(drawn)
    # Without colours too.
    assert len({look(one)[1:] for one in drawn.values()}) == len(drawn)


def test_looks_differ_up_to_96_curves() -> None:
    assert len({repr(make_look(first, second, 4)) for first in range(24) for second in range(4)}) == 96


def test_coincident_curves_are_side_by_side(many: Callable[..., Comparison]) -> None:
    figure = many(5, apart=0.0, precoders=1).plot(quantity="sum_rate")["sum_rate"]
    assert SHIFTED in " ".join(figure.get_suptitle().split())
    figure.draw_without_rendering()
    places = []
    for one in curves(figure.axes[0]).values():
        line = one.lines[0]
        np.testing.assert_array_equal(line.get_xdata(), SNR)
        places.append(line.get_transform().transform(line.get_xydata()))
    steps = np.diff([place[:, 0] for place in places], axis=0) * 72 / figure.dpi
    assert steps.min() > 4
    # All points are within the axes.
    box = figure.axes[0].bbox
    assert min(place[:, 0].min() for place in places) > box.x0
    assert max(place[:, 0].max() for place in places) < box.x1


def test_curves_apart_are_where_their_numbers_are(many: Callable[..., Comparison]) -> None:
    figure = many(5).plot(quantity="sum_rate")["sum_rate"]
    assert SHIFTED not in " ".join(figure.get_suptitle().split())
    axes = figure.axes[0]
    assert all(one.lines[0].get_transform() == axes.transData for one in curves(axes).values())


def test_groups_of_coincident_curves() -> None:
    nan = np.nan
    values = np.array([[0, 100], [0.5, 100.5], [50, 50], [nan, 100], [51.5, 50], [nan, nan]])
    assert coincident(values) == [[0, 1, 3]]
    assert coincident(np.full((2, 3), nan)) == []
    # Solver tolerance, though it is all that differs.
    assert coincident(np.array([[1.0, 1.0], [1.0, 1.000001]])) == [[0, 1]]
    np.testing.assert_allclose(shifts_of([[0, 2]], 3, marker=5.0, room=100.0), [-3, 0, 3])
    # Of points next to each other, none reaches the next.
    shifts = shifts_of([list(range(10))], 10, marker=5.0, room=20.0)
    assert np.ptp(shifts) < 20


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("snr_db", "Transmit SNR [dB]"),
        ("channel.users", "Number of users"),
        ("channel.cell_radius_m", "Cell radius [m]"),
        ("link_budget.transmit_power_dbm", "Transmit power [dBm]"),
        ("link_budget.bandwidth_hz", "Bandwidth [Hz]"),
        ("target.radar_cross_section_m2", "Target: radar cross section [m²]"),
        ("sensing.azimuth_crlb_limit_db", "Azimuth CRLB limit [dB]"),
        ("requirements.service.minimum", "Requirements service: minimum"),
        ("transmit_array", "Transmit array"),
        ("channel.m", "M"),
    ],
)
def test_keys_are_words(path: str, label: str) -> None:
    assert label_path(path) == label


def test_values_are_short_and_distinct() -> None:
    arrays = ["upa(horizontal=4, vertical=4)", "upa(horizontal=8, vertical=4)", "ula"]
    assert list(short_values(arrays).values()) == ["upa(horizontal=4)", "upa(horizontal=8)", "ula"]
    lists = [str([0.01 * number, 0.3, 0.123456, 0.2345678, 1 / 3]) for number in (1, 2)]
    assert list(short_values(lists).values()) == ["#1 [0.01, 0.3, 0.123456, …", "#2 [0.02, 0.3, 0.123456, …"]
    assert short_values([1.0, 2.0]) == {1.0: "1.0", 2.0: "2.0"}
    clashing = ["upa", "upa(horizontal=4)", "upa(horizontal=4, vertical=2)"]
    assert len(set(short_values(clashing).values())) == 3


def test_panels_name_what_they_show(swept: Comparison) -> None:
    figure = swept.plot(style="paper-wide", quantity="sum_rate")["sum_rate"]
    assert [" ".join(axes.get_title().split()) for axes in figure.axes] == [
        f"CRLB limit = {limit} dB" for limit in (-20, -22, -24)
    ]
    assert [axes.get_xlabel() for axes in figure.axes] == ["Transmit SNR [dB]"] * 3
    assert list(figure.axes[0].get_xticks()) == SNR
    assert_whole(figure)


@pytest.mark.parametrize(
    ("x", "panels", "label"),
    [("snr_db", 3, "Transmit SNR [dB]"), ("sensing.crlb_limit_db", 4, "CRLB limit [dB]"), ("allocator", 12, "")],
)
def test_the_horizontal_axis_can_be_chosen(x: str, panels: int, label: str, swept: Comparison) -> None:
    figures = swept.plot(x=x, quantity=["seconds"])
    assert list(figures) == ["seconds"]
    axes = figures["seconds"].axes
    assert len(axes) == panels
    assert axes[-1].get_xlabel() == label
    assert axes[0].get_ylabel().replace("\n", " ") == "Time of an allocation [s]"
    assert sum(len(one.lines[0].get_xdata()) for one in curves(axes[0]).values()) * panels == 4 * 12


def test_a_figure_has_the_size_that_it_is_given(many: Callable[..., Comparison]) -> None:
    figure = many(4).plot(size=(5, 4), style="paper-column", quantity="sum_rate")["sum_rate"]
    assert list(figure.get_size_inches()) == [5, 4]
    assert_whole(figure)


ERRORS = {
    "x must be allocator or snr_db or sensing.crlb_limit_db, got 'snr'; did you mean 'snr_db'?": {"x": "snr"},
    "style must be screen or paper-column or paper-wide or slides, got 'slide'; did you mean 'slides'?": {
        "style": "slide"
    },
    "size must be width and height in inches, from 1 to 100, got (0.5, 2)": {"size": (0.5, 2)},
    "size must be width and height in inches, from 1 to 100, got 3": {"size": 3},
    "quantity must be a name or nonempty list of names, got []": {"quantity": []},
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors_are_one_line(message: str, swept: Comparison) -> None:
    with pytest.raises(InputError) as caught:
        swept.plot(**ERRORS[message])  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_an_unknown_quantity_has_a_hint(swept: Comparison) -> None:
    with pytest.raises(
        InputError, match=r"^quantity must be among sum_rate, crlb, .*got 'sumrate'; did you mean"
    ):
        swept.plot(quantity="sumrate")


def test_a_size_without_room_for_the_legend_is_refused(many: Callable[..., Comparison]) -> None:
    with pytest.raises(
        InputError, match=r"^size must leave room for a legend of \d\.\d inches, got a height of 2$"
    ):
        many(12).plot(size=(3, 2), quantity="sum_rate")


# Files


def test_fonts_of_pdf_files_are_embedded(many: Callable[..., Comparison], tmp_path: Path) -> None:
    figures = many(2).plot(quantity="sum_rate", style="paper-column")
    (file,) = save_figures(figures, tmp_path, formats=("pdf",))
    content = file.read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_csv_has_the_plotted_numbers(swept: Comparison, tmp_path: Path) -> None:
    (file,) = save_figures(swept.plot(quantity="crlb"), tmp_path, formats=("csv",))
    with file.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["curve"] == "zf, equal_cs"]
    assert len(rows) == 2 * 3 * 4
    data = swept.dataset["crlb_elevation_db"].sel({"precoder": "zf", "allocator": "equal_cs"})
    for limit in (-20, -22, -24):
        own = [
            row
            for row in rows
            if row["panel"] == f"CRLB limit = {limit} dB" and row["quantity"] == "CRLB of the elevation [dB]"
        ]
        assert [float(row["x"]) for row in own] == SNR
        sample = data.sel({"sensing.crlb_limit_db": limit}).to_numpy()
        pairs = [mean_and_interval(values) for values in sample]
        np.testing.assert_allclose([float(row["y"]) for row in own], [mean for mean, _ in pairs])
        spans = [float(row["high"]) - float(row["low"]) for row in own]
        np.testing.assert_allclose(spans, [2 * half for _, half in pairs], atol=1e-12)
        assert {row["abscissa"] for row in own} == {"Transmit SNR [dB]"}


def test_pgfplots_has_all_curves(swept: Comparison, tmp_path: Path) -> None:
    data = swept.dataset.copy(deep=True)
    data["sum_rate"][{"precoder": 0, "allocator": 1}] = np.nan
    figures = Comparison(dataset=data).plot(quantity="sum_rate")
    (file,) = save_figures(figures, tmp_path, formats=("tex",))
    text = file.read_text(encoding="utf-8")
    assert text.count(r"\nextgroupplot") == 3
    entries = re.findall(r"\\addlegendentry\{(.*)\}", text)
    # A curve without values is left out, as pgfplots would give its entry to the next.
    assert [one for one in entries if one.startswith(("mrt", "zf"))] == [
        "mrt, exact",
        "zf, exact",
        r"zf, equal\_cs",
    ]
    assert text.count(r"\addlegendimage") == len(entries)
    plots = re.findall(r"\\addplot\[forget plot, ([^\n]*)\] coordinates \{\n(.*?)\};", text, re.DOTALL)
    assert all("error bars/.cd" not in options.split("mark options")[0] for options, _ in plots)
    points = re.findall(r"\((\S+),(\S+)\)(?: \+= \(0,(\S+)\) -= \(0,\S+\))?", plots[0][1])
    assert [float(x) for x, _, _ in points] == SNR
    sample = data["sum_rate"].isel({"precoder": 0, "allocator": 0, "sensing.crlb_limit_db": 0}).to_numpy()
    for (_, mean, half), values in zip(points, sample, strict=True):
        assert (float(mean), float(half)) == pytest.approx(mean_and_interval(values), rel=1e-8)
    for opening, closing in ("{}", "[]"):
        assert text.count(opening) == text.count(closing)
    for name in re.findall(r"\\begin\{(\w+)\}", text):
        assert text.count(rf"\end{{{name}}}") == 1


def test_names_of_places_are_ticks_of_pgfplots(swept: Comparison, tmp_path: Path) -> None:
    first = Comparison(dataset=swept.dataset.isel({"snr_db": [0], "sensing.crlb_limit_db": [0]}))
    figures = first.plot(quantity="sum_rate", x="allocator")
    (file,) = save_figures(figures, tmp_path, formats=("tex",))
    assert r"xtick={0,1}, xticklabels={{exact},{equal\_cs}}" in file.read_text(encoding="utf-8")


def test_command_writes_what_is_asked_for(
    swept: Comparison, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_numbers(swept.dataset, tmp_path / "results")
    out = tmp_path / "figures"
    options = ["--kind", "difference", "--reference", "equal_cs", "--quantity", "seconds,sum_rate"]
    options += ["--x", "snr_db", "--style", "paper-wide", "--size", "6x3", "--format", "csv"]
    assert main(["show", str(tmp_path / "results"), "--out", str(out), *options]) == 0
    assert {path.name for path in out.iterdir()} == {"seconds.csv", "sum_rate.csv"}
    assert "mrt, exact" in (out / "sum_rate.csv").read_text(encoding="utf-8")
    capsys.readouterr()
    wrong = {
        ("--style", "slide"): "--style must be screen or paper-column or paper-wide or slides, got 'slide';"
        " did you mean 'slides'?",
        ("--format", "pfd"): "--format must be among png, pdf, svg, tex, csv, got 'pfd'; did you mean 'pdf'?",
        ("--size", "3"): "--size must be width and height in inches such as 3.5x2.6, got '3'",
        ("--quantity", ","): "--quantity must be a name or nonempty list of names, got []",
    }
    for words, message in wrong.items():
        try:
            status = main(["show", str(tmp_path / "results"), "--out", str(out), *words])
        except SystemExit as ended:
            status = ended.code  # type: ignore[assignment]
        assert status == 2
        assert capsys.readouterr() == ("", f"isacfw: {message}\n")
    assert main(["show", str(tmp_path / "results"), "--x", "snr_db"]) == 2
    assert capsys.readouterr() == ("", "isacfw: --x requires --out\n")


# Kinds


def test_differences_are_paired(swept: Comparison) -> None:
    figure = swept.plot("difference", quantity="sum_rate", reference="exact")["sum_rate"]
    assert "difference from exact on the same drops" in " ".join(figure.get_suptitle().split())
    data = swept.dataset["sum_rate"].isel({"sensing.crlb_limit_db": 1})
    drawn = curves(figure.axes[1])
    assert set(drawn) == {"mrt, equal_cs", "zf, equal_cs"}
    for precoder in ("mrt", "zf"):
        own = data.sel(precoder=precoder).transpose("allocator", "snr_db", "drop").to_numpy()
        line, _, (bars,) = drawn[f"{precoder}, equal_cs"].lines
        for number, (first, second) in enumerate(zip(*own, strict=True)):
            paired = scipy.stats.ttest_rel(second, first, nan_policy="omit")
            low, high = paired.confidence_interval(0.95)
            if np.isfinite(low):
                assert line.get_ydata()[number] == pytest.approx((low + high) / 2)
                assert np.sort(bars.get_segments()[number][:, 1]) == pytest.approx([low, high])
    means = curves(swept.plot(quantity="sum_rate")["sum_rate"].axes[1])
    assert all(look(drawn[name]) == look(means[name]) for name in drawn)
    assert any(list(line.get_ydata()) == [0, 0] for line in figure.axes[0].lines)


def test_differences_are_crossed_where_either_is_infeasible(many: Callable[..., Comparison]) -> None:
    comparison = many(3, precoders=1)
    comparison.dataset["feasible"][:] = True
    comparison.dataset["sum_rate"][:] = 1.0
    comparison.dataset["feasible"][{"allocator": 0, "snr_db": 2, "drop": 1}] = False
    axes = comparison.plot("difference", quantity="sum_rate")["sum_rate"].axes[0]
    crossed = [line for line in axes.lines if line.get_label() == CROSSED]
    assert [list(line.get_xdata()) for line in crossed] == [[10.0], [10.0]]


def test_distribution_functions_are_those_of_the_drops(swept: Comparison) -> None:
    figure = swept.plot("cdf", quantity=["sum_rate", "rates"])
    assert [len(one.axes) for one in figure.values()] == [12, 12]
    axes = figure["sum_rate"].axes[4]
    place = {"snr_db": SNR[1], "sensing.crlb_limit_db": -22, "precoder": "zf", "allocator": "exact"}
    sample = swept.dataset["sum_rate"].sel(place).to_numpy()
    (line,) = [one for one in axes.lines if one.get_label() == "zf, exact"]
    for value in np.linspace(0, 2 * sample.max(), 50):
        expected = (sample <= value).mean()
        steps = np.searchsorted(line.get_xdata(), value, side="right")
        found = np.asarray(line.get_ydata())[steps - 1] if steps else 0.0
        assert found == pytest.approx(expected)
    users = swept.dataset["rates"].sel(place).to_numpy().ravel()
    (line,) = [one for one in figure["rates"].axes[4].lines if one.get_label() == "zf, exact"]
    np.testing.assert_allclose(line.get_xdata()[1:], np.sort(users))
    assert figure["sum_rate"].axes[-1].get_xlabel() == "Sum rate [bit/s/Hz]"


def test_distributions_say_what_they_contain(many: Callable[..., Comparison]) -> None:
    comparison = many(3, precoders=1, apart=0.0)
    comparison.dataset["feasible"][:] = True
    comparison.dataset["sum_rate"][{"allocator": 1, "drop": 0}] = np.nan
    title = " ".join(comparison.plot("cdf", quantity="sum_rate")["sum_rate"].get_suptitle().split())
    assert PARTIAL in title
    assert HIDDEN in title
    assert INFEASIBLE not in title
    comparison.dataset["feasible"][{"allocator": 0, "drop": 0}] = False
    for kind in ("cdf", "box"):
        title = " ".join(comparison.plot(kind, quantity="sum_rate")["sum_rate"].get_suptitle().split())
        assert INFEASIBLE in title


def test_boxes_of_a_precoder_without_answers_are_left_out(many: Callable[..., Comparison]) -> None:
    comparison = many(3, precoders=2)
    comparison.dataset["sum_rate"][{"precoder": 1}] = np.nan
    assert_whole(comparison.plot("box", quantity="sum_rate")["sum_rate"])


def test_boxes_are_quartiles_of_the_drops(many: Callable[..., Comparison], tmp_path: Path) -> None:
    comparison = Comparison(dataset=many(12).dataset.isel(snr_db=[0]))
    comparison.dataset["sum_rate"][{"allocator": 3}] = np.nan
    figure = comparison.plot("box", quantity="sum_rate")["sum_rate"]
    assert_whole(figure)
    data = comparison.dataset["sum_rate"].isel({"snr_db": 0}).squeeze("sensing.crlb_limit_db")
    container = curves(figure.axes[0])["zf"]
    sample = data.isel(precoder=1).transpose("allocator", "drop").to_numpy()
    np.testing.assert_allclose(container.lines[0].get_ydata(), np.median(sample, axis=1))
    (file,) = save_figures({"boxes": figure}, tmp_path, formats=("csv",))
    with file.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["curve"] == "zf"][:12]
    assert [row["name"] for row in rows] == [f"allocator {number}" for number in range(12)]
    assert [row["y"] == "" for row in rows] == [number == 3 for number in range(12)]
    expected = np.percentile(sample[0], [25, 75])
    np.testing.assert_allclose([float(rows[0]["low"]), float(rows[0]["high"])], expected)
    # Upright names leave the panels their height.
    assert figure.axes[0].bbox.height / figure.dpi > 0.7 * STYLES["screen"].heights[0]


def test_histories_keep_their_last_values() -> None:
    nan = np.nan
    values = np.array([[1, 2, nan, nan], [1, 3, 5, nan], [nan] * 4])
    mean, half = mean_histories(xarray.DataArray(values, dims=("drop", "iteration")))
    np.testing.assert_allclose(mean, [1, 2.5, 3.5, nan])
    expected = [mean_and_interval(np.array(one, dtype=float))[1] for one in ([1, 1], [2, 3], [2, 5])]
    np.testing.assert_allclose(half, [*expected, nan])


def test_convergence_and_time_are_those_of_the_allocations(variant: Any, host_with: Any) -> None:
    changes = {"drops": 3, "allocators": ["exact", "sca", "equal_cs"], "precoders": ["mrt"]}
    comparison = compare(structure(variant(changes), host_with()))
    (axes,) = comparison.plot("convergence")["convergence"].axes
    (line,) = [one for one in axes.lines if not str(one.get_label()).startswith("_")]
    assert line.get_label() == "mrt, sca"
    final = comparison.dataset["sum_rate"].sel(allocator="sca").mean("drop").item()
    assert np.asarray(line.get_ydata())[np.isfinite(line.get_ydata())][-1] == pytest.approx(final, rel=1e-4)
    assert axes.get_xlabel() == "Iteration"
    (axes,) = comparison.plot("time")["time"].axes
    table = comparison.table().reset_index()
    for line in axes.lines:
        if line.get_label() != CROSSED:
            row = table[table["allocator"] == str(line.get_label()).removeprefix("mrt, ")].iloc[0]
            assert line.get_xdata()[0] == row["seconds_median"]
            assert line.get_ydata()[0] == pytest.approx(row["gap_percent"])
    assert axes.get_ylabel() == "Mean gap to the best bound [%]"
    without = Comparison(dataset=comparison.dataset.drop_vars("bound"))
    (axes,) = without.plot("time")["time"].axes
    assert axes.get_ylabel() == "Mean distance to the best [%]"
    found = {str(line.get_label()): line.get_ydata()[0] for line in axes.lines}
    rows = table.set_index("allocator")["distance_to_best_percent"]
    assert found["mrt, sca"] == pytest.approx(abs(rows["sca"]))


KIND_ERRORS = {
    "kind must be mean or difference or cdf or box or convergence or time, got 'cfd'; did you mean 'cdf'?": {
        "kind": "cfd"
    },
    "x requires the kind mean or difference, got cdf": {"kind": "cdf", "x": "snr_db"},
    "reference requires the kind difference, got mean": {"reference": "exact"},
    "reference must be exact or equal_cs, got 'exakt'; did you mean 'exact'?": {
        "kind": "difference",
        "reference": "exakt",
    },
    "kind must be another than 'convergence', as no allocator reported its iterations": {"kind": "convergence"},
}


@pytest.mark.parametrize("message", KIND_ERRORS)
def test_errors_of_kinds_are_one_line(message: str, swept: Comparison) -> None:
    with pytest.raises(InputError) as caught:
        swept.plot(**KIND_ERRORS[message])  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_difference_needs_two_allocators(swept: Comparison) -> None:
    alone = Comparison(dataset=swept.dataset.isel(allocator=[0]))
    with pytest.raises(
        InputError, match=r"^kind must be another than 'difference', as there is no allocator but exact$"
    ):
        alone.plot("difference")


def test_gaps_have_no_file_for_pgfplots(swept: Comparison, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--format must be another than tex for axes"):
        save_figures(swept.plot("time"), tmp_path, formats=("tex",))


def test_a_curve_without_values_says_so(many: Callable[..., Comparison]) -> None:
    comparison = many(2, precoders=1)
    comparison.dataset["sum_rate"][{"allocator": 1}] = np.nan
    figure = comparison.plot(quantity="sum_rate")["sum_rate"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text for text in texts if "1" in text] == ["mrt, allocator 1 (no value)"]


@pytest.mark.parametrize("style", ["screen", "paper-column", "paper-wide", "slides"])
def test_names_of_twelve_allocators_do_not_touch(style: str, many: Callable[..., Comparison]) -> None:
    comparison = Comparison(dataset=many(12).dataset.isel(snr_db=[0]))
    figure = comparison.plot(style=style)["sum_rate"]
    figure.draw_without_rendering()
    labels = figure.axes[-1].get_xticklabels()
    angle = np.radians(labels[0].get_rotation())
    places = [label.get_transform().transform(label.get_position())[0] for label in labels]
    apart = np.diff(places).min() * np.sin(angle)
    assert len(labels) == 12
    assert apart >= labels[0].get_fontsize() * figure.dpi / 72
