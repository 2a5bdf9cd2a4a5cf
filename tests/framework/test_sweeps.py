"""Sweeps: linked paths, parts as values, values that are unsorted or repeated, and how points are named."""

from __future__ import annotations

import csv
import itertools
import json
import pickle
import tomllib

import attrs
import numpy as np
import pytest
import tomli_w
import xarray

import isacfw
from isacfw import Comparison, Execution, InputError, ParetoFront, compare, load_scenario, pareto, to_toml
from isacfw.config.structure import structure
from isacfw.report.places import short_labels
from isacfw.scenario.labels import label_values
from isacfw.testing.figures import _scenario as figure_scenario
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.figures.nguyen2025_fig5 import Figure5
from isacfw_plugins.figures.nguyen2025_fig8 import Figure8
from isacfw_plugins.objectives.max_min import MaxMin

SQUARES = {"transmit_array.horizontal": [3, 4, 5], "transmit_array.vertical": [3, 4, 5]}
ARRAYS = [
    {"kind": "upa", "horizontal": 4, "vertical": 4},
    {"kind": "upa", "horizontal": 8, "vertical": 2},
    {"kind": "ula", "elements": 16, "axis": "horizontal"},
]
LABELS = ["upa(horizontal=4, vertical=4)", "upa(horizontal=8, vertical=2)", "ula"]


@pytest.fixture(scope="module")
def host(host_with):
    return host_with()


@pytest.fixture(scope="module")
def run(variant, host):
    """Return a function that compares on a variation of the small scenario with one allocator."""

    def of(changes, **options):
        scenario = structure(variant({"allocators": ["exact"], "precoders": ["mrt"], **changes}), host)
        return compare(scenario, execution=Execution(host=host, **options))

    return of


def _round_trip(scenario, host):
    text = to_toml(scenario, host)
    assert structure(tomllib.loads(text), host) == scenario
    assert list(structure(tomllib.loads(text), host).points()) == list(scenario.points())
    assert to_toml(structure(tomllib.loads(text), host), host) == text
    assert pickle.loads(pickle.dumps(scenario)) == scenario


# Points


@pytest.mark.parametrize(
    ("sweep", "override", "swept"),
    [
        ({"snr_db": [0.0, 5.0]}, "snr_db=3", "snr_db"),
        ([{"channel.users": [2, 3]}], "channel.users=4", "channel.users"),
        ([{"channel": [{"kind": "rayleigh", "users": 2}]}], "channel.nonsense=4", "channel"),
        ({"channel": {"users": [2, 3]}}, "channel.users=4", "channel.users"),
    ],
)
def test_an_override_of_what_is_swept_is_refused(variant, sweep, override, swept):
    with pytest.raises(InputError) as caught:
        load_scenario(variant({"sweep": sweep}), overrides=[override])
    assert f"has no effect, since the scenario sweeps {swept}; set sweep.'{swept}' instead" in str(caught.value)


def test_tables_with_swept_keys_may_be_replaced(variant):
    given = variant({"sweep": {"channel.users": [2, 3]}})
    loaded = load_scenario(given, overrides=["channel={kind='rayleigh', users=5, shadowing_db=2}"])
    assert [point.channel.users for _, point in loaded.scenario.points()] == [2, 3]
    assert loaded.scenario.channel.shadowing_db == 2


def test_paths_need_no_quotes(variant):
    quoted, plain = ({"sweep": {"channel.users": [2, 3]}}, {"sweep": {"channel": {"users": [2, 3]}}})
    assert load_scenario(variant(quoted)).scenario == load_scenario(variant(plain)).scenario
    override = ["sweep.channel.users=[4]", "sweep.snr_db=[1]"]
    changed = load_scenario(variant(quoted), overrides=override).scenario
    assert changed.sweep == {"channel.users": (4,), "snr_db": (1,)}


def test_linked_paths_move_together(variant, host):
    scenario = structure(variant({"sweep": [SQUARES]}), host)
    assert [(p.transmit_array.horizontal, p.transmit_array.vertical) for _, p in scenario.points()] == [
        (3, 3),
        (4, 4),
        (5, 5),
    ]
    assert [place for place, _ in scenario.points()] == [dict.fromkeys(SQUARES, side) for side in (3, 4, 5)]
    _round_trip(scenario, host)


def test_tables_are_the_axes_of_a_product(variant, host):
    tables = [{"snr_db": [0, 5]}, SQUARES, {"sensing.crlb_limit_db": [-20]}]
    scenario = structure(variant({"sweep": tables}), host)
    expected = [(snr, side, side, -20) for snr, side in itertools.product([0, 5], [3, 4, 5])]
    assert [tuple(place.values()) for place, _ in scenario.points()] == expected
    assert all(point.sweep == {} for _, point in scenario.points())
    _round_trip(scenario, host)


def test_a_table_and_tables_of_single_paths_have_the_same_points(variant, host):
    sweep = {"snr_db": [0, 5], "channel.users": [2, 3]}
    product, tables = (
        structure(variant({"sweep": given}), host)
        for given in (sweep, [{path: values} for path, values in sweep.items()])
    )
    assert list(product.points()) == list(tables.points())


def test_linked_tables_in_python(variant, host):
    scenario = structure(variant(), host)
    sweep = [
        {"snr_db": np.array([0.0, 5.0]), "channel.users": (2, 3)},
        {"transmit_array": [UPA(horizontal=2, vertical=2)]},
    ]
    found = attrs.evolve(scenario, sweep=sweep)
    assert found.sweep == (
        {"snr_db": (0.0, 5.0), "channel.users": (2, 3)},
        {"transmit_array": (UPA(horizontal=2, vertical=2),)},
    )
    assert [(p.snr_db, p.channel.users, p.transmit_array.vertical) for _, p in found.points()] == [
        (0.0, 2, 2),
        (5.0, 3, 2),
    ]
    _round_trip(found, host)


def test_a_part_that_is_swept_before_a_number_keeps_its_place(variant, host, tmp_path, monkeypatch):
    arrays = [{"kind": "upa", "horizontal": side, "vertical": 2} for side in (2, 3)]
    for sweep in (
        {"transmit_array": arrays, "snr_db": [0, 5]},
        [{"transmit_array": arrays, "snr_db": [0, 5]}, {"channel.users": [2, 3]}],
    ):
        paths = [path for table in (sweep if isinstance(sweep, list) else [sweep]) for path in table]
        scenario = structure(variant({"sweep": sweep}), host)
        assert list(next(iter(scenario.points()))[0]) == paths
        _round_trip(scenario, host)
    found = isacfw.compare(variant({"sweep": {"transmit_array": arrays, "snr_db": [0, 5]}, "drops": 1}))
    monkeypatch.setattr("isacfw.report.comparison.Comparison.plot", lambda _self: {})
    found.save(tmp_path)
    assert list(isacfw.Comparison.load(tmp_path).dataset["status"].dims)[-3:-1] == ["transmit_array", "snr_db"]


def test_linked_sweeps_are_written_as_an_array_of_tables(variant, host):
    long = {"snr_db": [float(number) for number in range(40)], "channel.users": list(range(1, 41))}
    text = to_toml(structure(variant({"sweep": [long]}), host), host)
    assert "[[sweep]]" in text
    assert tomllib.loads(text)["sweep"] == [long]


def test_values_that_fit_each_other_only_together_may_be_linked(variant, host):
    sweep = {"channel.pilot_length": [10, 90], "channel.coherence_length": [20, 100]}
    structure(variant({"sweep": [sweep]}), host)
    with pytest.raises(InputError, match=r"^sweep\.channel\.pilot_length must be less than coherence_length"):
        structure(variant({"sweep": sweep}), host)


# Parts as values


def test_parts_are_values(variant, host):
    scenario = structure(variant({"sweep": {"transmit_array": ARRAYS}}), host)
    assert [point.transmit_array for _, point in scenario.points()] == [
        UPA(horizontal=4, vertical=4),
        UPA(horizontal=8, vertical=2),
        ULA(elements=16, axis="horizontal"),
    ]
    _round_trip(scenario, host)


def test_fields_of_swept_parts_may_be_swept_whatever_the_order(variant, host):
    channels = [{"kind": "rayleigh", "users": 9}, {"kind": "rayleigh", "users": 9, "shadowing_db": 0.0}]
    for paths in (("channel", "channel.users"), ("channel.users", "channel")):
        values = {"channel": channels, "channel.users": [2, 3]}
        scenario = structure(variant({"sweep": {path: values[path] for path in paths}}), host)
        found = {(point.channel.shadowing_db, point.channel.users) for _, point in scenario.points()}
        assert found == set(itertools.product([7.0, 0.0], [2, 3]))
        _round_trip(scenario, host)


@pytest.mark.parametrize(
    ("path", "values", "read"),
    [
        ("receive_array", ARRAYS, lambda point: type(point.receive_array).__name__),
        (
            "channel",
            [{"kind": "rayleigh", "users": 2}, {"kind": "rayleigh", "users": 3}],
            lambda p: p.channel.users,
        ),
        ("target", [{"azimuth_deg": 1, "elevation_deg": 60}], lambda point: point.target.elevation_deg),
        ("sensing", [{"crlb_limit_db": -20}, {}], lambda point: point.sensing.crlb_limit_db),
        ("objective", ["sum_rate", {"kind": "sum_rate", "weights": [1, 2, 3]}], lambda p: p.objective.weights),
        ("requirements", [{}, {"a": {"kind": "user_rate", "minimum": 0.1}}], lambda p: list(p.requirements)),
    ],
)
def test_parts_and_tables_of_every_kind(path, values, read, variant, host):
    scenario = structure(variant({"sweep": {path: values}}), host)
    expected = [read(structure(variant({path: value}), host)) for value in values]
    assert [read(point) for _, point in scenario.points()] == expected
    _round_trip(scenario, host)


def test_a_requirement_of_the_table_is_a_value(variant, host):
    floors = [{"kind": "user_rate", "minimum": value} for value in (0.1, 0.2)]
    changes = {"requirements": {"floor": floors[0]}, "sweep": {"requirements.floor": floors}}
    scenario = structure(variant(changes), host)
    assert [point.requirements["floor"].minimum for _, point in scenario.points()] == [0.1, 0.2]


def test_a_part_that_is_swept_may_be_left_out_of_the_base(variant, host):
    scenario = structure(variant({"transmit_array": ..., "sweep": [{"transmit_array": ARRAYS}]}), host)
    assert scenario.transmit_array == UPA(horizontal=4, vertical=4)


def test_every_point_is_what_a_scenario_of_its_own_gives(run):
    tables = [{"transmit_array": ARRAYS, "snr_db": [5, 0, 10]}, {"channel.users": [2, 3]}]
    rows = run({"sweep": tables}).records()
    times = ("seconds",)
    for (array, label, snr), users in itertools.product(zip(ARRAYS, LABELS, [5, 0, 10], strict=True), [2, 3]):
        place = {"transmit_array": label, "snr_db": snr, "channel.users": users}
        here = [row for row in rows if all(row[path] == value for path, value in place.items())]
        alone = run({"transmit_array": array, "snr_db": snr, "channel.users": users}).records()
        assert len(here) == len(alone) == 2
        for row, expected in zip(here, alone, strict=True):
            assert {key: row[key] for key in expected if key not in times} == {
                key: value for key, value in expected.items() if key not in times
            }


# Errors


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            [{"snr_db": [0, 5], "channel.users": [2]}],
            "sweep[0].channel.users must have as many values as snr_db, which has 2, got 1",
        ),
        ([{"snr_db": [1]}, {"snr_db": [0]}], "sweep[1].snr_db must not be swept twice, and is in sweep[0] too"),
        ([{}], "sweep[0] must be a nonempty table of lists, got {}"),
        ([], "sweep must be a table of lists, got []"),
        ([{"snr_db": [1]}, 3], "sweep[1] must be a table of lists, got 3"),
        ([{"snr_db": 3}], "sweep[0].snr_db must be a list, got 3"),
        ([{"snr_db": []}], "sweep[0].snr_db must be a nonempty list, got ()"),
        (
            [{"channel.users": [1]}, {"snr": [1]}],
            "sweep[1].snr must be a key of the scenario; did you mean 'snr_db'?",
        ),
        ([{"channel.users": [1]}, {"drops": [1]}], "sweep[1].drops must not be swept, got 1"),
        (
            [{"channel": [{"kind": "rayleigh", "users": 2}]}, {"channel.users": [0]}],
            "sweep[1].channel.users must be an integer at least 1, got 0",
        ),
        (
            [{"channel.users": [1]}, {"snr_db": [400]}],
            "sweep[1].snr_db must be a finite number at least -300 and at most 300, got 400.0",
        ),
        (
            {"transmit_array": [{"kind": "upq"}]},
            "sweep.transmit_array[0].kind must name a known array, got 'upq'; did you mean 'upa'?",
        ),
        (
            {"transmit_array": ["upq"]},
            "sweep.transmit_array[0] must name a known array, got 'upq'; did you mean 'upa'?",
        ),
        (
            {"transmit_array": [{"kind": "ula", "elements": 4}, {"kind": "ula"}]},
            "sweep.transmit_array[1].elements must be given",
        ),
        (
            {"transmit_array": [{"kind": "ula", "elements": 4.5}]},
            "sweep.transmit_array[0].elements must be an integer, got 4.5",
        ),
        ({"transmit_array": [{"elements": 4}]}, "sweep.transmit_array[0].kind must be given"),
        (
            [{"channel": [{"kind": "rayleigh", "users": 0}]}],
            "sweep[0].channel[0].users must be an integer at least 1, got 0",
        ),
        (
            {"sensing": [{"crlb_limt_db": 1}]},
            "sweep.sensing[0].crlb_limt_db is not a known key; did you mean 'crlb_limit_db'?",
        ),
        ({"snr_db": [{"x": 1}]}, "sweep.snr_db[0] must be a number, got {'x': 1}"),
        (
            {"transmit_array": [{"kind": "ula", "elements": 4}], "transmit_array.vertical": [2]},
            "sweep.transmit_array.vertical must be a key of the scenario; known: axis, elements, spacing",
        ),
        (
            [{"objective": ["max_min"]}],
            "sweep[0].objective must report sum_rate, as in the scenario, got max_min, which reports "
            "smallest_rate",
        ),
        ({"snr_db": [10, 10.0, 0]}, "sweep.snr_db[1] must differ from sweep.snr_db[0], got 10.0"),
        ([{"snr_db": [10, 0, 10]}], "sweep[0].snr_db[2] must differ from sweep[0].snr_db[0], got 10"),
        (
            [{"snr_db": [10, 0, 10.0], "channel.users": [2, 2, 2]}],
            "sweep[0] must not have a point twice, got snr_db = 10.0, channel.users = 2 at positions 0 and 2",
        ),
        (
            {"transmit_array": [{"kind": "ula", "elements": 4}, {"kind": "ula", "elements": 4, "spacing": 1}]},
            "sweep.transmit_array[1] must differ from sweep.transmit_array[0], got "
            "ULA(elements=4, axis='horizontal', spacing=1.0)",
        ),
    ],
)
def test_a_mistake_names_the_table(sweep, message, variant, host):
    with pytest.raises(InputError) as caught:
        structure(variant({"sweep": sweep}), host)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            {"channel.large_scale_fading": [np.array([0.1, 0.2]), (0.1, 0.2)]},
            "large_scale_fading[1] must differ from",
        ),
        (
            {"transmit_array": [UPA(horizontal=2, vertical=2), None]},
            "sweep.transmit_array[1] must be a value, got None",
        ),
        ({"transmit_array": [Rayleigh(users=3)]}, "sweep.transmit_array must be an array, got Rayleigh"),
        (
            [{"snr_db": [1]}, ["channel.users"]],
            "sweep[1] must be a nonempty table of lists, got ['channel.users']",
        ),
        ([{"objective": [MaxMin()]}], "sweep[0].objective must report sum_rate"),
    ],
)
def test_a_mistake_in_python_names_the_table(sweep, message, variant, host):
    scenario = structure(variant({"channel": {"kind": "rayleigh", "large_scale_fading": [1.0, 1.0]}}), host)
    with pytest.raises(InputError) as caught:
        attrs.evolve(scenario, sweep=sweep)
    assert message in str(caught.value)


# Command line


@pytest.mark.parametrize(
    ("override", "sweep"),
    [
        ("sweep.snr_db=[1, 2]", ({"snr_db": (1, 2), "channel.users": (2, 3)},)),
        ("sweep.seed=[1, 2, 3]", ({"snr_db": (0, 5), "channel.users": (2, 3)}, {"seed": (1, 2, 3)})),
        ("sweep=[{snr_db=[7], seed=[1]}]", ({"snr_db": (7,), "seed": (1,)},)),
        ("sweep.receive_array=[{kind='ula', elements=3}]", None),
    ],
)
def test_an_override_keeps_what_is_linked(override, sweep, variant):
    document = variant({"sweep": [{"snr_db": [0, 5], "channel.users": [2, 3]}]})
    found = load_scenario(document, overrides=[override]).scenario.sweep
    assert found == (
        sweep or ({"snr_db": (0, 5), "channel.users": (2, 3)}, {"receive_array": (ULA(elements=3),)})
    )


def test_an_override_of_another_length_is_refused(variant):
    document = variant({"sweep": [{"snr_db": [0, 5], "channel.users": [2, 3]}]})
    with pytest.raises(InputError, match=r"^sweep\[0\]\.channel\.users must have as many values as snr_db"):
        load_scenario(document, overrides=["sweep.snr_db=[1]"])


# Results


@pytest.fixture(scope="module")
def linked(run):
    """Return a comparison over arrays, and over two paths that move together, out of order."""
    tables = [{"transmit_array": ARRAYS}, {"channel.users": [3, 3, 2], "snr_db": [10, 0, 5]}]
    return run({"sweep": tables, "precoders": ["mrt", "zf"], "sensing.crlb_limit_db": -15})


def test_linked_paths_are_coordinates_of_one_axis(linked):
    data = linked.dataset
    assert data["status"].dims == ("precoder", "allocator", "transmit_array", "channel.users", "drop")
    assert data["transmit_array"].to_numpy().tolist() == LABELS
    assert data["channel.users"].to_numpy().tolist() == [3, 3, 2]
    assert data["snr_db"].dims == ("channel.users",)
    assert data["snr_db"].to_numpy().tolist() == [10, 0, 5]
    assert data["users"].dims == ("transmit_array", "channel.users")


def test_records_and_table_name_every_path(linked):
    place = ["transmit_array", "channel.users", "snr_db"]
    records = linked.records()
    assert list(records[0])[3:6] == place
    assert len({tuple(row[key] for key in ("precoder", *place, "drop")) for row in records}) == len(records) == 36
    table = linked.table()
    assert list(table.index.names) == [*place, "precoder", "allocator"]
    assert table.index.is_unique
    for index, row in table.iterrows():
        named = dict(zip(table.index.names, index, strict=True))
        own = [one["sum_rate"] for one in records if all(one[key] == value for key, value in named.items())]
        assert len(own) == 2
        assert row["sum_rate"] == pytest.approx(np.mean(own))


def test_text_has_a_table_for_each_point(linked):
    lines = str(linked).splitlines()
    assert "transmit_array = ula, channel.users = 3, snr_db = 0" in lines
    assert sum(line.startswith("transmit_array = ") for line in lines) == 9


@pytest.mark.usefixtures("no_figures")
def test_linked_results_are_saved_and_read(linked, tmp_path, cli):
    linked.save(tmp_path)
    with xarray.open_dataset(tmp_path / "results.nc", engine="h5netcdf") as data:
        xarray.testing.assert_identical(data.load(), linked.dataset)
    loaded = Comparison.load(tmp_path / "results.nc")
    assert str(loaded) == str(linked)
    assert loaded.records() == linked.records()
    status, out, _ = cli("show", tmp_path / "results.nc", "--json")
    assert (status, json.loads(out)) == (0, linked.records())
    with (tmp_path / "results.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["snr_db"] for row in rows[:6]] == ["10", "10", "0", "0", "5", "5"]
    assert load_scenario(tmp_path / "results.nc").scenario == load_scenario(tmp_path / "scenario.toml").scenario


def test_a_linked_study_resumes_and_is_the_same_with_workers(run, tmp_path, monkeypatch):
    changes = {"sweep": [{"transmit_array": ARRAYS, "snr_db": [10, 0, 5]}], "drops": 4}
    alone = run(changes).dataset
    first = run({**changes, "drops": 2}, out=tmp_path).dataset
    solved = []
    for drops, workers in ((4, 1), (4, 2)):
        found = run({**changes, "drops": drops}, out=tmp_path, workers=workers).dataset.load()
        solved.append(len(list((tmp_path / "chunks").iterdir())))
        xarray.testing.assert_equal(found.drop_vars("seconds"), alone.drop_vars("seconds"))
    xarray.testing.assert_equal(first.drop_vars("seconds"), alone.isel({"drop": slice(2)}).drop_vars("seconds"))
    assert solved[0] == solved[1]


# Labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1, 2.5, np.int64(3)], [1, 2.5, 3]),
        (["a", "b"], ["a", "b"]),
        ([[0.1, 0.2], [0.3]], ["[0.1, 0.2]", "[0.3]"]),
        ([UPA(horizontal=2, vertical=2)], ["upa"]),
        ([UPA(horizontal=2, vertical=2), ULA(elements=4)], ["upa", "ula"]),
        ([UPA(horizontal=2, vertical=3), UPA(horizontal=2, vertical=4)], ["upa(vertical=3)", "upa(vertical=4)"]),
        (
            [ULA(elements=4), ULA(elements=8), ULA(elements=4)],
            ["ula(elements=4)", "ula(elements=8)", "ula(elements=4)"],
        ),
        ([isacfw.Sensing(crlb_limit_db=-20), isacfw.Sensing()], ["crlb_limit_db=-20.0", "default"]),
        ([isacfw.Sensing()], ["default"]),
        ([{}, {"a": MaxMin(), "b": MaxMin()}, {"b": MaxMin()}], ["none", "a + b", "b"]),
        ([{"a": ULA(elements=4)}, {"a": ULA(elements=5)}], ["a #1", "a #2"]),
    ],
)
def test_labels_of_values(values, labels):
    assert label_values(values) == labels


@attrs.frozen(kw_only=True)
class OtherLine(isacfw.Array):
    """An array with the name of a built-in one."""

    name = "ula"

    def positions(self):
        return np.zeros((1, 2))


def test_parts_of_one_name_have_their_providers_in_labels():
    assert label_values([ULA(elements=4), OtherLine()]) == ["isacfw:ula", "test_sweeps:ula"]


def test_long_values_have_short_labels():
    lists = [str([0.125 * number] * 20) for number in range(3)]
    labels = short_labels([*lists, lists[1], "short", 2.5])
    assert labels[lists[1]] == "#2 [0.125, 0.125, 0.125, …"
    assert (labels["short"], labels[2.5]) == ("short", "2.5")
    assert len(set(labels.values())) == len(labels) == 5


# Figures


def _curves(axes):
    handles, labels = axes.get_legend_handles_labels()
    return {
        label: handle.lines[0] if hasattr(handle, "lines") else handle
        for handle, label in zip(handles, labels, strict=True)
    }


def test_lines_are_drawn_in_order(run):
    comparison = run({"sweep": {"snr_db": [0, 10, 5], "sensing.crlb_limit_db": [-20]}})
    axes = comparison.plot()["sum_rate"].axes[0]
    line = _curves(axes)["mrt, exact"]
    means = comparison.dataset["sum_rate"].mean("drop").sortby("snr_db").to_numpy().ravel()
    assert list(line.get_xdata()) == [0, 5, 10]
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), means)
    assert line.get_linestyle() == "-"


def test_limits_are_drawn_in_order(run):
    figure = run({"sweep": {"sensing.crlb_limit_db": [-20, -30, -25]}}).plot()["crlb"]
    line = _curves(figure.axes[0])["limit"]
    assert list(line.get_xdata()) == [-30, -25, -20]
    np.testing.assert_allclose(line.get_ydata(), [-30, -25, -20])


def test_the_first_numeric_path_that_tells_points_apart_is_the_abscissa(linked):
    figure = linked.plot()["sum_rate"]
    assert len(figure.axes) == 3
    assert [" ".join(axes.get_title().split()) for axes in figure.axes] == [
        "Transmit array = upa(horizontal=4, vertical=4)",
        "Transmit array = upa(horizontal=8, vertical=2)",
        "Transmit array = ula",
    ]
    for number, axes in enumerate(figure.axes):
        assert axes.get_xlabel() == "Transmit SNR [dB]\nmoves with number of users"
        line = _curves(axes)["zf, exact"]
        assert list(line.get_xdata()) == [0, 5, 10]
        own = linked.dataset["sum_rate"].sel(precoder="zf").isel({"transmit_array": number, "allocator": 0})
        np.testing.assert_allclose(np.asarray(line.get_ydata(), float), own.mean("drop").to_numpy()[[1, 2, 0]])


def test_a_sweep_over_parts_has_their_labels_on_its_axis(run):
    comparison = run({"sweep": [{"transmit_array": ARRAYS}], "precoders": ["mrt", "zf"]})
    axes = comparison.plot()["sum_rate"].axes[0]
    assert axes.get_xlabel() == "Transmit array"
    assert list(axes.get_xticks()) == [1, 2, 3]
    assert [" ".join(tick.get_text().split()) for tick in axes.get_xticklabels()] == LABELS
    for precoder, line in zip(
        ("mrt", "zf"), (_curves(axes)[f"{name}, exact"] for name in ("mrt", "zf")), strict=True
    ):
        assert line.get_linestyle() == "None"
        np.testing.assert_array_equal(np.round(line.get_xdata()), [1, 2, 3])
        means = comparison.dataset["sum_rate"].sel(precoder=precoder).mean("drop").to_numpy().ravel()
        np.testing.assert_allclose(np.asarray(line.get_ydata(), float), means)


def test_many_lists_share_one_readable_figure(run):
    fading = [[0.01 * number, 0.3, 0.123456, 0.2345678, 1 / 3] for number in range(1, 41)]
    changes = {"channel": {"kind": "rayleigh"}, "sweep": {"channel.large_scale_fading": fading}, "drops": 1}
    comparison = run(changes)
    for figure in comparison.plot().values():
        assert figure.get_size_inches()[0] <= 7.5
    axes = comparison.plot()["sum_rate"].axes[0]
    assert len(_curves(axes)["mrt, exact"].get_xdata()) == 40
    assert axes.get_xlabel() == "Large-scale fading: number of the point"
    assert len(axes.get_xticks()) <= 12
    titles = [line for line in str(comparison).splitlines() if line.startswith("channel.large_scale_fading")]
    assert len(set(titles)) == 40
    assert max(map(len, titles)) <= 80


def test_further_panels_are_in_further_figures(run):
    limits = [-20.0 - number / 10 for number in range(50)]
    comparison = run(
        {"sweep": {"snr_db": [0, 5], "sensing.crlb_limit_db": limits}, "drops": 1, "allocators": ["exact"]}
    )
    figures = comparison.plot(quantity="sum_rate")
    assert list(figures) == ["sum_rate", "sum_rate-2", "sum_rate-3", "sum_rate-4"]
    titles = [axes.get_title().split()[-2] for figure in figures.values() for axes in figure.axes]
    assert titles == [str(limit) for limit in limits[:48]]
    assert "combinations 37 to 48 of 50" in figures["sum_rate-4"].get_suptitle().replace("\n", " ")


@pytest.mark.parametrize(
    ("values", "panels", "shape"), [(2, 2, (1, 2)), (3, 3, (1, 3)), (5, 5, (2, 3)), (15, 12, (4, 3))]
)
def test_panels_wrap_into_a_page(values, panels, shape, run):
    limits = [-20.0 - number / 10 for number in range(values)]
    comparison = run({"sweep": {"snr_db": [0, 5], "sensing.crlb_limit_db": limits}, "drops": 1})
    figure = comparison.plot()["sum_rate"]
    assert len(figure.axes) == panels
    rows, columns = figure.axes[0].get_gridspec().get_geometry()
    assert (rows, columns) == shape
    if panels > 2:
        assert figure.get_size_inches()[0] <= 7.5
    assert (f"the first 12 of {values} combinations" in figure.get_suptitle()) == (values > panels)
    figure.canvas.draw()
    for number, axes in enumerate(figure.axes):
        line = _curves(axes)["mrt, exact"]
        own = comparison.dataset["sum_rate"].isel({"sensing.crlb_limit_db": number}).mean("drop")
        np.testing.assert_allclose(np.asarray(line.get_ydata(), float), own.to_numpy().ravel())
        assert axes.get_title().split()[-2:] == [str(limits[number]), "dB"]
        lowest, leftmost = number + columns >= panels, number % columns == 0
        assert bool(axes.get_xlabel()) == any(tick.get_visible() for tick in axes.get_xticklabels()) == lowest
        assert bool(axes.get_ylabel()) == any(tick.get_visible() for tick in axes.get_yticklabels()) == leftmost
        assert axes.get_ylim() == figure.axes[0].get_ylim()


# Fronts


def test_a_front_keeps_linked_paths(variant, host):
    tables = [{"snr_db": [15, 20], "channel.users": [2, 3]}, {"sensing.crlb_limit_db": [-30, -35]}]
    scenario = structure(variant({"sweep": tables, "allocators": ["exact"], "drops": 1}), host)
    front = pareto(scenario)
    assert front.dataset["sensing.crlb_limit_db"].to_numpy().tolist() == [-30, -35]
    assert front.dataset["channel.users"].dims == ("snr_db",)
    titles = [axes.get_title() for axes in front.plot().axes]
    assert [" ".join(title.split()) for title in titles] == [
        "Transmit SNR = 15 dB, Number of users = 2",
        "Transmit SNR = 20 dB, Number of users = 3",
    ]


def test_a_front_does_not_follow_a_limit_that_moves_with_others(variant, host):
    tables = [{"sensing.crlb_limit_db": [-20, -25], "channel.users": [2, 3]}]
    scenario = structure(variant({"sweep": tables, "allocators": ["exact"], "drops": 1}), host)
    message = (
        r"^sweep\[0\]\.sensing\.crlb_limit_db must be swept alone for a front, and moves with channel\.users"
    )
    with pytest.raises(InputError, match=message):
        pareto(scenario)
    with pytest.raises(InputError, match=r"^along must be a path that is swept alone, got .*channel\.users"):
        ParetoFront.of(compare(scenario).dataset, along="sensing.crlb_limit_db")


# The scenario of Fig. 8


def test_the_scenario_of_figure_8_is_plain():
    loaded = load_scenario("nguyen2025-fig8")
    sides = [5, 7, 9, 11, 13, 15, 17, 19]
    points = [point.transmit_array for _, point in loaded.scenario.points()]
    assert points == [UPA(horizontal=side, vertical=side) for side in sides]
    assert (
        load_scenario(tomllib.loads(tomli_w.dumps(tomllib.loads(to_toml(loaded.scenario))))).scenario
        == loaded.scenario
    )


def test_figures_are_tried_on_few_points_of_their_sweep():
    assert isinstance(figure_scenario(Figure5()).sweep, dict)
    (table,) = figure_scenario(Figure8()).sweep
    assert table == dict.fromkeys(SQUARES, (5, 7))
