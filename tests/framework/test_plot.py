"""Figures of scenarios: the command, its errors, and figures in which nothing overlaps."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import attrs
import matplotlib.image
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import isacfw
from isacfw.base.errors import IsacWarning
from isacfw.study.plot import FIGURES

ROOT = Path(__file__).parents[2]
NAMES = sorted(isacfw.PluginHost(discover=False).scenarios)
EXAMPLES = sorted((ROOT / "examples" / "scenarios").glob("*.toml"))
CORRELATED = {"kind": "correlated", "users": 3, "base_station_height_m": 25.0}


def check_layout(figure):
    """Check that legend, title and panels with their labels neither overlap nor exceed the figure."""
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    boxes = {f"panel {number}": axes.get_tightbbox(renderer) for number, axes in enumerate(figure.axes)}
    boxes |= {f"legend {number}": one.get_window_extent(renderer) for number, one in enumerate(figure.legends)}
    boxes["title"] = figure._suptitle.get_window_extent(renderer)
    for name, box in boxes.items():
        assert box.x0 >= -1, (name, box)
        assert box.y0 >= -1, (name, box)
        assert box.x1 <= figure.bbox.x1 + 1, (name, box)
        assert box.y1 <= figure.bbox.y1 + 1, (name, box)
    # Figures are drawn without formulas, so these would be seen as they are written.
    assert not [text for text in figure.findobj(Text) if "\\" in text.get_text()]
    for (first, one), (second, other) in itertools.combinations(boxes.items(), 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        along = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(across, along) <= 1, (first, second)


def draw(document, **options):
    figures = isacfw.plot_scenario(document, **options)
    for figure in figures.values():
        check_layout(figure)
    return figures


def lines_of(figure):
    return {line.get_label(): line for axes in figure.axes for line in axes.lines}


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_command_writes_all_figures(cli, scenario_file, tmp_path):
    status, out, err = cli("plot", scenario_file(), "--out", tmp_path / "new")
    assert (status, out) == (0, "")
    files = [f"small-{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf")]
    assert err.splitlines() == [f"wrote {tmp_path / 'new' / file}" for file in files]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(files)
    assert matplotlib.image.imread(tmp_path / "new" / "small-cell.png").shape[1] == 1280


@pytest.mark.parametrize(("suffix", "head"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_one_figure_is_written_to_a_named_file(cli, scenario_file, tmp_path, suffix, head):
    path = tmp_path / "new" / f"cell.{suffix}"
    assert cli("plot", scenario_file(), "--only", "cell", "-o", path) == (0, "", f"wrote {path}\n")
    assert path.read_bytes().startswith(head)
    assert list(path.parent.iterdir()) == [path]


def test_options_choose_figures_drop_and_scenario(cli, scenario_file, tmp_path):
    path = scenario_file({"channel": CORRELATED})
    options = ("--only", "cell, arrays", "--drop", "1", "--set", "name=other", "--seed", "5", "--out", tmp_path)
    assert cli("plot", path, *options)[0] == 0
    assert {one.name for one in tmp_path.glob("*.png")} == {"other-cell.png", "other-arrays.png"}
    options = ("--only", "patterns", "--allocator", "sca", "--draws", "20", "--out", tmp_path)
    assert cli("plot", path, *options)[0] == 0
    assert (tmp_path / "small-patterns.pdf").exists()


def test_the_default_is_the_registered_scenario(cli, tmp_path):
    assert cli("plot", "--only", "arrays", "--out", tmp_path)[0] == 0
    assert (tmp_path / "nguyen2025-arrays.png").exists()


def test_parts_of_a_plugin_are_drawn(cli, scenario_file, tmp_path):
    assert cli("new", "array", "my_array", "--out", tmp_path)[0] == 0
    path = scenario_file({"transmit_array": {"kind": "my_array"}, "channel.users": 2})
    options = ("--plugin", tmp_path / "my_array.py", "--out", tmp_path / "figures")
    status, _, err = cli("plot", path, *options)
    assert status == 0, err
    assert len(list((tmp_path / "figures").iterdir())) == 8


ERRORS = [
    (["nguyen2026"], "scenario must be a file or the name of a scenario, got 'nguyen2026'; did you mean"),
    (
        ["--only", "cel"],
        "--only must be among arrays, cell, patterns, eigenvalues, got 'cel'; did you mean 'cell'?",
    ),
    (["--only", ","], "--only must be a nonempty list of figures"),
    (["--drop", "5"], "--drop must be less than drops, which is 5, got 5"),
    (["--drop", "-1"], "--drop must be an integer of at least 0, got -1"),
    (["--drop", "x"], "--drop must be an integer, got 'x'"),
    (["--draws", "1"], "--draws must be an integer of at least 2, got 1"),
    (["--draws", "10000000"], "--draws must be at most 1000000, got 10000000"),
    (["--allocator", "exct"], "--allocator must name a known allocator, got 'exct'; did you mean 'exact'?"),
    (["-o", "x.png"], "-o requires --only with one figure"),
    (["-o", "x.jpg", "--only", "cell"], "-o must be a file whose name ends in .png or .pdf or .svg, got 'x.jpg'"),
    (["-o", "x.png", "--only", "cell", "--out", "y"], "-o cannot be combined with --out"),
    (["-o"], "-o requires a value"),
    (["--set", "snr_db=high"], "snr_db must be a number, got 'high'"),
    (["--onli", "cell"], "unknown option '--onli' for isacfw plot; did you mean '--only'?"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS, ids=[" ".join(one) for one, _ in ERRORS])
def test_mistakes_are_one_line(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = cli("plot", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"isacfw: {message}"), err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(cli, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = cli("plot", "--only", "arrays", "--out", tmp_path / "file" / "below")
    assert status == 2
    assert err.startswith("isacfw: the output folder must be writable")
    assert cli("plot", "--only", "arrays", "-o", tmp_path / "file" / "a.png")[0] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": "cell"}, "only must be a list of figures, got 'cell'"),
        ({"only": [3]}, "only must be among arrays, cell, patterns, eigenvalues, got 3"),
        ({"drop": True}, "drop must be an integer of at least 0, got True"),
        ({"draws": 10.0}, "draws must be an integer of at least 2, got 10.0"),
        ({"allocator": 3}, "allocator must be an allocator or the name of one, got 3"),
        ({"allocator": "scs"}, "allocator must name a known allocator, got 'scs'; did you mean 'sca'?"),
    ],
)
def test_arguments_are_checked(variant, options, message):
    with pytest.raises(isacfw.InputError) as error:
        isacfw.plot_scenario(variant(), **options)
    assert str(error.value) == message


def test_parts_without_pattern_are_named_and_nothing_is_drawn_without_any(cli, scenario_file, tmp_path):
    path = scenario_file({"precoders": ["zf"], "channel.users": 20, "channel.pilot_length": 30})
    options = ("--only", "patterns", "--out", tmp_path / "figures")
    status, _, err = cli("plot", path, *options)
    assert status == 0
    assert err.startswith("isacfw: precoder zf has no pattern: zero forcing needs more transmit antennas")
    status, _, err = cli("plot", path, *options, "--set", 'beams=["projected"]')
    assert status == 2
    assert err.count("\n") == 1
    assert "beam projected has no pattern" in err


def test_a_faulty_part_loses_its_own_pattern_alone(variant):
    @attrs.frozen(kw_only=True)
    class Broken(isacfw.Precoder):
        """It does not work."""

        name = "broken"

        def weights(self, estimates):
            raise RuntimeError("it does not work")

    scenario = isacfw.load_scenario(variant()).scenario
    scenario = attrs.evolve(scenario, precoders=(*scenario.precoders, Broken()))
    with pytest.warns(IsacWarning, match="precoder broken has no pattern: .* it does not work"):
        figures = isacfw.plot_scenario(scenario, only=["patterns"])
    assert {"users, mrt", "users, zf", "beam steered"} <= set(legend_of(figures["patterns"]))


def test_a_sweep_is_drawn_at_its_first_point(variant):
    document = variant({"sweep": {"snr_db": [3.0, 5.0], "channel.users": [2, 3]}})
    figure = draw(document, only=["patterns"])["patterns"]
    assert figure._suptitle.get_text().startswith("small at snr_db = 3.0, channel.users = 2, drop 0")
    fading = [[0.125] * 30, [0.25] * 20]
    document = variant({"sweep": {"channel.large_scale_fading": fading}, "channel": {"kind": "rayleigh"}})
    figure = draw(document, only=["arrays"])["arrays"]
    assert figure._suptitle.get_text().startswith(
        "small at channel.large_scale_fading = #1 [0.125, 0.125, 0.125, …:"
    )


def test_patterns_show_the_gain_the_targets_and_the_users(variant):
    figure = draw(variant({"channel": CORRELATED}), only=["patterns"])["patterns"]
    assert legend_of(figure) == [
        "users, mrt",
        "users, zf *",
        "beam steered",
        "direction of a target",
        "users' azimuths",
    ]
    first = figure.axes[0]
    assert first.get_title() == "at the elevation 50° of the target"
    line = next(one for one in first.lines if one.get_label() == "beam steered")
    angles, gain = line.get_data()
    assert angles[np.argmax(gain)] == 20.0
    assert gain.max() == pytest.approx(10 * np.log10(16))
    assert first.get_ylabel() == "gain over one element [dB]"
    styles = [(one.get_color(), one.get_linestyle()) for one in first.lines[:3]]
    assert len(set(styles)) == 3
    assert "means of 200 draws" in figure._suptitle.get_text().replace("\n", " ")


def test_a_cell_shows_what_is_known(variant):
    document = variant({"channel": CORRELATED, "target.distance_m": 300.0, "target.reflection_amplitude": ...})
    figure = draw(document, only=["cell"], drop=1)["cell"]
    labels = [label.replace("\n", " ") for label in legend_of(figure)]
    assert labels == [
        "cell, 100 m to 1000 m, sector of 120°",
        "users of 1 other drop",
        "users of drop 1",
        "target: azimuth 20°, elevation 50°, 300 m",
        "base station",
    ]
    (axes,) = figure.axes
    assert axes.get_aspect() == 1
    users = lines_of(figure)["users of drop 1"].get_xydata()
    positions = isacfw.load_scenario(document).scenario.statistics([1]).positions[0]
    np.testing.assert_array_equal(users, positions[:, [0, 2]])
    assert {text.get_text() for text in axes.texts} == {"0", "1", "2"}


def test_a_cell_without_any_distance_shows_directions_alone(variant):
    document = variant({"channel": {"kind": "rayleigh", "large_scale_fading": [1.0, 2.0]}})
    figure = draw(document, only=["cell"])["cell"]
    (axes,) = figure.axes
    assert not axes.get_xticks().size
    assert "users have no positions" in figure._suptitle.get_text()
    (ray,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    angle = np.degrees(np.arctan2(*ray.get_xydata()[1]))
    assert angle == pytest.approx(20)


def test_eigenvalues_of_few_and_of_many_users(variant):
    assert legend_of(draw(variant(), only=["eigenvalues"])["eigenvalues"]) == ["all users\n(isotropic fading)"]
    figure = draw(variant({"channel": CORRELATED}), only=["eigenvalues"])["eigenvalues"]
    assert legend_of(figure) == ["user 0", "user 1", "user 2"]
    figure = draw(variant({"channel": CORRELATED | {"users": 30}}), only=["eigenvalues"])["eigenvalues"]
    assert legend_of(figure) == ["each of 30 users", "median of the users"]


VARIATIONS = {
    "one user and one element": {
        "transmit_array": {"kind": "ula", "elements": 1},
        "receive_array": {"kind": "upa", "horizontal": 3, "vertical": 3},
        "channel.users": 1,
        "target.known": ["azimuth", "elevation"],
        "sensing.crlb_limit_db": ...,
        "precoders": ["mrt"],
    },
    "line of elements, elevation known": {
        "transmit_array": {"kind": "ula", "elements": 8},
        "receive_array": {"kind": "ula", "elements": 8},
        "target.known": ["elevation"],
        "channel": {"kind": "rician", "users": 2, "k_factor_db": 10.0},
    },
    "ring, overhead target": {
        "transmit_array": {"kind": "circular", "elements": 12, "plane": "horizontal"},
        "target": {"azimuth_deg": 0.0, "elevation_deg": 0.0, "known": ["azimuth"], "distance_m": 50.0},
    },
    "without limits": {"sensing.crlb_limit_db": ...},
    "five targets": {
        "target": ...,
        "targets": [{"azimuth_deg": 15.0 * n - 40, "elevation_deg": 60.0 + 7 * n} for n in range(5)],
        "transmit_array": {"kind": "upa", "horizontal": 8, "vertical": 8},
        "receive_array": {"kind": "upa", "horizontal": 8, "vertical": 8},
    },
    "twelve curves with long names": {
        "transmit_array": {"kind": "upa", "horizontal": 6, "vertical": 6},
        "precoders": ["mrt", "zf", {"kind": "rzf", "label": "regularised zero forcing of the users"}],
        "beams": [
            "steered",
            "projected",
            "rzf",
            {"kind": "joined", "label": "sum and difference beams side by side", "beams": ["steered"]},
            "designed",
            *({"kind": "difference", "label": f"difference {n}", "sum_share": n / 10} for n in range(4)),
        ],
    },
    "hundred users": {"channel": CORRELATED | {"users": 100, "pilot_length": 20}},
    "shared pilots": {"channel": {"kind": "rayleigh", "users": 6, "pilot_length": 3, "estimates": "physical"}},
    "long name": {"name": "a scenario of a study with a very long name " * 3},
}


@pytest.mark.filterwarnings("ignore::isacfw.base.errors.IsacWarning")
@pytest.mark.parametrize("name", VARIATIONS)
def test_nothing_overlaps_in_any_figure(variant, name):
    assert set(draw(variant(VARIATIONS[name]), draws=20)) == set(FIGURES)


@pytest.mark.parametrize(
    "array",
    [
        {"kind": "ula", "elements": 64},
        {"kind": "upa", "horizontal": 60, "vertical": 2},
        {"kind": "circular", "elements": 90, "plane": "upright"},
    ],
)
def test_markers_of_neighbours_do_not_touch(variant, array):
    changes = {"transmit_array": array, "target.known": ["elevation"]}
    axes = draw(variant(changes), only=["arrays"])["arrays"].axes[0]
    (line,) = axes.lines
    places = axes.transData.transform(line.get_xydata())
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    assert np.median(np.sort(distances, axis=-1)[:, 1]) > line.get_markersize() * axes.figure.dpi / 72


def test_channels_from_files_are_drawn(variant):
    folder = ROOT / "plugins" / "isacfw_plugins" / "channels"
    for file in ("_example_fading.csv", "_example_paths.npz"):
        figures = draw(variant({"channel": {"kind": "file", "path": str(folder / file)}}), draws=20)
        assert set(figures) == set(FIGURES)


@pytest.mark.slow
def test_ten_thousand_elements_are_drawn(variant):
    huge = {"kind": "upa", "horizontal": 100, "vertical": 100}
    figures = draw(variant({"transmit_array": huge, "beams": ["steered", "projected"]}), draws=20)
    assert set(figures) == set(FIGURES)
    top = max(line.get_ydata().max() for line in figures["patterns"].axes[0].lines[:4])
    assert top == pytest.approx(40, abs=1e-9)


def test_too_large_matrices_lose_their_figure_alone(variant, monkeypatch):
    monkeypatch.setattr("isacfw.signal.eigenvalues.MOST_OPERATIONS", 1)
    document = variant({"channel": CORRELATED})
    with pytest.warns(IsacWarning, match="figure eigenvalues is left out"):
        assert set(isacfw.plot_scenario(document, only=["arrays", "eigenvalues"])) == {"arrays"}
    with pytest.raises(isacfw.IncompatibleError, match="order 16"):
        isacfw.plot_scenario(document, only=["eigenvalues"])


def test_nothing_is_left_behind_by_a_figure_that_fails(cli, scenario_file, tmp_path, monkeypatch):
    monkeypatch.setattr("isacfw.signal.eigenvalues.MOST_OPERATIONS", 1)
    path = scenario_file({"channel": CORRELATED})
    status, _, err = cli("plot", path, "--only", "eigenvalues", "-o", tmp_path / "new" / "e.png")
    assert (status, err.count("\n")) == (2, 1)
    shutil.rmtree(tmp_path / "new")


UPLINK = {"temiz2022"}
"""Scenarios in which the base station radiates no signals to users."""
SCENARIOS = [pytest.param(name, id=name) for name in NAMES if name not in UPLINK]
SCENARIOS += [pytest.param(path, id=path.name) for path in EXAMPLES]


@pytest.mark.nightly
@pytest.mark.parametrize("source", SCENARIOS)
def test_every_scenario_is_drawn(source):
    assert set(draw(source, draws=20)) == set(FIGURES)


@pytest.mark.parametrize("source", sorted(UPLINK))
def test_the_uplink_has_no_patterns(source):
    with pytest.warns(IsacWarning, match="figure patterns is left out"):
        assert set(draw(source, draws=20)) == set(FIGURES) - {"patterns"}
    with pytest.raises(isacfw.IncompatibleError, match="radiates no signals to users in the uplink"):
        draw(source, only=["patterns"], draws=20, allocator="equal_cs")


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:.*are infeasible:isacfw.base.errors.IsacWarning")
@pytest.mark.parametrize("source", SCENARIOS)
def test_every_scenario_is_drawn_at_the_shares_of_an_allocator(source):
    loaded = isacfw.load_scenario(source)
    figures = draw(loaded, only=["patterns"], draws=20, allocator="equal_cs")
    assert "shares of the power found by equal_cs" in figures["patterns"]._suptitle.get_text().replace("\n", " ")
