"""An extended target: the CRB of its response."""

from __future__ import annotations

import attrs
import numpy as np

from ..base.numbers import LOST, ComplexArray, FloatArray
from ..base.validators import integer
from .measure import ResponseMeasure, weighted_bound
from .sensed import Sensed


@attrs.frozen(kw_only=True)
class ExtendedTarget(Sensed):
    r"""An extended target: the CRB of its whole response, of unknown entries, is minimised.

    Parameters
    ----------
    receive_antennas : int
        Number :math:`N_r` of antennas of the sensing receiver, whose noise has unit power.
    frame_length : int
        Number L of symbols in a frame.

    Notes
    -----
    The trace of the CRB of the :math:`N_r \times N_t` response is :math:`(N_r / L)\, \mathrm{tr}\, R_x^{-1}`.
    """

    receive_antennas: int = attrs.field(validator=integer(at_least=1))
    frame_length: int = attrs.field(default=30, validator=integer(at_least=1))

    @property
    def antennas(self) -> None:
        """None: any number of transmit antennas."""
        return

    @property
    def angles(self) -> int:
        """0: there are no angles."""
        return 0

    def directions(self) -> None:
        """Return None: it sees every direction."""
        return

    def measure(self, basis: ComplexArray, power: float) -> ResponseMeasure:
        """Return the trace as a function of the covariance in a basis, and of the power in its complement.

        The last coordinate stands for the :math:`n = N_t - d` directions of the complement: power p there, spread
        evenly, adds :math:`n^2 / p` to the trace, and no other covariance does better.
        """
        antennas, size = basis.shape
        free = antennas - size
        entries = np.array([1.0] * size + [float(free)] * (free > 0))
        even = np.array([1.0] * size + [float(free)] * (free > 0)) / antennas
        total = float((entries**2 / even).sum())
        factor = self.receive_antennas / self.frame_length / power
        return ResponseMeasure(selection=np.diag(entries) / np.sqrt(total), unit=factor * total)

    def evaluate(self, columns: ComplexArray, basis: ComplexArray, rest: float) -> tuple[float, FloatArray]:
        """Return the trace of the CRB, and no CRLBs; see :meth:`Sensed.evaluate`."""
        antennas, size = basis.shape
        both = np.concatenate([basis, columns], axis=-1)
        vectors, sizes, _ = np.linalg.svd(both, full_matrices=False)
        inside = vectors[:, sizes > LOST * sizes[0]]
        seen, kept = inside.conj().T @ columns, inside.conj().T @ basis
        even = rest / (antennas - size) if antennas > size else 0.0
        covariance = seen @ seen.conj().T + even * (np.eye(inside.shape[1]) - kept @ kept.conj().T)
        outside = antennas - inside.shape[1]
        if outside and even <= 0:
            return np.inf, np.zeros(0)
        trace = weighted_bound(covariance, np.eye(len(covariance))) + (outside / even if outside else 0.0)
        return self.receive_antennas / self.frame_length * trace, np.zeros(0)
