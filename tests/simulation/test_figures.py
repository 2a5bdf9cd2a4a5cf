"""The figures of the paper: their data, what is drawn of them, and the command that writes them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isacfw import compare, load_scenario
from isacfw.cli import main
from isacfw.study.figure import make_figure

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

LIMITS = "sensing.crlb_limit_db"
SMALL = ["channel.users = 4", "transmit_array.horizontal = 5", "transmit_array.vertical = 4"]
SETTINGS: dict[int, tuple[list[str], int]] = {
    2: ([], 5),
    3: (SMALL, 5),
    4: ([], 5),
    5: (["sweep.snr_db = [10.0, 20.0]"], 5),
    6: (["sweep.snr_db = [10.0, 20.0]"], 5),
    7: ([f'sweep."{LIMITS}" = [-45.0, -30.0]'], 5),
    8: (["drops = 1"], 1),
}
NUMBERS = sorted(SETTINGS)
EVERY = pytest.mark.parametrize("number", NUMBERS)
COMPARED = {5: "snr_db", 6: "snr_db", 7: LIMITS, 8: "antennas"}
ANGLES = ("azimuth", "elevation")


@cache
def made(number: int) -> tuple[xarray.Dataset, Figure, list[tuple[int, int]]]:
    """Return data, figure and the calls of progress, with few drops and trials."""
    changes, trials = SETTINGS[number]
    loaded = load_scenario(f"nguyen2025-fig{number}", overrides=["drops = 2", *changes])
    steps: list[tuple[int, int]] = []
    data, figures = make_figure(loaded, compare, trials, lambda done, total: steps.append((done, total)))
    assert list(figures) == [""]
    return data, figures[""], steps


def lines(figure: Figure, panel: int, label: str | None = None) -> list[NDArray[Any]]:
    """Return the ordinates of the lines of a panel, those with some label or all."""
    drawn = figure.axes[panel].lines
    return [np.asarray(line.get_ydata(), float) for line in drawn if label in (None, line.get_label())]


def assert_drawn(figure: Figure, panel: int, values: Any) -> None:
    """Assert that some line of a panel has these ordinates."""
    expected = np.asarray(values, float)
    assert np.isfinite(expected).any()
    found = [line for line in lines(figure, panel) if line.shape == expected.shape]
    assert any(np.allclose(line, expected, rtol=1e-12, atol=1e-12, equal_nan=True) for line in found)


def db(values: Any) -> NDArray[Any]:
    return np.asarray(10 * np.log10(np.asarray(values, float)))


def over_drops(data: xarray.Dataset, name: str, axis: str) -> Any:
    """Yield the mean over drops of each precoder and allocator along an axis."""
    allocator = "simulated_allocator" if name.startswith("simulated") else "allocator"
    means = data[name].mean("drop", skipna=False).transpose("precoder", allocator, axis).to_numpy()
    yield from means.reshape(-1, means.shape[-1])


# Data


@EVERY
def test_progress_ends_at_its_total(number: int) -> None:
    _, _, steps = made(number)
    assert steps[-1][0] == steps[-1][1] > 0


@pytest.mark.parametrize("number", [2, 4])
def test_figures_of_the_estimation_have_numbers_everywhere(number: int) -> None:
    data, _, _ = made(number)
    assert data.sizes["angle"] == data.sizes["precoder"] == 2
    for variable in data.data_vars.values():
        assert (variable > 0).all()
        assert np.isfinite(variable).all()
        assert variable.attrs["units"] == "rad^2"


@pytest.mark.parametrize("number", [3, 5, 6, 7, 8])
def test_figures_of_a_comparison_have_numbers_everywhere(number: int) -> None:
    data, _, _ = made(number)
    assert (data["status"] != "failed").all()
    for name in ("sum_rate", "crlb_azimuth_db", "communication_power", "sensing_power"):
        assert np.isfinite(data[name]).all()
    simulated = [name for name in data.data_vars if str(name).startswith("simulated")]
    assert len(simulated) == (3 if number in (5, 7, 8) else 0)
    for name in simulated:
        assert np.isfinite(data[name]).all()


def test_offsets_and_levels_are_those_of_the_paper() -> None:
    np.testing.assert_allclose(made(2)[0]["offset_deg"], np.arange(11))
    levels = made(4)[0]["sensing_snr_db"].to_numpy()
    assert (levels.min(), levels.max()) == (-20, 30)
    np.testing.assert_array_equal(made(8)[0]["antennas"], np.array([5, 7, 9, 11, 13, 15, 17, 19]) ** 2)


def test_closed_bounds_rise_with_the_offset_and_fall_with_the_level() -> None:
    assert (np.diff(made(2)[0]["crlb"], axis=0) > 0).all()
    data = made(4)[0]
    np.testing.assert_allclose(np.diff(db(data["crlb"]), axis=0), -5, rtol=1e-9)


@pytest.mark.slow
def test_simulated_bounds_of_figure_2_agree_with_the_closed_form() -> None:
    loaded = load_scenario("nguyen2025-fig2")
    data, _ = make_figure(loaded, compare, 2000, lambda _done, _total: None)
    apart = (data["simulated_crlb"] - data["crlb"]) / data["standard_error"]
    # 44 comparisons, each within 4 standard errors.
    assert (np.abs(apart) < 4).all()
    assert (data["standard_error"] < 0.01 * data["crlb"]).all()


@pytest.mark.parametrize("number", [pytest.param(number, marks=pytest.mark.slow) for number in (5, 7, 8)])
def test_simulations_are_of_the_allocations_beside_them(number: int) -> None:
    sides = ['sweep."transmit_array.horizontal" = [4, 5]', 'sweep."transmit_array.vertical" = [4, 5]']
    overrides = ["drops = 2", *(SETTINGS[number][0] if number < 8 else sides), *SMALL]
    loaded = load_scenario(f"nguyen2025-fig{number}", overrides=overrides)
    data = make_figure(loaded, compare, 1500, lambda _done, _total: None)[0].drop_vars(
        "objective_history", errors="ignore"
    )
    for allocator in data["simulated_allocator"].to_numpy():
        own = data.sel(allocator=allocator, simulated_allocator=allocator)
        # Standard errors are 1 per cent at most where rates are large; allocations differ by far more.
        apart = np.abs(own["simulated_sum_rate"] - own["sum_rate"])
        assert (apart < 0.03 * own["sum_rate"] + 0.02).all()
        for angle in ANGLES:
            assert (np.abs(own[f"simulated_crlb_{angle}_db"] - own[f"crlb_{angle}_db"]) < 0.35).all()


def test_a_limit_that_cannot_be_met_leaves_a_gap() -> None:
    overrides = ["drops = 1", f'sweep."{LIMITS}" = [-90.0, -30.0]', *SMALL]
    data, figures = make_figure(
        load_scenario("nguyen2025-fig7", overrides=overrides), compare, 3, lambda _done, _total: None
    )
    exact = data.sel(allocator="exact", simulated_allocator="exact")
    for name in ("sum_rate", "simulated_sum_rate"):
        np.testing.assert_array_equal(np.isnan(exact[name].transpose(LIMITS, ...)), [[[True]] * 2, [[False]] * 2])
    figures[""].savefig(io.BytesIO(), format="png")


def test_zero_forcing_that_does_not_exist_leaves_a_gap() -> None:
    overrides = [
        "drops = 1",
        "sweep.snr_db = [10.0, 20.0]",
        'channel.estimates = "physical"',
        'allocators = ["exact", "sca", "equal_com", "equal_cs"]',
    ]
    data, _ = make_figure(
        load_scenario("nguyen2025-fig5", overrides=overrides), compare, 3, lambda _done, _total: None
    )
    own = data.sel(simulated_allocator="equal_cs")["simulated_sum_rate"]
    assert np.isnan(own.sel(precoder="zf")).all()
    assert np.isfinite(own.sel(precoder="mrt")).all()


# What is drawn


def test_figure_2_draws_its_data() -> None:
    data, figure, _ = made(2)
    assert len(figure.axes) == 1
    for angle in ANGLES:
        own = data.sel(angle=angle)
        assert_drawn(figure, 0, db(own["crlb"]))
        for precoder in ("mrt", "zf"):
            assert_drawn(figure, 0, db(own["simulated_crlb"].sel(precoder=precoder)))


def test_figure_3_draws_its_data() -> None:
    data, figure, _ = made(3)
    for panel, precoder in enumerate(data["precoder"].to_numpy()):
        own = data.sel(precoder=precoder)
        for allocator in ("sca-half", "sca-smallest", "sca-log-half", "sca-log-smallest"):
            history = own["objective_history"].sel(allocator=allocator)
            ends = [drop[np.isfinite(drop)] for drop in history.to_numpy()]
            held = [np.append(end, np.full(31, end[-1]))[:31] for end in ends]
            assert_drawn(figure, panel, np.mean(held, axis=0))
        optimum = float(own["sum_rate"].sel(allocator="exact").mean())
        assert_drawn(figure, panel, [optimum, optimum])
        assert_drawn(figure, panel, [float(own["sum_rate"].sel(allocator="ipopt").mean())])


def test_figure_4_draws_its_data() -> None:
    data, figure, _ = made(4)
    for panel, angle in enumerate(ANGLES):
        own = data.sel(angle=angle)
        assert_drawn(figure, panel, db(own["crlb"].sel(precoder="mrt")))
        for precoder in ("mrt", "zf"):
            for name in ("simulated_crlb", "mse_grid", "mse_refined"):
                assert_drawn(figure, panel, db(own[name].sel(precoder=precoder)))


@pytest.mark.parametrize(
    ("number", "panel", "name"),
    [
        (5, 0, "sum_rate"),
        (5, 0, "simulated_sum_rate"),
        (5, 1, "crlb_azimuth_db"),
        (5, 1, "simulated_crlb_azimuth_db"),
        (7, 0, "sum_rate"),
        (7, 0, "simulated_sum_rate"),
        (8, 0, "sum_rate"),
        (8, 0, "simulated_sum_rate"),
        (8, 1, "crlb_azimuth_db"),
        (8, 1, "simulated_crlb_azimuth_db"),
    ],
)
def test_figures_of_a_comparison_draw_the_mean_over_drops(number: int, panel: int, name: str) -> None:
    data, figure, _ = made(number)
    for mean in over_drops(data, name, COMPARED[number]):
        assert_drawn(figure, panel, mean)


@pytest.mark.parametrize(
    ("number", "panel", "name"),
    [(6, 0, "communication"), (6, 1, "sensing"), (7, 1, "communication"), (7, 2, "sensing")],
)
def test_figures_of_powers_draw_the_mean_over_drops_in_decibels(number: int, panel: int, name: str) -> None:
    data, figure, _ = made(number)
    power = data[f"{name}_power"]
    levels = data.assign(level=10 * np.log10(power.where(power > 1e-4)))
    drawn = [mean for mean in over_drops(levels, "level", COMPARED[number]) if np.isfinite(mean).any()]
    assert len(drawn) >= 2
    for mean in drawn:
        assert_drawn(figure, panel, mean)


def test_figure_5_draws_the_limit_and_the_trade_off() -> None:
    data, figure, _ = made(5)
    assert lines(figure, 1, "CRLB limit")[0].tolist() == data["crlb_azimuth_limit_db"].to_numpy().tolist()
    abscissae = [line.get_xdata() for line in figure.axes[2].lines]
    for rate, bound in zip(
        over_drops(data, "sum_rate", "snr_db"), over_drops(data, "crlb_azimuth_db", "snr_db"), strict=True
    ):
        assert_drawn(figure, 2, rate)
        assert any(np.allclose(found, bound, rtol=1e-12) for found in abscissae)


@EVERY
def test_axes_have_labels_and_names_of_precoders(number: int) -> None:
    _, figure, _ = made(number)
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    texts += [
        text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()
    ]
    texts += [axes.get_title() for axes in figure.axes]
    assert any("MRT" in text for text in texts)
    assert any("ZF" in text for text in texts)


@pytest.mark.parametrize("number", [2, 4, 6])
def test_other_data_draw_another_figure(number: int) -> None:
    data, figure, _ = made(number)
    loaded = load_scenario(f"nguyen2025-fig{number}")
    (recipe,) = [part.cls for part in loaded.host.parts("figure") if part.name == loaded.scenario.name]
    changed = data.map(lambda values: 2 * values if values.dtype.kind == "f" else values)
    again, other = recipe().draw(data), recipe().draw(changed)
    for one, same, moved in zip(lines(figure, 0), lines(again, 0), lines(other, 0), strict=True):
        np.testing.assert_array_equal(one, same)
        if np.isfinite(one).all() and one.size:
            np.testing.assert_allclose(moved - one, 10 * np.log10(2), rtol=1e-9)


# The command


Cli = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("number", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_command_writes_data_and_figure(number: int, cli: Cli, tmp_path: Any) -> None:
    import xarray

    name = f"nguyen2025-fig{number}"
    status, output, error = cli("figure", name, "--drops", 1, "--trials", 2, "--out", tmp_path)
    assert (status, output) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.{suffix}" for suffix in ("nc", "pdf", "png")
    ]
    assert error.count("wrote ") == 3
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    with xarray.open_dataset(tmp_path / f"{name}.nc", engine="h5netcdf") as data:
        assert data.sizes.get("drop", 1) == 1
        assert data.sizes["precoder"] == 2


def test_command_writes_the_comparison_of_a_scenario_without_recipe(
    cli: Cli, scenario_file: Callable[..., Any], tmp_path: Any
) -> None:
    folder = tmp_path / "out"
    status, _, _ = cli("figure", scenario_file({"sweep": {"snr_db": [0.0, 10.0]}}), "--drops", 1, "--out", folder)
    assert status == 0
    stems = {(path.stem, path.suffix) for path in folder.iterdir()}
    drawn = {(f"small-{title}", suffix) for title in ("sum_rate", "crlb") for suffix in (".png", ".pdf")}
    assert stems == {("small", ".nc")} | drawn


def test_command_follows_the_seed(cli: Cli, tmp_path: Any) -> None:
    import xarray

    found = []
    for seed in (1, 1, 2):
        folder = tmp_path / f"{len(found)}"
        assert cli("figure", "nguyen2025-fig2", "--trials", 2, "--seed", seed, "--out", folder)[0] == 0
        with xarray.open_dataset(folder / "nguyen2025-fig2.nc", engine="h5netcdf") as data:
            found.append(data["simulated_crlb"].to_numpy())
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nguyen2025-fig99"], "nguyen2025-fig"),
        (["nguyen2025-fig2", "--drops", 0], "drops"),
        (["nguyen2025-fig2", "--trials", 0], "trials"),
        (["nguyen2025-fig2", "--seed", -1], "seed"),
    ],
)
def test_command_refuses_mistakes_in_one_line(arguments: list[Any], word: str, cli: Cli, tmp_path: Any) -> None:
    status, output, error = cli("figure", *arguments, "--out", tmp_path)
    assert (status, output) == (2, "")
    assert error.startswith("isacfw: ")
    assert error.count("\n") == 1
    assert word in error
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_raises_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = tmp_path / "broken_figure.py"
    plugin.write_text(
        "import attrs, isacfw\n\n"
        "@attrs.frozen(kw_only=True)\n"
        "class Broken(isacfw.Figure):\n"
        "    name = 'broken'\n"
        "    def collect(self, scenario, compare, progress): raise RuntimeError('no\\ndata')\n"
        "    def draw(self, data): raise NotImplementedError\n\n"
        "@isacfw.hookimpl\ndef register_figures(): return [Broken]\n\n"
        "@isacfw.hookimpl\ndef register_scenarios():\n"
        "    import tomllib\n"
        "    path = isacfw.PluginHost().scenarios['nguyen2025']\n"
        "    return {'broken': {**tomllib.loads(path.read_text()), 'name': 'broken'}}\n"
    )
    status = main(["figure", "broken", "--plugin", str(plugin), "--out", str(tmp_path)])
    assert (status, capsys.readouterr().err) == (2, "isacfw: figure broken raised RuntimeError: no data\n")


def test_parts_of_a_figure_are_not_replaced(cli: Cli, tmp_path: Any) -> None:
    status, _, error = cli("figure", "nguyen2025-fig5", "--allocators", "exact", "--out", tmp_path)
    sentence = "--allocators requires --front, since the figure nguyen2025-fig5 shows parts of its own"
    assert (status, error.strip()) == (2, f"isacfw: {sentence}")
