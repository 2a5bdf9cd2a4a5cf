"""The tolerance of the limits makes no allocator better than a proved optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small import SMALL

from isacfw import compare, load_scenario
from isacfw.results.standing import without_tolerance

NEAR: dict[str, Any] = SMALL | {
    "drops": 1,
    "snr_db": 10.0,
    "precoders": ["mrt"],
    "allocators": ["exact", "sca", "ipopt"],
    "sensing": {"crlb_limit_db": -30.0},
}
NOTE = "the best differ by the tolerance of the limits: values beyond a proved bound count as the bound"


def hair_above(part: float) -> dict[str, Any]:
    """Return a scenario whose limit is above that at which it is infeasible by a part of it."""
    scenario = load_scenario(NEAR).scenario
    statistics, precoder, beam = scenario.statistics([0]), scenario.precoders[0], scenario.compared_beams[0]
    link, streams = scenario.link_statistics(precoder, statistics), scenario.beam_statistics(beam, statistics)
    problem = scenario.problem(precoder, statistics, link, beam, streams)[0]
    limit = float(problem.crlb_limit[0] * problem.line.smallest_excess()) * (1 + part)
    return NEAR | {"sensing": {"crlb_limit_db": float(10 * np.log10(limit))}}


@pytest.mark.parametrize("summary_only", [False, True])
def test_a_hair_above_infeasible_the_optimum_is_the_best(summary_only: bool) -> None:
    found = compare(load_scenario(hair_above(1e-6) | {"summary_only": summary_only}))
    table = found.table().droplevel("precoder")
    assert table.loc["sca", "sum_rate"] > 1.01 * table.loc["exact", "sum_rate"]
    assert table["best"].tolist() == [True, True, True]
    np.testing.assert_allclose(table["distance_to_best_percent"], 0, atol=1e-4)
    assert NOTE in str(found)


def test_elsewhere_the_best_do_not_differ() -> None:
    assert NOTE not in str(compare(load_scenario(NEAR)))


@pytest.mark.parametrize("better", [1, -1])
def test_only_values_that_owe_it_to_the_tolerance_are_lowered_to_the_bound(better: int) -> None:
    values = better * np.array([[1.0, 1.0], [1.5, 1.5], [0.5, 0.5]])
    bounds = better * np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, np.nan]])
    violations = np.array([[0.0, 0.0], [1e-7, 1e-7], [1e-7, 1e-7]])
    feasible = np.ones_like(values, dtype=bool)
    found = without_tolerance(values, bounds, violations, feasible, better=better)
    np.testing.assert_array_equal(found, better * np.array([[1.0, 1.0], [1.0, 1.5], [0.5, 0.5]]))
    # A bound that an answer within the limits contradicts is wrong.
    found = without_tolerance(values, bounds, 0 * violations, feasible, better=better)
    np.testing.assert_array_equal(found, values)
    found = without_tolerance(values, bounds, violations, ~feasible, better=better)
    np.testing.assert_array_equal(found, values)
