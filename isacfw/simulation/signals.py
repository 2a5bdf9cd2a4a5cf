"""Draws of the signals of one drop at given shares of the power."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from ..allocation.problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem
from ..base.errors import InputError
from ..base.numbers import ComplexArray, FloatArray, float_array, read_only
from ..sensing.fisher import EchoModel
from ..sensing.information import crlb


class Blocks(Protocol):
    """Source of draws: see :class:`~isacfw.simulation.channels.EffectiveChannels`."""

    def blocks(self) -> Iterator[tuple[ComplexArray, ComplexArray]]:
        """Yield what users and targets receive of signals of unit power."""


def _shares(value: object) -> FloatArray:
    return np.asarray(read_only(float_array(value)))


def are_powers(communication: FloatArray, streams: FloatArray) -> NDArray[np.bool_]:
    """Return where shares (..., K) and (..., S) are numbers, and not negative beyond the tolerance; (...)."""
    shares = np.concatenate([communication, streams], axis=-1)
    return np.asarray((np.isfinite(shares) & (shares >= -FEASIBILITY_TOLERANCE)).all(axis=-1))


@attrs.frozen(kw_only=True, eq=False)
class SignalDraws:
    r"""Draws of the signals of one drop at given shares of the power.

    Parameters
    ----------
    channels : EffectiveChannels
        Drawn effective channels of the drop.
    problem : PowerAllocationProblem
        The problem of the drop, without batch axes.
    communication : ndarray, shape (K,)
        Shares :math:`x_k` of the power for the users.
    streams : ndarray, shape (S,)
        Shares :math:`q_s` of the power for the sensing streams.
    model : EchoModel
        The echoes of all targets.
    draws : int
        Number of draws M, at most that of the channels.

    Raises
    ------
    InputError
        If shares are not finite, or negative.

    Notes
    -----
    In each draw, the base station transmits :math:`F = [\sqrt{x_k P_t}\, w_k / \sqrt{E\|w_k\|^2},\,
    \sqrt{q_s P_t}\, v_s / \sqrt{E\|v_s\|^2}]`, where weights W and V follow from the drawn channel estimates. The
    power is that of the shares on average over the draws, not in each of them.
    """

    channels: Blocks
    problem: PowerAllocationProblem
    communication: FloatArray = attrs.field(converter=_shares)
    streams: FloatArray = attrs.field(converter=_shares)
    model: EchoModel
    draws: int

    def __attrs_post_init__(self) -> None:
        if not are_powers(self.communication, self.streams):
            raise InputError("shares", "must be finite and nonnegative to be simulated, got others")

    def apply(self, function: Callable[[ComplexArray, ComplexArray], NDArray[Any]]) -> NDArray[Any]:
        r"""Return the results of a function for all draws, evaluated on blocks of them.

        Parameters
        ----------
        function : callable
            Takes what m draws bring to the users, :math:`h_k^H f_c`, shape (m, K, C), and to the targets,
            :math:`P^H f_c`, shape (m, 3T, C), with :math:`P` of :attr:`isacfw.Scene.basis`. The first K of the C
            columns f of F carry the users' data. Returns an array with first axis m.

        Returns
        -------
        ndarray, shape (M, ...)
            Results in the order of the draws.
        """
        found, left, amplitude = [], self.draws, None
        for received, seen in self.channels.blocks():
            if amplitude is None:
                amplitude = self._amplitudes(received.shape[-1])
            count = min(left, len(received))
            found.append(function(received[:count] * amplitude, seen[:count] * amplitude))
            left -= count
            if left == 0:
                break
        return np.concatenate(found)

    def _amplitudes(self, columns: int) -> FloatArray:
        """Return the amplitude of each column of F; streams may have several columns."""
        users, streams = len(self.communication), len(self.streams)
        repeated = np.repeat(self.streams, (columns - users) // streams)
        shares = np.concatenate([self.communication, repeated])
        return np.asarray(np.sqrt(np.maximum(shares, 0.0) * self.problem.power))

    @cached_property
    def sinr(self) -> FloatArray:
        r"""Instantaneous SINR of each user in each draw; (M, K), read-only.

        :math:`|h_k^H f_k|^2 / (\sum_{c \neq k} |h_k^H f_c|^2 + 1)`, with interference by all other columns of F,
        those of the sensing streams included.
        """
        return np.asarray(read_only(self.apply(lambda received, _: _sinr(received))))

    @cached_property
    def rates(self) -> FloatArray:
        r"""Instantaneous rate of each user in each draw in bit/s/Hz; (M, K), read-only.

        :math:`\bar\tau \log_2(1 + SINR)` of a receiver that knows :math:`h_k^H f_k` and the power of the
        interference in each coherence block.
        """
        return np.asarray(read_only(self.problem.prelog * np.log1p(self.sinr) / np.log(2)))

    @cached_property
    def crlb(self) -> FloatArray:
        """CRLBs of all angles for the covariance F Fᴴ of each draw, in rad²; (M, 2T), read-only.

        Infinite for an angle that cannot be estimated, NaN for a known one.
        """

        def bound(_: ComplexArray, seen: ComplexArray) -> FloatArray:
            forms = seen @ np.swapaxes(seen.conj(), -1, -2)
            return crlb(self.model.fisher(forms), self.problem.jacobians, self.problem.known)

        return np.asarray(read_only(self.apply(bound)))


def _sinr(received: ComplexArray) -> FloatArray:
    powers = received.real**2 + received.imag**2
    own = np.arange(powers.shape[-2])
    wanted = powers[:, own, own]
    # Excluded from the sum rather than subtracted from it, which would cancel at high SINR.
    powers[:, own, own] = 0
    return np.asarray(wanted / (powers.sum(axis=-1) + 1))
