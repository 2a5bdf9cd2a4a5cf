"""How long the first stage takes: where the sensing power goes, once for each point of a sweep.

Run it with ``OPENBLAS_NUM_THREADS=1 python -m pytest tests/benchmarks/test_first_stage_speed.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pytest
from stopwatch import timed

import isacfw
from isacfw import Designed, Scenario
from isacfw.allocation import share_programs
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.beams.joined import Joined
from isacfw_plugins.precoders.mrt import MRT

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 100


@pytest.fixture
def scenario() -> Scenario:
    return isacfw.load_scenario("nguyen2025").scenario.with_values({"sensing.crlb_limit_db": -45.0})


def test_design_of_a_covariance(
    benchmark: BenchmarkFixture, record: Callable[..., None], scenario: Scenario
) -> None:
    statistics = scenario.statistics([0])

    def design() -> isacfw.BeamStatistics:
        # A copy, in which no design is kept.
        return attrs.evolve(scenario).beam_statistics(Designed(), statistics)

    record("milliseconds", 1e3 * float(np.median([timed(design) for _ in range(ROUNDS)])), at_most=5)
    assert np.isfinite(benchmark(design).forms).all()


def test_mix_of_streams(benchmark: BenchmarkFixture, record: Callable[..., None], scenario: Scenario) -> None:
    beam = Joined(beams=(isacfw.Steered(), Difference()))
    problem = scenario.problem(MRT(), scenario.statistics([0]), beam=beam)

    def mix() -> tuple[isacfw.FloatArray, isacfw.FloatArray]:
        share_programs.compiled.cache_clear()
        return problem.without_cache().best_mix

    record("milliseconds", 1e3 * float(np.median([timed(mix) for _ in range(ROUNDS)])), at_most=5)
    assert benchmark(mix)[1].sum() == pytest.approx(1)


def test_split_with_one_stream(
    benchmark: BenchmarkFixture, record: Callable[..., None], scenario: Scenario
) -> None:
    problem = scenario.problem(MRT(), scenario.statistics([0]))

    def share() -> isacfw.FloatArray:
        return problem.without_cache().largest_communication_share

    record("milliseconds", 1e3 * float(np.median([timed(share) for _ in range(ROUNDS)])), at_most=5)
    assert 0 < benchmark(share) < 1
