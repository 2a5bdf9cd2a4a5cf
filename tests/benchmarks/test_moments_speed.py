"""How long the moments of a precoder take to be known to 1 %, for 225 antennas and 12 users.

On correlated channels drawing takes most of the time, and moments of MRT have a closed form.

Run it with ``OPENBLAS_NUM_THREADS=1 python -m pytest tests/benchmarks/test_moments_speed.py``: the time is that
of one drop on one core; the table at the end has its ratio to drawing 10,000 channels and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from stopwatch import timed

import isacfw
from isacfw import ComplexArray, Precoder
from isacfw_plugins.channels._scattering import ScatteringChannel
from isacfw_plugins.channels.correlated import Correlated
from isacfw_plugins.channels.rician import Rician
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


@pytest.mark.parametrize(
    "channel",
    [Correlated(users=12), Rician(users=12, scattering="gaussian")],
    ids=lambda channel: channel.name,
)
def test_moments_on_correlated_channels(
    benchmark: BenchmarkFixture, record: Callable[..., None], channel: ScatteringChannel
) -> None:
    """Compare sampled moments of MRT with as many draws of the channels and no more, and with the closed form."""
    scenario = attrs.evolve(isacfw.load_scenario("nguyen2025").scenario, channel=channel)
    statistics = scenario.statistics([0])
    fading, scene = statistics.fading, scenario.scene(statistics)
    assert fading is not None
    assert fading.accuracy == 0.01
    draws: list[int] = []

    def counted(self: ScatteringChannel, *arguments: Any) -> tuple[ComplexArray, ComplexArray]:
        draws.append(arguments[2])
        return original(self, *arguments)

    original, kind = type(channel).draw, type(channel)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "draw", counted)
        sampling = timed(Precoder.link_statistics, MRT(), scene)

    def draw() -> None:
        generator, own = fading.generator(0), statistics.of_drop(0)
        for together in draws:
            channel.draw(own, scenario.transmit_array, together, generator)

    record("time of sampled moments, in that of drawing the channels", sampling / timed(draw), at_most=2.5)
    benchmark.pedantic(MRT().link_statistics, (scene,), rounds=3)
    record("times faster in closed form", sampling / benchmark.stats["min"], at_least=50)
    record(
        "covariances of a drop, in the time of its closed form",
        timed(place, channel, scenario.transmit_array) / benchmark.stats["min"],
    )


def place(channel: ScatteringChannel, array: isacfw.Array) -> ComplexArray:
    """Return the covariances of the users of one drop."""
    return channel.correlations(channel.place([isacfw.Drop(seed=1, number=0)]), array)
