"""How the cost of beamforming depends on the numbers of antennas, and on the method.

`python -m pytest tests/benchmarks/test_beamforming_speed.py --benchmark-only` ends in a table of the ratios;
other programs disturb them least on one thread, with OPENBLAS_NUM_THREADS=1 (or the like) in the environment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import isacfw
from isacfw import BeamformingProblem, ExtendedTarget, PointTargets, Target
from isacfw_plugins.arrays.ula import ULA
from isacfw_plugins.beamformers.crb_beams import CrbBeams
from isacfw_plugins.beamformers.crb_sdr import CrbSdr

CHANNELS, USERS = 8, 4


def sensed(kind: str, antennas: int) -> isacfw.PointTargets | isacfw.ExtendedTarget:
    """Return what is sensed; as many antennas receive as send, and a few more."""
    if kind == "extended":
        return ExtendedTarget(receive_antennas=antennas + 4)
    target = Target(azimuth_deg=10.0, elevation_deg=90.0, reflection_amplitude=1.0, known=("elevation",))
    return PointTargets.at([target], transmit=ULA(elements=antennas), receive=ULA(elements=antennas + 4))


def problems(kind: str, antennas: int) -> list[BeamformingProblem]:
    """Return problems with the same power at the users for any number of antennas."""
    generator, found = np.random.default_rng(7), []
    for _ in range(CHANNELS):
        shape = (2, antennas, USERS)
        parts = generator.standard_normal(shape) * np.sqrt(8 / antennas)
        channels = parts[0] + 1j * parts[1]
        found.append(
            BeamformingProblem(channels=channels, power=1000.0, sinr=10.0, sensed=sensed(kind, antennas))
        )
    return found


def median(function: Callable[[Any], Any], arguments: list[Any]) -> float:
    """Return the median over arguments of the shortest of three times."""

    def shortest(argument: Any) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            function(argument)
            times.append(time.perf_counter() - start)
        return min(times)

    return float(np.median([shortest(argument) for argument in arguments]))


@pytest.mark.parametrize("kind", ["point", "extended"])
def test_beamforming_for_many_antennas(kind: str, benchmark: Any, record: Callable[..., None]) -> None:
    few, many = problems(kind, 16), problems(kind, 1024)
    part = CrbBeams()
    reductions = [median(BeamformingProblem.reduce, one) for one in (few, many)]
    times = [median(part.solve, one) for one in (few, many)]
    benchmark.pedantic(part.solve, (many[0],))
    without = [own - reduction for own, reduction in zip(times, reductions, strict=True)]
    record("time for 1024 antennas, in those for 16, without the reduction", without[1] / without[0], at_most=2)
    record("share of the reduction for 1024 antennas", reductions[1] / times[1])
    gap = max(float(part.beamform(problem).gap) for problem in few + many)
    record("largest certified gap", gap, at_most=1e-6)


@pytest.mark.parametrize("kind", ["point", "extended"])
def test_relaxation_beside_local_method(kind: str, benchmark: Any, record: Callable[..., None]) -> None:
    few = problems(kind, 16)
    benchmark.pedantic(CrbBeams().solve, (few[0],))
    ratio = median(CrbSdr(polish_iterations=0).solve, few) / median(CrbBeams().solve, few)
    record("time of the relaxation, in those of the local method", ratio)
