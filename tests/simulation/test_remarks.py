"""What the paper remarks about its model, and claims of Algorithm 1, on its own set-up."""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs
import numpy as np
import pytest
from numerics import best_improvement

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem, Precoder, Scenario, load_scenario
from isacfw.simulation import Simulated, Transmission, simulated_crlb
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

PRECODERS: dict[str, Precoder] = {"mrt": MRT(), "zf": ZF()}
BOTH = pytest.mark.parametrize("name", PRECODERS)
HALF = np.asarray(0.5)
SIDES = (4, 6, 10, 32, 100, 316, 1000)


def paper(**values: Any) -> Scenario:
    """Return the paper's scenario with values at dotted paths, dots written as two underscores."""
    scenario = load_scenario("nguyen2025").scenario
    for path, value in values.items():
        scenario = scenario.with_value(path.replace("__", "."), value)
    return scenario


def with_side(scenario: Scenario, side: int) -> Scenario:
    return attrs.evolve(scenario, transmit_array=UPA(horizontal=side, vertical=side))


@cache
def growing(name: str) -> tuple[PowerAllocationProblem, ...]:
    """Return the first drop's problem for square arrays of 16 to a million antennas, elevation 60°."""
    scenario = paper(target__elevation_deg=60.0)
    return tuple(with_side(scenario, side).problem(PRECODERS[name])[0] for side in SIDES)


# Remark 1


@BOTH
@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_remark_1_sensing_power_lowers_every_rate(name: str, snr_db: float) -> None:
    problem = paper(snr_db=snr_db).problem(PRECODERS[name])[0]
    x = 0.4 * problem.equal_split
    shares = np.linspace(0, 0.6, 13)
    rates = problem.rates(np.broadcast_to(x, (13, problem.users)), shares)
    assert (np.diff(rates, axis=0) < 0).all()
    # N_t beta_k rho is what the denominator of the SINR gains.
    added = problem.antennas * problem.sensing_interference / problem.power * problem.rho(shares)[:, None]
    denominators = problem.gain * x / problem.sinr(np.broadcast_to(x, (13, problem.users)), shares)
    np.testing.assert_allclose(denominators, denominators[0] + added, rtol=1e-10)


# Remark 2


@BOTH
def test_remark_2_rates_grow_without_bound_with_the_antennas(name: str) -> None:
    problems = growing(name)
    rates = np.array([problem.rates(problem.equal_split / 2, HALF) for problem in problems])
    assert (np.diff(rates, axis=0) > 0).all()
    # From ten thousand to a million antennas the SINR grows a hundredfold, when it is large already.
    sinr = [problem.sinr(problem.equal_split / 2, HALF) for problem in (problems[4], problems[6])]
    np.testing.assert_allclose(sinr[1] / sinr[0], 100, rtol=2e-3)


@BOTH
def test_remark_2_sinr_per_antenna_tends_to_a_positive_limit(name: str) -> None:
    channel = paper().statistics([0])
    beta, xi, epsilon, power = channel.beta[0], channel.xi[0], channel.epsilon[0], 10.0
    if name == "mrt":  # (24), with the sum over j
        limit = power * xi**2 / (2 * (beta * power + 1) * xi.sum())
    else:  # (25)
        limit = power / (((beta + epsilon) * power + 2) * (1 / xi).sum())
    assert (limit > 0).all()
    for side, problem in zip(SIDES, growing(name), strict=True):
        sinr = problem.sinr(problem.equal_split / 2, HALF)
        lost = 12 if name == "zf" else 0
        np.testing.assert_allclose(sinr / (side**2 - lost), limit, rtol=1e-9)


@BOTH
def test_remark_2_interference_vanishes_beside_the_signal(name: str) -> None:
    first, last = growing(name)[0], growing(name)[-1]
    ratios = []
    for problem in (first, last):
        x = problem.equal_split / 2
        ratios.append((problem.disturbance(x, HALF) - 1) / (problem.gain * x))
    assert (ratios[1] < 1e-4 * ratios[0]).all()


# Remark 4


@cache
def bounds(name: str, first: int, sensing: float) -> Simulated:
    """Return simulated CRLBs with half of what is left for the users given to one of them."""
    scenario = attrs.evolve(load_scenario("nguyen2025-fig2").scenario, snr_db=5.0)
    shares = np.full(8, 0.5 / 7)
    shares[first] = 0.5
    transmission = Transmission.of(scenario, PRECODERS[name], 0, (0.9 - sensing) * shares, sensing)
    return simulated_crlb(transmission, scenario, 10_000, np.random.default_rng([501, first]))


@BOTH
def test_remark_4_crlb_does_not_depend_on_the_split_among_users(name: str) -> None:
    # Within 4 standard errors of the difference of two independent simulations.
    one, other = bounds(name, 0, 0.3), bounds(name, 5, 0.3)
    error = np.hypot(one.standard_error, other.standard_error)
    assert (error < 0.01 * one.value).all()
    assert (np.abs(one.value - other.value) < 4 * error).all()


@BOTH
def test_remark_4_crlb_depends_on_the_sum_and_on_the_sensing_power(name: str) -> None:
    one, other = bounds(name, 0, 0.3), bounds(name, 0, 0.4)
    error = np.hypot(one.standard_error, other.standard_error)
    assert (np.abs(one.value - other.value) > 10 * error).all()


@BOTH
def test_remark_4_allocations_of_the_same_fraction_have_the_same_crlb(name: str) -> None:
    found = isacfw.compare(paper(), precoders=[name], allocators=["exact", "equal_com"], drops=5).dataset
    exact, equal = (found.sel(precoder=name, allocator=allocator) for allocator in ("exact", "equal_com"))
    assert not np.allclose(exact["gamma"], equal["gamma"], rtol=0.1)
    for angle in ("azimuth", "elevation"):
        np.testing.assert_allclose(
            exact[f"crlb_{angle}_db"].to_numpy(), equal[f"crlb_{angle}_db"].to_numpy(), atol=1e-9
        )


# Remark 5


def limit_of_remark_5(scenario: Scenario) -> FloatArray:
    """Return N_t CRLB for many antennas, by Appendix E with erratum 1 corrected in c_2 and in the norms of b."""
    azimuth, elevation = np.radians([scenario.target.azimuth_deg, scenario.target.elevation_deg])
    across = np.array([np.cos(azimuth) * np.sin(elevation), np.sin(azimuth) * np.cos(elevation)])
    up = np.array([0.0, -np.sin(elevation)])
    c = np.pi**2 / 12 * (np.outer(across, across) + np.outer(up, up))
    received = 25 * np.pi**2 / 12 * 24 * (np.outer(across, across) + np.outer(up, up))
    kappa, power = 2 * scenario.sensing.frame_length, 10 ** (scenario.snr_db / 10)
    information = kappa * scenario.target.amplitude**2 * power / 2 * (25 * c + received)
    return np.asarray(np.diagonal(np.linalg.inv(information)))


@BOTH
def test_remark_5_crlb_falls_to_zero_as_one_over_the_antennas(name: str) -> None:
    bounds = np.array([problem.crlb(problem.equal_split / 2, 0.5) for problem in growing(name)])
    assert (np.diff(bounds, axis=0) < 0).all()
    antennas = np.array(SIDES) ** 2
    rate = np.log(bounds[-1] / bounds[-3]) / np.log(antennas[-1] / antennas[-3])
    np.testing.assert_allclose(rate, -1, atol=1e-3)
    limit = limit_of_remark_5(paper(target__elevation_deg=60.0))
    np.testing.assert_allclose(antennas[-1] * bounds[-1], limit, rtol=1e-5)


# Algorithm 1

SETTINGS = {
    "12 users, 10 dB": paper(),
    "6 users, 20 dB, tight": paper(channel__users=6, snr_db=20.0, sensing__crlb_limit_db=-50.0),
    "6 users, beam off": paper(channel__users=6, sensing__crlb_limit_db=-41.0, sensing__beam_azimuth_deg=25.0),
}
CLAIMS = pytest.mark.parametrize("initial", ["half", "smallest"])
SURROGATES = pytest.mark.parametrize("surrogate", ["reciprocal", "logarithmic"])
ALL = pytest.mark.parametrize("setting", SETTINGS)


@cache
def problem_of(setting: str, name: str) -> PowerAllocationProblem:
    return SETTINGS[setting].problem(PRECODERS[name])[0]


@cache
def ascent(setting: str, name: str, surrogate: Any, initial: str) -> Allocation:
    allocator = SCA(surrogate=surrogate, initial=initial, tolerance=1e-7, max_iterations=500)
    found = allocator.allocate(problem_of(setting, name))
    assert found.status == "locally_optimal"
    assert found.violation < 1e-6
    return found


def steepest(problem: PowerAllocationProblem, x: FloatArray, q: float) -> float:
    """Return the largest slope of the sum rate, relative to it, towards any feasible point.

    The slope is linear in the point, and the limits know only the sum of x and q: so all of the sum is best given
    to one user, and the feasible sums are searched on a grid.
    """
    disturbance = problem.disturbance(x, np.asarray(q))
    received = disturbance + problem.gain * x
    lost = 1 / received - 1 / disturbance
    slope_x = problem.gain / received + problem.common_interference @ lost
    slope_q = problem.sensing_interference @ lost
    f, share = np.meshgrid(np.append(np.linspace(0, 1, 301), x.sum()), np.linspace(0, 1, 301), indexing="ij")
    feasible = (f + share <= 1) & (problem.crlb(f[..., None], share) <= problem.crlb_limit).all(axis=-1)
    best = (f * slope_x.max() + share * slope_q)[feasible].max()
    own = slope_x @ x + slope_q * q
    return float((best - own) / np.log1p(problem.gain * x / disturbance).sum())


@ALL
@BOTH
@SURROGATES
@CLAIMS
def test_algorithm_1_ascends_monotonically(setting: str, name: str, surrogate: str, initial: str) -> None:
    history = ascent(setting, name, surrogate, initial).history
    assert len(history) >= 3
    assert history[-1] > 1.001 * history[0]
    assert (np.diff(history) >= -1e-7 * history[-1]).all()


@ALL
@BOTH
@SURROGATES
@CLAIMS
def test_algorithm_1_ends_where_no_direction_ascends(
    setting: str, name: str, surrogate: str, initial: str
) -> None:
    problem, found = problem_of(setting, name), ascent(setting, name, surrogate, initial)
    start = 0.5 * problem.equal_split
    assert steepest(problem, start, 0.5) > 0.1
    assert steepest(problem, found.communication, float(found.sensing)) < 1e-3


@ALL
@BOTH
@SURROGATES
def test_algorithm_1_ends_where_no_small_step_improves(setting: str, name: str, surrogate: str) -> None:
    problem, found = problem_of(setting, name), ascent(setting, name, surrogate, "smallest")
    gain = best_improvement(
        problem,
        found.communication,
        float(found.sensing),
        np.random.default_rng(502),
        draws=4000,
        steps=(1e-5, 1e-4, 1e-3, 1e-2),
    )
    assert gain <= 1e-6
