"""Power control of users that interfere in pairs, against bisection, geometric programs and dual bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from isacfw import FloatArray
from isacfw_plugins.allocators._power_control import least_power_control, max_min_control, product_control

Numbers = tuple[FloatArray, FloatArray, FloatArray]


def numbers(generator: Generator, shape: tuple[int, ...], decades: float = 1) -> Numbers:
    """Return gains, coupling of some pairs, and noise."""
    gain = 10 ** generator.uniform(-decades, decades, shape)
    pairs = (*shape, shape[-1])
    coupling = gain[..., None] * 10 ** generator.uniform(-decades - 2, 0, pairs) * (generator.random(pairs) < 0.4)
    return gain, coupling, 10 ** generator.uniform(-1, 1, shape)


def sinr_of(parts: Numbers, x: FloatArray) -> FloatArray:
    gain, coupling, noise = parts
    return gain * x / ((coupling * x[..., None, :]).sum(axis=-1) + noise)


def least_power_by_iteration(parts: Numbers, least: FloatArray) -> FloatArray | None:
    """Return the limit of Yates' iteration from zero, None if it grows without limit."""
    gain, coupling, noise = parts
    if np.abs(np.linalg.eigvals((least / gain)[:, None] * coupling)).max() >= 1:
        return None
    x = np.zeros_like(gain)
    for _ in range(100_000):
        following = least / gain * (coupling @ x + noise)
        if np.allclose(following, x, rtol=1e-15, atol=0):
            break
        x = following
    return x


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("users", [1, 2, 6])
def test_least_power_by_iteration(users: int, seed: int) -> None:
    generator = np.random.default_rng([101, users, seed])
    parts = numbers(generator, (users,))
    least = 10 ** generator.uniform(-1, 1.5, users) * (generator.random(users) < 0.8)
    expected, found = least_power_by_iteration(parts, least), least_power_control(*parts, least)
    if expected is None:
        assert np.isnan(found).all()
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        np.testing.assert_allclose(sinr_of(parts, found), least, rtol=1e-10)


def test_least_power_at_the_edge() -> None:
    one, matrix = np.ones(2), np.array([[0.0, 1.0], [1.0, 0.0]])
    for factor in (1.0, 1.1, 1e200):
        assert np.isnan(least_power_control(one, matrix, one, factor * one)).all()
    np.testing.assert_allclose(least_power_control(one, matrix, one, 0.5 * one), 1, rtol=1e-15)
    singular_and_not = least_power_control(one, matrix, one, np.array([[1.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(singular_and_not, [[np.nan] * 2, [1, 1]])


def largest_least_sinr(parts: Numbers, total: float, least: FloatArray) -> float:
    """Return the largest t by bisection."""
    low, high = -80.0, 80.0
    for _ in range(100):
        middle = (low + high) / 2
        x = least_power_by_solve(parts, np.maximum(np.exp(middle), least))
        low, high = (middle, high) if x is not None and x.sum() <= total else (low, middle)
    return float(np.exp(low))


def least_power_by_solve(parts: Numbers, least: FloatArray) -> FloatArray | None:
    gain, coupling, noise = parts
    matrix = (least / gain)[:, None] * coupling
    if np.abs(np.linalg.eigvals(matrix)).max() >= 1:
        return None
    return np.linalg.solve(np.eye(gain.size) - matrix, least / gain * noise)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("users", [1, 2, 6])
@pytest.mark.parametrize("floored", [False, True])
def test_largest_least_sinr_by_bisection(users: int, seed: int, floored: bool) -> None:
    generator = np.random.default_rng([102, users, seed])
    parts = numbers(generator, (users,))
    total = np.asarray(0.7)
    least = np.zeros(users)
    if floored:
        level = largest_least_sinr(parts, 0.7, least)
        least[: (users + 1) // 2] = level * generator.uniform(0.5, 1.2, (users + 1) // 2)
        if least_power_control(*parts, least).sum() > 0.7:
            least /= 2
    x = max_min_control(*parts, total, least if floored else None)
    assert x.sum() == pytest.approx(0.7, rel=1e-14)
    expected = np.maximum(largest_least_sinr(parts, 0.7, least), least)
    np.testing.assert_allclose(sinr_of(parts, x), expected, rtol=1e-10)


@pytest.mark.parametrize("decades", [1, 5, 15])
@pytest.mark.parametrize("users", [1, 2, 12, 60])
def test_bounds_of_the_largest_least_sinr_agree(users: int, decades: float) -> None:
    generator = np.random.default_rng([103, users])
    parts = numbers(generator, (20, users), decades)
    total = generator.uniform(0.1, 1, 20)
    sinr = sinr_of(parts, max_min_control(*parts, total))
    # Collatz and Wielandt: the optimum lies between the smallest and the largest.
    np.testing.assert_allclose(sinr.max(axis=-1), sinr.min(axis=-1), rtol=1e-10)
    least = sinr * 10 ** generator.uniform(-3, 0, sinr.shape) * (generator.random(sinr.shape) < 0.5)
    least[:, 0] = 1.5 * sinr[:, 0] if users > 1 else 0.5 * sinr[:, 0]
    x = max_min_control(*parts, total, least)
    solved = np.isfinite(x).all(axis=-1)
    assert solved.any()
    unmet = np.isnan(least_power_control(*parts, least)).any(axis=-1)
    assert not (solved & unmet).any()
    ratio = sinr_of(parts, x)[solved]
    level = np.where(least[solved] < ratio * (1 - 1e-9), ratio, np.nan)
    assert (ratio >= least[solved] * (1 - 1e-10)).all()
    np.testing.assert_allclose(np.nanmax(level, axis=-1), ratio.min(axis=-1), rtol=1e-10)


def solve_geometric_program(parts: Numbers, total: float, least: FloatArray) -> float:
    import cvxpy as cp

    gain, coupling, noise = parts
    users = gain.size
    x = cp.Variable(users, pos=True)
    objective: Any = 1.0
    constraints = [sum(x[k] for k in range(users)) <= total]
    for k in range(users):
        disturbance = noise[k] + sum(coupling[k, j] * x[j] for j in range(users) if coupling[k, j])
        objective = objective * gain[k] * x[k] / disturbance
        if least[k]:
            constraints.append(least[k] * disturbance <= gain[k] * x[k])
    problem = cp.Problem(cp.Maximize(objective), constraints)
    problem.solve(gp=True, solver=cp.CLARABEL)
    return float(np.log(problem.value))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("users", [1, 2, 5])
def test_product_against_a_geometric_program(users: int, seed: int) -> None:
    generator = np.random.default_rng([104, users, seed])
    parts, total = numbers(generator, (users,)), np.asarray(0.8)
    fair = sinr_of(parts, max_min_control(*parts, total)).min()
    least = np.zeros(users)
    for factor in (0.0, 1.3 if users > 1 else 0.5):
        least[0] = factor * fair
        x = product_control(*parts, total, least)
        assert x.sum() == pytest.approx(0.8, rel=1e-14)
        sinr = sinr_of(parts, x)
        assert (sinr >= least * (1 - 1e-12)).all()
        np.testing.assert_allclose(
            np.log(sinr).sum(), solve_geometric_program(parts, 0.8, least), rtol=1e-6, atol=1e-6
        )


def bound_gap(parts: Numbers, total: FloatArray, least: FloatArray, x: FloatArray) -> FloatArray:
    """Return by how much the product's logarithm may be below the optimum, from multipliers.

    The gradient of the Lagrangian vanishes if 1 plus the multipliers is a left eigenvector of the users' parts in
    each disturbance. Implied least SINRs, for users without one, have multipliers too.
    """
    gain, coupling, noise = parts
    matrix = coupling + (noise / total[:, None])[..., None]
    disturbance = matrix * x[:, None, :]
    part = disturbance / disturbance.sum(axis=-1, keepdims=True)
    users = x.shape[-1]
    value = np.log(sinr_of(parts, x))
    most = np.log(gain / matrix.diagonal(axis1=-2, axis2=-1))
    implied = value.sum(axis=-1, keepdims=True) - (most.sum(axis=-1, keepdims=True) - most)
    floor = np.maximum(implied, np.log(np.where(least > 0, least, 1e-300)))
    gap = np.empty(len(x))
    for problem in range(len(x)):
        system = np.vstack([(np.eye(users) - part[problem]).T, np.ones(users)])
        weight = np.linalg.lstsq(system, np.append(np.zeros(users), 1.0), rcond=None)[0]
        gap[problem] = (weight / weight.min() - 1) @ (value - floor)[problem]
    return gap


@pytest.mark.parametrize("decades", [1, 4])
@pytest.mark.parametrize("users", [2, 5, 20])
def test_product_against_its_dual_bound(users: int, decades: float) -> None:
    generator = np.random.default_rng([105, users])
    parts, total = numbers(generator, (10, users), decades), generator.uniform(0.1, 1, 10)
    fair = sinr_of(parts, max_min_control(*parts, total)).min(axis=-1, keepdims=True)
    least = fair * 10 ** generator.uniform(-2, -0.05, (10, users)) * (generator.random((10, users)) < 0.7)
    for floor in (np.zeros_like(least), least):
        x = product_control(*parts, total, floor)
        assert (sinr_of(parts, x) >= floor * (1 - 1e-12)).all()
        assert (bound_gap(parts, total, floor, x) <= 1e-9).all()


def test_product_over_extreme_numbers() -> None:
    generator = np.random.default_rng(106)
    parts, total = numbers(generator, (20, 6), 15), generator.uniform(0.1, 1, 20)
    x = product_control(*parts, total)
    best = np.log(sinr_of(parts, x)).sum(axis=-1)
    for step in (1e-3, 0.1, 1.0, 10.0):
        for _ in range(50):
            other = x * np.exp(step * generator.standard_normal(x.shape))
            other *= (total / other.sum(axis=-1))[:, None]
            assert (np.log(sinr_of(parts, other)).sum(axis=-1) <= best + 1e-9).all()


def test_without_coupling_the_product_is_largest_for_equal_shares() -> None:
    gain, noise = np.array([1e-3, 1.0, 1e4]), np.array([1.0, 10.0, 1e-3])
    found = product_control(gain, np.zeros((3, 3)), noise, np.asarray(0.6))
    np.testing.assert_allclose(found, 0.2, rtol=1e-7)


def test_least_sinrs_out_of_reach_give_no_answer() -> None:
    generator = np.random.default_rng(107)
    parts, total = numbers(generator, (3, 4)), np.full(3, 0.5)
    fair = sinr_of(parts, max_min_control(*parts, total))
    factor = np.array([[0.9], [1.0 + 1e-9], [10.0]])
    for control in (max_min_control, product_control):
        found = control(*parts, total, factor * fair)
        np.testing.assert_array_equal(np.isnan(found), [[False] * 4, [True] * 4, [True] * 4])


@pytest.mark.parametrize("users", [1, 2, 7, 40])
def test_a_problem_has_the_same_answer_in_any_batch(users: int) -> None:
    generator = np.random.default_rng([108, users])
    parts, total = numbers(generator, (9, users)), generator.uniform(0.1, 1, 9)
    least = sinr_of(parts, max_min_control(*parts, total)) * generator.uniform(0, 1, (9, users))
    least[3] *= 2
    for control in (max_min_control, product_control):
        for floor in (None, least):
            whole = control(*parts, total, floor)
            for index in (0, 3, 8, slice(4, 5), slice(1, 4), slice(None, None, -2)):
                some = None if floor is None else floor[index]
                alone = control(*(part[index] for part in parts), total[index], some)
                np.testing.assert_array_equal(alone, whole[index])
    whole = least_power_control(*parts, least)
    for index in (0, 3, slice(2, 4)):
        np.testing.assert_array_equal(
            least_power_control(*(part[index] for part in parts), least[index]), whole[index]
        )
