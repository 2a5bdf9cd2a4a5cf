"""The least power with which all users reach their SINRs."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import LOST, ComplexArray, FloatArray

MOST_ITERATIONS = 20_000
EVERY = 20
"""Iterations from one attempt to find beams to the next."""
BEYOND, FAR = 200, 1e6
"""Iterations for a larger bound once it exceeds the power, and the bound at which they end."""
ACCURACY, CLOSE = 1e-12, 1e-10
"""Relative change of the multipliers at which they have converged, and of the power beyond the bound."""


@attrs.frozen(kw_only=True, eq=False)
class LeastPowerBeams:
    r"""The least power for SINR targets.

    Parameters
    ----------
    power : float
        The power; if there are no beams, a lower bound of it that exceeds 1.
    beams : ndarray of complex, shape (E, K), or None
        Beams of this power that reach the targets; None if they need more power than 1.

    Notes
    -----
    The certificate: for :math:`\lambda \ge 0` with :math:`\lambda_k h_k^H (I + \sum_{j \ne k} \lambda_j h_j
    h_j^H)^{-1} h_k \le \Gamma_k`, the dual problem shows that all beams need at least :math:`\sum_k \lambda_k`.
    """

    power: float
    beams: ComplexArray | None


def least_power(channels: ComplexArray, floors: FloatArray) -> LeastPowerBeams | None:
    r"""Return the least power for SINR targets at unit noise, or a lower bound of it above 1.

    Parameters
    ----------
    channels : ndarray of complex, shape (E, K)
        Channels, in units of the noise.
    floors : ndarray, shape (K,)
        Smallest SINRs :math:`\Gamma_k`; 0 for none.

    Returns
    -------
    LeastPowerBeams or None
        None if the iteration does not converge.

    Notes
    -----
    The fixed point of :math:`\lambda_k = \Gamma_k / h_k^H (I + \sum_{j \ne k} \lambda_j h_j h_j^H)^{-1} h_k`
    from 0 rises, so each of its iterates is a certificate. The best beams are in the directions :math:`(I +
    \sum_j \lambda_j h_j h_j^H)^{-1} h_k` (Schubert and Boche, "Solution of the multiuser downlink beamforming
    problem with individual SINR constraints", IEEE Trans. Veh. Technol. 53, 2004).
    """
    served = np.flatnonzero(floors > 0)
    beams = np.zeros(channels.shape, dtype=np.complex128)
    if not len(served):
        return LeastPowerBeams(power=0.0, beams=beams)
    own, targets = channels[:, served], floors[served]
    gram = own.conj().T @ own
    if not (np.diagonal(gram).real > 0).all():
        return LeastPowerBeams(power=np.inf, beams=None)
    multipliers, beyond = np.zeros(len(served)), 0
    for iteration in range(1, MOST_ITERATIONS + 1):
        last = iteration == MOST_ITERATIONS
        others = np.eye(len(served)) + gram * (multipliers * (1 - np.eye(len(served))))[:, None, :]
        seen = np.linalg.solve(others, gram.T[:, :, None])[..., 0]
        rising = targets / np.maximum(np.diagonal(seen).real, LOST * np.diagonal(gram).real)
        total = float(rising.sum())
        converged = bool((np.abs(rising - multipliers) <= ACCURACY * rising).all())
        if total > 1 and (converged or beyond >= BEYOND or total > FAR):
            return LeastPowerBeams(power=total, beams=None)
        beyond += total > 1
        multipliers = rising
        if total <= 1 and (converged or last or iteration % EVERY == 0):
            found = _beams(own, targets, multipliers)
            power = np.inf if found is None else float((np.abs(found) ** 2).sum())
            if converged or power <= total * (1 + CLOSE) or (last and power <= 1):
                beams[:, served] = np.nan if found is None else found
                return LeastPowerBeams(power=power, beams=None if found is None else beams)
    return None


def _beams(channels: ComplexArray, targets: FloatArray, multipliers: FloatArray) -> ComplexArray | None:
    """Return beams of least power in the directions of multipliers, None if none reach the targets."""
    size = channels.shape[1]
    inner = np.eye(size) + multipliers[:, None] * (channels.conj().T @ channels)
    directions = channels @ np.linalg.inv(inner)
    directions = directions / np.linalg.norm(directions, axis=0)
    received = channels.conj().T @ directions
    gains = np.abs(received) ** 2
    own = np.diagonal(gains)
    try:
        powers = np.linalg.solve(np.diag(own * (1 + 1 / targets)) - gains, np.ones(size))
    except np.linalg.LinAlgError:
        return None
    if not (powers > 0).all():
        return None
    # With a phase that makes what a user receives of its own beam real and positive.
    return np.asarray(directions * np.sqrt(powers) * np.exp(-1j * np.angle(np.diagonal(received))))
