"""The maximum-likelihood estimator (27) of a target's angles."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import ComplexArray, FloatArray
from ..signal.array import Array

_CHUNK = 16


@attrs.frozen(kw_only=True, eq=False)
class AngleGrid:
    """A grid of angles.

    Parameters
    ----------
    azimuth, elevation : ndarray, shapes (A,) and (E,)
        In radians. For a planar array, several angles have the same direction cosines: azimuths within
        [-π/2, π/2] and elevations within [0, π] name each direction once.
    """

    azimuth: FloatArray
    elevation: FloatArray

    @classmethod
    def regular(cls, step: float) -> AngleGrid:
        """Return the grid of all directions in front of the array, with the given step in radians."""
        count = round(np.pi / step)
        cells = (np.arange(count) + 0.5) * np.pi / count
        return cls(azimuth=cells - np.pi / 2, elevation=cells)

    @property
    def cosines(self) -> tuple[FloatArray, FloatArray]:
        """Direction cosines u (E, A) and w (E,)."""
        return np.sin(self.elevation)[:, None] * np.sin(self.azimuth), np.cos(self.elevation)


class _Lattice:
    """The sum over pairs of elements of two arrays, grouped by difference: a polynomial in exp(-jπu), exp(-jπw).

    A planar array has far fewer distinct differences along each axis than pairs of elements, and the sum factors:
    first over the vertical axis, which the elevation alone determines, then over the horizontal one.
    """

    def __init__(self, first: Array, second: Array) -> None:
        ours, theirs = first.centred_positions(), second.centred_positions()
        differences = (ours[:, None, :] - theirs[None, :, :]).reshape(-1, 2).round(9)
        self.horizontal, row = np.unique(differences[:, 0], return_inverse=True)
        self.vertical, column = np.unique(differences[:, 1], return_inverse=True)
        self._place = row.ravel() * len(self.vertical) + column.ravel()

    def coefficients(self, matrices: ComplexArray) -> ComplexArray:
        """Return the coefficients of matrices (T, N, N'); shape (T, horizontal, vertical)."""
        size = len(self.horizontal) * len(self.vertical)
        summed = np.empty((len(matrices), size), dtype=np.complex128)
        for row, matrix in zip(summed, matrices.reshape(len(matrices), -1), strict=True):
            row.real = np.bincount(self._place, weights=matrix.real, minlength=size)
            row.imag = np.bincount(self._place, weights=matrix.imag, minlength=size)
        return summed.reshape(-1, len(self.horizontal), len(self.vertical))

    def tables(self, grid: AngleGrid) -> tuple[ComplexArray, ComplexArray]:
        """Return the phases of each difference on a grid: horizontal (E, A, ·), vertical (·, E)."""
        u, w = grid.cosines
        return _phases(self.horizontal, u), _phases(self.vertical, w).T

    def derivatives(self, coefficients: ComplexArray, u: FloatArray, w: FloatArray) -> ComplexArray:
        """Return the sum of each trial at its own (u, w), with its derivatives; (T, order in u, order in w)."""

        def factors(differences: FloatArray, cosine: FloatArray) -> ComplexArray:
            rates = -1j * np.pi * differences
            phases: ComplexArray = np.exp(rates * cosine[:, None])
            return np.stack([phases, rates * phases, rates**2 * phases], axis=1)

        vertical = np.swapaxes(factors(self.vertical, w), -1, -2)
        return np.asarray(factors(self.horizontal, u) @ coefficients @ vertical)


def _phases(differences: FloatArray, cosine: FloatArray) -> ComplexArray:
    """Return exp(-jπ d cosine) for sorted d, along a new last axis; by recurrence if d is equally spaced."""
    gaps = np.diff(differences)
    if not np.allclose(gaps, gaps[:1]):
        return np.asarray(np.exp(-1j * np.pi * cosine[..., None] * differences))
    phases = np.empty((len(differences), *cosine.shape), dtype=np.complex128)
    phases[0] = np.exp(-1j * np.pi * differences[0] * cosine)
    turn = np.exp(-1j * np.pi * gaps[:1].sum() * cosine)
    for last, this in itertools.pairwise(phases):
        np.multiply(last, turn, out=this)
    return np.moveaxis(phases, 0, -1).copy()


class MaximumLikelihood:
    r"""The maximum-likelihood estimator of azimuth and elevation, α profiled out.

    Parameters
    ----------
    transmit, receive : Array
        The arrays.
    grid : AngleGrid
        Grid on which the likelihood is searched.

    Notes
    -----
    Minimising (27) over α leaves the maximum of :math:`|b^H Y_s X^H a|^2 / \|a^H X\|^2`. Both are sums over pairs
    of elements that depend on their differences only, so the search costs a few operations per grid point,
    regardless of the number of antennas.
    """

    def __init__(self, transmit: Array, receive: Array, grid: AngleGrid) -> None:
        self.grid = grid
        self.correlation = _Lattice(transmit, receive)
        self.energy = _Lattice(transmit, transmit)
        self._correlation_tables = self.correlation.tables(grid)
        alike = np.array_equal(self.correlation.horizontal, self.energy.horizontal)
        alike &= np.array_equal(self.correlation.vertical, self.energy.vertical)
        self._energy_tables = self._correlation_tables if alike else self.energy.tables(grid)

    def estimate(self, echoes: ComplexArray, signals: ComplexArray) -> tuple[FloatArray, FloatArray]:
        """Return the angles that maximise the likelihood, on the grid and after refinement.

        Parameters
        ----------
        echoes : ndarray of complex, shape (T, N_r, L)
            Received signals of T trials.
        signals : ndarray of complex, shape (T, N_t, L) or (1, N_t, L)
            Transmitted signals.

        Returns
        -------
        grid, refined : ndarray, shape (T, 2)
            Azimuth and elevation in radians: of the best grid point, and of the maximum to which Newton's
            method climbs from it.
        """
        correlation = self.correlation.coefficients(signals @ np.swapaxes(echoes.conj(), -1, -2))
        energy = self.energy.coefficients(signals @ np.swapaxes(signals.conj(), -1, -2))
        elevation, azimuth = self._best_points(correlation, energy)
        best = np.stack([self.grid.azimuth[azimuth], self.grid.elevation[elevation]], axis=-1)
        u, w = self.grid.cosines
        return best, self._refine(correlation, energy, u[elevation, azimuth], w[elevation])

    def likelihood(self, correlation: ComplexArray, energy: ComplexArray) -> FloatArray:
        """Return the likelihood, up to a monotone function, on the grid; (E, A, T)."""
        if self._energy_tables is self._correlation_tables:
            # One pass over the tables, which are larger than the cache, instead of two.
            both = _on_grid(np.concatenate([correlation, energy]), self._correlation_tables)
            numerator, denominator = both[..., : len(correlation)], both[..., len(correlation) :].real
        else:
            numerator = _on_grid(correlation, self._correlation_tables)
            denominator = _on_grid(energy, self._energy_tables).real
        return np.asarray((numerator.real**2 + numerator.imag**2) / denominator)

    def _best_points(
        self, correlation: ComplexArray, energy: ComplexArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return positions in elevation and azimuth of the largest likelihood of each trial."""
        best = []
        for start in range(0, len(correlation), _CHUNK):
            part = slice(start, start + _CHUNK)
            own = energy if len(energy) == 1 else energy[part]
            likelihood = self.likelihood(correlation[part], own)
            best.append(likelihood.reshape(-1, likelihood.shape[-1]).argmax(axis=0))
        elevation, azimuth = np.divmod(np.concatenate(best), len(self.grid.azimuth))
        return elevation, azimuth

    def _refine(
        self, correlation: ComplexArray, energy: ComplexArray, u: FloatArray, w: FloatArray
    ) -> FloatArray:
        """Climb from a point (u, w) of each trial to the maximum nearby; return its angles."""
        point = np.stack([u, w], axis=-1)
        height, slope, curvature = self._log_likelihood(correlation, energy, point)
        damping = np.ones(len(point))
        for _ in range(40):
            step = damping[:, None] * _ascent(slope, curvature)
            candidate = point + step
            new_height, new_slope, new_curvature = self._log_likelihood(correlation, energy, candidate)
            # Directions exist only inside the unit circle; values of the likelihood beyond it are meaningless.
            better = (new_height >= height) & ((candidate**2).sum(axis=-1) <= 1)
            point = np.where(better[:, None], candidate, point)
            height = np.where(better, new_height, height)
            slope = np.where(better[:, None], new_slope, slope)
            curvature = np.where(better[:, None, None], new_curvature, curvature)
            damping = np.where(better, 1.0, damping / 4)
            if (np.abs(step).max(axis=-1) < 1e-12).all():
                break
        elevation = np.arccos(np.clip(point[:, 1], -1, 1))
        sine = np.maximum(np.sin(elevation), 1e-300)
        return np.stack([np.arcsin(np.clip(point[:, 0] / sine, -1, 1)), elevation], axis=-1)

    def _log_likelihood(
        self, correlation: ComplexArray, energy: ComplexArray, point: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient (T, 2) and Hessian (T, 2, 2) with respect to (u, w)."""
        signal = _log_derivatives(self.correlation.derivatives(correlation, *point.T))
        power = _log_derivatives(self.energy.derivatives(energy, *point.T))
        height, slope, curvature = (2 * s.real - p.real for s, p in zip(signal, power, strict=True))
        return height, slope, curvature


def _on_grid(coefficients: ComplexArray, tables: tuple[ComplexArray, ComplexArray]) -> ComplexArray:
    horizontal, vertical = tables
    return np.asarray(horizontal @ (coefficients @ vertical).transpose(2, 1, 0))


def _log_derivatives(values: Any) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Return the logarithm of a function of (u, w) with its gradient and Hessian, from its derivatives."""
    value = values[:, 0, 0]
    slope = np.stack([values[:, 1, 0], values[:, 0, 1]], axis=-1) / value[:, None]
    second = values[:, [[2, 1], [1, 0]], [[0, 1], [1, 2]]] / value[:, None, None]
    return np.log(value), slope, second - slope[:, :, None] * slope[:, None, :]


def _ascent(slope: FloatArray, curvature: FloatArray) -> FloatArray:
    """Return Newton's step where the function is concave, a step along the gradient elsewhere."""
    values, vectors = np.linalg.eigh(curvature)
    scale = np.maximum(np.abs(values), 1e-9 * np.abs(values).max(axis=-1, keepdims=True) + 1e-300)
    return np.asarray((vectors @ ((np.swapaxes(vectors, -1, -2) @ slope[..., None]) / scale[..., None]))[..., 0])
