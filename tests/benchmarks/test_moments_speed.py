"""How long the moments of a precoder take to be known to 1 %, for 225 antennas and 12 users.

Run it with ``OPENBLAS_NUM_THREADS=1 python -m pytest tests/benchmarks/test_moments_speed.py``: the time is that
of one drop on one core; the table at the end has its ratio to drawing 10,000 channels and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from stopwatch import timed

import isacfw
from isacfw import Precoder
from isacfw_plugins.precoders.mrt import MRT
from isacfw_plugins.precoders.rzf import RZF
from isacfw_plugins.precoders.zf import ZF

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

DRAWS, TOGETHER = 10_000, 50


@pytest.mark.parametrize("precoder", [MRT(), ZF(), RZF()], ids=lambda precoder: precoder.name)
def test_moments_to_one_per_cent(
    benchmark: BenchmarkFixture, record: Callable[..., None], precoder: isacfw.Precoder
) -> None:
    scenario = isacfw.load_scenario("nguyen2025").scenario
    statistics = scenario.statistics([0])
    fading = statistics.fading
    assert fading is not None
    assert fading.accuracy == 0.01

    def draw() -> None:
        generator = fading.generator(0)
        for _ in range(DRAWS // TOGETHER):
            fading.channel.draw(statistics.of_drop(0), scenario.transmit_array, TOGETHER, generator)

    drawing = timed(draw)
    found = benchmark.pedantic(Precoder.link_statistics, (precoder, scenario.scene(statistics)), rounds=3)
    record("time, in those of drawing 10,000 channels", benchmark.stats["min"] / drawing)
    if not isinstance(precoder, RZF):
        exact = precoder.link_statistics(scenario.scene(statistics))
        for name in ("signal_gain", "weight_power"):
            np.testing.assert_allclose(getattr(found, name), getattr(exact, name), rtol=0.02)
