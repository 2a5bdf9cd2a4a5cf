"""IPOPT on the nonconvex problem, and the bridge from Pyomo to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pyomo.environ as pyo
import pytest
from numerics import (
    best_improvement,
    central_difference,
    in_pairs,
    limits_met_at,
    make_problem,
    random_problem,
)
from numpy.random import Generator

from isacfw import Allocation, Direction, FloatArray, PowerAllocationProblem
from isacfw.sensing.fisher import fisher_information
from isacfw_plugins.allocators import ipopt
from isacfw_plugins.allocators._pyomo_nlp import PyomoNLP
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt, build_model
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.arrays.ula import ULA

BEAMS = pytest.mark.parametrize("aligned", [True, False], ids=["aligned", "misaligned"])


def answered(allocator: Ipopt, problem: PowerAllocationProblem) -> Allocation:
    found = allocator.allocate(problem)
    assert found.status == "locally_optimal", found.message
    assert found.feasible
    return found


def assert_optimal(found: Allocation, problem: PowerAllocationProblem) -> None:
    # A violation of up to 1e-6 is within what counts as feasible, and can buy as much.
    np.testing.assert_allclose(found.sum_rate, Exact().allocate(problem).sum_rate, rtol=2e-6)


# The allocator


@BEAMS
@pytest.mark.parametrize("limited", [(True, True), (True, False), (False, True), (False, False)])
def test_optimum_with_limits_on_both_angles_one_or_none(limited: tuple[bool, bool], aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(101), 4, aligned=aligned)
    problem = attrs.evolve(problem, crlb_limit=np.where(limited, problem.crlb_limit, np.inf))
    assert_optimal(answered(Ipopt(), problem), problem)


@BEAMS
def test_common_interference_written_as_coupling_has_the_same_optimum(aligned: bool) -> None:
    generator = np.random.default_rng(102)
    problem = random_problem(generator, 3, aligned=aligned)
    coupled = in_pairs(problem, generator)
    assert_optimal(answered(Ipopt(starts=3), coupled), problem)


@pytest.mark.parametrize("seed", range(3))
def test_no_small_feasible_step_improves_a_coupled_problem(seed: int) -> None:
    generator = np.random.default_rng([103, seed])
    coupling = 10 ** generator.uniform(-2, 2, (3, 3))
    problem = attrs.evolve(random_problem(generator, 3), coupling=coupling)
    found = answered(Ipopt(starts=8), problem)
    gain = best_improvement(
        problem, found.communication, found.sensing, generator, draws=20_000, steps=(1e-3, 1e-2)
    )
    assert gain <= 1e-6
    # Both are local methods; from eight starts one of them must not fall behind the other's single one.
    assert found.sum_rate >= SCA(surrogate="logarithmic").allocate(problem).sum_rate * (1 - 1e-5)


@BEAMS
def test_random_starts_are_reproducible_bit_for_bit(aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(104), 3, aligned=aligned)
    first, second = (answered(Ipopt(starts=4, seed=7), problem) for _ in range(2))
    np.testing.assert_array_equal(first.communication, second.communication)
    np.testing.assert_array_equal(first.sensing, second.sensing)
    assert first.iterations == second.iterations


def test_more_starts_are_more_work_and_never_worse() -> None:
    generator = np.random.default_rng([105, 5])
    problem = attrs.evolve(
        random_problem(generator, 4),
        gain=generator.uniform(20, 2000, 4),
        coupling=10 ** generator.uniform(1, 5, (4, 4)) * (1 - np.eye(4)),
    )
    found = [answered(Ipopt(starts=starts), problem) for starts in (1, 3, 9)]
    rates = [float(each.sum_rate) for each in found]
    assert rates == sorted(rates)
    assert rates[0] < rates[-1] * (1 - 1e-3), "the problem must have a local optimum that the first start finds"
    assert found[0].iterations < found[1].iterations < found[2].iterations


@BEAMS
def test_result_does_not_depend_on_problems_solved_before(aligned: bool) -> None:
    generator = np.random.default_rng(106)
    first, second, third = (random_problem(generator, 3, aligned=aligned) for _ in range(3))
    half = attrs.evolve(second, crlb_limit=np.array([np.inf, second.crlb_limit[1]]))
    ipopt.PROGRAMS.cache_clear()
    fresh = answered(Ipopt(starts=2), first)
    for other in (second, half, third):
        answered(Ipopt(), other)
    again = answered(Ipopt(starts=2), first)
    np.testing.assert_array_equal(again.communication, fresh.communication)
    np.testing.assert_array_equal(again.sensing, fresh.sensing)
    assert again.iterations == fresh.iterations


@pytest.mark.parametrize("gain", [1e-8, 1e-17])
def test_it_works_here_whatever_was_solved_before(gain: float) -> None:
    assert Ipopt.unavailable() is None
    problem = random_problem(np.random.default_rng(107), 1)
    weak = attrs.evolve(problem, gain=np.array([gain]), crlb_limit=np.full(2, np.inf))
    Ipopt().allocate(weak)
    assert Ipopt.unavailable() is None


def test_iteration_limit_claims_no_optimum() -> None:
    problem = random_problem(np.random.default_rng(108), 4)
    found = Ipopt(max_iterations=3).allocate(problem)
    assert found.status == "feasible"
    assert str(found.message).startswith("IPOPT:")
    assert "iterations" in str(found.message).lower()
    assert found.iterations == 3


def test_tolerance_is_ipopts() -> None:
    problem = random_problem(np.random.default_rng(109), 4)
    loose, tight = (answered(Ipopt(tolerance=tolerance), problem) for tolerance in (1e-3, 1e-10))
    assert loose.iterations < tight.iterations
    optimum = Exact().allocate(problem).sum_rate
    assert abs(tight.sum_rate / optimum - 1) < abs(loose.sum_rate / optimum - 1)


@BEAMS
def test_infeasible_limits_have_no_answer(aligned: bool) -> None:
    problem = random_problem(np.random.default_rng(110), 3, aligned=aligned)
    found = Ipopt().allocate(attrs.evolve(problem, crlb_limit=0.5 * problem.smallest_crlb))
    assert found.status == "infeasible"
    assert np.isnan(found.communication).all()
    assert found.message


def line(elevation_deg: float, limit: FloatArray, beam_azimuth_deg: float) -> PowerAllocationProblem:
    """Return a problem with horizontal lines of antennas on both sides."""
    fisher = fisher_information(
        transmit=ULA(elements=8),
        receive=ULA(elements=6),
        target=Direction(azimuth_deg=25.0, elevation_deg=elevation_deg),
        beam=Direction(azimuth_deg=beam_azimuth_deg, elevation_deg=elevation_deg),
        amplitude=0.2,
        frame_length=30,
    )
    return make_problem(
        gain=np.array([50.0, 7.0, 2.0]),
        interference=np.array([3.0, 0.5, 1.0]),
        ratio=np.full(3, 0.7),
        fisher=fisher,
        limit=limit,
    )


@pytest.mark.parametrize("beam_azimuth_deg", [25.0, 22.0], ids=["aligned", "misaligned"])
def test_an_angle_that_cannot_be_seen_and_has_no_limit(beam_azimuth_deg: float) -> None:
    free = line(90.0, np.full(2, np.inf), beam_azimuth_deg)
    azimuth = free.crlb(0.4 * free.equal_split, 0.6)[0]
    problem = attrs.evolve(free, crlb_limit=np.array([azimuth, np.inf]))
    assert_optimal(answered(Ipopt(), problem), problem)


@pytest.mark.parametrize("elevation_deg", [50.0, 90.0])
def test_a_limit_on_an_angle_that_cannot_be_seen_is_infeasible(elevation_deg: float) -> None:
    for allocator in (Ipopt(), Exact()):
        found = allocator.allocate(line(elevation_deg, np.array([np.inf, 1e3]), 25.0))
        assert found.status == "infeasible"
        assert found.message


@pytest.mark.parametrize("weak", [1e-4, 1e-9])
def test_a_user_with_a_tiny_gain(weak: float) -> None:
    problem = random_problem(np.random.default_rng(111), 3)
    problem = attrs.evolve(problem, gain=np.array([300.0, 40.0, weak]))
    found = answered(Ipopt(), problem)
    assert_optimal(found, problem)
    assert found.communication[2] <= 1e-4


@pytest.mark.parametrize("strongest", [1e-2, 1e-5])
def test_optimum_does_not_need_strong_users(strongest: float) -> None:
    problem = random_problem(np.random.default_rng(92), 3)
    problem = attrs.evolve(problem, gain=strongest * np.array([1.0, 0.9, 0.3]))
    assert_optimal(answered(Ipopt(), problem), problem)


def test_it_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    answered(Ipopt(starts=2), random_problem(np.random.default_rng(112), 2))
    assert capfd.readouterr() == ("", "")


# From Pyomo to IPOPT


def dense_jacobian(program: PyomoNLP, x: FloatArray) -> FloatArray:
    matrix = np.zeros((len(program.constraint_data), len(x)))
    np.add.at(matrix, program.jacobianstructure(), program.jacobian(x))
    return matrix


def dense_hessian(
    program: PyomoNLP, x: FloatArray, multipliers: FloatArray, objective_factor: float
) -> FloatArray:
    rows, columns = program.hessianstructure()
    assert (rows >= columns).all(), "only the lower triangle may be given"
    lower = np.zeros((len(x), len(x)))
    np.add.at(lower, (rows, columns), program.hessian(x, multipliers, objective_factor))
    return lower + np.tril(lower, -1).T


def assert_callbacks_are_right(program: PyomoNLP, model: Any, x: FloatArray, generator: Generator) -> None:
    """Compare values with Pyomo's own evaluation, derivatives with finite differences of the values."""
    for variable, value in zip(program.variables, x, strict=True):
        variable.set_value(float(value))
    objective = next(model.component_data_objects(pyo.Objective, active=True))
    sign = 1 if objective.sense == pyo.minimize else -1
    assert program.objective(x) == pytest.approx(sign * pyo.value(objective), rel=1e-12)
    bodies = [pyo.value(constraint.body) for constraint in program.constraint_data]
    np.testing.assert_allclose(program.constraints(x), bodies, rtol=1e-12, atol=1e-14)

    def values(at: FloatArray) -> FloatArray:
        return np.concatenate([[program.objective(at)], program.constraints(at)])

    slopes = np.vstack([program.gradient(x), dense_jacobian(program, x)])
    numeric = central_difference(values, x, 1e-6).T
    size = np.abs(slopes).max()
    np.testing.assert_allclose(slopes, numeric, rtol=1e-6, atol=1e-8 * size)

    multipliers, factor = generator.standard_normal(len(bodies)), 0.7
    curvature = central_difference(
        lambda at: factor * program.gradient(at) + multipliers @ dense_jacobian(program, at), x, 1e-6
    )
    exact = dense_hessian(program, x, multipliers, factor)
    np.testing.assert_allclose(exact, curvature, rtol=1e-6, atol=1e-8 * np.abs(exact).max())
    assert np.abs(exact).max() > 0


def randomise(model: Any, generator: Generator) -> None:
    for parameter in model.component_objects(pyo.Param):
        parameter.store_values({index: float(generator.uniform(0.5, 2)) for index in parameter})


@pytest.mark.parametrize("coupled", [False, True], ids=["uncoupled", "coupled"])
@pytest.mark.parametrize("limited", [(True, True), (False, True), (False, False)])
@BEAMS
def test_derivatives_of_the_allocation_problem(aligned: bool, limited: tuple[bool, bool], coupled: bool) -> None:
    generator = np.random.default_rng(121)
    model = build_model(3, aligned=aligned, limited=limited, coupled=coupled)
    program = PyomoNLP(model)
    for _ in range(2):
        randomise(model, generator)
        program.refresh()
        x = generator.uniform(0.1, 0.9, len(program.variables))
        assert_callbacks_are_right(program, model, x, generator)


@BEAMS
def test_allocation_problem_has_the_problems_own_objective_and_limits(aligned: bool) -> None:
    generator = np.random.default_rng(122)
    problem = random_problem(generator, 3, aligned=aligned)
    program = ipopt.new_program(3, aligned, (True, True), False)
    communication, sensing = ipopt.set_parameters(program.model, problem)
    program.refresh()
    found = answered(Ipopt(), problem)
    x, q = found.communication, found.sensing
    f = x.sum()
    fisher = f * communication + q * sensing
    reduced = fisher[:2, :2] - fisher[:2, 2:] @ np.linalg.solve(fisher[2:, 2:], fisher[2:, :2])
    unknowns = np.concatenate([x, [f, q], [] if aligned else reduced[[0, 0, 1], [0, 1, 1]]])
    nats = -program.objective(unknowns)
    assert problem.prelog * nats / np.log(2) == pytest.approx(float(found.sum_rate), rel=1e-12)
    lower, upper = program.bounds()[2:]
    slack = np.minimum(program.constraints(unknowns) - lower, upper - program.constraints(unknowns))
    assert slack.min() == pytest.approx(0, abs=1e-6)
    crlb_rows = [row for row, body in enumerate(program.constraint_data) if body.name.startswith("crlb")]
    # In the program a limit on a CRLB is one on the information, in units of its own.
    reached = program.constraints(unknowns)[crlb_rows] / lower[crlb_rows]
    np.testing.assert_allclose(reached, problem.crlb_limit / found.crlb, rtol=1e-9)


def unrelated_model() -> Any:
    """Return a plain model in which every kind of expression that the bridge has to take apart occurs."""
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(4), bounds=(0.1, 3.0))
    model.y = pyo.Var()
    model.held = pyo.Var(initialize=1.7)
    model.held.fix()
    model.p = pyo.Param(initialize=0.8, mutable=True)
    model.rates = pyo.Param(range(3), initialize={0: 0.3, 1: 1.1, 2: -0.4}, mutable=True)
    x, y, p = model.x, model.y, model.p
    model.cost = pyo.Objective(
        expr=pyo.exp(-x[0] * x[1])
        + pyo.sqrt(x[2] + 2)
        + p * x[3] ** 3
        - (x[0] * x[0] * x[1] - pyo.sin(x[1]) - (y - x[2] * x[3]))
        + model.held * x[2] ** 2
        + model.held**2
        + 5
        + sum(model.rates[i] * x[i] * x[i + 1] for i in range(3))
        + 2 * (x[0] + y) * (x[1] - y)
    )
    model.product = pyo.Constraint(expr=x[0] * x[1] * x[2] - (x[3] - x[1] ** 2) <= 4)
    model.repeated = pyo.Constraint(expr=x[0] * x[0] + x[0] * x[1] + x[1] * x[0] + x[0] ** 2.5 >= -1)
    model.equality = pyo.Constraint(expr=pyo.exp(x[0]) + p * x[1] == model.held * y)
    model.ratio = pyo.Constraint(expr=x[2] / (1 + x[0] ** 2 + model.held) >= 0.1)
    model.ignored = pyo.Constraint(expr=x[0] ** 7 <= 1)
    model.ignored.deactivate()
    model.range = pyo.Constraint(expr=pyo.inequality(-1, x[0] - 3 * x[1] + 0.5 * y, p))
    model.single = pyo.Constraint(expr=x[3] >= 0.2)
    model.logarithms = pyo.Constraint(expr=pyo.log(x[0] * x[2]) - pyo.log10(x[1]) ** 2 <= pyo.cos(y) + 3)
    return model


def test_derivatives_of_an_unrelated_model() -> None:
    generator = np.random.default_rng(123)
    model = unrelated_model()
    program = PyomoNLP(model)
    assert [variable.name for variable in program.variables] == ["x[0]", "x[1]", "x[2]", "x[3]", "y"]
    assert [row.name for row in program.constraint_data] == [
        "product",
        "repeated",
        "equality",
        "ratio",
        "range",
        "single",
        "logarithms",
    ]
    for _ in range(3):
        assert_callbacks_are_right(program, model, generator.uniform(0.3, 2.5, 5), generator)


def test_bounds_of_an_unrelated_model() -> None:
    lower, upper, constraint_lower, constraint_upper = PyomoNLP(unrelated_model()).bounds()
    np.testing.assert_array_equal(lower, [0.1, 0.1, 0.1, 0.1, -np.inf])
    np.testing.assert_array_equal(upper, [3.0, 3.0, 3.0, 3.0, np.inf])
    rows = zip(constraint_lower, constraint_upper, strict=True)
    kinds = [(bool(np.isfinite(low)), bool(np.isfinite(high))) for low, high in rows]
    assert kinds[2] == (True, True)
    assert constraint_lower[2] == constraint_upper[2]
    assert kinds[4] == (True, True)
    assert (constraint_lower[4], constraint_upper[4]) == (-1, 0.8)
    assert (constraint_lower[5], constraint_upper[5]) == (0.2, np.inf)


def test_parameters_and_held_variables_change_without_a_new_program() -> None:
    generator = np.random.default_rng(124)
    model = unrelated_model()
    program = PyomoNLP(model)
    x = generator.uniform(0.3, 2.5, 5)
    before = program.objective(x)
    model.p.set_value(2.3)
    model.rates[1].set_value(-1.9)
    model.held.fix(0.4)
    assert program.objective(x) == before
    program.refresh()
    assert program.objective(x) != before
    assert_callbacks_are_right(program, model, x, generator)


def swapped_terms(model: Any) -> Any:
    return model.a * model.b**2 + model.b * model.a**2 + 3 * model.a * model.a


def negated_sums(model: Any) -> Any:
    return -(model.a - (model.b + 2) ** 2 - -(model.a * model.b - model.a)) - -model.b


def constant_and_linear(model: Any) -> Any:
    return 4 - model.a + 2 * model.b - model.a / 3 + model.a**2


def nested_powers(model: Any) -> Any:
    return (1 + (model.a * model.b) ** 1.5) ** -2 + pyo.exp(model.a - pyo.sqrt(model.b)) ** 2


@pytest.mark.parametrize("expression", [swapped_terms, negated_sums, constant_and_linear, nested_powers])
@pytest.mark.parametrize("sense", [pyo.minimize, pyo.maximize])
def test_derivatives_of_single_expressions(expression: Callable[[Any], Any], sense: Any) -> None:
    model = pyo.ConcreteModel()
    model.a, model.b = pyo.Var(bounds=(0, 5)), pyo.Var(bounds=(0, 5))
    model.cost = pyo.Objective(expr=expression(model), sense=sense)
    model.same = pyo.Constraint(expr=expression(model) + model.a * model.b <= 100)
    program = PyomoNLP(model)
    generator = np.random.default_rng(125)
    assert_callbacks_are_right(program, model, generator.uniform(0.5, 2, 2), generator)


def test_a_textbook_problem_has_its_known_optimum() -> None:
    # Hock and Schittkowski, problem 71.
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(4), bounds=(1, 5))
    x = model.x
    model.cost = pyo.Objective(expr=x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2])
    model.product = pyo.Constraint(expr=x[0] * x[1] * x[2] * x[3] >= 25)
    model.sphere = pyo.Constraint(expr=sum(x[i] ** 2 for i in range(4)) == 40)
    program = PyomoNLP(model)
    solution, info = ipopt.solve_program(program, np.array([1.0, 5.0, 5.0, 1.0]), 1e-9, 100)
    assert info["status"] == 0
    assert program.objective(solution) == pytest.approx(17.0140173, abs=1e-7)
    np.testing.assert_allclose(solution, [1.0, 4.7429994, 3.8211503, 1.3794082], atol=1e-6)
    assert 3 < program.iterations < 30


def test_limits_are_met_where_they_bind() -> None:
    problem = random_problem(np.random.default_rng(126), 3, aligned=False)
    fisher = problem.fisher_communication, problem.fisher_sensing
    tight = attrs.evolve(problem, crlb_limit=limits_met_at(fisher, 0.5, np.zeros(2)))
    found = answered(Ipopt(), tight)
    assert found.communication.sum() == pytest.approx(0.5, rel=1e-5)
