"""Print how long the separable search of the likelihood takes beside direct evaluations on the same grid.

All of them evaluate 256 elevations times 512 azimuths for one echo, 5 x 5 antennas on both sides, L = 30, in one
process, and must agree on the maximiser:

- point by point: the matrix G X of (27) at each grid point, |tr(Y^H G X)|^2 / ||G X||^2;
- in matrices: b^H Y and a^H X for a row of the grid at once, from all steering vectors.

The separable search is timed as users call it, with the refinement from the best point. Other programs disturb
the figures least on one thread, with OPENBLAS_NUM_THREADS=1 (or the like) in the environment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from isacfw import ComplexArray, Direction, FloatArray
from isacfw.signal.channel import complex_normal
from isacfw.simulation import AngleGrid, MaximumLikelihood
from isacfw_plugins.arrays.upa import UPA

ELEVATIONS, AZIMUTHS = 256, 512
LENGTH = 30
REPEATS = 3

ARRAY = UPA(horizontal=5, vertical=5)
TARGET = Direction(azimuth_deg=22.5, elevation_deg=45.0)


def grid() -> AngleGrid:
    """Return the centres of equal cells over all directions in front of the array."""
    azimuth, elevation = ((np.arange(count) + 0.5) * np.pi / count for count in (AZIMUTHS, ELEVATIONS))
    return AngleGrid(azimuth=azimuth - np.pi / 2, elevation=elevation)


def trial() -> tuple[ComplexArray, ComplexArray]:
    """Return an echo and the signal it is of; (N, L) each."""
    generator = np.random.default_rng(1)
    signal = complex_normal((ARRAY.n_elements, LENGTH), generator)
    steering = ARRAY.steering_vector(TARGET)
    echo = 0.3 * np.outer(steering, steering.conj() @ signal)
    return echo + complex_normal(echo.shape, generator), signal


def steering_rows(angles: AngleGrid) -> Iterator[ComplexArray]:
    """Yield the steering vectors at all azimuths of each elevation; (A, N)."""
    for u, w in zip(*angles.cosines, strict=True):
        cosines = np.stack([u, np.full(AZIMUTHS, w)], axis=-1)
        yield np.exp(1j * np.pi * (cosines @ ARRAY.centred_positions().T))


def by_points(echo: ComplexArray, signal: ComplexArray, angles: AngleGrid) -> FloatArray:
    """Return the likelihood from G X at each grid point; (E, A)."""
    likelihood = np.empty((ELEVATIONS, AZIMUTHS))
    for row, rows in enumerate(steering_rows(angles)):
        for column, steering in enumerate(rows):
            reflected = np.outer(steering, steering.conj()) @ signal
            energy = np.vdot(reflected, reflected).real / ARRAY.n_elements
            likelihood[row, column] = abs(np.vdot(echo, reflected)) ** 2 / ARRAY.n_elements**2 / energy
    return likelihood


def by_matrices(echo: ComplexArray, signal: ComplexArray, angles: AngleGrid) -> FloatArray:
    """Return the likelihood from all steering vectors of a row at once; (E, A)."""
    likelihood = np.empty((ELEVATIONS, AZIMUTHS))
    for row, steering in enumerate(steering_rows(angles)):
        incident = steering.conj() @ signal
        correlation = ((steering.conj() @ echo) * incident.conj()).sum(axis=-1)
        likelihood[row] = np.abs(correlation) ** 2 / (np.abs(incident) ** 2).sum(axis=-1)
    return likelihood


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Return the wall time of a call, and its result."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def main() -> None:
    """Take turns, so that a change of the machine's load meets all alike; report the shortest."""
    echo, signal = trial()
    angles = grid()
    names = ("tables", "search", "by matrices", "by points")
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(REPEATS):
        seconds, estimator = timed(MaximumLikelihood, ARRAY, ARRAY, angles)
        times["tables"].append(seconds)
        seconds, (best, _) = timed(estimator.estimate, echo[None], signal[None])
        times["search"].append(seconds)
        for name, direct in (("by matrices", by_matrices), ("by points", by_points)):
            seconds, likelihood = timed(direct, echo, signal, angles)
            times[name].append(seconds)
            row, column = np.unravel_index(likelihood.argmax(), likelihood.shape)
            assert best[0].tolist() == [angles.azimuth[column], angles.elevation[row]], name
    tables, search, matrices, points = (min(times[name]) for name in names)
    print(f"separable search {1e3 * search:.1f} ms, its tables {1e3 * tables:.1f} ms once per grid")
    for name, seconds in (("G X at each point", points), ("in matrices", matrices)):
        print(
            f"direct, {name}: {1e3 * seconds:.0f} ms, {seconds / search:.1f} times the search,"
            f" {seconds / (search + tables):.1f} times the search with its tables; same maximiser"
        )


if __name__ == "__main__":
    main()
