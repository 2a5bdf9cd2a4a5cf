"""Pareto fronts: duality of limits, ends, dominance, what is drawn and saved, and the command."""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs
import numpy as np
import pytest
import xarray

import isacfw
from isacfw import InputError, LeastCRLB, LeastPower, ParetoFront, load_scenario, pareto
from isacfw.cli import main
from isacfw.cli.parser import QUANTITIES
from isacfw.report.dominance import AGAINST, dominated
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.requirements.crlb import CRLBLimit
from isacfw_plugins.requirements.sum_crlb import SumCRLB
from isacfw_plugins.requirements.user_rate import UserRate

SMALL = [
    *("transmit_array.horizontal = 6", "transmit_array.vertical = 5", "channel.users = 4", "drops = 1"),
    *("receive_array.horizontal = 4", "receive_array.vertical = 4", "snr_db = 15", 'allocators = ["exact"]'),
]
BEAMS = 'beams = ["steered", {kind = "difference", sum_share = 0.2}, "designed"]'
OTHERS = 'allocators = ["exact", "sca", "equal_com", "equal_cs"]'


def scenario(*changes: str, **fields: Any) -> isacfw.Scenario:
    return attrs.evolve(load_scenario("nguyen2025", overrides=[*SMALL, *changes]).scenario, **fields)


@cache
def small() -> ParetoFront:
    """Return a front of two precoders and three beams with the points of other allocators."""
    return pareto(scenario(BEAMS, OTHERS, "drops = 2"), points=8)


def sides(front: ParetoFront, **place: Any) -> tuple[Any, Any]:
    """Return abscissa and objective of what a place selects."""
    own = front.dataset.sel(place)
    return own["abscissa"].to_numpy(), own[front.objective].to_numpy()


def point_values(front: ParetoFront, name: str) -> Any:
    """Return a variable of the only allocator and beam; (precoder, point, drop)."""
    return front.dataset[name].isel(allocator=0).transpose("precoder", front.along, "drop").to_numpy()


# The limits are followed


@pytest.mark.parametrize("beam", ['"steered"', '{kind = "difference", sum_share = 0.2}'])
def test_least_crlb_under_minimum_rates_gives_the_front_of_the_rate_under_limits(beam: str) -> None:
    rate = scenario(f"beams = [{beam}]", "drops = 2", objective=MaxMin())
    front = pareto(rate, points=7)
    bounds, rates = point_values(front, "abscissa"), point_values(front, front.objective)
    # In units of rad², and a limit of 0 dB is no requirement here.
    sensing = attrs.evolve(rate.sensing, crlb_limit_db=0.0)
    dual = attrs.evolve(rate, objective=LeastCRLB(measure="worst"), sensing=sensing)
    for row, precoder in enumerate(rate.precoders):
        for drop in range(2):
            # The last rate needs all of the power, but for a rounding error.
            asked = rates[row, :, drop] * (1 - 1e-10)
            found = pareto(attrs.evolve(dual, precoders=(precoder,)), against="rate", values=asked)
            np.testing.assert_allclose(point_values(found, "abscissa")[0, :, drop], asked, rtol=1e-6)
            value = point_values(found, "worst_crlb_ratio")[0, :, drop]
            np.testing.assert_allclose(value, 10 ** (bounds[row, :, drop] / 10), rtol=1e-6)
    assert np.ptp(bounds) > 5
    assert (rates.max(axis=1) > 100 * rates.min(axis=1)).all()


def test_least_sum_under_minimum_rates_gives_the_front_of_the_rate_under_a_limit_on_the_sum() -> None:
    sensing = isacfw.Sensing(frame_length=30)
    rate = scenario(objective=MaxMin(), sensing=sensing)
    front = pareto(rate, against="sum_crlb", points=7)
    bounds, rates = point_values(front, "abscissa"), point_values(front, front.objective)
    for row, precoder in enumerate(rate.precoders):
        dual = attrs.evolve(rate, objective=LeastCRLB(), precoders=(precoder,))
        found = pareto(dual, against="rate", values=rates[row, :, 0] * (1 - 1e-10))
        value = point_values(found, "sum_crlb")[0, :, 0]
        np.testing.assert_allclose(value, 10 ** (bounds[row, :, 0] / 10), rtol=1e-6)
    assert np.ptp(bounds) > 3


def test_least_power_under_minimum_rates_gives_the_front_of_the_rate_against_the_power() -> None:
    rate = scenario("sensing.crlb_limit_db = -40", objective=MaxMin())
    front = pareto(rate, against="power", points=6)
    power, rates = point_values(front, "abscissa"), point_values(front, front.objective)
    for row, precoder in enumerate(rate.precoders):
        dual = attrs.evolve(rate, objective=LeastPower(), precoders=(precoder,), snr_db=40.0)
        found = pareto(dual, against="rate", values=rates[row, :, 0])
        value = 40 + 10 * np.log10(point_values(found, "power_share")[0, :, 0])
        np.testing.assert_allclose(value, power[row, :, 0], atol=1e-5)
    assert np.ptp(power) > 2


def test_fronts_are_monotone_and_that_of_mrt_is_concave_in_the_information() -> None:
    front = pareto(scenario(BEAMS), points=15)
    for beam in front.dataset["beam"].to_numpy():
        for precoder in ("mrt", "zf"):
            x, y = sides(front, precoder=precoder, beam=beam, allocator="exact", drop=0)
            x, y = x[~np.isnan(x)], y[~np.isnan(x)]
            assert len(x) >= 5
            assert (np.diff(x) >= 0).all()
            assert (np.diff(y) >= -1e-9).all()
            if precoder == "mrt":
                # f*(E) and each user's rate in f are concave, since interference does not depend on the split.
                information, order = 10 ** (-x / 10), slice(None, None, -1)
                steps = np.diff(information[order]) > 1e-9 * information.max()
                slope = np.diff(y[order])[steps] / np.diff(information[order])[steps]
                assert (np.diff(slope) <= 1e-6 * np.abs(slope).max()).all()


@pytest.mark.parametrize("beam", ["steered", "difference", "designed"])
def test_no_other_allocation_is_beyond_the_front(beam: str) -> None:
    data = small().dataset.sel({"beam": beam, "precoder": "zf", "drop": 1})
    others = data.sel(allocator=["sca", "equal_com", "equal_cs"])
    bounds, rates = (others[name].to_numpy().reshape(-1) for name in ("abscissa", small().objective))
    # The best rate under a limit on the CRLB of each allocation, but for the tolerance of feasibility.
    limits = np.unique(bounds[~np.isnan(bounds)] + 1e-5)
    base = scenario(BEAMS, "drops = 2")
    chosen = [one for one in base.beams if one.title == beam]
    exact = pareto(attrs.evolve(base, beams=chosen, precoders=base.precoders[1:]), values=limits)
    best = exact.dataset["sum_rate"].isel({"precoder": 0, "allocator": 0, "drop": 1}).to_numpy()
    for bound, rate in zip(bounds, rates, strict=True):
        if not np.isnan(bound):
            assert rate <= best[np.flatnonzero(limits == bound + 1e-5)[0]] * (1 + 1e-9)


# Ends and points


def test_points_range_from_the_tightest_feasible_limit_of_each_beam_to_a_slack_one() -> None:
    front = pareto(scenario(BEAMS), points=9)
    data = front.dataset.isel({"drop": 0}).sel(allocator="exact")
    values = data[front.along].to_numpy()
    assert len(values) == 9
    assert (data["feasible"].isel({front.along: -1})).all()
    np.testing.assert_allclose(data["sensing_power"].isel({front.along: -1}), 0, atol=1e-6)
    ends = [
        values[data["feasible"].sel(precoder="mrt", beam=beam).to_numpy()][0] for beam in data["beam"].to_numpy()
    ]
    assert len(set(ends)) == 3
    tighter = pareto(scenario(BEAMS), values=[end - 1e-3 for end in ends]).dataset.isel({"drop": 0})
    for beam, end in zip(data["beam"].to_numpy(), ends, strict=True):
        own = tighter.sel({"beam": beam, front.along: end - 1e-3, "allocator": "exact"})
        assert not own["feasible"].any()


def test_all_limits_move_together() -> None:
    requirements = {
        "azimuth": CRLBLimit(azimuth_limit_db=-38.0),
        "elevation": CRLBLimit(elevation_limit_db=-33.0),
    }
    asked = scenario(sensing=isacfw.Sensing(), requirements=requirements)
    front = pareto(asked, points=6)
    assert front.along == "sensing.crlb_limit_offset_db"
    data = front.dataset.isel({"drop": 0, "allocator": 0, "precoder": 0})
    distance = data["crlb_elevation_limit_db"] - data["crlb_azimuth_limit_db"]
    np.testing.assert_allclose(distance, 5)
    expected = np.maximum(data["crlb_azimuth_db"], data["crlb_elevation_db"] - 5)
    np.testing.assert_allclose(data["abscissa"], expected, atol=1e-9)
    assert data["feasible"].all()
    values = pareto(asked, values=[-50.0, -40.0]).dataset
    np.testing.assert_allclose(values["crlb_azimuth_limit_db"], [-50, -40])


def test_limits_of_two_targets_move_together() -> None:
    targets = (
        isacfw.Target(azimuth_deg=-20.0, elevation_deg=60.0, crlb_limit_db=-30.0),
        isacfw.Target(azimuth_deg=35.0, elevation_deg=80.0, azimuth_crlb_limit_db=-25.0),
    )
    front = pareto(scenario(target=None, targets=targets, sensing=isacfw.Sensing()), points=5)
    data = front.dataset.isel({"drop": 0, "allocator": 0})
    assert data["feasible"].all()
    np.testing.assert_allclose(data["crlb_azimuth_2_limit_db"] - data["crlb_azimuth_1_limit_db"], 5)
    assert np.isinf(data["crlb_elevation_2_limit_db"]).all()
    limit = data["crlb_azimuth_1_limit_db"]
    binding = (np.abs(data["abscissa"] - limit) < 1e-6).isel({front.along: slice(1, -1)})
    assert binding.all()


def test_a_scenario_without_limits_gets_one_on_the_angles_that_its_arrays_resolve() -> None:
    document = {"kind": "ula", "elements": 12}
    source = load_scenario("nguyen2025", overrides=SMALL).scenario
    array = load_scenario(
        {**_document(source), "transmit_array": document, "receive_array": document, "sensing": {}}
    ).scenario
    front = pareto(array, points=4)
    data = front.dataset.isel({"drop": 0})
    assert data["feasible"].all()
    assert np.isnan(data["crlb_elevation_db"]).all()
    np.testing.assert_array_equal(data["abscissa"], data["crlb_azimuth_db"])


def _document(source: isacfw.Scenario) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(isacfw.to_toml(source))


def test_swept_values_are_kept_and_further_sweeps_are_panels() -> None:
    swept = scenario(sweep={"sensing.crlb_limit_db": (-50.0, -45.0), "snr_db": (15.0, 20.0)})
    front = pareto(swept)
    assert front.dataset["sensing.crlb_limit_db"].to_numpy().tolist() == [-50, -45]
    assert front.dataset.sizes["snr_db"] == 2
    titles = [" ".join(axes.get_title().split()) for axes in front.plot().axes]
    assert titles == ["Transmit SNR = 15.0 dB", "Transmit SNR = 20.0 dB"]
    assert pareto(swept, points=4).dataset.sizes["sensing.crlb_limit_db"] == 4


def test_a_front_with_minimum_rates_ends_where_they_are_infeasible() -> None:
    asked = scenario(requirements={"floor": UserRate(minimum=1e-3)}, precoders=scenario().precoders[:1])
    front = pareto(asked, points=5)
    free = pareto(attrs.evolve(asked, requirements={}), points=5)
    tight, values = front.dataset[front.along].to_numpy(), front.dataset["feasible"]
    assert values.all()
    assert tight[0] > free.dataset[free.along].to_numpy()[0] + 1e-3
    assert not pareto(asked, values=[tight[0] - 1e-3]).dataset["feasible"].any()


def test_no_feasible_limit_is_refused_with_the_reason() -> None:
    with pytest.raises(InputError, match=r"against has no feasible limit .* the minimum rates"):
        pareto(scenario(requirements={"floor": UserRate(minimum=5.0)}), points=5)


@pytest.mark.parametrize(
    ("options", "fields", "words"),
    [
        ({"against": "beauty"}, {}, "against must be one of 'crlb'"),
        ({"points": 1}, {}, "points must be an integer of at least 2"),
        ({"values": []}, {}, "must be a nonempty list"),
        ({"against": "power"}, {"objective": LeastPower()}, "against must not be what the objective"),
        (
            {"against": "rate"},
            {"requirements": {"a": UserRate(minimum=(0.1,) * 4)}},
            "must be a number for a front",
        ),
        (
            {"against": "sum_crlb"},
            {"requirements": {"a": SumCRLB(limit_db=-30.0), "b": SumCRLB(limit_db=-20.0)}},
            "must have one limit to follow, got a and b",
        ),
    ],
)
def test_invalid_input_is_refused(options: dict[str, Any], fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        pareto(scenario(**fields), **options)


def test_a_front_needs_a_swept_limit() -> None:
    comparison = isacfw.compare(scenario())
    with pytest.raises(InputError, match="along must be a path that the comparison sweeps"):
        ParetoFront.of(comparison.dataset, along="sensing.crlb_limit_db")


# Dominance


def test_dominance_against_every_pair() -> None:
    generator = np.random.default_rng(3)
    cost, value = generator.integers(0, 6, (50, 12)) / 2.0, generator.normal(size=(50, 12))
    cost[generator.random(cost.shape) < 0.2] = np.nan
    worse = cost[:, None, :] <= cost[:, :, None]
    better = value[:, None, :] - value[:, :, None] > 1e-3 * np.maximum(np.abs(value[:, None, :]), 1)
    found = dominated(cost, value, scale=1.0)
    np.testing.assert_array_equal(found, (worse & better).any(axis=-1))
    assert 0 < found.mean() < 1


def test_equal_power_is_dominated_and_the_exact_solution_is_not() -> None:
    data = small().dataset
    answered = data["abscissa"].notnull()
    assert not data["dominated"].sel(allocator="exact").any()
    # Within 1e-3 dB of infeasible limits SCA may stop early, and says so.
    local = data["status"].sel(allocator="sca") == "locally_optimal"
    assert local.any()
    assert not (data["dominated"].sel(allocator="sca") & local).any()
    assert data["dominated"].sel(allocator="equal_cs", precoder="zf").any()
    assert not (data["dominated"] & ~answered).any()


def test_an_allocation_that_breaks_another_requirement_is_no_point() -> None:
    limits = {"floor": UserRate(minimum=0.1)}
    # The first limit is violated by far more than the minimum rates.
    front = pareto(scenario(OTHERS, requirements=limits), values=[-60.0, -30.0])
    data = front.dataset.sel(allocator="equal_cs", precoder="zf")
    short = data["margin_floor"] < 0
    assert short.any()
    assert data["abscissa"].isnull().equals(short.transpose(*data["abscissa"].dims))


# Figures and files


def texts(figure: Any) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize("allocators", [1, 6])
def test_the_legend_is_whole_and_names_all_that_is_drawn(allocators: int) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    several = (
        '"exact", "sca", "equal_com", "equal_cs", {kind = "sca", label = "sca-log", surrogate = "logarithmic"}'
    )
    names = f'{several}, {{kind = "equal_com", label = "again"}}' if allocators == 6 else '"exact"'
    front = pareto(scenario(BEAMS, f"allocators = [{names}]"), values=[-45.0, -40.0])
    figure = front.plot()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (legend,) = figure.legends
    box, whole = legend.get_window_extent(canvas.get_renderer()), figure.bbox
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= whole.x1 + 1
    assert box.y1 <= whole.y1 + 1
    assert all(axes.get_window_extent().x1 <= box.x0 for axes in figure.axes)
    assert texts(figure)[:4] == ["steered", "difference", "designed", "exact (front)"]
    assert len(texts(figure)) == 3 + allocators + (allocators > 1)


def test_means_are_drawn_over_the_drops_of_a_front() -> None:
    front = small()
    figure = front.plot()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["mrt", "zf"]
    x, y = sides(front, precoder="zf", beam="designed", allocator="exact")
    whole = ~np.isnan(x).any(axis=1)
    lines = [line for line in figure.axes[1].lines if line.get_linestyle() == "-"]
    assert len(lines) == 3
    drawn = lines[2]
    np.testing.assert_allclose(drawn.get_xdata(), x[whole].mean(axis=1))
    np.testing.assert_allclose(drawn.get_ydata(), y[whole].mean(axis=1))
    assert "mean of 2 drops" in figure.legends[0].get_title().get_text()


def test_a_point_without_an_answer_in_some_drop_is_not_drawn() -> None:
    data = small().dataset
    last = data[data["abscissa"].dims[3]].to_numpy()[-1]
    missing = (data["drop"] == 1) & (data[small().along] == last)
    figure = ParetoFront(dataset=data.assign(abscissa=data["abscissa"].where(~missing))).plot()
    drawn = [line for line in figure.axes[1].lines if line.get_linestyle() == "-"][2]
    x, _ = sides(small(), precoder="zf", beam="designed", allocator="exact")
    whole = ~np.isnan(x).any(axis=1)
    whole[-1] = False
    np.testing.assert_allclose(drawn.get_xdata(), x[whole].mean(axis=1))


@pytest.fixture(scope="module")
def fourteen() -> ParetoFront:
    """Return a front with a panel for each of fourteen SNRs, of one point in the first of them."""
    changes = ('precoders = ["mrt"]', f"sweep.snr_db = {list(range(14))}", 'allocators = ["exact"]')
    data = pareto(scenario(*changes), values=[-20.0, -10.0]).dataset
    kept = (data["snr_db"] > 0) | (data["sensing.crlb_limit_db"] == -10)
    return ParetoFront(dataset=data.assign(abscissa=data["abscissa"].where(kept)))


def test_more_than_twelve_panels_make_further_figures(
    fourteen: ParetoFront, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = fourteen.figures().values()
    assert first.get_suptitle() == "the first 12 of 14 combinations"
    assert second.get_suptitle() == "combinations 13 to 14 of 14"
    titles = [" ".join(axes.get_title().split()) for axes in (*first.axes, *second.axes)]
    assert titles == [f"Transmit SNR = {snr} dB" for snr in range(14)]
    assert fourteen.plot().get_suptitle() == first.get_suptitle()
    monkeypatch.setattr("isacfw.report.files.save_figures", lambda figures, *_: list(figures))
    assert fourteen.save(tmp_path)[-2:] == ["front", "front-2"]
    assert list(fourteen.figures(style="paper-column")) == ["front", "front-2"]


def test_a_front_of_one_point_is_seen(fourteen: ParetoFront) -> None:
    alone, several = (fourteen.plot().axes[number].lines[0] for number in (0, 1))
    assert (len(alone.get_xdata()), len(several.get_xdata())) == (1, 2)
    assert alone.get_marker() == "."
    assert several.get_marker() == "None"


def test_a_saved_front_is_read_again(tmp_path: Any) -> None:
    front = pareto(scenario(), values=[-45.0, -40.0], execution=isacfw.Execution(out=tmp_path))
    files = front.save(tmp_path)
    assert [file.name for file in files] == ["front.nc", "front.csv", "scenario.toml", "front.png", "front.pdf"]
    again = ParetoFront.load(tmp_path / "front.nc")
    assert again.along == front.along
    for name in ("abscissa", "dominated"):
        np.testing.assert_array_equal(again.dataset[name], front.dataset[name])
    assert again.plot().axes
    assert "abscissa" in (tmp_path / "front.csv").read_text().splitlines()[0]
    with pytest.raises(InputError, match="holds results, but no front"):
        ParetoFront.load(tmp_path / "results.nc")


def test_a_study_along_a_limit_resumes(tmp_path: Any) -> None:
    execution = isacfw.Execution(out=tmp_path)
    first = pareto(scenario(), points=4, execution=execution)
    chunks = {path: path.stat().st_mtime_ns for path in (tmp_path / "chunks").rglob("*") if path.is_file()}
    assert chunks
    again = pareto(scenario(), points=4, execution=execution)
    assert {path: path.stat().st_mtime_ns for path in chunks} == chunks
    assert first.dataset["abscissa"].equals(again.dataset["abscissa"])


def test_the_command_writes_a_front(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "small.toml"
    source.write_text(isacfw.to_toml(scenario(name="small")), encoding="utf-8")
    assert main(["figure", str(source), "--front", "rate", "--points", "3", "--out", str(tmp_path)]) == 0
    written = [line.rpartition("small")[2] for line in capsys.readouterr().err.splitlines() if "wrote" in line]
    assert written == ["-rate-front.nc", "-rate-front.png", "-rate-front.pdf"]
    assert QUANTITIES == AGAINST


def test_the_command_changes_the_scenario(tmp_path: Any) -> None:
    command = (
        "figure nguyen2025 --front crlb --set snr_db=3 --precoders zf --allocators exact --drops 1 --points 3"
    )
    assert main([*command.split(), "--workers", "2", "--out", str(tmp_path)]) == 0
    found = ParetoFront.load(tmp_path / "nguyen2025-crlb-front.nc")
    changes = ["snr_db=3", "allocators=['exact']", "precoders=['zf']", "drops=1"]
    expected = pareto(load_scenario("nguyen2025", overrides=changes), points=3)
    xarray.testing.assert_equal(found.dataset[found.objective], expected.dataset[expected.objective])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--points", "3"], "--points requires --front"),
        (
            ["--front", "crlb", "--precoders", "mtr"],
            "precoders must name a known precoder, got 'mtr'; did you mean 'mrt'?",
        ),
        (["--front", "crlb", "--set", "snr_dbb=3"], "snr_dbb is not a known key; did you mean 'snr_db'?"),
        (["--front", "crlb", "--trials", "3"], "--trials cannot be combined with --front"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figure", "nguyen2025", *options]) == 2
    assert capsys.readouterr().err == f"isacfw: {words}\n"


def test_an_unknown_quantity_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["figure", "nguyen2025", "--front", "beauty"])
    assert "--front must be one of crlb, sum_crlb, power, rate, got 'beauty'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def twelve(variant):
    """Return a front with twelve allocators."""
    kinds = ("exact", "equal_com", "equal_cs")
    allocators = [{"kind": kinds[number % 3], "label": f"allocator number {number}"} for number in range(12)]
    return isacfw.pareto(variant({"allocators": allocators, "precoders": ["mrt"], "drops": 2}), points=2)


@pytest.mark.parametrize(
    ("style", "size"), [("paper-column", (3.5, None)), ("paper-wide", (7.16, None)), ("slides", (10.0, 5.625))]
)
def test_fronts_have_the_styles_of_comparisons(style, size, twelve):
    figure = twelve.plot(style=style)
    width, height = figure.get_size_inches()
    assert width == size[0]
    assert height == (size[1] or height)
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= legend.x0
    assert legend.x1 <= figure.bbox.x1
    assert legend.y0 >= figure.bbox.y0 - 1
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert figure.axes[0].get_window_extent().height > 0.9 * figure.dpi
    names = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {f"allocator number {number}" for number in range(1, 12)} <= names
    markers = [
        handle.get_marker() for handle in figure.legends[0].legend_handles if handle.get_marker() != "None"
    ]
    assert len(set(markers[:-1])) == len(markers) - 1 == 11


def test_a_front_has_the_size_that_it_is_given(twelve):
    assert tuple(twelve.plot(size=(4.0, 3.0)).get_size_inches()) == (4.0, 3.0)
    with pytest.raises(isacfw.InputError, match=r"^style must be screen or paper-column"):
        twelve.plot(style="paper")
    with pytest.raises(isacfw.InputError, match=r"^size must be width and height"):
        twelve.plot(size=(1, 2, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--style", "slide"],
            "isacfw: --style must be screen or paper-column or paper-wide or slides, got 'slide'",
        ),
        (["--kind", "cdf", "--front", "crlb"], "isacfw: --kind cannot be combined with --front"),
        (["--kind", "cfd"], "isacfw: --kind must be mean or difference or cdf"),
    ],
)
def test_looks_of_figures_are_checked_before_anything_is_computed(options, message, capsys):
    assert main(["figure", "nguyen2025", *options]) == 2
    assert capsys.readouterr().err.startswith(message)
