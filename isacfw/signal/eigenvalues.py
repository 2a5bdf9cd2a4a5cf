r"""Eigenvalues of the users' correlation matrices :math:`E\{h_k h_k^H\}`, means included."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray, FloatArray
from .moments import LARGEST_DRAW, drawn_channels
from .pattern import DropScene

MOST_OPERATIONS = 5e10
"""Largest K N³ up to which all users are evaluated."""


@attrs.frozen(kw_only=True, eq=False)
class Spectrum:
    r"""Eigenvalues of the correlation matrices of the first users of a drop.

    Parameters
    ----------
    values : ndarray, shape (k, N)
        Eigenvalues in descending order; those of user k add up to :math:`N \beta_k`.
    users : int
        Number of all users K.
    draws : int, optional
        Number of draws of the channels, if the matrices are sampled.
    """

    values: FloatArray
    users: int
    draws: int | None = None

    @property
    def relative_db(self) -> FloatArray:
        """Eigenvalues relative to their mean in dB; minus infinity for zero; (k, N)."""
        with np.errstate(divide="ignore"):
            relative = np.maximum(self.values, 0) / self.values.mean(axis=-1, keepdims=True)
            return np.asarray(10 * np.log10(relative))


def correlation_spectrum(drop: DropScene) -> Spectrum:
    """Return the eigenvalues for the drop of a scene, exact where covariances are known.

    Parameters
    ----------
    drop : DropScene
        The scene, and the number of draws of the channels where covariances are unknown.

    Raises
    ------
    IncompatibleError
        If a matrix would be too large.
    """
    statistics, antennas = drop.own.statistics, drop.own.antennas
    if statistics.isotropic:
        same = np.broadcast_to(statistics.beta[:, None], (statistics.users, antennas))
        return Spectrum(values=same, users=statistics.users)
    if antennas**3 > MOST_OPERATIONS:
        raise IncompatibleError(f"eigenvalues of matrices of order {antennas} would take too long")
    count = min(statistics.users, max(1, int(MOST_OPERATIONS / antennas**3)))
    if statistics.covariances is None:
        return Spectrum(values=_sampled(drop, count), users=statistics.users, draws=drop.draws)
    matrices = np.array(statistics.covariances[:count])
    if statistics.means is not None:
        means = statistics.means[:count]
        matrices += means[:, :, None] * means[:, None, :].conj()
    return Spectrum(values=_descending(matrices), users=statistics.users)


def _descending(matrices: ComplexArray) -> FloatArray:
    return np.asarray(np.linalg.eigvalsh(matrices)[:, ::-1], dtype=np.float64)


def _sampled(drop: DropScene, count: int) -> FloatArray:
    """Return the eigenvalues of sample correlation matrices."""
    scene, fading, draws = drop.own, drop.fading, drop.draws
    one = 2 * 16 * scene.antennas * scene.users
    if one > LARGEST_DRAW:
        raise IncompatibleError(f"one draw for {scene.antennas} antennas and {scene.users} users is too large")
    generator, chunk = fading.simulation_generator(0), max(1, 2**25 // one)
    total: ComplexArray = np.zeros((count, scene.antennas, scene.antennas), dtype=np.complex128)
    for start in range(0, draws, chunk):
        channels, _ = drawn_channels(fading.channel, scene, min(chunk, draws - start), generator)
        found = np.moveaxis(channels[:, :, :count], 2, 0)
        total += np.swapaxes(found, 1, 2) @ found.conj()
    return _descending(total / draws)
