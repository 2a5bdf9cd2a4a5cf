"""Tables and files produced from a comparison: table, figures, files."""

from __future__ import annotations

import csv
import json

import matplotlib.figure
import numpy as np
import pytest
import scipy.stats
import xarray

from isacfw import Execution, InputError, compare, load_scenario
from isacfw.cli import main
from isacfw.config.structure import structure
from isacfw.report.comparison import Comparison
from isacfw.report.summary import mean_and_interval
from isacfw.report.table import duration

NAN = np.nan
METRIC = """
import attrs, isacfw

@attrs.frozen(kw_only=True)
class Spread(isacfw.Metric):
    name = "spread"
    quantities = (isacfw.Quantity(name="rate_spread", unit="kbit/s", description="Spread of the rates"),)
    def evaluate(self, problem, allocation):
        return {"rate_spread": allocation.rates.max(axis=-1) - allocation.rates.min(axis=-1)}

@isacfw.hookimpl
def register_metrics(): return [Spread]
"""
FILES = ["results.nc", "results.csv", "scenario.toml", "sum_rate.png", "sum_rate.pdf", "crlb.png", "crlb.pdf"]


@pytest.fixture(scope="module")
def run(variant, host_with):
    """Return a function that compares the allocators of a variation of the small scenario."""
    host = host_with()
    return lambda changes=None: compare(structure(variant(changes), host), execution=Execution(host=host))


@pytest.fixture(scope="module")
def swept(run):
    sweep = {"snr_db": [0, 6, 12], "sensing.crlb_limit_db": [-22, -24]}
    return run({"drops": 3, "sweep": sweep, "allocators": ["exact", "equal_cs"]})


@pytest.fixture(scope="module")
def made(run):
    """Return a function that gives a comparison of three allocators over four drops with made-up numbers."""
    comparison = run(
        {"drops": 4, "precoders": ["mrt"], "allocators": ["exact", "equal_com", "equal_cs"], "name": "made"}
    )

    def of(rates, feasible, **variables) -> Comparison:
        data = comparison.dataset.copy(deep=True)
        data["sum_rate"].data[0] = rates
        data["feasible"].data[0] = feasible
        for name, values in variables.items():
            data[name].data[0] = values
        return Comparison(dataset=data)

    return of


CROSSED = "not feasible in all drops"


def test_the_interval_is_student_s():
    sample = np.random.default_rng(3).normal(5, 2, 7)
    mean, half = mean_and_interval(sample)
    low, high = scipy.stats.t.interval(0.95, 6, loc=sample.mean(), scale=scipy.stats.sem(sample))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-12)
    assert mean_and_interval(np.append(sample, [NAN, np.inf])) == pytest.approx((mean, half), rel=1e-15)


def test_the_interval_of_next_to_nothing():
    np.testing.assert_array_equal(mean_and_interval(np.array([2.0])), [2.0, NAN])
    np.testing.assert_array_equal(mean_and_interval(np.array([NAN, NAN])), [NAN, NAN])
    assert mean_and_interval(np.array([2.0, 2.0])) == (2.0, 0.0)


def test_the_table_of_a_made_up_case(made):
    rates = np.array([[4.0, 8.0, 2.0, 6.0], [3.0, 8.0, 1.0, 3.0], [5.0, 4.0, 4.0, 3.0]])
    feasible = np.array([[True] * 4, [True] * 4, [False, True, False, True]])
    azimuth = np.array([[-31.0] * 4, [-30.0, -32.0, -34.0, -36.0], [-29.0, -31.0, -29.0, -31.0]])
    seconds = np.array([[1.0, 2.0, 3.0, 10.0], [0.1] * 4, [0.0] * 4])
    table = made(rates, feasible, crlb_azimuth_db=azimuth, seconds=seconds).table()
    assert list(table.index.names) == ["precoder", "allocator"]
    assert list(table.index) == [("mrt", name) for name in ("exact", "equal_com", "equal_cs")]
    np.testing.assert_allclose(table["sum_rate"], rates.mean(axis=1))
    quantile = scipy.stats.t.ppf(0.975, 3)
    np.testing.assert_allclose(table["sum_rate_ci95"], quantile * scipy.stats.sem(rates, axis=1), rtol=1e-12)
    # Against the best feasible answer of each drop: 4, 8, 2, 6.
    distances = 100 * (rates / np.array([4.0, 8.0, 2.0, 6.0]) - 1).mean(axis=1)
    np.testing.assert_allclose(table["distance_to_best_percent"], distances, atol=1e-12)
    assert list(table["best"]) == [True, False, False]
    np.testing.assert_allclose(table["crlb_azimuth_db"], [-31, -33, -30])
    np.testing.assert_allclose(table["crlb_azimuth_limit_db"], -30)
    np.testing.assert_allclose(table["seconds_median"], [2.5, 0.1, 0.0])
    assert list(table["drops"]) == [4, 4, 4]
    assert list(table["answered"]) == [4, 4, 4]
    assert list(table["within_limits"]) == [4, 4, 2]


def test_drops_without_an_answer_are_counted_and_left_out_of_the_mean(made):
    rates = np.array([[4.0, 8.0, NAN, 6.0], [3.0, 8.0, NAN, NAN], [NAN] * 4])
    statuses = np.array(
        [
            ["optimal"] * 2 + ["infeasible", "optimal"],
            ["feasible"] * 2 + ["infeasible", "failed"],
            ["skipped"] * 4,
        ]
    )
    table = made(rates, np.isfinite(rates), status=statuses).table()
    np.testing.assert_allclose(table["sum_rate"], [6.0, 5.5, NAN])
    assert list(table["answered"]) == [3, 2, 0]
    assert list(table["best"]) == [True, False, False]
    assert list(table["status"]) == ["optimal 3, infeasible 1", "feasible 2, infeasible 1, failed 1", "skipped"]


def test_the_best_meets_every_limit_that_anyone_meets(made):
    rates = np.array([[1.0] * 4, [1.0, 1.0, 1.0, 1.0 - 1e-9], [2.0] * 4])
    feasible = np.array([[True] * 4, [True] * 4, [True, True, True, False]])
    assert list(made(rates, feasible).table()["best"]) == [True, True, False]
    nobody = made(rates, np.zeros_like(feasible)).table()
    assert not nobody["best"].any()
    assert nobody["distance_to_best_percent"].isna().all()


def test_the_table_of_a_sweep_has_a_row_per_point(swept):
    table = swept.table()
    assert list(table.index.names) == ["snr_db", "sensing.crlb_limit_db", "precoder", "allocator"]
    assert len(table) == 3 * 2 * 2 * 2
    data = swept.dataset["sum_rate"].mean("drop")
    for index, row in table.iterrows():
        expected = float(data.sel(dict(zip(table.index.names, index, strict=True))))
        np.testing.assert_allclose(row["sum_rate"], expected)
        assert row["crlb_elevation_limit_db"] == pytest.approx(index[1])


def test_the_text_names_all_that_matters(made):
    rates = np.array([[4.125, 8.0, 2.0, 6.0], [3.0, 8.0, 1.0, 3.0], [5.0, 4.0, 4.0, 3.0]])
    feasible = np.array([[True] * 4, [True] * 4, [False, True, False, True]])
    margin = np.array([[0.0] * 4, [0.5, 0.0, 1e-5, 0.5], [-0.1, 0.5, -0.2, 0.5]])
    text = str(made(rates, feasible, margin_sensing=margin))
    assert text.splitlines()[0] == "made: 4 drops, seed 1"
    lines = {
        name: next(line for line in text.splitlines() if name in line.split()) for name in ("exact", "equal_cs")
    }
    assert "★" in lines["exact"]
    assert "5.0312 ±" in lines["exact"]
    assert "4/4" in lines["exact"]
    assert "★" not in lines["equal_cs"]
    assert "2/4" in lines["equal_cs"]
    line = "sensing: binds for exact (4/4), equal_com (2/4); violated by equal_cs (2/4)"
    assert line in text.splitlines()
    assert "-30" in text
    assert "nan" not in text


def test_means_with_infeasible_drops_are_marked(made):
    rates, feasible = np.ones((3, 4)), np.array([[True] * 4, [True] * 4, [False, True, False, True]])
    comparison = made(rates, feasible)
    row = next(line for line in str(comparison).splitlines() if "equal_cs" in line)
    assert "1.0000 ± 0.00 ‡" in row
    assert "‡ mean with infeasible drops; not comparable with the other rows" in str(comparison).splitlines()
    axes = comparison.plot()["sum_rate"].axes[0]
    (crossed,) = [line for line in axes.lines if line.get_label() == CROSSED]
    np.testing.assert_array_equal(crossed.get_xydata(), [[2.0, 1.0]])
    whole = made(rates, np.ones((3, 4), dtype=bool))
    assert "‡" not in str(whole)
    assert CROSSED not in {line.get_label() for line in whole.plot()["sum_rate"].axes[0].lines}


def test_a_message_names_the_points_of_a_sweep(run):
    changes = {"sensing": {"crlb_limit_db": -32.0}, "sweep": {"snr_db": [-30.0, 10.0]}, "allocators": ["exact"]}
    text = str(run(changes))
    assert "exact on mrt at snr_db = -30.0: the CRLB limits are infeasible" in " ".join(text.split())


def test_the_text_names_who_exceeds_the_power(made):
    rates, feasible = np.ones((3, 4)), np.array([[True] * 4, [True] * 4, [False, True, False, True]])
    text = str(made(rates, feasible, margin_sensing=np.full((3, 4), 0.5)))
    assert "sensing: not binding" in text.splitlines()
    assert "equal_cs on mrt violated the power budget in 2 of 4 drops" in text.splitlines()
    assert text.count("violated") == 1


def test_the_text_says_why_there_is_no_answer(run):
    text = " ".join(str(run({"channel.users": 16})).split())
    assert "exact, equal_com on zf: zero forcing needs more transmit antennas than users" in text
    text = " ".join(str(run({"sensing.crlb_limit_db": -200})).split())
    assert "the CRLB limits are infeasible" in text
    assert "★" not in text


def test_the_text_of_one_drop_has_no_interval(run):
    text = str(run({"drops": 1}))
    assert "±" not in text
    assert text.startswith("small: 1 drop, seed 1\n")


def test_the_text_shows_labels_as_they_are(run):
    label = "[bold]a[/bold] [x] [/y]"
    comparison = run({"allocators": [{"kind": "exact", "label": label}, "equal_com"], "name": "[i]n[/i] [/z]"})
    text = str(comparison)
    assert label in text
    assert text.startswith("[i]n[/i] [/z]: 2 drops")


def test_the_text_fits_its_width(swept, made):
    assert max(map(len, str(swept).splitlines())) <= 118
    assert all(line == line.rstrip() for line in str(swept).splitlines())


def test_a_notebook_gets_html(run):
    html = run({"allocators": [{"kind": "exact", "label": "<b>x</b>"}, "equal_com"]})._repr_html_()
    assert html.count("<table") == 1
    assert "equal_com" in html
    assert "<b>x</b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "\x1b" not in html


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "-"), (3.4e-9, "3.4 ns"), (1.2e-5, "12 µs"), (0.0034, "3.4 ms"), (1.0, "1 s"), (210.0, "210 s")],
)
def test_a_time_as_a_person_says_it(seconds, text):
    assert duration(seconds) == text


def _curves(axes):
    """Return what a legend would name: lines, those of error bars among them."""
    handles, labels = axes.get_legend_handles_labels()
    return {
        label: handle.lines[0] if hasattr(handle, "lines") else handle
        for handle, label in zip(handles, labels, strict=True)
    }


def test_lines_are_the_means_of_the_data_set(swept):
    figures = swept.plot()
    assert list(figures) == ["sum_rate", "crlb"]
    data = swept.dataset
    assert len(figures["sum_rate"].axes) == 2
    assert len(figures["crlb"].axes) == 4
    names = {"sum_rate": ["sum_rate"], "crlb": ["crlb_azimuth_db", "crlb_elevation_db"]}
    for key, figure in figures.items():
        assert isinstance(figure, matplotlib.figure.Figure)
        panels = np.array(figure.axes).reshape(len(names[key]), 2)
        for row, name in enumerate(names[key]):
            for column, limit in enumerate(data["sensing.crlb_limit_db"].to_numpy()):
                lines = _curves(panels[row, column])
                for precoder in ("mrt", "zf"):
                    for allocator in ("exact", "equal_cs"):
                        line = lines.pop(f"{precoder}, {allocator}")
                        place = {"precoder": precoder, "allocator": allocator, "sensing.crlb_limit_db": limit}
                        np.testing.assert_array_equal(line.get_xdata(), [0, 6, 12])
                        np.testing.assert_allclose(
                            np.asarray(line.get_ydata(), dtype=float), data[name].sel(place).mean("drop")
                        )
                if name.startswith("crlb"):
                    np.testing.assert_allclose(lines.pop("limit").get_ydata(), [limit] * 3)
                assert set(lines) <= {CROSSED}


def test_error_bars_are_the_intervals(swept):
    handles, labels = swept.plot()["sum_rate"].axes[0].get_legend_handles_labels()
    bars = handles[labels.index("mrt, exact")].lines[2][0].get_segments()
    values = swept.dataset["sum_rate"].isel({"precoder": 0, "allocator": 0, "sensing.crlb_limit_db": 0})
    for bar, sample in zip(bars, values.to_numpy(), strict=True):
        mean, half = mean_and_interval(sample)
        assert (bar[:, 1].min(), bar[:, 1].max()) == pytest.approx((mean - half, mean + half))


def test_a_figure_without_sweep_stands_over_the_allocators(run):
    comparison = run()
    axes = comparison.plot()["sum_rate"].axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["exact", "equal_com"]
    means = comparison.dataset["sum_rate"].mean("drop").to_numpy()
    heights = [np.asarray(container.lines[0].get_ydata()) for container in axes.containers]
    np.testing.assert_allclose(heights, means)


def test_figures_leave_the_state_of_pyplot_alone(run):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    run().plot()
    assert plt.get_fignums() == before


CASES = [
    {},
    {"sweep": {"snr_db": [0, 5]}},
    {"sweep": {"snr_db": [5]}},
    {"sweep": {"channel.users": [1, 2, 20], "snr_db": [0, 5]}},
    {"sweep": {"channel.large_scale_fading": [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]}},
    {"sensing": {}},
    {"sensing": {"azimuth_crlb_limit_db": -20}},
    {"sensing.crlb_limit_db": -200},
    {"allocators": ["exact", {"kind": "sca", "surrogate": "logarithmic"}], "drops": 1},
    {"name": "spaces / and ünï"},
]


@pytest.mark.parametrize("changes", [CASES[index] for index in (3, 4, 7, 8)], ids=str)
def test_what_is_saved_reads_back_as_it_was(changes, run, variant, tmp_path, no_figures):
    comparison = run(changes)
    folder = tmp_path / "new" / "folder"
    files = comparison.save(folder)
    assert [path.name for path in files] == FILES[:3]
    with xarray.open_dataset(folder / "results.nc", engine="h5netcdf") as data:
        xarray.testing.assert_identical(data.load(), comparison.dataset)
    assert load_scenario(folder / "scenario.toml").scenario == load_scenario(variant(changes)).scenario
    with (folder / "results.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    records = comparison.records()
    assert len(rows) == len(records)
    assert list(rows[0]) == list(records[0])
    for row, record in zip(rows, records, strict=True):
        assert row["allocator"] == record["allocator"]
        assert row["sum_rate"] == ("" if record["sum_rate"] is None else repr(record["sum_rate"]))
        assert json.loads(row["rates"]) == record["rates"]


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_every_comparison_has_its_two_figures(changes, run):
    figures = run(changes).plot()
    assert list(figures) == ["sum_rate", "crlb"]
    assert all(figure.axes for figure in figures.values())


@pytest.mark.parametrize("changes", [CASES[1]], ids=str)
def test_figures_are_saved_beside_the_numbers(changes, run, tmp_path):
    files = run(changes).save(tmp_path)
    assert [path.name for path in files] == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert all(path.stat().st_size > 0 for path in files)
    assert files[3].read_bytes().startswith(b"\x89PNG")
    assert files[4].read_bytes().startswith(b"%PDF")


def test_saving_twice_replaces_the_files(run, tmp_path, no_figures):
    run().save(tmp_path)
    run({"drops": 3}).save(str(tmp_path))
    with xarray.open_dataset(tmp_path / "results.nc", engine="h5netcdf") as data:
        assert data.sizes["drop"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES[:3])


@pytest.mark.parametrize("name", ["file", "file/below", "file/far/below", "nul\0"])
def test_a_folder_that_cannot_be_written(name, run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="must be writable") as caught:
        run().save(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_file_that_cannot_be_replaced(run, tmp_path):
    (tmp_path / "results.nc").mkdir()
    with pytest.raises(InputError, match="must be a file that can be written"):
        run().save(tmp_path)


@pytest.mark.parametrize("changes", [{"name": "nul\0"}, {"allocators": [{"kind": "exact", "label": "nul\0"}]}])
def test_text_that_no_file_can_hold_is_refused_in_one_sentence(changes, run, tmp_path, no_figures, attempt):
    _, error = attempt(lambda: run(changes).save(tmp_path))
    assert "\n" not in str(error)


def test_a_dozen_lines_add_a_metric_to_table_figure_records_and_files(tmp_path, scenario_file, capsys):
    assert METRIC.strip().count("\n") + 1 <= 12
    plugin, out = tmp_path / "spread.py", tmp_path / "results"
    plugin.write_text(METRIC, encoding="utf-8")
    path = scenario_file({"metrics": ["spread"], "plugins": [str(plugin)], "sweep": {"snr_db": [0, 10]}})
    assert main(["compare", str(path), "--out", str(out)]) == 0
    table = capsys.readouterr().out
    assert "rate_spread" in table
    assert "kbit/s" in table
    assert "status\n" not in table  # Nothing is folded.
    rows = csv.DictReader((out / "results.csv").read_text(encoding="utf-8").splitlines())
    found = Comparison.load(out / "results.nc")
    values = [row["rate_spread"] for row in found.records()]
    assert [float(row["rate_spread"]) if row["rate_spread"] else None for row in rows] == values
    assert any(value is not None and value > 0 for value in values)
    assert found.dataset["rate_spread"].attrs["units"] == "kbit/s"
    assert (out / "rate_spread.png").is_file()
    assert found.plot()["rate_spread"].axes[0].get_ylabel() == "Spread of the rates [kbit/s]"
    assert "rate_spread" in found.table().columns


def test_a_table_with_many_metrics_is_not_squeezed(run):
    table = str(run({"metrics": ["powers"], "precoders": ["mrt"], "allocators": ["exact"]}))
    for heading in ("commun.", "sensing", "rho", "optimal"):
        assert heading in table
