"""What drawing drops costs beside NumPy's own generator, in bulk and with a generator for each drop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from stopwatch import timed

import isacfw
from isacfw import Drops
from isacfw_plugins.channels.rayleigh import Rayleigh

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

DROPS, USERS = 3000, 12


def fastest(function: Callable[[], object]) -> float:
    return min(timed(function) for _ in range(20))


def test_range_of_drops(benchmark: BenchmarkFixture, record: Callable[..., None]) -> None:
    scenario = isacfw.load_scenario("nguyen2025").scenario
    assert isinstance(scenario.channel, Rayleigh)
    generator = np.random.default_rng(0)

    def bare() -> None:
        generator.random((DROPS, USERS))
        generator.standard_normal((DROPS, USERS))

    def in_bulk() -> None:
        drops = Drops(seed=0, numbers=range(DROPS))
        drops.uniform(USERS)
        drops.normal(USERS)

    def one_by_one() -> None:
        for drop in Drops(seed=0, numbers=range(DROPS)):
            drop.generator.random(USERS)
            drop.generator.standard_normal(USERS)

    benchmark.pedantic(in_bulk, rounds=20, warmup_rounds=1)
    alone = fastest(bare)
    record("time, in that of one generator for all drops", fastest(in_bulk) / alone, at_most=3)
    record("the same with a generator for each drop", fastest(one_by_one) / alone)
    record(
        "the same with the statistics of the channel", fastest(lambda: scenario.statistics(range(DROPS))) / alone
    )
