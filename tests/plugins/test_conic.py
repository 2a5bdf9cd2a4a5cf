"""The conic programs against closed forms, linear programs with cutting planes, and other solvers."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from channels import Gaussian
from cutting_planes import Cutter
from numerics import feasible_shares, general_problem, random_problem, random_shares
from scipy.optimize import minimize

import isacfw
from isacfw import Designed, FloatArray, LeastCRLB, LeastPower, PowerAllocationProblem, Scenario, Sensing, Target
from isacfw.config.structure import structure
from isacfw_plugins.allocators._geometric import largest_product
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.arrays.upa import UPA
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.joined import Joined
from isacfw_plugins.beams.rzf import RZFBeam
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct
from isacfw_plugins.precoders.rzf import RZF

OBJECTIVES = (LeastPower(), LeastCRLB(), LeastCRLB(measure="worst"), MaxMin(), SINRProduct())
NAMES = ("least_power", "least_crlb", "worst", "max_min", "sinr_product")
objectives = pytest.mark.parametrize("objective", OBJECTIVES, ids=NAMES)


def floored(problem: PowerAllocationProblem, part: float) -> PowerAllocationProblem:
    """Return a problem whose users need a part of their rates at shares that meet the limits."""
    x, q, _ = problem.feasible_shares()
    return attrs.evolve(problem, minimum_rate=part * problem.rates(x, q))


def solved(problem: PowerAllocationProblem, objective: isacfw.Objective) -> isacfw.Allocation:
    """Return a verified answer that must be optimal."""
    found = Conic().allocate(attrs.evolve(problem, objective=objective))
    assert found.status == "optimal", found.message
    assert found.violation <= 1e-7
    assert found.bound == pytest.approx(found.value, rel=1e-6)
    return found


@objectives
@pytest.mark.parametrize("seed", range(6))
def test_uncoupled_problems_have_the_closed_form(objective: isacfw.Objective, seed: int) -> None:
    problem = random_problem(np.random.default_rng(seed), (1, 2, 5, 12)[seed % 4], aligned=bool(seed % 2))
    for own in (problem, floored(problem, 0.4)):
        expected = Exact().allocate(attrs.evolve(own, objective=objective))
        assert solved(own, objective).value == pytest.approx(expected.value, rel=1e-6)


@pytest.mark.parametrize("objective", [MaxMin(), SINRProduct()], ids=["max_min", "sinr_product"])
@pytest.mark.parametrize("seed", range(4))
def test_users_that_interfere_in_pairs_have_the_power_control(objective: isacfw.Objective, seed: int) -> None:
    generator = np.random.default_rng(seed)
    problem = random_problem(generator, 5, aligned=False)
    problem = attrs.evolve(problem, coupling=10 ** generator.uniform(-2, 2, (5, 5)))
    for own in (problem, floored(problem, 0.4)):
        expected = Exact().allocate(attrs.evolve(own, objective=objective))
        assert expected.status == "optimal"
        assert solved(own, objective).value == pytest.approx(expected.value, rel=1e-6)


@pytest.mark.parametrize("seed", [9, 13, 28])
def test_rates_just_below_the_largest_common_one(seed: int) -> None:
    """Interference far above the noise leaves hardly any shares that give all users their rates."""
    generator = np.random.default_rng(seed)
    users = int(generator.integers(2, 15))
    problem = random_problem(generator, users, largest_gain=10 ** generator.uniform(-3, 8))
    coupling = 10 ** generator.uniform(-6, generator.uniform(-3, 8), (users, users))
    problem = attrs.evolve(problem, coupling=coupling, objective=MaxMin())
    expected = Exact().allocate(problem)
    for part in (0.3, 0.99):
        found = solved(attrs.evolve(problem, minimum_rate=part * expected.rates), MaxMin())
        assert found.value == pytest.approx(expected.value, rel=1e-6)


def coupled_problem(seed: int, **options: Any) -> PowerAllocationProblem:
    """Return a problem whose users and streams couple and differ, with minimum rates."""
    generator = np.random.default_rng(seed)
    options = {
        "users": int(generator.integers(1, 6)),
        "streams": int(generator.integers(1, 4)),
        "targets": 1 + seed % 2,
        "users_differ": seed % 3 != 0,
        "known": (1,) if seed % 4 == 0 else (),
        "slack_db": 1.0,
        **options,
    }
    return floored(general_problem(generator, **options), 0.4)


@pytest.mark.parametrize("seed", range(4))
def test_coupled_problems_against_cutting_planes(seed: int) -> None:
    problem = coupled_problem(seed)
    cutter, least = Cutter(problem), problem.least_sinr
    assert least is not None
    found = solved(problem, LeastPower())
    assert found.value == pytest.approx(cutter.least_power(least), rel=1e-6)
    found = solved(problem, LeastCRLB())
    free, selected = np.zeros(problem.users + problem.streams), LeastCRLB().selected(problem.known)
    assert found.value == pytest.approx(cutter.minimum(free, least, full=True, crlbs=selected), rel=1e-6)
    found = solved(problem, MaxMin())
    largest = problem.rates_of(np.array([cutter.largest_sinr(least)]))
    assert found.value == pytest.approx(float(largest[0]), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_worst_ratio_of_some_angles_under_all_limits(seed: int) -> None:
    """Bisection over the limits of the selected angles, which linear programs can meet or not."""
    problem = coupled_problem(2 * seed + 1)
    objective = LeastCRLB(measure="worst", target=1 + seed % 2, angle="azimuth" if seed < 2 else None)
    selected, least = objective.selected(problem.known) > 0, problem.least_sinr
    assert least is not None
    low, high = 0.0, 1.0
    while high - low > 1e-7 * high:
        middle = (low + high) / 2
        limit = problem.crlb_limit * np.where(selected, middle, 1.0)
        met = Cutter(attrs.evolve(problem, crlb_limit=limit)).least_power(least) <= 1
        low, high = (low, middle) if met else (middle, high)
    found = solved(problem, objective)
    assert found.value == pytest.approx(low, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_large_coupling(seed: int) -> None:
    generator = np.random.default_rng(seed)
    problem = coupled_problem(seed, users=4, streams=2)
    problem = attrs.evolve(problem, coupling=1e6 * 10 ** generator.uniform(-2, 2, (4, 4)), minimum_rate=None)
    nothing = np.zeros(4)
    found = solved(problem, MaxMin())
    largest = problem.rates_of(np.array([Cutter(problem).largest_sinr(nothing)]))
    assert found.value == pytest.approx(float(largest[0]), rel=1e-6)
    assert solved(floored(problem, 0.3), LeastPower()).value <= 1


def test_gains_over_many_decades() -> None:
    """The shares of strong users are far below the accuracy of a solver in units of the largest share."""
    problem = random_problem(np.random.default_rng(5), 6, largest_gain=1e3)
    problem = attrs.evolve(problem, gain=np.geomspace(1e-3, 1e12, 6), weight_power=np.ones(6))
    for objective in (MaxMin(), LeastPower(), LeastCRLB()):
        fair = Exact().allocate(attrs.evolve(problem, objective=MaxMin()))
        own = attrs.evolve(problem, minimum_rate=0.4 * fair.rates)
        expected = Exact().allocate(attrs.evolve(own, objective=objective))
        assert solved(own, objective).value == pytest.approx(expected.value, rel=1e-6)


# Bounds


@objectives
def test_no_random_point_beats_the_bound(objective: isacfw.Objective) -> None:
    generator = np.random.default_rng(3)
    problem = attrs.evolve(random_problem(generator, 3, aligned=False), objective=objective)
    problem = attrs.evolve(problem, coupling=generator.uniform(0, 3, (3, 3)))
    problem = attrs.evolve(floored(problem, 0.2), crlb_limit=1.5 * problem.crlb_limit)
    assert problem.minimum_rate is not None
    found = solved(problem, objective)
    x, q = feasible_shares(problem, generator, 40_000)
    kept = (problem.rates(x, q) >= problem.minimum_rate).all(axis=-1)
    assert kept.sum() > 100
    values = problem.value(x[kept], q[kept])
    if objective.rises:
        assert values.max() <= found.bound + 1e-9
        assert values.max() >= found.bound - 2.0
    else:
        assert values.min() >= found.bound * (1 - 1e-9)
        assert values.min() <= 3 * found.bound


@pytest.mark.parametrize("seed", range(3))
def test_no_local_optimum_is_better(seed: int) -> None:
    """A solver of smooth problems from several starts, on the product of SINRs without limits."""
    generator = np.random.default_rng(seed)
    problem = random_problem(generator, 4)
    problem = attrs.evolve(
        problem,
        coupling=10 ** generator.uniform(-1, 3, (4, 4)),
        crlb_limit=np.full(2, np.inf),
        objective=SINRProduct(),
    )
    found = solved(problem, SINRProduct())

    def negative(y: FloatArray) -> float:
        x = np.exp(y - y.max())
        return -float(problem.value(x / x.sum(), np.zeros(1)))

    starts = np.log(random_shares(generator, 4, 3)[0])
    best = min(minimize(negative, start, method="BFGS", options={"gtol": 1e-9}).fun for start in starts)
    assert -best == pytest.approx(float(found.value), rel=1e-6)
    assert -best <= found.bound + 1e-9


def test_weighted_products_have_weighted_bounds() -> None:
    generator = np.random.default_rng(4)
    gain, coupling, noise = 10 ** generator.uniform(0, 2, 4), generator.uniform(0, 5, (4, 4)), np.ones(4)
    weights, nothing = np.array([1.0, 2.0, 0.5, 3.0]), np.zeros(4)
    others = 0.7 * generator.dirichlet(np.ones(4), 20_000)
    sinrs = gain * others / (others @ coupling.T + noise)
    values = np.log(sinrs) @ weights
    best = sinrs[values.argmax()]
    # The second least SINR binds.
    for least in (nothing, np.where(np.arange(4) == 2, 3 * best, 0.0)):
        answer = largest_product(gain, coupling, noise, 0.7, weights=weights, least=least)
        assert answer is not None
        x, bound = answer
        sinr = gain * x / (coupling @ x + noise)
        assert (sinr >= least * (1 - 1e-9)).all()
        assert x.sum() == pytest.approx(0.7)
        assert weights @ np.log(sinr) == pytest.approx(bound, abs=1e-8)
        assert values[(sinrs >= least).all(axis=-1)].max() <= bound
    assert sinr[2] == pytest.approx(least[2], rel=1e-8)
    assert largest_product(gain, coupling, noise, 0.7, weights=weights, least=100 * best) is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("part", [0.3, 1.0, 2.0])
def test_margins_have_bounds(seed: int, part: float) -> None:
    problem = coupled_problem(seed, users=4)
    program = problem.share_program(single=True)
    assert program is not None
    limits = problem.rate_limits(np.full(4, part * float(problem.sinr(*problem.feasible_shares()[:2]).max())))
    growth = 0.3 * np.arange(1, 5) / problem.gain
    limits = attrs.evolve(limits, growth=growth)
    found = program.largest_margin(limits)
    assert found is not None
    reached = (limits.rows @ found.shares - limits.least) / growth
    assert reached.min() == pytest.approx(found.value, rel=1e-9)
    assert found.value == pytest.approx(found.bound, rel=1e-8, abs=1e-8)


# Correlated channels and designed beams


@pytest.fixture(scope="module")
def correlated() -> PowerAllocationProblem:
    """Users and streams that differ in all they do: regularised zero forcing on correlated channels."""
    target = Target(azimuth_deg=20.0, elevation_deg=70.0, reflection_amplitude=0.2, azimuth_crlb_limit_db=-30.0)
    scenario = Scenario(
        snr_db=10.0,
        transmit_array=UPA(horizontal=4, vertical=3),
        receive_array=UPA(horizontal=4, vertical=4),
        targets=[target],
        sensing=Sensing(frame_length=30),
        channel=Gaussian(k_factor=1.0, correlation=0.7),
        precoders=[RZF()],
        beams=[Joined(beams=(RZFBeam(), Difference()))],
        allocators=[Conic()],
        sampling_accuracy=0.1,
    )
    return scenario.problem(scenario.precoders[0])[0]


@pytest.mark.parametrize("objective", [LeastPower(), LeastCRLB(), MaxMin()], ids=["power", "crlb", "max_min"])
def test_correlated_channels(objective: isacfw.Objective, correlated: PowerAllocationProblem) -> None:
    assert correlated.fisher_users is not None
    assert correlated.fisher_streams is not None
    assert correlated.coupled
    ratio = correlated.feasible_shares()[2]
    problem = floored(attrs.evolve(correlated, crlb_limit=1.2 * ratio * correlated.crlb_limit), 0.3)
    least = problem.least_sinr
    assert least is not None
    found, cutter = solved(problem, objective), Cutter(problem)
    if isinstance(objective, LeastPower):
        expected = cutter.least_power(least)
    elif isinstance(objective, LeastCRLB):
        free = np.zeros(problem.users + problem.streams)
        expected = cutter.minimum(free, least, full=True, crlbs=objective.selected(problem.known))
    else:
        expected = float(problem.rates_of(np.array([cutter.largest_sinr(least)]))[0])
    assert found.value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("objective", [LeastPower(), LeastCRLB(), MaxMin()], ids=["power", "crlb", "max_min"])
def test_limits_of_displaced_targets(objective: isacfw.Objective, variant: Any, host_with: Any) -> None:
    beam = Designed(robust_offsets_deg=((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0)))
    scenario = attrs.evolve(structure(variant({"drops": 1}), host_with()), beams=(beam,))
    problem = scenario.problem(scenario.precoders[0])[0]
    assert problem.displacements == 3
    problem = floored(problem, 0.3)
    expected = Exact().allocate(attrs.evolve(problem, objective=objective))
    assert expected.status == "optimal"
    assert solved(problem, objective).value == pytest.approx(expected.value, rel=1e-6)


# Infeasible problems, and those without a convex program


@objectives
def test_limits_that_cannot_be_met(objective: isacfw.Objective) -> None:
    problem = coupled_problem(4, users=3, streams=1, users_differ=False, targets=1, coupled=False)
    ratio = problem.feasible_shares()[2]
    tight = attrs.evolve(problem, crlb_limit=0.999 * ratio * problem.crlb_limit, objective=objective)
    found = Conic().allocate(tight)
    assert found.status == "infeasible"
    assert "CRLB limits are infeasible" in str(found.message)


@pytest.mark.parametrize("objective", [LeastPower(), LeastCRLB(), MaxMin()], ids=["power", "crlb", "max_min"])
@pytest.mark.parametrize("seed", range(3))
def test_rates_that_cannot_be_had(objective: isacfw.Objective, seed: int) -> None:
    """On both sides of the rates that linear programs call the largest."""
    problem = coupled_problem(seed, users=3)
    least = problem.least_sinr
    assert least is not None
    largest = Cutter(problem).largest_sinr(np.zeros(3))
    for part, status in ((1.0001, "infeasible"), (0.9999, "optimal")):
        rates = problem.rates_of(np.full(3, part * largest))
        found = Conic().allocate(attrs.evolve(problem, minimum_rate=rates, objective=objective))
        assert found.status == status, (part, found.message)
        assert ("minimum rates" in str(found.message)) == (status == "infeasible")


def test_interference_alone_may_prevent_rates() -> None:
    problem = random_problem(np.random.default_rng(0), 2)
    problem = attrs.evolve(problem, coupling=1e3 * problem.gain.max() * np.ones((2, 2)), minimum_rate=np.ones(2))
    for objective in OBJECTIVES:
        found = Conic().allocate(attrs.evolve(problem, objective=objective))
        assert found.status == "infeasible"
        assert "at any transmit power" in str(found.message)


@pytest.mark.parametrize(
    "objective", [isacfw.SumRate(), ProportionalFair(), AlphaFair(alpha=2.0)], ids=["sum", "fair", "alpha"]
)
def test_other_utilities_are_refused(objective: isacfw.Objective) -> None:
    problem = attrs.evolve(random_problem(np.random.default_rng(0), 2), objective=objective)
    found = Conic().allocate(problem)
    assert found.status == "skipped"
    assert "NP-hard" in str(found.message)
    with pytest.raises(isacfw.IncompatibleError, match="NP-hard"):
        Conic().solve(problem)


@pytest.mark.parametrize("users_differ", [True, False], ids=["users", "streams"])
def test_products_with_limits_on_differing_signals_are_refused(users_differ: bool) -> None:
    problem = general_problem(np.random.default_rng(1), 3, users_differ=users_differ)
    problem = attrs.evolve(problem, objective=SINRProduct())
    assert Conic().allocate(problem).status == "skipped"
    free = attrs.evolve(problem, crlb_limit=np.full_like(problem.crlb_limit, np.inf))
    found = solved(free, SINRProduct())
    assert found.sensing == pytest.approx(0, abs=1e-12)
