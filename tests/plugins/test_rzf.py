"""Regularised zero forcing: between its limits, and what any precoder without closed forms can do."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np
import pytest

import isacfw
from isacfw import ComplexArray, Execution, InputError, Precoder, compare
from isacfw.config.structure import structure
from isacfw.signal.channel import complex_normal
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.rzf import RZF
from isacfw_plugins.precoders.zf import ZF

ZERO, INFINITE = RZF(regularization=1e-9), RZF(regularization=1e9)


@final
@attrs.frozen(kw_only=True)
class SampledZF(Precoder):
    """Zero forcing of which nothing is known but its weights."""

    name: ClassVar[str] = "sampled_zf"

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        return ZF().weights(estimates)


@final
@attrs.frozen(kw_only=True)
class EqualGain(Precoder):
    """Weights of the estimates' phases: linear in the symbols, and nothing more can be said of it."""

    name: ClassVar[str] = "equal_gain"

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        return estimates / np.abs(estimates)


@pytest.fixture(scope="module")
def scenario(variant, host_with):
    """Return a function that gives a variation of the small scenario."""
    host = host_with()

    def of(changes=None):
        return structure(variant(changes), host)

    return of


def estimates(*shape):
    return complex_normal(shape, np.random.default_rng(5))


@pytest.mark.parametrize("shape", [(6, 4), (5, 2, 6, 4), (3, 2, 2), (1, 1)], ids=str)
def test_weights_are_those_of_their_limits(shape):
    given = estimates(*shape)
    np.testing.assert_allclose(1e9 * INFINITE.weights(given), given, rtol=1e-7)
    np.testing.assert_allclose(ZERO.weights(given), np.linalg.pinv(given).conj().swapaxes(-1, -2), rtol=1e-6)


def test_weights_solve_the_regularised_equations():
    given = estimates(7, 3, 5)
    gram = given @ given.conj().swapaxes(-1, -2)
    # The same weights from the other side: (H H^H + a I)^-1 H, of size antennas.
    np.testing.assert_allclose(
        RZF(regularization=0.7).weights(given), np.linalg.solve(gram + 0.7 * np.eye(3), given), rtol=1e-10
    )


def gains(link, antennas=16):
    """Return what does not change when weights are scaled: gains and interference per power of a weight."""
    power = link.weight_power
    return link.signal_gain / (antennas * power), link.interference / power[..., None, :]


@pytest.mark.parametrize(
    ("precoder", "limit", "scale"), [(ZERO, ZF(), 1.0), (INFINITE, MRT(), 1e9)], ids=["zf", "mrt"]
)
def test_moments_are_those_of_their_limits(precoder, limit, scale, scenario):
    # Pilots so weak that zero forcing leaves interference to speak of.
    one = scenario({"channel": {"kind": "rayleigh", "large_scale_fading": [0.5, 2.0, 0.1], "pilot_snr_db": 0.0}})
    given = one.statistics()
    found, claim = (part.link_statistics(one.scene(given)) for part in (precoder, limit))
    error = found.standard_error
    for value, expected, spread in (
        (scale**2 * found.signal_gain, claim.signal_gain, scale**2 * error.signal_gain),
        (scale**2 * found.weight_power, claim.weight_power, scale**2 * error.weight_power),
        (scale**2 * found.interference, claim.interference, scale**2 * error.interference),
    ):
        assert (np.abs(value - expected) <= 4 * spread).all()
        assert (spread <= 0.05 * expected).all()
    for value, expected in zip(gains(found), gains(claim), strict=True):
        np.testing.assert_allclose(value, expected, rtol=0.1)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "much", True, None])
def test_the_regularization_must_be_greater_than_0(value):
    with pytest.raises(InputError, match="regularization must be a finite number greater than 0"):
        RZF(regularization=value)


@pytest.mark.parametrize("antennas", [1, 2, 3])
def test_it_exists_with_no_more_antennas_than_users(antennas, scenario):
    one = scenario({"transmit_array": {"kind": "ula", "elements": antennas}, "drops": 1})
    link = one.link_statistics(RZF(), one.statistics())
    for value in (link.signal_gain, link.weight_power, link.interference):
        assert np.isfinite(value).all()
        assert (value > 0).all()


def run(scenario, host, precoders, allocators):
    """Return the sum rates by precoder and allocator, and all rows."""
    rows = compare(scenario, precoders=precoders, allocators=allocators, execution=Execution(host=host)).records()
    return {(row["precoder"], row["allocator"], row["drop"]): row["sum_rate"] for row in rows}, rows


@pytest.mark.parametrize("precoder", [RZF(), EqualGain(), SampledZF()], ids=lambda one: one.name)
def test_any_linear_precoder_runs_with_the_solvers_and_the_exact_one_says_why_not(precoder, scenario, host_with):
    host = host_with(register_precoders=lambda: [EqualGain, SampledZF])
    rates, rows = run(scenario({"sampling_accuracy": 0.03}), host, [precoder], ["sca", "ipopt", "exact"])
    for row in rows:
        if row["allocator"] == "exact":
            assert (row["status"], row["sum_rate"]) == ("skipped", None)
            assert "interference that is common to all users" in row["message"]
        else:
            assert (row["status"], row["feasible"]) == ("locally_optimal", True), row["message"]
    for drop in range(2):
        sca, ipopt = (rates[precoder.name, name, drop] for name in ("sca", "ipopt"))
        assert sca == pytest.approx(ipopt, rel=1e-3)


def test_sampled_zero_forcing_comes_near_the_exact_answer_for_its_closed_form(scenario, host_with):
    host = host_with(register_precoders=lambda: [SampledZF])
    one = scenario({"channel.pilot_snr_db": 0.0})
    rates, _ = run(one, host, ["zf", SampledZF()], ["exact", "ipopt"])
    for drop in range(2):
        assert rates["sampled_zf", "ipopt", drop] == pytest.approx(rates["zf", "exact", drop], rel=0.03)


def test_it_beats_maximum_ratio_and_zero_forcing_where_neither_is_right(scenario, host_with):
    users, power_db = 4, 5.0
    fading = {"kind": "rayleigh", "large_scale_fading": [1.0] * users}
    changes = {"channel": fading, "snr_db": power_db, "sensing": {}, "drops": 1}
    one = scenario({**changes, "transmit_array": {"kind": "ula", "elements": 6}})
    precoders = ["mrt", "zf", RZF(regularization=users / 10 ** (power_db / 10))]
    rates, _ = run(one, host_with(), precoders, ["ipopt"])
    best = max(rates["mrt", "ipopt", 0], rates["zf", "ipopt", 0])
    assert rates["rzf", "ipopt", 0] > 1.15 * best


def test_two_of_them_are_told_apart_by_their_regularization(scenario, host_with):
    one = scenario({"sampling_accuracy": 0.2, "drops": 1})
    rates, _ = run(one, host_with(), [RZF(regularization=0.1), RZF(regularization=10.0)], ["equal_com"])
    assert {name for name, _, _ in rates} == {"rzf(regularization=0.1)", "rzf(regularization=10.0)"}
    assert len(set(rates.values())) == 2


def test_a_scenario_file_gives_its_options(scenario_file, cli):
    path = scenario_file({"precoders": [{"kind": "rzf", "regularization": 0.5}], "allocators": ["equal_com"]})
    status, out, err = cli("compare", path, "--json")
    assert (status, err) == (0, "")
    assert '"rzf' in out
    with pytest.raises(isacfw.InputError, match=r"precoders\[0\]\.regularization .* than 0, got -1"):
        isacfw.load_scenario(scenario_file({"precoders": [{"kind": "rzf", "regularization": -1}]}))
