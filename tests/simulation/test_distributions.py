"""Distributions over draws of the channel: by hand on the same draws, by other simulations, and in comparisons.

Seeds are fixed. A comparison within 4 standard errors fails once in 16 000 for correct code and another seed.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import attrs
import numpy as np
import pytest
import xarray
from numpy.random import Generator

import isacfw
from isacfw import (
    Beam,
    ComplexArray,
    Execution,
    FloatArray,
    InputError,
    LinkStatistics,
    PluginHost,
    Precoder,
    Quantity,
    Scenario,
    Scene,
    Sensing,
    Steered,
    Target,
    compare,
)
from isacfw.config.structure import structure
from isacfw.report.folder import save_numbers
from isacfw.simulation import (
    SignalDraws,
    SimulatedMetric,
    Transmission,
    draw_signals,
    mean_and_error,
    quantile,
)
from isacfw.simulation.channels import EffectiveChannels
from isacfw.testing import check_part
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.rzf import RZFBeam
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.metrics.crlb_distribution import CRLBDistribution
from isacfw_plugins.metrics.rate_distribution import RateDistribution
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.rzf import RZF
from isacfw_plugins.precoders.zf import ZF

HOST = PluginHost(discover=False)
ERRORS = 4.0
FADING = (1.0, 0.7, 0.4)
X, Q = np.array([0.1, 0.2, 0.3]), 0.4
NAMES = ["rate_distribution", "crlb_distribution"]


def scenario(**changes: Any) -> Scenario:
    given: dict[str, Any] = {
        "snr_db": 10.0,
        "precoders": [MRT(), ZF()],
        "allocators": [Exact()],
        "transmit_array": UPA(horizontal=4, vertical=3),
        "receive_array": UPA(horizontal=3, vertical=3),
        "targets": [
            Target(azimuth_deg=-33.0, elevation_deg=62.0, reflection_amplitude=0.15),
            Target(azimuth_deg=25.0, elevation_deg=80.0, reflection_amplitude=0.1, reflection_phase_deg=50.0),
        ],
        "sensing": Sensing(frame_length=20),
        "channel": Rayleigh(large_scale_fading=FADING, pilot_length=4, pilot_snr_db=0.0, coherence_length=50),
        "drops": 3,
    }
    return Scenario(**given | changes)


# By hand


class Record(list[tuple[ComplexArray, ComplexArray]]):
    """The channels and estimates that are drawn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from isacfw.simulation import channels

        plain = channels.drawn_channels

        def noted(channel: Any, scene: Scene, draws: int, generator: Generator, **limit: Any) -> Any:
            self.append(plain(channel, scene, draws, generator, **limit))
            return self[-1]

        monkeypatch.setattr(channels, "drawn_channels", noted)


def weights_by_hand(name: str, estimates: ComplexArray, given: Scenario) -> ComplexArray:
    """Return the weights of one draw, of unit power on average, from definitions and Theorem 1."""
    antennas, xi = given.transmit_array.n_elements, given.statistics([0]).xi[0]
    if name == "mrt":
        return estimates / np.sqrt(antennas * xi)
    inverse = estimates @ np.linalg.inv(estimates.conj().T @ estimates)
    return inverse * np.sqrt((antennas - len(xi)) * xi)


def echo(given: Scenario, angles: FloatArray) -> ComplexArray:
    """Return G for azimuth, elevation, Re α and Im α of all targets."""
    total = np.zeros((given.receive_array.n_elements, given.transmit_array.n_elements), dtype=complex)
    for azimuth, elevation, real, imaginary in angles.reshape(-1, 4):
        where = isacfw.Direction(azimuth_deg=np.degrees(azimuth), elevation_deg=np.degrees(elevation))
        a, b = (array.steering_vector(where) for array in (given.transmit_array, given.receive_array))
        total += (real + 1j * imaginary) * np.outer(b, a.conj())
    return total


def crlb_by_hand(given: Scenario, signals: ComplexArray) -> FloatArray:
    """Return the CRLBs of the angles from differences of the echo."""
    truth = np.array(
        [
            (
                np.radians(one.azimuth_deg),
                np.radians(one.elevation_deg),
                one.reflection.real,
                one.reflection.imag,
            )
            for one in given.sensed
        ]
    ).ravel()
    steps = 1e-5 * np.eye(len(truth))
    slopes = [(echo(given, truth + step) - echo(given, truth - step)) / 2e-5 for step in steps]
    sent = [slope @ signals for slope in slopes]
    fisher = 2 * given.sensing.frame_length * np.array([[np.vdot(a, b).real for b in sent] for a in sent])
    bounds: FloatArray = np.diag(np.linalg.inv(fisher)).reshape(-1, 4)[:, :2].ravel()
    return bounds


@pytest.mark.parametrize("name", ["mrt", "zf"])
@pytest.mark.parametrize(
    "beam", [Steered(directions_deg=((-30.0, 60.0),)), Difference(sum_share=0.3)], ids=lambda one: one.name
)
def test_rates_and_bounds_are_those_of_each_draw(name: str, beam: Beam, monkeypatch: pytest.MonkeyPatch) -> None:
    given, record = scenario(), Record(monkeypatch)
    precoder = next(one for one in given.precoders if one.name == name)
    shares = np.array([0.1, 0.3]) if beam.name == "difference" else np.array([0.4])
    shares = np.concatenate([shares, shares / 10]) if beam.name == "difference" else shares
    found = draw_signals(given, precoder, drop=1, shares=(X, shares), beam=beam, draws=40)
    assert found.rates.shape == (40, 3)
    assert found.crlb.shape == (40, 4)
    (channels, estimates), *_ = record
    scene = given.scene(given.statistics([1])).of_drop(0)
    streams = beam.checked_weights(scene, estimates[:1])[0]
    unit = [stream / np.linalg.norm(stream) for stream in np.moveaxis(streams, 1, 0)]
    for draw in (0, 1, 39):
        users = weights_by_hand(name, estimates[draw], given) * np.sqrt(10 * X)
        sensing = [np.sqrt(10 * share) * stream for share, stream in zip(shares, unit, strict=True)]
        signals = np.concatenate([users, *sensing], axis=1)
        for user in range(3):
            received = [abs(np.vdot(channels[draw][:, user], column)) ** 2 for column in signals.T]
            wanted = received.pop(user)
            expected = given.statistics([1]).prelog * np.log2(1 + wanted / (sum(received) + 1))
            assert found.rates[draw, user] == pytest.approx(expected, rel=1e-10)
        np.testing.assert_allclose(found.crlb[draw], crlb_by_hand(given, signals), rtol=1e-5)


@pytest.mark.parametrize("targets", [1, 2])
def test_metrics_are_mean_error_and_order_statistics(targets: int) -> None:
    given = scenario()
    given = attrs.evolve(given, targets=given.targets[:targets])
    signals = draw_signals(given, ZF(), drop=0, shares=(X, Q), draws=60)
    rates = RateDistribution(quantiles=(0.05, 0.5)).simulate(signals)
    for key, values in (("rates", signals.rates), ("sum_rate", signals.rates.sum(axis=1))):
        np.testing.assert_allclose(rates[f"{key}_mean"], values.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(
            rates[f"{key}_mean_error"], values.std(axis=0, ddof=1) / np.sqrt(60), rtol=1e-10
        )
        np.testing.assert_array_equal(rates[f"{key}_q5"], np.sort(values, axis=0)[2])
        np.testing.assert_array_equal(rates[f"{key}_q50"], np.sort(values, axis=0)[29])
    bounds = CRLBDistribution(quantiles=(0.95, 0.975)).simulate(signals)
    number = "" if targets == 1 else f"_{targets}"
    worst = signals.crlb[:, 2 * targets - 1]
    key = f"crlb_elevation{number}"
    assert 10 ** (bounds[f"{key}_mean_db"] / 10) == pytest.approx(worst.mean(), rel=1e-10)
    assert bounds[f"{key}_q95_db"] == pytest.approx(10 * np.log10(np.sort(worst)[56]), rel=1e-12)
    assert bounds[f"{key}_q97_5_db"] == pytest.approx(10 * np.log10(np.sort(worst)[58]), rel=1e-12)
    relative = worst.std(ddof=1) / np.sqrt(60) / worst.mean()
    assert bounds[f"{key}_mean_error_db"] == pytest.approx(4.342944819 * relative, rel=1e-8)
    assert len(bounds) == 2 * targets * 4


# Other simulations, and closed forms

DRAWS = 10_000


@pytest.fixture(
    scope="module",
    params=["mrt", "zf", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rzf", "rzf beam"))],
)
def simulated(request: pytest.FixtureRequest) -> tuple[Scenario, Precoder, Beam, SignalDraws]:
    given = scenario(sampling_accuracy=0.003)
    parts: dict[str, tuple[Precoder, Beam]] = {
        "mrt": (MRT(), Difference(sum_share=0.2)),
        "zf": (ZF(), Steered()),
        "rzf": (RZF(), Steered()),
        "rzf beam": (ZF(), RZFBeam()),
    }
    precoder, beam = parts[request.param]
    return given, precoder, beam, draw_signals(given, precoder, drop=0, shares=(X, Q), beam=beam, draws=DRAWS)


def test_means_agree_with_an_independent_simulation(
    simulated: tuple[Scenario, Precoder, Beam, SignalDraws],
) -> None:
    given, precoder, beam, signals = simulated
    transmission = Transmission.of(given, precoder, 0, X, Q, beam=beam)
    rates, generator = [], np.random.default_rng(501)
    for _ in range(40):
        channels, waveforms = transmission.draw(200, generator)
        powers = np.abs(np.swapaxes(channels.conj(), 1, 2) @ waveforms) ** 2
        own = np.diagonal(powers, axis1=1, axis2=2)
        rates.append(transmission.statistics.prelog * np.log2(1 + own / (powers.sum(axis=2) - own + 1)))
    mean, error = mean_and_error(np.concatenate(rates))
    ours = RateDistribution().simulate(signals)
    apart = np.abs(ours["rates_mean"] - mean) / np.hypot(ours["rates_mean_error"], error)
    assert (error < 0.01 * mean).all()
    assert (apart < ERRORS).all()


def test_moments_of_the_draws_are_those_of_the_closed_forms(
    simulated: tuple[Scenario, Precoder, Beam, SignalDraws],
) -> None:
    """So the use-and-then-forget rates and the CRLBs of the mean covariance are, too."""
    _, _, _, signals = simulated
    problem = signals.problem

    def wanted(received: ComplexArray, _: ComplexArray) -> ComplexArray:
        return np.diagonal(received, axis1=1, axis2=2)

    def total(received: ComplexArray, _: ComplexArray) -> FloatArray:
        return np.asarray((np.abs(received) ** 2).sum(axis=2))

    signal, error = mean_and_error(np.real(signals.apply(wanted)))
    # Moments sampled to an accuracy of 0.3 % add to the error.
    closed = np.sqrt(problem.gain * X)
    assert (np.abs(signal - closed) < ERRORS * np.hypot(error, 0.003 * closed)).all()
    power, error = mean_and_error(signals.apply(total))
    closed = problem.gain * X + problem.disturbance(X, problem.stream_shares(X, Q)) - 1
    assert (error < 0.02 * closed).all()
    assert (np.abs(power - closed) < ERRORS * np.hypot(error, 0.005 * closed)).all()


def test_bound_for_the_mean_covariance_is_the_closed_form(
    simulated: tuple[Scenario, Precoder, Beam, SignalDraws],
) -> None:
    _, _, _, signals = simulated
    forms = signals.apply(lambda _, seen: seen @ np.swapaxes(seen.conj(), 1, 2))
    blocks = forms.reshape(100, -1, *forms.shape[1:]).mean(axis=1)

    def bound(means: ComplexArray) -> FloatArray:
        return isacfw.crlb(signals.model.fisher(means), signals.problem.jacobians)

    found = isacfw.simulation.jackknife(blocks, bound)
    closed = signals.problem.crlb(X, signals.problem.stream_shares(X, Q))
    assert (np.abs(found.value - closed) < ERRORS * np.hypot(found.standard_error, 0.005 * closed)).all()


def test_mean_of_the_bounds_is_not_below_the_bound_for_the_mean(
    simulated: tuple[Scenario, Precoder, Beam, SignalDraws],
) -> None:
    """Jensen's inequality, which holds for any draws exactly."""
    _, _, _, signals = simulated
    forms = signals.apply(lambda _, seen: seen @ np.swapaxes(seen.conj(), 1, 2))
    for count in (2, 10, DRAWS):
        of_mean = isacfw.crlb(signals.model.fisher(forms[:count].mean(axis=0)), signals.problem.jacobians)
        assert (of_mean < signals.crlb[:count].mean(axis=0)).all()


def test_receiver_that_knows_its_channel_has_the_higher_rate(
    simulated: tuple[Scenario, Precoder, Beam, SignalDraws],
) -> None:
    _, _, _, signals = simulated
    found = RateDistribution().simulate(signals)
    known = signals.problem.rates(X, signals.problem.stream_shares(X, Q))
    assert (found["rates_mean"] > known + 3 * found["rates_mean_error"]).all()


def test_spread_vanishes_with_many_antennas() -> None:
    """Where channels harden, every draw has the rate and the bound of the closed forms."""
    spreads = []
    for side in (4, 24):
        given = scenario(transmit_array=UPA(horizontal=side, vertical=side), snr_db=-10.0)
        signals = draw_signals(given, ZF(), drop=0, shares=(X, Q), draws=300)
        closed = signals.problem.rates(X, Q)
        spreads.append((signals.rates.std(axis=0) / closed).max())
        gap = np.abs(signals.rates.mean(axis=0) / closed - 1).max()
    assert spreads[1] < 0.3 * spreads[0]
    assert gap < 0.01


# Infinite and missing bounds


@pytest.mark.parametrize("known", [False, True])
def test_angles_without_information_are_infinite_and_known_ones_missing(known: bool) -> None:
    line = ULA(elements=6)
    given = scenario(transmit_array=line, receive_array=line, sensing=Sensing(frame_length=20))
    target = attrs.evolve(given.targets[0], crlb_limit_db=None if known else -20.0)
    given = attrs.evolve(given, targets=(target,))
    found = CRLBDistribution().simulate(draw_signals(given, MRT(), drop=0, shares=(X, Q), draws=20))
    elevation = [found[f"crlb_elevation_{key}_db"] for key in ("mean", "mean_error", "q95")]
    if known:
        assert np.isnan(elevation).all()
        assert np.isfinite([found[f"crlb_azimuth_{key}_db"] for key in ("mean", "mean_error", "q95")]).all()
    else:
        assert elevation[0] == elevation[2] == np.inf
        assert np.isnan(elevation[1])


def test_one_infinite_bound_is_in_the_mean_but_not_in_every_quantile() -> None:
    values = np.array([3.0, np.inf, 1.0, 2.0])
    mean, error = mean_and_error(values)
    assert mean == np.inf
    assert np.isnan(error)
    assert [quantile(values, level) for level in (0.01, 0.25, 0.26, 0.75, 0.76)] == [1, 1, 2, 3, np.inf]


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_mean_and_error_at_any_scale(scale: float) -> None:
    values = np.random.default_rng(502).gamma(2.0, size=(50, 3))
    mean, error = mean_and_error(values * scale)
    np.testing.assert_allclose(mean / scale, values.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(error / scale, values.std(axis=0, ddof=1) / np.sqrt(50), rtol=1e-12)
    zero, none = mean_and_error(np.zeros((4, 2)))
    np.testing.assert_array_equal([zero, none], np.zeros((2, 2)))


def test_quantile_is_that_of_numpy() -> None:
    values = np.random.default_rng(503).normal(size=(100, 2))
    for level in (1e-9, 0.05, 0.07, 0.29, 0.5, 0.95, 0.999):
        expected = np.quantile(values, level, axis=0, method="inverted_cdf")
        # 0.07 * 100 is above 7 by rounding, but the quantile of rank 7 is meant.
        np.testing.assert_array_equal(
            quantile(values, level), expected if level != 0.07 else np.sort(values, 0)[6]
        )
    assert np.isnan(quantile(np.array([1.0, np.nan]), 0.1))


@pytest.mark.parametrize("snr_db", [-300.0, 300.0])
@pytest.mark.parametrize("fading", [(1e-20, 1e-10), (1e-15, 1e15), (1e20,)])
def test_extreme_scales(snr_db: float, fading: tuple[float, ...]) -> None:
    channel = Rayleigh(large_scale_fading=fading, pilot_length=2, pilot_snr_db=300.0, coherence_length=50)
    given = scenario(snr_db=snr_db, channel=channel)
    x = np.full(len(fading), 0.6 / len(fading))
    for precoder in (MRT(), ZF()):
        signals = draw_signals(given, precoder, drop=0, shares=(x, Q), draws=20)
        found = RateDistribution().simulate(signals) | CRLBDistribution().simulate(signals)
        assert all(np.isfinite(value).all() for value in found.values())


def test_interference_far_below_the_signal_is_not_lost() -> None:
    """ZF with near-perfect estimates: the interference is below the rounding of the total power."""
    channel = Rayleigh(large_scale_fading=FADING, pilot_length=3, pilot_snr_db=200.0, coherence_length=50)
    given = scenario(channel=channel, snr_db=250.0)
    signals = draw_signals(given, ZF(), drop=0, shares=(X, 0.0), draws=50)
    closed = signals.problem.sinr(X, 0.0)
    assert (signals.problem.disturbance(X, 0.0) * 1e-17 < closed).all()
    assert (closed > 1e17).all()

    def noise_and_interference(received: ComplexArray, _: ComplexArray) -> FloatArray:
        powers = np.abs(received) ** 2
        return np.stack(
            [np.delete(powers[:, user], user, axis=-1).sum(axis=-1) + 1 for user in range(3)], axis=-1
        )

    wanted = signals.apply(lambda received, _: np.abs(np.diagonal(received, axis1=1, axis2=2)) ** 2)
    np.testing.assert_allclose(signals.sinr, wanted / signals.apply(noise_and_interference), rtol=1e-12)


def test_users_without_power_have_no_rate() -> None:
    signals = draw_signals(scenario(), MRT(), drop=0, shares=(np.array([0.0, 0.5, -1e-9]), 0.5), draws=10)
    np.testing.assert_array_equal(signals.rates[:, [0, 2]], 0)
    assert (signals.rates[:, 1] > 0).all()


@pytest.mark.parametrize("share", [-0.1, np.nan, np.inf])
def test_shares_that_are_no_powers_are_refused(share: float) -> None:
    with pytest.raises(InputError, match="must be finite and nonnegative to be simulated"):
        draw_signals(scenario(), MRT(), drop=0, shares=(np.array([share, 0.1, 0.1]), 0.5))


def test_metric_is_simulated_only() -> None:
    with pytest.raises(InputError, match="rate_distribution needs drawn channels"):
        RateDistribution().evaluate(None, None)  # type: ignore[arg-type]


# Draws


def test_fewer_draws_are_the_first_of_more() -> None:
    many, few = (draw_signals(scenario(), ZF(), drop=0, shares=(X, Q), draws=draws) for draws in (5000, 17))
    assert many.channels._count() > 1  # type: ignore[attr-defined]
    np.testing.assert_array_equal(many.rates[:17], few.rates)
    np.testing.assert_array_equal(many.crlb[:17], few.crlb)


def test_draws_that_are_too_large_to_keep_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = draw_signals(scenario(), ZF(), drop=2, shares=(X, Q), draws=5000)
    monkeypatch.setattr("isacfw.simulation.channels.LARGEST_HELD", 1000)
    record = Record(monkeypatch)
    again = draw_signals(scenario(), ZF(), drop=2, shares=(X, Q), draws=5000)
    np.testing.assert_array_equal(again.rates, kept.rates)
    blocks = len(record)
    np.testing.assert_array_equal(again.crlb, kept.crlb)
    assert blocks > 2
    assert len(record) == 2 * blocks - 1  # The first draw of all measured the size of a block.


def test_other_drops_and_seeds_have_other_draws_and_moments_too() -> None:
    channel = Rayleigh(users=3)
    given = scenario(channel=channel)
    first = draw_signals(given, MRT(), drop=0, shares=(X, Q), draws=5)
    generators = [given.statistics([0]).fading.generator(0), given.statistics([0]).fading.simulation_generator(0)]  # type: ignore[union-attr]
    assert generators[0].random() != generators[1].random()
    for other in (
        draw_signals(given, MRT(), drop=1, shares=(X, Q), draws=5),
        draw_signals(attrs.evolve(given, seed=1), MRT(), drop=0, shares=(X, Q), draws=5),
    ):
        assert (other.rates != first.rates).all()


# Comparisons


def run(variant: Callable[[Mapping[str, Any]], dict[str, Any]], **changes: Any) -> xarray.Dataset:
    document = {"metrics": [{"kind": name, "draws": 30} for name in NAMES]} | changes
    return compare(structure(variant(document), HOST), execution=Execution(host=HOST)).dataset


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often channels are drawn."""
    calls: list[int] = []
    plain = EffectiveChannels.hold

    def counted(self: EffectiveChannels) -> None:
        calls.append(self.position)
        plain(self)

    monkeypatch.setattr(EffectiveChannels, "hold", counted)
    return calls


def quantities(dataset: xarray.Dataset) -> list[str]:
    return [str(name) for name in dataset.data_vars if dataset[name].attrs.get("group") in NAMES]


def test_comparison_has_the_numbers_of_its_shares(variant: Any) -> None:
    dataset = run(variant, drops=3, allocators=["equal_cs"], precoders=["zf"])
    given = structure(variant({"drops": 3}), HOST)
    problem = given.problem(ZF())
    for drop in range(3):
        x = 0.5 * problem[drop].equal_split
        signals = draw_signals(given, ZF(), drop=drop, shares=(x, 0.5), draws=30)
        expected = RateDistribution().simulate(signals) | CRLBDistribution().simulate(signals)
        found = dataset.isel({"precoder": 0, "allocator": 0, "drop": drop})
        assert {*expected} == {*quantities(dataset)}
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-12)


@pytest.mark.parametrize(
    "allocators", [["equal_com", "exact"], ["equal_com"], ["equal_cs", "equal_com"]], ids=str
)
def test_numbers_do_not_depend_on_the_other_allocators(allocators: list[str], variant: Any) -> None:
    alone = run(variant, allocators=["exact", "equal_com"])
    other = run(variant, allocators=allocators)
    for name in quantities(alone):
        one, two = (found[name].sel(allocator="equal_com").to_numpy() for found in (alone, other))
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, two)


@final
@attrs.frozen(kw_only=True)
class Loaded(Precoder):
    """Regularised by the power."""

    name: ClassVar[str] = "loaded"

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        gram = np.swapaxes(estimates.conj(), -1, -2) @ estimates
        return np.asarray(estimates @ np.linalg.inv(gram + np.eye(scene.users) / scene.power))


def test_allocators_and_points_share_draws(variant: Any, holds: list[int]) -> None:
    changes = {"drops": 2, "sampling_accuracy": 0.1, "allocators": ["equal_com", "equal_cs"]}
    given = attrs.evolve(
        structure(variant(changes), HOST),
        precoders=[ZF(), Loaded()],
        metrics=[RateDistribution(draws=30), CRLBDistribution(draws=20)],
        sweep={"snr_db": [0.0, 5.0], "sensing.crlb_limit_db": [-20.0, -25.0]},
    )
    dataset = compare(given, execution=Execution(host=HOST)).dataset
    # In two drops each: ZF for all points, and the other one, whose weights depend on the power, for two powers.
    assert len(holds) == 2 + 2 * 2
    point: dict[str, Any] = {"snr_db": 5.0, "sensing.crlb_limit_db": -25.0}
    alone = attrs.evolve(given.with_values(point), precoders=[Loaded()])
    expected = compare(alone, execution=Execution(host=HOST)).dataset
    for name in quantities(expected):
        assert np.isfinite(expected[name]).all()
        np.testing.assert_array_equal(dataset[name].sel({"precoder": ["loaded"], **point}), expected[name])


def test_channel_that_is_the_same_in_all_drops_is_drawn_once(variant: Any, holds: list[int]) -> None:
    channel = {"kind": "rayleigh", "large_scale_fading": list(FADING)}
    dataset = run(variant, drops=4, precoders=["zf"], channel=channel)
    assert len(holds) == 1
    rates = dataset["rates_q5"].to_numpy()
    assert np.isfinite(rates).all()
    np.testing.assert_array_equal(rates, np.broadcast_to(rates[:, :, :1], rates.shape))


def test_precoders_have_the_same_channels(variant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(monkeypatch)
    run(variant, drops=1)
    assert len(record) == 2
    np.testing.assert_array_equal(record[0][0], record[1][0])


def test_rows_without_an_answer_have_no_numbers_and_cost_nothing(variant: Any, holds: list[int]) -> None:
    dataset = run(variant, allocators=["exact"], **{"sensing.crlb_limit_db": -90.0})
    assert (dataset["status"] == "infeasible").all()
    assert holds == []
    assert all(np.isnan(dataset[name]).all() for name in quantities(dataset))


@final
@attrs.frozen(kw_only=True)
class Median(SimulatedMetric):
    """Median rate of the worst user, as a user of the framework would write it."""

    name: ClassVar[str] = "median"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity(
            name="worst_median", unit="bit/s/Hz", better="higher", description="Median rate of the worst user"
        ),
    )

    def simulate(self, signals: SignalDraws) -> Mapping[str, FloatArray]:
        return {"worst_median": np.median(signals.rates, axis=0).min()}


@final
@attrs.frozen(kw_only=True)
class Wrong(SimulatedMetric):
    """It returns all draws."""

    name: ClassVar[str] = "wrong"
    quantities: ClassVar[tuple[Quantity, ...]] = (Quantity(name="wrong", description="Wrong"),)

    def simulate(self, signals: SignalDraws) -> Mapping[str, FloatArray]:
        return {"wrong": signals.rates}


def test_a_metric_that_fails_is_a_warning_and_loses_its_own_numbers_only(variant: Any) -> None:
    given = attrs.evolve(structure(variant(), HOST), metrics=[Wrong(), Median(draws=7)])
    with pytest.warns(isacfw.base.errors.IsacWarning, match=r"metric wrong .* shape \(\), got \(1000, 3\)"):
        dataset = compare(given, execution=Execution(host=HOST)).dataset
    assert np.isnan(dataset["wrong"]).all()
    assert np.isfinite(dataset["worst_median"]).all()


@final
@attrs.frozen(kw_only=True)
class InPlace(SimulatedMetric):
    """It sorts the rates that all metrics share."""

    name: ClassVar[str] = "in_place"
    quantities: ClassVar[tuple[Quantity, ...]] = Median.quantities

    def simulate(self, signals: SignalDraws) -> Mapping[str, FloatArray]:
        signals.rates.sort(axis=0)
        return {"worst_median": signals.rates[len(signals.rates) // 2].min()}


def test_the_kit_passes_a_metric_that_simulates_and_notices_wrong_ones() -> None:
    check_part(Median()).assert_ok()
    failures = {result.check: result.message for result in check_part(Wrong()).failures}
    assert "shape (), got (1, 3)" in failures["metric_shapes"]
    failures = {result.check: result.message for result in check_part(InPlace()).failures}
    assert "writes to its input signals.rates" in failures["inputs_not_written_to"]


def test_metrics_with_different_numbers_of_draws_do_not_disturb_each_other(variant: Any) -> None:
    given = structure(variant(), HOST)
    alone, both = (
        compare(attrs.evolve(given, metrics=metrics), execution=Execution(host=HOST)).dataset["worst_median"]
        for metrics in ([Median(draws=7)], [RateDistribution(draws=5000), Median(draws=7)])
    )
    np.testing.assert_array_equal(alone, both)


@final
@attrs.frozen(kw_only=True)
class Broken(Precoder):
    """Closed forms, but no weights."""

    name: ClassVar[str] = "broken"
    turns_with_channel: ClassVar[bool] = True

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        raise RuntimeError("no weights")

    def link_statistics(self, scene: Scene) -> LinkStatistics:
        return MRT().link_statistics(scene)


def test_a_precoder_without_weights_is_a_warning_and_keeps_its_rows(variant: Any) -> None:
    given = attrs.evolve(structure(variant(), HOST), metrics=[Median()], precoders=[Broken(), MRT()])
    with pytest.warns(isacfw.base.errors.IsacWarning, match="without draws for metric median .*no weights"):
        dataset = compare(given, execution=Execution(host=HOST)).dataset
    assert np.isfinite(dataset["sum_rate"]).all()
    assert np.isnan(dataset["worst_median"].sel(precoder="broken")).all()
    assert np.isfinite(dataset["worst_median"].sel(precoder="mrt")).all()


def test_studies_with_draws_are_cut_like_those_that_solve_in_a_loop(variant: Any) -> None:
    from isacfw.study.plan import PROBLEMS_IN_A_LOOP, plan_chunks

    plain = structure(variant({"drops": 1000, "allocators": ["equal_cs"]}), HOST)
    assert len(plan_chunks(plain)) == 1
    chunks = plan_chunks(attrs.evolve(plain, metrics=[RateDistribution()]))
    assert len(chunks) == -(-1000 // PROBLEMS_IN_A_LOOP)


# Files and the command line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"draws": 0}, "metrics[0].draws must be an integer at least 1, got 0"),
        ({"draws": 1.5}, "metrics[0].draws must be an integer, got 1.5"),
        (
            {"quantiles": [0.5, 1.0]},
            "metrics[0].quantiles[1] must be a finite number greater than 0 and less than 1",
        ),
        ({"quantiles": [0]}, "metrics[0].quantiles[0] must be a finite number greater than 0 and less than 1"),
        ({"quantiles": [0.5, 0.5]}, "metrics[0].quantiles must be different from each other, got 0.5 twice"),
        ({"quantiles": 0.5}, "metrics[0].quantiles must be a list, got 0.5"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", NAMES)
def test_bad_options_are_invalid_input(
    kind: str, options: dict[str, Any], words: str, cli: Any, scenario_file: Any
) -> None:
    status, _, err = cli("compare", scenario_file({"metrics": [{"kind": kind, **options}]}))
    assert status == 2
    assert words in err


def test_command_line_table_records_csv_and_netcdf(cli: Any, scenario_file: Any, tmp_path: Any) -> None:
    path = scenario_file({"metrics": ["rate_distribution", {"kind": "crlb_distribution", "draws": 100}]})
    status, out, err = cli("compare", path, "--json")
    assert (status, err) == (0, "")
    records = json.loads(out)
    for record in records:
        assert len(record["rates_q5"]) == 3
        assert record["sum_rate_q5"] < record["sum_rate_mean"] < record["sum_rate_q95"]
        assert record["crlb_azimuth_mean_db"] > record["crlb_azimuth_db"] - 0.1
        assert record["crlb_azimuth_mean_db"] < record["crlb_azimuth_q95_db"]
    status, out, _ = cli("compare", path)
    assert status == 0
    for word in ("inst. sum", "rate, mean", "rate, 5 %", "rate, 95 %", "mean dB", "95 % dB"):
        assert word in out
    out = tmp_path / "out"
    save_numbers(compare(path).dataset, out)
    with open(out / "results.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["sum_rate_q5"]) == pytest.approx(records[0]["sum_rate_q5"], rel=1e-9)
    with xarray.open_dataset(out / "results.nc", engine="h5netcdf") as dataset:
        variable = dataset["rates_q5"]
        assert variable.attrs["units"] == "bit/s/Hz"
        assert variable.attrs["long_name"] == "5 % quantile of the instantaneous user rate"
        np.testing.assert_allclose(variable[0, 0, 0], records[0]["rates_q5"], rtol=1e-12)
        assert dataset["crlb_elevation_q95_db"].attrs["units"] == "dB rad^2"


def test_toml_of_a_scenario_keeps_the_options(variant: Any) -> None:
    metrics = [{"kind": "rate_distribution", "draws": 50, "quantiles": [0.1]}]
    given = structure(variant({"metrics": metrics}), HOST)
    assert tomllib.loads(isacfw.to_toml(given))["metrics"] == metrics
    assert given.metrics == (RateDistribution(draws=50, quantiles=(0.1,)),)
