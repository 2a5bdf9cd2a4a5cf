"""Regimes on the same draws: what is transmitted and judged, means and errors, tables, files, invalid input."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import small
import xarray

import isacfw
from isacfw import Beams, InputError, compare_regimes
from isacfw.simulation import draw_signals
from isacfw.study.figure import make_figure
from isacfw.study.regime_designs import BeamformerDesign
from isacfw.study.regimes import _setting

SMALL = small.SMALL | {
    "beams": ["steered", "projected"],
    "target": small.SMALL["target"] | {"crlb_limit_db": -200.0},
}
RATES = (1.0, 2.0)
PRELOG = 1 - 2 / 50


@attrs.frozen(kw_only=True)
class Matched(isacfw.Beamformer):
    """All power in beams along the channels."""

    name = "matched"

    def solve(self, problem):
        return Beams(weights=problem.channels * np.sqrt(problem.power) / np.linalg.norm(problem.channels))


def small(*overrides):
    return isacfw.load_scenario(SMALL, overrides=overrides)


@pytest.fixture(scope="module")
def found():
    return compare_regimes(small(), rates=RATES, draws=2)


def test_everything_has_a_place(found):
    data = found.dataset
    assert dict(data.sizes) == {"design": 6, "rate": 2, "drop": 2, "draw": 2, "user": 2}
    assert data["title"].to_numpy().tolist() == [
        "zf, steered",
        "zf, projected",
        *["crb_beams"] * 2,
        *["fixed_beams"] * 2,
    ]
    assert data["knows"].to_numpy().tolist() == ["statistics"] * 2 + ["estimates", "channels"] * 2
    assert data.attrs["title"] == "small: 2 draws of 2 drops, seed 0"
    assert data["solved"].all()
    assert not found.failed


def test_beams_for_channels_are_those_of_beamforming(found):
    sinr = 10 * np.log10(2 ** (np.array(RATES) / PRELOG) - 1)
    own = isacfw.beamform(small(), ["crb_beams", "fixed_beams"], sinr_db=sinr.tolist(), draws=2).dataset
    data = found.dataset
    known = data.isel(design=(data["knows"] == "channels").to_numpy())
    np.testing.assert_allclose(known["crb"].to_numpy()[..., :2], own["crb"].to_numpy(), rtol=1e-9)
    rates = known["user_rate"].min("user")
    assert (rates >= (1 - 1e-6) * known["rate"]).all()
    assert known["power"].to_numpy() == pytest.approx(1, abs=1e-6)


def test_nothing_is_better_than_the_joint_design_in_a_draw(found):
    data = found.dataset
    least = data["user_rate"].min("user") >= (1 - 1e-6) * data["rate"]
    kept = (least & (data["power"] <= 1 + 1e-6)).to_numpy()
    best = data["crb"].sel(design="crb_beams (channels)").to_numpy()
    assert kept[:2].any()
    assert (np.where(kept, data["crb"].to_numpy(), np.inf) >= (1 - 1e-5) * best).all()


def test_plans_are_those_of_a_comparison(found):
    swept = ["requirements.r={kind='user_rate', minimum=1.0}", f'sweep."requirements.r.minimum"={list(RATES)}']
    free = ["objective='least_crlb'", "target.crlb_limit_db=0.0"]
    compared = isacfw.compare(small(*swept, *free)).dataset["sum_crlb"].isel(precoder=0, allocator=0)
    data = found.dataset
    planned = data["planned_crb"].isel(design=(data["knows"] == "statistics").to_numpy())
    np.testing.assert_allclose(planned.to_numpy(), compared.to_numpy(), rtol=1e-5)
    assert np.isnan(data["planned_crb"].isel(design=(data["knows"] != "statistics").to_numpy())).all()


def test_allocations_are_judged_as_by_simulated_metrics():
    draws = 250
    loaded = small("drops=1", "beams=['projected']")
    data = compare_regimes(loaded, [Matched()], rates=[1.0], draws=draws).dataset.isel(
        {"design": 0, "rate": 0, "drop": 0}
    )
    floor = isacfw.PluginHost(discover=False).find("requirement", "user_rate").cls(minimum=1.0)
    free = attrs.evolve(loaded.scenario.target, crlb_limit_db=None)
    scenario = attrs.evolve(loaded.scenario, objective=isacfw.LeastCRLB(), requirements={"r": floor}, target=free)
    (precoder,), (allocator,) = scenario.precoders, scenario.allocators
    shares = allocator.allocate(scenario.problem(precoder))
    signals = draw_signals(
        scenario, precoder, drop=0, shares=(shares.communication[0], shares.streams[0]), draws=draws
    )
    for own, other in (
        (data["crb"].to_numpy(), np.nansum(signals.crlb, axis=-1)),
        *zip(data["user_rate"].transpose("user", "draw").to_numpy(), signals.rates.T, strict=True),
    ):
        error = np.sqrt((own.var(ddof=1) + other.var(ddof=1)) / draws)
        assert abs(own.mean() - other.mean()) <= 4 * error
        assert own.std() == pytest.approx(other.std(), rel=0.25)
    power = data["power"].to_numpy()
    assert abs(power.mean() - 1) <= 4 * power.std(ddof=1) / np.sqrt(draws)
    crb = data["crb"].to_numpy()
    # Jensen's inequality, and the use-and-then-forget bound.
    assert crb.mean() - float(data["planned_crb"]) > 4 * crb.std(ddof=1) / np.sqrt(draws)
    assert (data["user_rate"].mean("draw") > 1.0).all()


def test_errors_of_estimates_are_noise_of_their_power():
    setting = _setting(small("drops=1"), 300)
    design = BeamformerDesign(title="", knows="estimates", setting=setting, part=Matched())
    (drop,), (answers,) = setting.drops, design.solve(0.0)
    excess = []
    for error, answer in zip(drop.channels - drop.estimates, answers.draws, strict=True):
        excess.append((np.abs(error.conj().T @ np.concatenate(answer.beams, axis=-1)) ** 2).sum(axis=-1))
    mean, deviation = np.mean(excess, axis=0), np.std(excess, axis=0, ddof=1) / np.sqrt(len(excess))
    assert (drop.disturbance > 1.5).all()
    assert (np.abs(mean - (drop.disturbance - 1)) <= 4 * deviation).all()


def test_perfect_estimates_are_channels():
    data = compare_regimes(small("channel.pilot_snr_db=200.0"), rates=[2.0], draws=2).dataset
    for part in ("crb_beams", "fixed_beams"):
        estimated, known = (data.sel(design=f"{part} ({knows})") for knows in ("estimates", "channels"))
        np.testing.assert_allclose(estimated["crb"], known["crb"], rtol=1e-5)
        np.testing.assert_allclose(estimated["user_rate"], known["user_rate"], rtol=1e-5)


def test_records_are_means_with_standard_errors(found):
    records, data = found.records(), found.dataset
    assert [(one["target"], one["title"]) for one in records[5:7]] == [(1.0, "fixed_beams"), (2.0, "zf, steered")]
    own = data.isel(design=0, rate=1)
    record = records[6]
    rates = own["user_rate"].transpose("drop", "draw", "user").to_numpy()
    weakest = rates.mean(axis=1).min(axis=1)
    assert record["rate"] == pytest.approx(weakest.mean())
    assert record["rate_standard_error"] == pytest.approx(weakest.std(ddof=1) / np.sqrt(2))
    assert record["low_rate"] == pytest.approx(np.quantile(rates, 0.05))
    roots = np.degrees(np.sqrt(own["crb"].to_numpy()))
    assert record["root_crb_deg"] == pytest.approx(roots.mean())
    assert record["root_crb_deg_standard_error"] == pytest.approx(roots.mean(axis=1).std(ddof=1) / np.sqrt(2))
    planned = np.degrees(np.sqrt(own["planned_crb"].to_numpy()))
    assert record["planned_root_crb_deg"] == pytest.approx(planned.mean())
    assert (record["solved"], record["draws"], record["messages"]) == (4, 4, [])
    assert record["draw_seconds"] == np.median(own["seconds"])


def test_fewer_draws_are_the_first_of_more(found):
    fewer = compare_regimes(small(), ["fixed_beams"], rates=[2.0], draws=1).dataset
    for name in ("zf, steered (statistics)", "fixed_beams (estimates)"):
        few, more = (
            one.sel(design=name, rate=2.0).transpose("drop", "draw", ...) for one in (fewer, found.dataset)
        )
        np.testing.assert_array_equal(few["crb"], more["crb"][:, :1])
        np.testing.assert_array_equal(few["user_rate"], more["user_rate"][:, :1])


def test_what_has_no_answer_says_why():
    loaded = small("precoders=[{kind='rzf', regularization=0.1}]", "allocators=['exact', 'conic']", "drops=1")
    found = compare_regimes(loaded, ["fixed_beams"], rates=[12.0], draws=2)
    records = found.records()
    assert records[0]["title"] == "rzf, steered, exact"
    assert {one["solved"] for one in records} == {0}
    assert all(np.isnan(one["rate"]) for one in records)
    table = found.table()
    assert "rzf, steered, exact (statistics) at 12: the exact solution of least_crlb needs interference" in table
    assert "fixed_beams (channels) at 12: these beams reach the SINR targets with no split" in table
    assert not found.failed
    assert len(found.plot().axes[0].containers) == len(records)


def test_a_precoder_that_does_not_exist_says_so():
    crowded = small("channel.large_scale_fading=[1.0, 1.0, 1.0]", "transmit_array.elements=2", "drops=1")
    found = compare_regimes(crowded, ["fixed_beams"], rates=[0.0], draws=1)
    assert "zf, steered (statistics) at 0: " in found.table()
    assert found.dataset["status"].to_numpy()[0].item() == "skipped"


def test_failures_are_reported():
    class Fails(isacfw.Beamformer):
        """Raises."""

        name = "fails"

        def solve(self, problem):
            raise RuntimeError("no")

    found = compare_regimes(small("drops=1"), [Fails()], rates=[1.0], draws=1)
    assert found.failed
    assert "fails (channels) at 1: " in found.table()


def test_the_table_and_the_figure_show_the_records(found):
    lines = found.table().splitlines()
    assert lines[0] == "small: 2 draws of 2 drops, seed 0"
    first = found.records()[0]
    assert lines[4].split()[:4] == ["1", "zf,", "steered", "statistics"]
    assert lines[4].split()[4] == f"{first['rate']:.3f}"
    assert "†" not in found.table()
    left, right = found.plot().axes
    drawn = [container.lines[0].get_xydata() for container in left.containers]
    records = found.records()
    for row, points in enumerate(drawn):
        own = records[row::6]
        np.testing.assert_allclose(points, [(one["rate"], one["root_crb_deg"]) for one in own])
    low = np.asarray(right.containers[0].lines[0].get_xdata(), float)
    np.testing.assert_allclose(low, [one["low_rate"] for one in records[::6]])


@pytest.mark.slow
def test_the_figure_has_the_same_numbers():
    changes = ["drops = 1", 'sweep."requirements.service.minimum" = [1.0]']
    loaded = isacfw.load_scenario("regimes", overrides=changes)
    steps = []
    data, figures = make_figure(loaded, isacfw.compare, 1, lambda *one: steps.append(one))
    own = compare_regimes(loaded, rates=[1.0], draws=1).dataset
    assert steps[-1] == (7, 7)
    for name in ("crb", "user_rate", "power"):
        np.testing.assert_array_equal(data[name], own[name])
    assert not {"seconds", "drop_seconds"} & {*data}
    assert len(figures[""].axes[0].containers) == 7


@pytest.mark.nightly
def test_the_page_states_the_gain_in_rate():
    data, _ = make_figure(isacfw.load_scenario("regimes"), isacfw.compare, None, lambda *one: None)
    left_out = {name: np.nan * data["crb"].isel(draw=0, drop=True) for name in ("planned_crb", "drop_seconds")}
    records = isacfw.RegimeResults(dataset=data.assign(left_out | {"seconds": np.nan * data["crb"]})).records()
    joint = [one for one in records if (one["title"], one["knows"]) == ("crb_beams", "channels")]
    allocated = [one for one in records if one["knows"] == "statistics" and one["target"] == 2.0]
    least = min(one["root_crb_deg"] for one in allocated)
    reached = np.interp(least, [one["root_crb_deg"] for one in joint], [one["rate"] for one in joint])
    page = (Path(__file__).parents[2] / "docs" / "regimes.md").read_text(encoding="utf-8")
    bound = "at least" if least > max(one["root_crb_deg"] for one in joint) else "about"
    assert f"{bound} {reached - 2:.1f} bit/s/Hz more" in " ".join(page.split())


def test_results_are_saved(found, tmp_path):
    files = found.save(tmp_path / "folder")
    assert [path.name for path in files] == [f"regimes.{one}" for one in ("nc", "csv", "png", "pdf")]
    with xarray.open_dataset(files[0], engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["crb"], found.dataset["crb"])
    assert len(files[1].read_text().splitlines()) == 13


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rates": []}, r"rates must be a nonempty list of numbers from 0 to 100, got \[\]"),
        ({"rates": [-1.0]}, r"rates must be a nonempty list of numbers from 0 to 100, got \[-1.0\]"),
        ({"rates": ["a"]}, r"rates must be a nonempty list of numbers from 0 to 100, got \['a'\]"),
        ({"draws": 0}, "draws must be an integer from 1 to 1000000, got 0"),
        ({"beamformers": ["crb_beam"]}, "beamformers must name a known beamformer, got 'crb_beam'; did you mean"),
    ],
)
def test_invalid_input_is_refused_in_one_line(options, words):
    with pytest.raises(InputError, match=f"^{words}"):
        compare_regimes(**({"source": small(), "rates": [1.0]} | options))


def test_a_sweep_of_channels_is_refused():
    with pytest.raises(InputError, match=r"^sweep must have no path but those of requirements"):
        compare_regimes(small("sweep.snr_db=[1.0, 2.0]"), rates=[1.0])


def test_the_command_gives_the_same(found, cli, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(isacfw.to_toml(small().scenario), encoding="utf-8")
    words = ("regimes", str(path), "--rates", "1,2", "--draws", "2", "--beamformers", "fixed_beams")
    status, out, err = cli(*words, "--beams", "steered", "--out", str(tmp_path / "results"))
    assert status == 0
    shown, own = out.splitlines()[4].split(), found.table().splitlines()[4].split()
    assert shown[:2] == ["1", "zf"]
    assert shown[3:9] == own[4:10]
    assert err.count("wrote ") == 4
    assert cli("regimes", "--rates", "high")[::2] == (
        2,
        "isacfw: --rates must be numbers with commas between them, got 'high'\n",
    )
