"""Splits of a total among users against exact or decimal arithmetic and general solvers."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numerics import PROPERTY, SEEDS
from scipy.optimize import minimize

from isacfw import FloatArray, water_filling
from isacfw.allocation import fair_split as module
from isacfw.allocation.fair_split import fair_split
from isacfw.allocation.water_filling import fill

EPSILON = np.finfo(float).eps


def exact_fill(inverse: FloatArray, total: float, weight: FloatArray) -> tuple[FloatArray, float]:
    """Return the shares in rational arithmetic, and the largest inverse gain of a user that gets any."""
    i = [Fraction(float(value)) for value in inverse]
    w = [Fraction(float(value)) for value in weight]
    order = sorted((k for k in range(len(i)) if w[k] > 0), key=lambda k: i[k] / w[k])
    levels = [
        (Fraction(total) + sum(i[k] for k in order[:m])) / sum(w[k] for k in order[:m])
        for m in range(1, len(order) + 1)
    ]
    level = min(levels)
    shares = [max(w[k] * level - i[k], Fraction(0)) for k in range(len(i))]
    assert sum(shares) == Fraction(total)
    return np.array([float(share) for share in shares]), max(
        float(i[k]) for k, share in enumerate(shares) if share > 0
    )


@PROPERTY
@given(users=st.integers(1, 9), decades=st.sampled_from([0, 1, 10, 30]), zeros=st.booleans(), seed=SEEDS)
def test_weighted_fill_in_rational_arithmetic(users: int, decades: int, zeros: bool, seed: int) -> None:
    generator = np.random.default_rng(seed)
    inverse = 10 ** generator.uniform(-decades, decades, users)
    weight = 10 ** generator.uniform(-decades / 3, decades / 3, users)
    if zeros:
        weight[generator.random(users) < 0.3] = 0
        inverse[generator.random(users) < 0.3] = 0
    weight[0] = 1
    total = float(10 ** generator.uniform(-3, 1))
    expected, deepest = exact_fill(inverse, total, weight)
    found = fill(inverse.copy(), np.asarray(total), weight)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(total, rel=1e-14)
    # Rounding an inverse gain moves shares by as much.
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=8 * EPSILON * deepest)


@PROPERTY
@given(users=st.integers(1, 9), decades=st.sampled_from([0, 1, 10, 30]), weighted=st.booleans(), seed=SEEDS)
def test_floored_water_filling_in_rational_arithmetic(
    users: int, decades: int, weighted: bool, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    gain = 10 ** generator.uniform(-decades, decades, users)
    weight = 10 ** generator.uniform(-1, 1, users) if weighted else np.ones(users)
    least = generator.choice([0.0, 1e-9, 0.3, 1.0], users) * generator.random(users) / users
    above, deepest = exact_fill(1 / gain + least, 1 - float(least.sum()), weight)
    total = np.asarray(1.0)
    found = water_filling(gain, total, weight=weight if weighted else None, least=least)
    assert (found >= least).all()
    assert found.sum() == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(found, least + above, rtol=1e-12, atol=8 * EPSILON * deepest)


@pytest.mark.parametrize("seed", range(3))
def test_weighted_and_floored_water_filling_against_a_general_solver(seed: int) -> None:
    generator = np.random.default_rng([91, seed])
    users = 5
    gain, weight = 10 ** generator.uniform(-1, 2, users), generator.uniform(0.1, 2, users)
    least = 0.15 * generator.random(users)

    def loss(x: FloatArray) -> tuple[float, FloatArray]:
        return -float(weight @ np.log1p(gain * x)), -weight * gain / (1 + gain * x)

    searched = minimize(
        loss,
        least + (1 - least.sum()) / users,
        jac=True,
        bounds=[(low, 1) for low in least],
        constraints={"type": "eq", "fun": lambda x: x.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    found = water_filling(gain, np.asarray(1.0), weight=weight, least=least)
    assert -loss(found)[0] >= -searched.fun - 1e-12
    np.testing.assert_allclose(found, searched.x, atol=1e-5)


@pytest.mark.parametrize("objective", ["product", "least"])
def test_other_objectives_by_filling(objective: str) -> None:
    generator = np.random.default_rng(92)
    gain, least = 10 ** generator.uniform(-1, 2, 6), 0.3 * generator.random(6)
    weight = 1 / gain if objective == "least" else None
    x = least + fill(least.copy(), np.asarray(1 - least.sum()), weight)
    level = (x * gain if objective == "least" else x)[x > least * (1 + 1e-12)]
    assert 1 < level.size < 6
    np.testing.assert_allclose(level, level[0], rtol=1e-13)
    held = x <= least * (1 + 1e-12)
    assert ((x * gain if objective == "least" else x)[held] >= level[0]).all()
    assert x.sum() == pytest.approx(1, rel=1e-14)


def test_equal_weights_and_no_floors_are_plain_water_filling() -> None:
    generator = np.random.default_rng(93)
    gain, total = 10 ** generator.uniform(-3, 3, (50, 12)), generator.uniform(0, 2, 50)
    plain = water_filling(gain, total)
    ones, zeros = np.ones(12), np.zeros(12)
    for options in ({"weight": 7 * ones}, {"weight": zeros}, {"least": zeros}, {"weight": ones, "least": zeros}):
        np.testing.assert_allclose(water_filling(gain, total, **options), plain, rtol=1e-12, atol=1e-13)


def test_heavy_users_far_above_a_light_one_get_what_is_left() -> None:
    # The level is 1e9 plus 0.9, and w_2 (mu - i_2 / w_2) alone would be wrong in the seventh digit.
    found = fill(np.array([0.0, 1e9]), np.asarray(1.0), np.array([1e-10, 1.0]))
    np.testing.assert_allclose(found, [0.1, 0.9], rtol=1e-8)
    assert found.sum() == pytest.approx(1, rel=1e-15)


def test_users_without_weight_get_their_least_share() -> None:
    found = water_filling(
        np.array([1e6, 1.0, 2.0]), np.asarray(1.0), weight=np.array([0.0, 1, 1]), least=np.full(3, 0.1)
    )
    assert found[0] == 0.1
    np.testing.assert_allclose(found[1:], [0.2, 0.7], rtol=1e-14)


@pytest.mark.parametrize("weak", [1e-12, 1e-18, 1e-300, 0.0])
def test_least_shares_of_users_that_are_all_weak(weak: float) -> None:
    least = np.array([0.3, 0.0, 0.0])
    for weight in (None, np.array([2.0, 2.0, 2.0])):
        found = water_filling(np.full(3, weak), np.asarray(1.0), weight=weight, least=least)
        np.testing.assert_allclose(found, 1 / 3, rtol=1e-12)


def test_least_shares_above_the_total_are_infeasible() -> None:
    gain, least = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.25, 0.25])
    for weight in (None, np.array([1.0, 0.0, 2.0])):
        found = water_filling(gain, np.array([0.99, 1.0, 1.01]), weight=weight, least=least)
        assert np.isnan(found[0]).all()
        np.testing.assert_array_equal(found[1], least)
        assert found[2].sum() == pytest.approx(1.01, rel=1e-14)


@pytest.mark.parametrize("users", [1, 2, 12, 300, 1000])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("floored", [True, False])
def test_a_problem_has_the_same_split_in_any_batch(users: int, weighted: bool, floored: bool) -> None:
    generator = np.random.default_rng([94, users])
    drops = 40_000 // users + 5
    gain, total = 10 ** generator.uniform(-3, 3, (drops, 2, users)), generator.uniform(0.5, 1.5, (drops, 2))
    weight = 10 ** generator.uniform(-2, 2, (drops, 1, users)) if weighted else None
    least = generator.random((drops, 2, users)) / users if floored else None
    whole = water_filling(gain, total, weight=weight, least=least)

    def part(of: FloatArray | None, index: int | slice) -> FloatArray | None:
        return None if of is None else of[index]

    for index in [0, drops - 1, slice(3, 4), slice(1, 6), slice(None, None, -3)]:
        alone = water_filling(gain[index], total[index], weight=part(weight, index), least=part(least, index))
        np.testing.assert_array_equal(alone, whole[index])
    single = water_filling(
        gain[2, 1],
        total[2, 1],
        weight=None if weight is None else weight[2, 0],
        least=None if least is None else least[2, 1],
    )
    np.testing.assert_array_equal(single, whole[2, 1])


@pytest.mark.parametrize("shape", [(0,), (3, 0), (), (2, 3)])
def test_a_batch_of_any_shape(shape: tuple[int, ...]) -> None:
    gain, ones = np.array([1.0, 2.0]), np.ones(shape)
    for options in ({}, {"weight": np.array([1.0, 2.0])}, {"least": np.array([0.1, 0.0])}):
        found = water_filling(np.broadcast_to(gain, (*shape, 2)), ones, **options)
        assert found.shape == (*shape, 2)
        np.testing.assert_allclose(found.sum(axis=-1), ones)


# α-fair splits


def decimal_fair_split(
    inverse: FloatArray, total: float, alpha: float, weight: FloatArray, least: FloatArray
) -> FloatArray:
    """Return α-fair shares by nested iterations in decimal arithmetic."""
    with localcontext(prec=60):
        i, w, s = ([Decimal(float(value)) for value in of] for of in (inverse, weight, least))
        a = Decimal(alpha)

        def shares(v: Decimal) -> list[Decimal]:
            found = []
            for each, weighs, low in zip(i, w, s, strict=True):
                if not weighs:
                    found.append(low)
                    continue
                right = (weighs / each).ln() + v
                # a t + e^t is convex in t = ln r: Newton's method from the right is monotone.
                t = min(right / a, right.ln() if right > 1 else Decimal(0))
                for _ in range(200):
                    step = (a * t + t.exp() - right) / (a + t.exp())
                    t -= step
                    if abs(step) < Decimal(10) ** -35 * max(abs(t), 1):
                        break
                rate = t.exp()
                ratio = rate.exp() - 1 if rate > Decimal("1e-20") else rate + rate * rate / 2
                found.append(max(each * ratio, low))
            return found

        def marginal(k: int, x: Decimal) -> Decimal:
            rate = (1 + x / i[k]).ln()
            return a * rate.ln() + rate - (w[k] / i[k]).ln()

        rest = Decimal(total) - sum(s)
        weighted = [k for k in range(len(i)) if w[k]]
        low = min(marginal(k, s[k] + rest / len(i)) for k in weighted)
        high = min(marginal(k, s[k] + rest) for k in weighted)
        for _ in range(90):
            middle = (low + high) / 2
            low, high = (low, middle) if sum(shares(middle)) > Decimal(total) else (middle, high)
        return np.array([float(share) for share in shares((low + high) / 2)])


FAIRNESS = [1e-3, 0.3, 1.0, 2.0, 1e3]


@pytest.mark.parametrize("alpha", FAIRNESS)
@pytest.mark.parametrize("decades", [1, 30])
@pytest.mark.parametrize("floored", [True, False])
def test_fair_split_in_decimal_arithmetic(alpha: float, decades: int, floored: bool) -> None:
    generator = np.random.default_rng([95, decades, floored])
    inverse = 10 ** generator.uniform(-decades, decades, 4)
    weight = np.array([1.0, 0.0, 3.0, 0.2]) if floored else 10 ** generator.uniform(-1, 1, 4)
    least = np.array([0.0, 0.1, 0.2, 0.3]) if floored else np.zeros(4)
    expected = decimal_fair_split(inverse, 0.75, alpha, weight, least)
    found = fair_split(inverse, np.asarray(0.75), alpha, weight=weight, least=least if floored else None)
    assert found.sum() == pytest.approx(0.75, rel=1e-12)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-260)


def spread_of_marginal_utility(
    x: FloatArray, inverse: FloatArray, alpha: float, weight: FloatArray, least: FloatArray
) -> FloatArray:
    """Return by how much the logarithms of marginal utilities break the optimality conditions."""
    rate = np.log1p(x / inverse)
    utility = np.log(weight / inverse) - alpha * np.log(rate) - rate
    # Shares below the smallest number are held there.
    free = (x > least) & (rate > 1e-290)
    above = np.where(free, utility, -np.inf).max(axis=-1)
    below = np.where(free, utility, np.inf).min(axis=-1)
    held = np.where(free, -np.inf, utility).max(axis=-1)
    return np.maximum(above - below, held - below)


@pytest.mark.parametrize("alpha", FAIRNESS)
@pytest.mark.parametrize(("users", "decades", "floored"), [*product([1, 2, 12, 1000], [2, 30], [True, False])])
def test_fair_split_meets_the_optimality_conditions(
    alpha: float, users: int, decades: int, floored: bool
) -> None:
    generator = np.random.default_rng([96, users, decades, floored])
    inverse = 10 ** generator.uniform(-decades, decades, (20, users))
    weight = 10 ** generator.uniform(-2, 2, (20, users))
    total = generator.uniform(0.1, 2, 20)
    least = generator.random((20, users)) ** 3
    least *= (0.9 * total / least.sum(axis=-1))[:, None] if floored else 0
    x = fair_split(inverse, total, alpha, weight=weight, least=least if floored else None)
    assert (x >= least).all()
    np.testing.assert_allclose(x.sum(axis=-1), total, rtol=1e-12)
    spread = spread_of_marginal_utility(x, inverse, alpha, weight, least)
    assert (spread <= 1e-12 * max(alpha, 1)).all()


@pytest.mark.parametrize("alpha", FAIRNESS)
def test_bracketing_gives_the_same_fair_split(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(97)
    inverse, total = 10 ** generator.uniform(-3, 2, (40, 7)), generator.uniform(0.5, 1, 40)
    weight, least = generator.uniform(0.5, 2, (40, 7)), 0.05 * generator.random((40, 7))
    weight[:20, 2] = 0
    for options in ({}, {"weight": weight}, {"weight": weight, "least": least}):
        newton = fair_split(inverse, total, alpha, **options)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_NEWTON_STEPS", 0)
            bracketed = fair_split(inverse, total, alpha, **options)
        # A rounding error of the level is multiplied by 1 / alpha.
        accuracy = max(2e-12, 30 * np.finfo(float).eps / alpha)
        np.testing.assert_allclose(bracketed, newton, rtol=accuracy, atol=1e-280)


def test_fair_split_between_its_limits() -> None:
    generator = np.random.default_rng(98)
    gain, weight = 10 ** generator.uniform(0, 2, 5), generator.uniform(0.5, 2, 5)
    total, least = np.asarray(1.0), np.array([0.0, 0.1, 0.0, 0.2, 0.0])
    filled = water_filling(gain, total, weight=weight, least=least)
    np.testing.assert_array_equal(
        fair_split(1 / gain, total, 0.0, weight=weight, least=least),
        water_filling(1 / (1 / gain), total, weight=weight, least=least),
    )
    np.testing.assert_allclose(fair_split(1 / gain, total, 1e-5, weight=weight, least=least), filled, atol=1e-4)
    even = (1 / gain) / (1 / gain).sum()
    np.testing.assert_allclose(fair_split(1 / gain, total, 1e6), even, rtol=1e-4)


def test_fair_split_without_choice() -> None:
    inverse = np.array([1.0, 2.0])
    np.testing.assert_array_equal(fair_split(inverse, np.asarray(0.0), 1.0), 0)
    least = np.array([0.5, 0.25])
    found = fair_split(inverse, np.array([0.7, 0.75]), 1.0, least=least)
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], least)
    unweighted = fair_split(inverse, np.asarray(1.0), 1.0, weight=np.zeros(2))
    np.testing.assert_array_equal(unweighted, fair_split(inverse, np.asarray(1.0), 1.0))


@pytest.mark.parametrize("users", [1, 2, 12, 300])
@pytest.mark.parametrize("alpha", [0.3, 1.0, 5.0])
def test_a_problem_has_the_same_fair_split_in_any_batch(users: int, alpha: float) -> None:
    generator = np.random.default_rng([99, users])
    drops = 40_000 // users + 5
    inverse, total = 10 ** generator.uniform(-3, 3, (drops, users)), generator.uniform(0.5, 1.5, drops)
    weight, least = 10 ** generator.uniform(-2, 2, (drops, users)), generator.random((drops, users)) / users
    for options in ({}, {"weight": weight}, {"weight": weight, "least": least}):
        whole = fair_split(inverse, total, alpha, **options)
        for index in [0, drops - 1, slice(3, 4), slice(1, 6), slice(None, None, -3)]:
            some = {name: of[index] for name, of in options.items()}
            np.testing.assert_array_equal(fair_split(inverse[index], total[index], alpha, **some), whole[index])


def test_a_last_step_across_a_least_share_keeps_the_sum() -> None:
    # Least shares within the last step of the split without them.
    generator = np.random.default_rng(100)
    inverse, total = 10 ** generator.uniform(-3, 2, (3000, 6)), np.ones(3000)
    free = fair_split(inverse, total, 2.0)
    least = free * (1 + 10 ** generator.uniform(-12, -5, free.shape) * generator.choice([-1, 1], free.shape))
    least[:, 0] = 0
    x = fair_split(inverse, total, 2.0, least=least)
    assert (x >= least).all()
    np.testing.assert_allclose(x.sum(axis=-1), 1, rtol=1e-12)
