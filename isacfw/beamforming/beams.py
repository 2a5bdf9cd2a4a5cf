"""Beams: the answer of a beamformer, and what the framework makes of it."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..allocation.status import Status
from ..base.numbers import ComplexArray, FloatArray
from .problem import BeamformingProblem


def _complex(value: Any) -> ComplexArray:
    return np.asarray(value, dtype=np.complex128)


@attrs.frozen(kw_only=True, eq=False)
class Beams:
    r"""Answer of a beamformer to a problem of one channel.

    Parameters
    ----------
    weights : ndarray of complex, shape (N, K)
        Beam :math:`w_k` of each user, with its power; NaN if there is no answer.
    sensing : ndarray of complex, shape (N, S), optional
        Beams :math:`v_s` of sensing streams; none by default.
    rest : float
        Power that is spread evenly over all directions orthogonal to the channels and, for point targets, to what
        they see; it reaches no user.
    status : Status, optional
        Claim, which the framework verifies; by default the status follows from the verification.
    message : str
        One line on the answer.
    multipliers : ndarray, shape (K,), optional
        Multipliers of the SINR targets that certify a lower bound, for :meth:`BeamformingProblem.reduce`. By
        default the framework finds them from the beams.

    Notes
    -----
    The covariance of the transmit signal is :math:`R_x = \sum_k w_k w_k^H + \sum_s v_s v_s^H` and the rest.
    """

    weights: ComplexArray = attrs.field(converter=_complex)
    sensing: ComplexArray | None = attrs.field(default=None, converter=attrs.converters.optional(_complex))
    rest: float = 0.0
    status: Status | None = None
    message: str = ""
    multipliers: FloatArray | None = None

    @classmethod
    def none(cls, problem: BeamformingProblem, status: Status, message: str) -> Beams:
        """Return the absence of an answer, with its status and reason."""
        weights = np.full((problem.antennas, problem.users), np.nan)
        return cls(weights=weights, status=status, message=message)


@attrs.frozen(kw_only=True, eq=False)
class Beamforming:
    r"""Beams as verified by the framework; arrays over the batch of a problem, read-only.

    SINRs, CRB, power and violation are recomputed from the beams, and the bound from multipliers. NaN if there is
    no answer.

    Attributes
    ----------
    weights : ndarray of complex, shape (..., N, K)
        Beams of the users.
    sensing : ndarray of complex, shape (..., N, S)
        Beams of sensing streams, 0 beyond those of an answer.
    rest : ndarray, shape (...)
        See :class:`Beams`.
    status, message, claim : ndarray of str, shape (...)
        See :class:`Status`; `claim` is the reported one, empty for none.
    sinr : ndarray, shape (..., K)
        SINR of each user, linear, :math:`|h_k^H w_k|^2 / (\sum_{j \ne k} |h_k^H w_j|^2 + \sum_s |h_k^H v_s|^2 +
        1)`.
    crb : ndarray, shape (...)
        What is minimised: for point targets the weighted sum of CRLBs in rad², for an extended target the trace
        of the CRB of its response.
    crlb : ndarray, shape (..., 2T)
        CRLBs of azimuth and elevation of each target in rad², NaN for known angles.
    power : ndarray, shape (...)
        Power of all beams, in units of the noise.
    violation : ndarray, shape (...)
        Largest relative violation of a SINR target or of the power.
    feasible : ndarray of bool, shape (...)
        Whether the violation is at most 1e-6.
    bound : ndarray, shape (...)
        Certified lower bound of the CRB of all beams that meet the targets.
    gap : ndarray, shape (...)
        Certified gap, 1 - bound / crb.
    multipliers : ndarray, shape (..., K)
        Multipliers that certify the bound.
    seconds : ndarray, shape (...)
        Wall time of each problem.
    """

    weights: ComplexArray
    sensing: ComplexArray
    rest: FloatArray
    status: NDArray[Any]
    message: NDArray[Any]
    claim: NDArray[Any]
    sinr: FloatArray
    crb: FloatArray
    crlb: FloatArray
    power: FloatArray
    violation: FloatArray
    feasible: NDArray[np.bool_]
    bound: FloatArray
    gap: FloatArray
    multipliers: FloatArray
    seconds: FloatArray
