"""The comparisons on which figures are tried are those of the framework."""

from __future__ import annotations

import pytest
import xarray

import isacfw
from isacfw.testing import CheckFailed, comparison

SMALL = [
    "drops = 2",
    "channel.users = 4",
    "transmit_array.horizontal = 5",
    "transmit_array.vertical = 4",
    'allocators = ["exact", "sca", "equal_cs"]',
]
USERS = [*SMALL, "sampling_accuracy = 0.1"]


@pytest.mark.parametrize(
    "overrides",
    [
        SMALL,
        [*SMALL, "sweep.snr_db = [0.0, 10.0]", 'metrics = ["user_rates"]'],
        [*USERS, "sweep.'channel.users' = [3, 5]"],
        [*SMALL, "sensing.crlb_limit_db = -90.0"],
        [*SMALL, 'channel.estimates = "physical"', "channel.pilot_length = 2"],
        [*USERS, 'beams = ["steered", "difference"]'],
    ],
    ids=["one point", "sweep", "sweep of users", "infeasible", "no zero forcing", "beams"],
)
def test_a_comparison_is_that_of_the_framework(overrides):
    scenario = isacfw.load_scenario("nguyen2025", overrides=overrides).scenario
    steps = []
    found = comparison.compare(scenario, lambda *step: steps.append(step)).dataset
    expected = isacfw.compare(scenario).dataset
    del expected.attrs["versions"]
    expected["seconds"][:] = 0
    xarray.testing.assert_identical(found, expected)
    assert steps == [(expected["status"].size, expected["status"].size)]


def test_a_comparison_is_given_as_a_copy():
    scenario = isacfw.load_scenario("nguyen2025", overrides=SMALL).scenario
    first, second = (comparison.compare(scenario).dataset for _ in range(2))
    first["sum_rate"][:] = 0
    assert (second["sum_rate"] > 0).all()
    xarray.testing.assert_identical(comparison.compare(scenario).dataset, second)


def test_what_is_no_scenario_is_refused():
    with pytest.raises(CheckFailed, match="compare must be given a Scenario, got 'nguyen2025'"):
        comparison.compare("nguyen2025")
