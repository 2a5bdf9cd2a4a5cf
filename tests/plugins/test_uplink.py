"""The uplink: closed forms and optima against other methods, bounds, and what is refused."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from scipy.optimize import approx_fprime, linprog, minimize

import isacfw
from isacfw import ConcaveUplink, FloatArray, InputError, Multipliers, Status, UplinkProblem
from isacfw_plugins.allocators._interior_point import curvature
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.equal_cs import EqualCS
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.objectives.alpha_fair import AlphaFair
from isacfw_plugins.objectives.max_min import MaxMin
from isacfw_plugins.objectives.proportional_fair import ProportionalFair
from isacfw_plugins.objectives.sinr_product import SINRProduct

DIFFERENTIABLE = (
    isacfw.SumRate(),
    isacfw.SumRate(weights=(1.0, 2.0, 0.5, 0.0)),
    ProportionalFair(),
    AlphaFair(alpha=0.5),
    AlphaFair(alpha=2.0),
    SINRProduct(),
)
UTILITIES = (*DIFFERENTIABLE, MaxMin())
TITLES = [f"{one.name}-{position}" for position, one in enumerate(UTILITIES)]
EVERY_UTILITY = pytest.mark.parametrize("utility", UTILITIES, ids=TITLES)


def problems(
    batch: int = 6,
    users: int = 4,
    *,
    rows: int = 1,
    floors: bool = False,
    seed: int = 0,
    radar: float = 0.0,
    objective: isacfw.Objective | None = None,
) -> UplinkProblem:
    """Return random problems; the larger `radar`, the closer its budget is to what is required."""
    generator = np.random.default_rng(seed)
    shape = (batch, users)
    beta = 10 ** generator.uniform(-2.0, 0.0, shape)
    error = beta * 10 ** generator.uniform(-3.0, -0.5, shape)
    user_power, radar_power = 10 ** generator.uniform(0.0, 2.5, (2, batch))
    reflection, own = 10 ** generator.uniform(-3.0, -1.0, (batch, 1)), 10 ** generator.uniform(-5.0, -2.0, batch)
    matched = generator.random((batch, 1)) < 0.5
    fields: dict[str, Any] = {}
    if rows:
        scale = 10 ** generator.uniform(-1.0, 0.5, (batch, rows, 1))
        spread = generator.uniform(0.5, 2.0, (batch, rows, users if rows > 1 else 1))
        fields = {
            "linear_users": -scale * spread * error[:, None, :] * user_power[:, None, None],
            "linear_streams": 10 ** (generator.uniform(0.2, 2.0, (batch, rows, 1)) * (1 - radar)),
            "linear_least": np.ones((batch, rows)),
        }
    problem = UplinkProblem(
        gain=32 * (beta - error) * user_power[:, None],
        source_interference=np.where(matched, beta, error) * user_power[:, None],
        sensing_interference=radar_power * (reflection[:, 0] + own),
        prelog=np.array(0.9),
        user_power=user_power,
        radar_power=radar_power,
        estimation_error=error,
        self_interference=own,
        reflection_power=reflection,
        antennas=np.array(32.0),
        subcarriers=np.array(64.0),
        symbols=np.array(14.0),
        objective=isacfw.SumRate() if objective is None else objective,
        **fields,
    )
    if not floors:
        return problem
    full = problem.rates(np.ones(shape), 1.0)
    part = generator.uniform(0.0, 0.9, shape) * (generator.random(shape) < 0.6)
    return attrs.evolve(problem, minimum_rate=full * part)


def linear_form(problem: UplinkProblem) -> tuple[FloatArray, FloatArray]:
    """Return rows A and b with which A (x, q) ≥ b are the minimum SINRs and requirements of one problem."""
    users = problem.users
    least = np.zeros(users) if problem.least_sinr is None else problem.least_sinr
    both = np.append(problem.source_interference, problem.sensing_interference)
    sinr = np.eye(users + 1)[:users] * problem.gain[:, None] - least[:, None] * both
    if problem.linear_least is None:
        return sinr, least
    assert problem.linear_users is not None
    assert problem.linear_streams is not None
    radar = np.concatenate([problem.linear_users, problem.linear_streams], axis=-1)
    return np.concatenate([sinr, radar]), np.concatenate([least, problem.linear_least])


# Quantities


def test_quantities_by_hand() -> None:
    problem = UplinkProblem(
        gain=[60.0, 30.0],
        source_interference=[0.5, 0.2],
        sensing_interference=3.0,
        prelog=0.5,
        user_power=10.0,
        radar_power=20.0,
        estimation_error=[0.05, 0.02],
        self_interference=0.1,
        reflection_power=[0.04, 0.01],
        antennas=8.0,
        subcarriers=4.0,
        symbols=5.0,
    )
    x, q = np.array([1.0, 0.5]), 0.5
    total = 0.5 + 0.1 + 1.5 + 1
    residual = 10 * (0.05 + 0.01) + 0.1 * 10 + 1
    assert problem.sinr(x, q) == pytest.approx(np.array([60.0, 15.0]) / total)
    assert problem.rates(x, q) == pytest.approx(0.5 * np.log2(1 + np.array([60.0, 15.0]) / total))
    assert problem.residual(x, q) == pytest.approx(residual)
    assert problem.radar_nmse(x, q) == pytest.approx(residual / (10 * 0.05))
    assert problem.image_sinr(x, q) == pytest.approx(160 * 10 * np.array([0.04, 0.01]) / residual)
    assert problem.violation(np.array([1.2, 0.5]), q) == pytest.approx(0.2)
    assert problem.violation(x, 1.25) == pytest.approx(0.25)
    assert problem.violation(x, -0.5) == pytest.approx(0.5)
    assert problem.performance(x, q).power == pytest.approx(2.0)
    assert problem.gamma(x) == pytest.approx([10.0, 5.0])
    assert (problem.communication_power(x), problem.sensing_power(np.array(q))) == pytest.approx((15.0, 10.0))
    assert np.isinf(problem.radar_nmse(x, 0.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_interference": np.ones((6, 3))}, "source_interference must have shape (..., 4)"),
        ({"self_interference": np.array(-1.0)}, "self_interference must not be negative"),
        ({"linear_users": np.ones((6, 1, 4))}, "linear_users must not be positive"),
        ({"linear_least": np.zeros((6, 1))}, "linear_least must be greater than 0"),
        ({"linear_streams": None}, "linear_streams must be given"),
        ({"reflection_power": None}, "reflection_power must be given"),
        ({"user_power": np.ones(5)}, "the leading axes must broadcast"),
    ],
)
def test_fields_are_checked(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        attrs.evolve(problems(), **change)
    assert message in str(caught.value)


# Least power


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_least_power_against_a_linear_program(rows: int) -> None:
    given = problems(16, rows=rows, floors=True, seed=rows, objective=isacfw.LeastPower())
    found = Exact().allocate(given)
    assert (found.status == "optimal").sum() > 0
    for index in range(16):
        one = given[index]
        matrix, least = linear_form(one)
        best = linprog(np.ones(5), A_ub=-matrix, b_ub=-least, bounds=(0, 1))
        assert (best.status == 2) == (found.status[index] == "infeasible")
        if best.status == 0:
            assert found.value[index] == pytest.approx(best.fun, rel=1e-9)
            assert found.violation[index] <= 1e-12
        else:
            assert found.message[index]


def test_least_shares_are_below_all_feasible_ones() -> None:
    given = problems(8, rows=2, floors=True, seed=5)
    x, q = given.radar_demand.least_shares(given.least_sinr)
    for index in range(8):
        matrix, least = linear_form(given[index])
        for place, share in enumerate(np.append(x[index], q[index])):
            alone = linprog(np.eye(5)[place], A_ub=-matrix, b_ub=-least, bounds=(0, None))
            assert alone.fun == pytest.approx(share, rel=1e-8) if alone.status == 0 else np.isinf(share)


def test_certificates_of_infeasibility() -> None:
    one = attrs.evolve(problems(1, 2, rows=0)[0], objective=isacfw.LeastPower())
    gain, load = one.gain, one.source_interference
    assert str(one.infeasibility) == ""
    alone = attrs.evolve(one, minimum_rate=one.rates_of(2 * gain / load))
    assert "interference alone prevents them" in str(alone.infeasibility)
    loud = attrs.evolve(
        one, source_interference=np.zeros(2), minimum_rate=one.rates_of(np.array([1.5, 0.5]) * gain)
    )
    assert str(loud.infeasibility) == "the minimum rates need 1.5 times the power of user 0"
    radar = {"linear_users": np.array([[0.0, -1.0]]), "linear_streams": np.array([[2.0]])}
    far = attrs.evolve(one, **radar, linear_least=np.array([3.0]), linear_quantities=(isacfw.LinearQuantity(),))
    assert str(far.infeasibility) == (
        "the requirements are infeasible: at full radar power a linear requirement can reach no more than"
        " 0.6667 times what is needed"
    )
    both = attrs.evolve(far, linear_least=np.array([1.5]), minimum_rate=one.rates_of(np.array([0.0, 0.9]) * gain))
    both = attrs.evolve(both, source_interference=np.zeros(2), sensing_interference=np.array(0.0))
    assert str(both.infeasibility) == (
        "the minimum rates and the requirements on the radar need 1.2 times the power of the radar"
    )
    for problem in (alone, loud, far, both):
        for part in (Exact(), Conic()):
            found = part.allocate(problem)
            assert (found.status, found.message) == ("infeasible", str(problem.infeasibility))


# Utilities


@EVERY_UTILITY
@pytest.mark.parametrize("floors", [False, True], ids=["free", "floors"])
def test_optimum_against_conic_programs(utility: isacfw.Utility, floors: bool) -> None:
    for rows in (2,) if floors else (0, 1):
        given = problems(2, rows=rows, floors=floors, seed=rows + 10, objective=utility)
        exact, conic = Exact().allocate(given), Conic().allocate(given)
        assert (exact.status == conic.status).all(), (exact.status, conic.status)
        optimal = exact.status == "optimal"
        assert optimal.any()
        np.testing.assert_allclose(exact.value[optimal], conic.value[optimal], rtol=1e-7, atol=1e-9)
        for bound, value in ((exact.bound, conic.value), (conic.bound, exact.value)):
            assert (bound[optimal] >= (value - 1e-9 * np.abs(value))[optimal]).all()


@pytest.mark.parametrize("radar", [0.0, 0.9], ids=["free", "short of radar power"])
def test_sum_rate_against_the_nonconvex_problem(radar: float) -> None:
    given = problems(4, rows=1, seed=21, radar=radar)
    exact = Exact().allocate(given)
    generator = np.random.default_rng(0)
    binding = 0
    for index in np.flatnonzero(exact.status == "optimal"):
        one = given[index]
        matrix, least = linear_form(one)
        best = max(
            -minimize(
                lambda shares, one=one: -float(one.sum_rate(shares[:4], shares[4])),
                generator.uniform(size=5),
                bounds=[(0, 1)] * 5,
                constraints={
                    "type": "ineq",
                    "fun": lambda shares, matrix=matrix, least=least: (matrix @ shares - least)[4:],
                },
                options={"ftol": 1e-12, "maxiter": 300},
                method="SLSQP",
            ).fun
            for _ in range(6)
        )
        assert best <= exact.value[index] * (1 + 1e-6)
        assert best >= exact.value[index] * (1 - 1e-5)
        binding += bool(exact.sensing[index] > 1 - 1e-6)
    assert binding > 0 if radar else binding == 0


def test_users_that_disturb_nobody_send_with_full_power() -> None:
    given = problems(3, rows=1, seed=3)
    zero = np.zeros((3, 4))
    given = attrs.evolve(given, source_interference=zero, linear_users=zero[:, None, :])
    found = Exact().allocate(given)
    assert (found.communication == 1).all()
    assert given.linear_streams is not None
    assert found.sensing == pytest.approx(1 / given.linear_streams[:, 0, 0])
    assert (found.status == "optimal").all()


def test_batch_is_its_members_to_the_bit() -> None:
    given = problems(4, rows=2, floors=True, seed=2)
    together = Exact().allocate(given)
    for index in range(4):
        for alone in (Exact().allocate(given[index]), Exact().allocate(given[index : index + 1])):
            np.testing.assert_array_equal(np.ravel(alone.communication), together.communication[index])
            np.testing.assert_array_equal(np.ravel(alone.sensing), together.sensing[index])


def test_extreme_budgets() -> None:
    given = problems(4, rows=1, seed=8)
    demand = given.radar_demand
    # Requirements that take all of the radar's power, exactly and almost, and a little more.
    for factor, status in ((1.0, "feasible"), (1 - 1e-7, "optimal"), (1 + 1e-3, "infeasible")):
        tight = attrs.evolve(given, linear_least=factor / demand.own)
        found = Exact().allocate(tight)
        assert set(found.status) == {status}
        assert all(("not proved" in str(message)) == (status == "feasible") for message in found.message)
        assert (found.violation[found.feasible] <= 1e-6).all()


@EVERY_UTILITY
def test_equal_powers_are_no_better(utility: isacfw.Utility) -> None:
    given = problems(8, rows=1, seed=4, objective=utility)
    best = Exact().allocate(given)
    for part in (EqualCom(), EqualCS()):
        found = part.allocate(given)
        scale = np.abs(best.value[found.feasible])
        assert (found.value[found.feasible] <= best.value[found.feasible] + 1e-9 * scale).all()
        assert found.feasible.any()
        assert (found.communication[found.feasible] == 1).all()
    assert (EqualCS().allocate(given).sensing == 1).all()


def test_equal_com_gives_the_radar_what_it_needs() -> None:
    given = problems(8, rows=2, seed=4, radar=0.5)
    found = EqualCom().allocate(given)
    assert {"feasible", "infeasible"} == set(found.status)
    ratios = given.linear_ratios(found.communication, found.streams)[found.feasible]
    assert ratios.min(axis=-1) == pytest.approx(1)
    certified = given.infeasibility != ""
    reasons = found.message[~found.feasible & ~certified]
    assert all("too little" in str(reason) for reason in reasons)
    assert (found.message[certified] == given.infeasibility[certified]).all()


# Bounds


@pytest.mark.parametrize("utility", DIFFERENTIABLE, ids=TITLES[:-1])
def test_bound_holds_for_any_multipliers(utility: isacfw.Utility) -> None:
    given = problems(5, rows=2, seed=6, objective=utility)
    form, generator = ConcaveUplink.of(given), np.random.default_rng(1)
    best = Exact().allocate(given)
    x = best.communication * generator.uniform(0.3, 1.0, best.communication.shape)
    z, s = form.at(x)
    for scale in (0.0, 0.1, 10.0):
        multipliers = Multipliers(
            floor=scale * generator.random(z.shape),
            cap=scale * generator.random(z.shape),
            total=scale * generator.random(form.noise.shape),
            room=scale * generator.random(form.noise.shape),
        )
        bound = form.value(z) + form.gap(z, s, multipliers)
        assert (bound[best.feasible] >= best.value[best.feasible]).all()


def test_bound_counts_what_the_noise_leaves() -> None:
    # One user that nobody disturbs but itself: with the price of the cap alone, z is bounded by the largest s.
    one = attrs.evolve(problems(1, 1, rows=0, seed=1)[0], source_interference=np.array([3.0]))
    form = ConcaveUplink.of(one)
    z, s = form.at(np.ones(1))
    nothing = np.zeros(1)
    multipliers = Multipliers(floor=nothing, cap=form.gradient(z), total=nothing, room=nothing)
    # At s = 1, the largest one without users, the tangent is at z = 1.
    assert form.gap(z, s, multipliers) == pytest.approx(float(form.gradient(z)[0] * (1 - z[0])))


@pytest.mark.parametrize("utility", DIFFERENTIABLE, ids=TITLES[:-1])
def test_derivatives_against_differences(utility: isacfw.Utility) -> None:
    form = ConcaveUplink.of(problems(1, seed=7, objective=utility)[0])
    z, _ = form.at(np.array([0.3, 0.9, 0.5, 0.7]))
    gradient = form.gradient(z)
    assert gradient == pytest.approx(approx_fprime(z, form.value, 1e-7 * z), rel=1e-4, abs=1e-9)
    step = 1e-5 * z
    change = np.diagonal(
        [(form.gradient(z + step * one) - form.gradient(z - step * one)) / (2 * step) for one in np.eye(4)]
    )
    assert curvature(form, z, gradient) == pytest.approx(change, rel=1e-5, abs=1e-9)


def test_claims_of_local_optima_are_verified() -> None:
    given = problems(3, rows=1, floors=True, seed=9)
    best = Exact().allocate(given)

    @attrs.frozen(kw_only=True)
    class Claims(isacfw.Allocator):
        name = "claims"
        links = ("uplink",)
        vectorized = True
        factor: float = 1.0

        def solve(self, problem: Any) -> isacfw.Shares:
            x = best.communication * self.factor
            q = problem.radar_demand.radar_share(x)
            return isacfw.Shares(communication=x, sensing=q, status=Status.LOCALLY_OPTIMAL)

    free = attrs.evolve(given, minimum_rate=None)
    best = Exact().allocate(free)
    assert set(Claims().allocate(free).status) == {"locally_optimal"}
    worse = Claims(factor=0.5).allocate(free)
    assert set(worse.status) == {"feasible"}
    assert all("raises the sum rate" in str(message) for message in worse.message)
    power = Claims().allocate(attrs.evolve(given, objective=isacfw.LeastPower(), minimum_rate=None))
    assert all("could not be verified" in str(message) for message in power.message)


# Links


def test_allocators_of_the_downlink_are_refused() -> None:
    found = SCA().allocate(problems(2))
    assert set(found.status) == {"skipped"}
    assert set(found.message) == {"sca is for the downlink alone; exact and conic solve the uplink"}


def test_other_objectives_are_refused() -> None:
    @attrs.frozen(kw_only=True)
    class Other(isacfw.Objective):
        name = "other"
        quantity = isacfw.SumRate.quantity

        def value(self, performance: isacfw.Performance) -> FloatArray:
            return performance.power

    given = problems(2, objective=Other())
    for part in (Exact(), Conic()):
        found = part.allocate(given)
        assert set(found.status) == {"skipped"}
        assert all("not other" in str(message) for message in found.message)
