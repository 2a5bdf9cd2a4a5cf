"""The power-allocation problem against the paper's unscaled forms, and the framework's judgement of answers."""

from __future__ import annotations

from typing import Any, ClassVar, final

import attrs
import numpy as np
import pytest
from numerics import crlb_by_inverse, limits_met_at, make_problem, random_geometry, random_problem, random_shares
from numpy.random import Generator

from isacfw import (
    Allocator,
    FloatArray,
    InputError,
    PowerAllocationProblem,
    Scenario,
    Sensing,
    Shares,
    Status,
    Target,
)
from isacfw_plugins.allocators.equal_cs import EqualCS
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.channels.rayleigh import Rayleigh
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.zf import ZF

PRECODERS = {"mrt": MRT(), "zf": ZF()}
FIELDS = [field.name for field in attrs.fields(PowerAllocationProblem) if field.name != "coupling"]


def scenario(**changes: Any) -> Scenario:
    given: dict[str, Any] = {
        "snr_db": 7.0,
        "precoders": [MRT(), ZF()],
        "allocators": [Exact()],
        "transmit_array": UPA(horizontal=5, vertical=4),
        "receive_array": UPA(horizontal=3, vertical=4),
        "target": Target(azimuth_deg=-33.0, elevation_deg=62.0, reflection_amplitude=0.15),
        "sensing": Sensing(frame_length=20, crlb_limit_db=-34.0, beam_azimuth_deg=-36.0),
        "channel": Rayleigh(users=7, pilot_length=4, coherence_length=50, pilot_snr_db=25.0),
        "drops": 3,
        "seed": 5,
    }
    return Scenario(**{**given, **changes})


@attrs.frozen
class PaperForm:
    """Equations (14)-(22) as they are printed, for one drop."""

    beta: FloatArray
    xi: FloatArray
    antennas: int
    zero_forcing: bool

    @property
    def weight_power(self) -> FloatArray:
        if self.zero_forcing:
            return 1 / (self.antennas * (self.antennas - len(self.beta)) * self.xi)
        return self.xi

    def sinr(self, gamma: FloatArray, rho: float) -> FloatArray:
        found = []
        for k, (beta, xi) in enumerate(zip(self.beta, self.xi, strict=True)):
            signal = 1.0 if self.zero_forcing else self.antennas**2 * xi**2
            zeta = (beta - xi if self.zero_forcing else beta) * self.weight_power
            disturbance = self.antennas * beta * rho + self.antennas * float(zeta @ gamma) + 1
            found.append(signal * gamma[k] / disturbance)
        return np.array(found)


@pytest.mark.parametrize("name", PRECODERS)
def test_power_sinr_and_rates_agree_with_the_unscaled_forms(name: str) -> None:
    whole = scenario()
    power = 10 ** (whole.snr_db / 10)
    statistics = whole.statistics()
    problem = whole.problem(PRECODERS[name])
    generator = np.random.default_rng(41)
    for drop in range(whole.drops):
        paper = PaperForm(statistics.beta[drop], statistics.xi[drop], antennas=20, zero_forcing=name == "zf")
        single = problem[drop]
        np.testing.assert_allclose(single.weight_power, paper.weight_power, rtol=1e-12)
        for x, q in zip(*random_shares(generator, 7, 20), strict=True):
            gamma, rho = single.gamma(x), float(single.rho(q))
            spent = 20 * (paper.weight_power @ gamma + rho)
            assert spent == pytest.approx(power * (x.sum() + q), rel=1e-12)
            assert 20 * rho == pytest.approx(power * q, rel=1e-12)
            sinr = paper.sinr(gamma, rho)
            np.testing.assert_allclose(single.sinr(x, q), sinr, rtol=1e-9)
            rates = (50 - 4) / 50 * np.log2(1 + sinr)
            np.testing.assert_allclose(single.rates(x, q), rates, rtol=1e-9, atol=1e-14)
            assert single.sum_rate(x, q) == pytest.approx(rates.sum(), rel=1e-9)


@pytest.mark.parametrize("name", PRECODERS)
def test_fisher_information_is_that_of_the_transmit_covariance(name: str) -> None:
    whole = scenario()
    problem = whole.problem(PRECODERS[name])[0]
    transmit, receive, target = whole.transmit_array, whole.receive_array, whole.target.direction
    a, b = transmit.steering_vector(target), receive.steering_vector(target)
    v = transmit.steering_vector(whole.sensing.beam(whole.target))
    slopes = zip(transmit.steering_derivatives(target), receive.steering_derivatives(target), strict=True)
    angles = [0.15 * (np.outer(db, a.conj()) + np.outer(b, da.conj())) for da, db in slopes]
    derivatives = [*angles, np.outer(b, a.conj()), 1j * np.outer(b, a.conj())]
    x, q = np.linspace(0.02, 0.1, 7), np.asarray(0.4)
    gamma, rho = problem.gamma(x), problem.rho(q)
    covariance = (problem.weight_power @ gamma) * np.eye(20) + rho * np.outer(v, v.conj())
    expected = [[2 * 20 * np.trace(m @ covariance @ n.conj().T).real for n in derivatives] for m in derivatives]
    found = problem.fisher(x, q)
    scale = np.sqrt(np.outer(np.diagonal(found), np.diagonal(found)))
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-11)
    np.testing.assert_allclose(problem.crlb(x, q), crlb_by_inverse(np.array(expected)), rtol=1e-9)


def test_problem_carries_limits_power_and_prelog() -> None:
    whole = scenario(sensing=Sensing(azimuth_crlb_limit_db=-30.0))
    problem = whole.problem(MRT())
    assert problem.batch_shape == (3,)
    assert problem.users == 7
    np.testing.assert_allclose(problem.crlb_limit, [[1e-3, np.inf]])
    np.testing.assert_allclose(problem.power, 10**0.7)
    np.testing.assert_allclose(problem.prelog, 0.92)
    np.testing.assert_array_equal(problem.antennas, 20)


@pytest.mark.parametrize("name", PRECODERS)
def test_equal_split_has_equal_factors(name: str) -> None:
    problem = scenario().problem(PRECODERS[name])
    np.testing.assert_allclose(problem.equal_split.sum(axis=-1), 1, rtol=1e-14)
    gamma = problem.gamma(problem.equal_split)
    np.testing.assert_allclose(gamma, gamma[:, :1] * np.ones(7), rtol=1e-13)
    assert np.ptp(problem.equal_split) > 0.1


def test_coupling_adds_to_the_disturbance_of_each_user() -> None:
    generator = np.random.default_rng(42)
    plain = random_problem(generator, 4)
    coupling = 10 ** generator.uniform(-1, 2, (4, 4))
    coupled = attrs.evolve(plain, coupling=coupling)
    for x, q in zip(*random_shares(generator, 4, 10), strict=True):
        own = plain.sensing_interference * q + plain.common_interference * x.sum() + 1
        other = [sum(coupling[k, j] * x[j] for j in range(4)) for k in range(4)]
        np.testing.assert_allclose(plain.sinr(x, q), plain.gain * x / own, rtol=1e-13)
        np.testing.assert_allclose(coupled.sinr(x, q), plain.gain * x / (own + other), rtol=1e-13)


# Constraints


def plain_problem(limit: FloatArray) -> PowerAllocationProblem:
    """Return a problem of two users whose CRLBs are 1 / (f + 4 q) and 1 / (2 f + q)."""
    return make_problem(
        gain=np.array([2.0, 1.0]),
        interference=np.ones(2),
        ratio=np.ones(2),
        fisher=(np.diag([1.0, 2.0, 1.0, 1.0]), np.diag([4.0, 1.0, 1.0, 1.0])),
        limit=limit,
    )


@pytest.mark.parametrize(
    ("x", "q", "limit", "expected"),
    [
        pytest.param([0.3, 0.2], 0.5, [0.5, 0.7], 0.0, id="all constraints hold"),
        pytest.param([0.3, 0.2], 0.5, [1 / 2.5, 1 / 1.5], 0.0, id="all of them tight"),
        pytest.param([0.3, 0.3], 0.5, [9.0, 9.0], 0.1, id="too much power"),
        pytest.param([-0.02, 0.3], 0.5, [9.0, 9.0], 0.02, id="negative share of a user"),
        pytest.param([0.3, 0.3], -0.03, [9.0, 9.0], 0.03, id="negative share of sensing"),
        pytest.param([0.3, 0.2], 0.5, [0.32, 9.0], 0.25, id="azimuth"),
        pytest.param([0.3, 0.2], 0.5, [9.0, 0.5], 1 / 3, id="elevation"),
        pytest.param([0.3, 0.2], 0.5, [np.inf, 0.5], 1 / 3, id="elevation alone limited"),
        pytest.param([0.3, 0.2], 0.5, [np.inf, np.inf], 0.0, id="no limit"),
        pytest.param([0.3, 0.4], 0.5, [0.1, 0.5], 1 / 0.1 / 2.7 - 1, id="the worst counts"),
        pytest.param([0.0, 0.0], 0.0, [0.1, 0.5], np.inf, id="no power, no information"),
    ],
)
def test_violation(x: list[float], q: float, limit: list[float], expected: float) -> None:
    found = plain_problem(np.array(limit)).violation(np.array(x), np.asarray(q))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_an_angle_that_cannot_be_estimated_breaks_only_its_own_limit() -> None:
    # On the vertical axis the azimuth changes nothing.
    target = attrs.evolve(scenario().target, elevation_deg=0.0)
    blind = scenario(target=target, sensing=Sensing())
    x, q = np.full(7, 0.1), np.asarray(0.3)
    azimuth, elevation = blind.problem(MRT())[0].crlb(x, q)
    assert np.isposinf(azimuth)
    assert 0 < elevation < np.inf
    assert blind.problem(MRT())[0].violation(x, q) == 0
    for limits, violation in (
        ({"elevation_crlb_limit_db": 10 * np.log10(2 * elevation)}, 0),
        ({"elevation_crlb_limit_db": 10 * np.log10(elevation / 2)}, pytest.approx(1, rel=1e-12)),
        ({"azimuth_crlb_limit_db": 50.0}, np.inf),
    ):
        limited = attrs.evolve(blind, sensing=Sensing(**limits))
        assert limited.problem(MRT())[0].violation(x, q) == violation


@pytest.mark.parametrize("limit_db", [-20.0, -34.0, -60.0])
def test_infeasibility_is_told_exactly_where_no_share_is_found(limit_db: float) -> None:
    whole = scenario(sensing=Sensing(crlb_limit_db=limit_db, beam_azimuth_deg=-36.0))
    problem = whole.problem(MRT())
    reachable = 10 * np.log10(problem.smallest_crlb)[0]
    shares = np.broadcast_to(problem.largest_communication_share, (3,))
    assert problem.infeasibility.shape == (3,)
    for sentence, share in zip(problem.infeasibility, shares, strict=True):
        assert bool(sentence) == bool(np.isnan(share)) == (limit_db < reachable.max())
        if sentence:
            assert f"{reachable[0]:.3f} dB in azimuth" in sentence
            assert f"{reachable[1]:.3f} dB in elevation" in sentence


def test_infeasibility_of_limits_that_hold_only_one_by_one() -> None:
    # Azimuth alone needs f <= 1/3, elevation alone f >= 2/3.
    problem = plain_problem(np.array([1 / 3, 1 / (1 + 2 / 3)]))
    assert (problem.smallest_crlb <= problem.crlb_limit).all()
    assert np.isnan(problem.largest_communication_share)
    # At the best split both reach the same part of what is asked: (4 - 3 f) / 3 = (1 + f) / (5 / 3) = 7 / 8.
    assert f"{10 * np.log10(8 / 7):.3f} dB" in str(problem.infeasibility)


@pytest.mark.parametrize("limit", [[np.inf, np.inf], [9.0, 9.0]])
@pytest.mark.parametrize("alike", [True, False])
def test_the_certificate_names_the_sum_that_cannot_be_met(limit: list[float], alike: bool) -> None:
    problem = plain_problem(np.array(limit))
    fisher = None if alike else np.stack([problem.fisher_communication] * 2)
    problem = attrs.evolve(
        problem,
        fisher_users=fisher,
        crlb_sum_weights=np.array([[1.0, 1.0], [1.0, 0.0]]),
        crlb_sum_limit=np.array([0.01, 9.0]),
    )
    # 1 / (4 - 3 f) + 1 / (1 + f) is smallest at f = (4 - √3) / (3 + √3).
    f = (4 - 3**0.5) / (3 + 3**0.5)
    smallest = 10 * np.log10(1 / (4 - 3 * f) + 1 / (1 + f))
    message = str(problem.infeasibility)
    assert f"{smallest:.3f} dB in the sum over azimuth and elevation (limit -20.000)" in message
    assert f"{10 * np.log10(1 / 4):.3f} dB in azimuth (limit 9.542)" in message
    assert message.count("(limit") == np.isfinite(limit).sum() + 2
    assert "one split" not in message


@pytest.mark.parametrize(("beam_offset_deg", "aligned"), [(0.0, True), (1e-3, False), (5.0, False)])
def test_aligned_is_a_matter_of_the_beam(beam_offset_deg: float, aligned: bool) -> None:
    sensing = Sensing(crlb_limit_db=-30.0, beam_azimuth_deg=-33.0 + beam_offset_deg)
    problem = scenario(sensing=sensing).problem(MRT())
    assert problem.aligned is aligned
    assert problem[1].aligned is aligned


# Batches


def batch(generator: Generator, drops: int = 6, limits: int = 5) -> PowerAllocationProblem:
    """Return problems over limits and drops whose fields have only the axes that they need."""
    fisher = random_geometry(generator, aligned=False).fisher()
    users = 4
    spread = generator.uniform(-0.5, 1, (limits, 1, 2))
    return PowerAllocationProblem(
        gain=10 ** generator.uniform(-2, 3, (drops, users)),
        sensing_interference=10 ** generator.uniform(0, 2, (drops, users)),
        common_interference=generator.uniform(0, 1, (drops, users)),
        prelog=np.array([0.9]),
        fisher_communication=fisher[0],
        fisher_sensing=fisher[1],
        crlb_limit=limits_met_at(fisher, 0.4, np.zeros(2)) * 10**spread,
        power=np.arange(1.0, limits + 1)[:, None],
        weight_power=generator.uniform(0.1, 2, (drops, users)),
        antennas=16,
    )


def test_fields_broadcast_over_the_batch() -> None:
    generator = np.random.default_rng(51)
    problem = batch(generator)
    x, q = random_shares(generator, 4, 30)
    x, q = x.reshape(5, 6, 4), q.reshape(5, 6)
    assert problem.batch_shape == (5, 6)
    methods = {
        "sinr": (x, q),
        "rates": (x, q),
        "sum_rate": (x, q),
        "violation": (x, q),
        "gamma": (x,),
        "rho": (q,),
        "fisher": (x, q),
        "crlb": (x, q),
    }
    for method, arguments in methods.items():
        whole = getattr(problem, method)(*arguments)
        assert whole.shape[:2] == (5, 6), method
        for index in np.ndindex(5, 6):
            single = getattr(problem[index], method)(*(argument[index] for argument in arguments))
            np.testing.assert_allclose(whole[index], single, rtol=1e-12, atol=1e-15, err_msg=method)


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        pytest.param(2, (6,), id="number"),
        pytest.param((1, 3), (), id="pair"),
        pytest.param((slice(1, 4), 0), (3,), id="slice"),
        pytest.param((slice(None), [0, 5]), (5, 2), id="list"),
        pytest.param(np.arange(5) > 2, (2, 6), id="mask"),
    ],
)
def test_indexing_a_batch(index: Any, shape: tuple[int, ...]) -> None:
    problem = batch(np.random.default_rng(52))
    chosen = problem[index]
    assert chosen.batch_shape == shape
    assert chosen.users == 4
    numbers = np.arange(30).reshape(5, 6)[index].ravel()
    for name, core in (("gain", 1), ("crlb_limit", 1), ("fisher_sensing", 2), ("power", 0)):
        value = getattr(problem, name)
        full = np.broadcast_to(value, (5, 6, *value.shape[value.ndim - core :]))
        flat = full.reshape(30, *full.shape[2:])[numbers]
        np.testing.assert_array_equal(getattr(chosen, name), flat.reshape(getattr(chosen, name).shape))


def test_stacked_problems_come_back_by_their_index() -> None:
    generator = np.random.default_rng(53)
    problems = [random_problem(generator, 4, aligned=False) for _ in range(3)]
    stacked = PowerAllocationProblem.stack(problems)
    assert stacked.batch_shape == (3,)
    for position, problem in enumerate(problems):
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(stacked[position], name), getattr(problem, name))


def test_coupled_and_uncoupled_problems_do_not_stack() -> None:
    generator = np.random.default_rng(54)
    plain, other = (random_problem(generator, 3) for _ in range(2))
    coupled = attrs.evolve(other, coupling=generator.uniform(0, 9, (3, 3)))
    assert plain.layout != coupled.layout
    with pytest.raises(ValueError, match="different layouts"):
        PowerAllocationProblem.stack([plain, coupled])


def test_problems_over_different_drops_stack() -> None:
    one = scenario(channel=Rayleigh(large_scale_fading=[0.1, 0.2, 0.3])).problem(MRT())
    stacked = PowerAllocationProblem.stack([one, one]).with_drops(4)
    assert stacked.batch_shape == (2, 4)
    np.testing.assert_array_equal(stacked[1, 3].gain, one[0].gain)


@pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])
@pytest.mark.parametrize("name", ["mrt", pytest.param("zf", marks=pytest.mark.slow)])
def test_exact_batch_equals_its_members_bit_for_bit(name: str, aligned: bool) -> None:
    beam = {} if aligned else {"beam_azimuth_deg": -27.0, "beam_elevation_deg": 66.0}
    whole = scenario(drops=8)
    points = [
        attrs.evolve(whole, snr_db=snr_db, sensing=Sensing(crlb_limit_db=limit_db, **beam))
        for snr_db in (0.0, 9.0, 20.0)
        for limit_db in (-25.0, -36.0, -45.0)
    ]
    problem = PowerAllocationProblem.stack([point.problem(PRECODERS[name]) for point in points])
    together = Exact().allocate(problem)
    for index in np.ndindex(problem.batch_shape):
        alone = Exact().allocate(problem[index])
        for field in ("communication", "sensing", "rates", "sum_rate", "crlb", "violation", "feasible", "status"):
            np.testing.assert_array_equal(getattr(together, field)[index], getattr(alone, field), err_msg=field)
    assert {"optimal", "infeasible"} == set(together.status.ravel())


# Input


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gain", np.array([1.0, np.nan])),
        ("gain", np.array([1.0, np.inf])),
        ("sensing_interference", np.ones(3)),
        ("fisher_sensing", np.eye(3)),
        ("fisher_communication", np.full((4, 4), np.nan)),
        ("crlb_limit", np.ones(3)),
        ("crlb_limit", np.array([1.0, 0.0])),
        ("crlb_limit", np.array([np.nan, 1.0])),
        ("power", np.inf),
        ("coupling", np.ones((2, 3))),
        ("coupling", np.full((2, 2), np.nan)),
    ],
)
def test_numbers_that_make_no_problem_are_refused(key: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{key} must"):
        attrs.evolve(plain_problem(np.ones(2)), **{key: value})


def test_leading_axes_must_broadcast() -> None:
    with pytest.raises(InputError, match="must broadcast"):
        attrs.evolve(plain_problem(np.ones(2)), power=np.ones(3), antennas=np.ones(2))


# The framework's judgement


@final
@attrs.frozen(kw_only=True)
class Given(Allocator):
    """Returns what it is told to, or raises it."""

    name: ClassVar[str] = "given"
    vectorized: ClassVar[bool] = True

    answer: Any

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        if isinstance(self.answer, Exception):
            raise self.answer
        assert isinstance(self.answer, Shares)
        return self.answer


def test_objective_and_feasibility_are_recomputed() -> None:
    problem = plain_problem(np.array([0.5, 0.7]))
    x, q = np.array([0.3, 0.2]), np.asarray(0.5)
    found = Given(answer=Shares(communication=x, sensing=q)).allocate(problem)
    np.testing.assert_allclose(found.rates, 0.9 * np.log2([1 + 0.6 / 2, 1 + 0.2 / 2]))
    np.testing.assert_allclose(found.sum_rate, found.rates.sum())
    np.testing.assert_allclose(found.crlb, [1 / 2.5, 1 / 1.5])
    assert found.status == "feasible"
    assert found.feasible


@pytest.mark.parametrize("excess", [0.9e-6, 1.1e-6])
def test_a_claim_does_not_make_an_allocation_feasible(excess: float) -> None:
    problem = plain_problem(np.array([0.5, 0.7]))
    best = Exact().allocate(problem)
    x, q = best.communication + np.array([0.0, excess]), best.sensing
    found = Given(answer=Shares(communication=x, sensing=q, status=Status.OPTIMAL)).allocate(problem)
    assert found.claim == "optimal"
    assert found.violation == pytest.approx(excess, rel=1e-6)
    assert bool(found.feasible) is (excess < 1e-6)
    assert found.status == ("optimal" if found.feasible else "infeasible")
    assert bool(found.message) is not bool(found.feasible)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ZeroDivisionError("oh"), id="raises"),
        pytest.param(Shares(communication=np.ones(3) / 9, sensing=0.1), id="wrong number of users"),
        pytest.param(Shares(communication=[0.1, np.nan], sensing=0.1), id="NaN share"),
        pytest.param(
            Shares(communication=[0.1, 0.1], sensing=np.inf, status=Status.OPTIMAL), id="infinite share"
        ),
    ],
)
def test_a_broken_answer_has_failed(answer: Any) -> None:
    found = Given(answer=answer).allocate(plain_problem(np.ones(2)))
    assert found.status == "failed"
    assert found.message
    assert not found.feasible
    assert np.isnan(found.sum_rate)
    assert np.isnan(found.communication).all()


def test_half_and_half_is_judged_by_the_limits_it_ignores() -> None:
    problem = PowerAllocationProblem.stack([plain_problem(np.array([a, 9.0])) for a in (0.5, 0.3)])
    found = EqualCS().allocate(problem)
    np.testing.assert_array_equal(found.feasible, [True, False])
    np.testing.assert_array_equal(found.status, ["feasible", "infeasible"])
    np.testing.assert_allclose(found.communication.sum(axis=-1), 0.5)
    np.testing.assert_allclose(found.sensing, 0.5)
