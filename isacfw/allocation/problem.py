"""The power-allocation problem: the input of an allocator."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..base.numbers import FloatArray
from ..sensing.frontier import MatrixInequalities
from ..sensing.information import Line, crlb, crlb_of_split
from ..sensing.reduction import in_angles
from .certificate import certificate
from .rates import RateProblem

FEASIBILITY_TOLERANCE = 1e-6
"""Largest relative constraint violation of an allocation that counts as feasible."""


@attrs.frozen(kw_only=True, eq=False)
class PowerAllocationProblem(RateProblem):
    r"""Problem (54): maximise the sum rate over shares of power, subject to CRLB limits; holds numbers only.

    The unknowns are :math:`x_k`, the share of the power that goes to user k, and :math:`q_s`, the share that
    goes to sensing stream s; :math:`f = \sum_k x_k` and :math:`q = \sum_s q_s`. Every field may have leading
    batch axes, which broadcast against those of the others. If all users, or all streams, are alike, the fields
    that distinguish them are None.

    Parameters
    ----------
    gain, sensing_interference, common_interference : ndarray, shape (..., K)
        :math:`g_k`, :math:`b_k`, :math:`c_k` of
        :math:`SINR_k = g_k x_k / (b_k q + c_k f + 1)`, without coupling.
    prelog : ndarray, shape (...)
        Share of the coherence block that carries data; rates are ``prelog * log2(1 + SINR)`` in bit/s/Hz.
    fisher_communication, fisher_sensing : ndarray, shape (..., 4T, 4T)
        Fisher information of the T targets if all power goes to communication, and if all of it goes to sensing,
        in equal parts if users or streams differ. Four parameters per target: two coordinates of its direction,
        Re α, Im α.
    crlb_limit : ndarray, shape (..., 2T)
        Largest CRLB of azimuth and elevation of each target in rad²; infinite for no limit.
    power : ndarray, shape (...)
        Transmit power :math:`P_t` in units of the noise.
    weight_power : ndarray, shape (..., K)
        :math:`\xi_{bf,k}` of (17), which turns shares into the paper's :math:`\gamma_k`.
    antennas : ndarray, shape (...)
        Number of transmit antennas :math:`N_t`.
    coupling : ndarray, shape (..., K, K), optional
        Interference that is not common to all users: :math:`C_{kj} x_j`, summed over j, adds to the denominator
        of user k.
    stream_coupling : ndarray, shape (..., K, S), optional
        Interference that is not common to all streams: :math:`B_{ks} q_s`, summed over s, adds to it too.
    fisher_users : ndarray, shape (..., K, 4T, 4T), optional
        Fisher information of each user's signal, where they differ: :math:`J = \sum_k x_k J_k + \ldots`
    fisher_streams : ndarray, shape (..., S, 4T, 4T), optional
        Fisher information of each of S > 1 sensing streams.
    jacobians : ndarray, shape (..., T, 2, 2)
        Derivatives of each target's coordinates with respect to azimuth and elevation; the identity by default.
    known : ndarray, shape (..., 2T)
        1 if azimuth or elevation of a target is known, 0 if it is estimated, which is the default.
    """

    def information(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the Fisher information for shares of the users and streams, in coordinates; (..., 4T, 4T)."""
        streams = self.stream_shares(x, q)
        return _mix(x, self.fisher_communication, self.fisher_users) + _mix(
            streams, self.fisher_sensing, self.fisher_streams
        )

    def fisher(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the Fisher information of (azimuth, elevation, Re α, Im α) of each target; (..., 4T, 4T).

        Parameters
        ----------
        x : ndarray, shape (..., K)
            Shares of the users.
        q : ndarray, shape (..., S) or (...), or float
            Shares of the streams, or their sum, which is divided equally.
        """
        return in_angles(self.information(x, q), self.jacobians)

    def crlb(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the CRLBs of azimuth and elevation of each target in rad²; shape (..., 2T).

        Parameters
        ----------
        x, q
            See :meth:`fisher`.

        Returns
        -------
        ndarray
            Infinite for an angle that cannot be estimated, NaN for a known one.
        """
        if self.fisher_users is not None or self.fisher_streams is not None:
            return crlb(self.information(x, q), self.jacobians, self.known)
        sensing = self.stream_shares(x, q).sum(axis=-1)
        return crlb_of_split(
            self.fisher_communication, self.fisher_sensing, x.sum(axis=-1), sensing, self.jacobians, self.known
        )

    def violation(self, x: FloatArray, q: FloatArray | float, crlb: FloatArray | None = None) -> FloatArray:
        """Return the largest relative violation of any constraint; 0 if all hold; shape (...).

        Violations of CRLB limits are relative to the limit, those of the power and of negative shares relative to
        the power budget. The CRLBs (..., 2T) may be passed if they are known already.
        """
        streams = self.stream_shares(x, q)
        with np.errstate(invalid="ignore"):
            excess = (self.crlb(x, q) if crlb is None else crlb) / self.crlb_limit - 1
        excess = np.where(np.isinf(self.crlb_limit), 0.0, excess)
        worst = np.maximum(x.sum(axis=-1) + streams.sum(axis=-1) - 1, 0.0)
        for other in (-streams.min(axis=-1), -x.min(axis=-1), *np.moveaxis(excess, -1, 0)):
            worst = np.maximum(worst, other)
        return np.asarray(worst)

    @cached_property
    def equal_split(self) -> FloatArray:
        r"""Shares of the users, of sum one, for which all :math:`\gamma_k` are equal, (23); (..., K)."""
        return np.asarray(self.weight_power / self.weight_power.sum(axis=-1, keepdims=True))

    @cached_property
    def line(self) -> Line:
        """Full power, split between users with equal factors and streams in equal parts."""
        communication = self.fisher_communication
        if self.fisher_users is not None:
            communication = _mix(self.equal_split, communication, self.fisher_users)
        return Line(
            communication=communication,
            sensing=self.fisher_sensing,
            limit=self.crlb_limit,
            jacobians=self.jacobians,
            known=self.known,
        )

    @cached_property
    def largest_communication_share(self) -> FloatArray:
        """Largest share for communication at full power that meets the CRLB limits; NaN if none; (...).

        If users or streams differ in their Fisher information: with :attr:`equal_split` among the users
        and equal parts for the streams.
        """
        return self.line.largest_share()

    @cached_property
    def best_mix(self) -> tuple[FloatArray, FloatArray]:
        """The largest share for communication at full power over all mixes of the streams, and that mix.

        Only if all users have the same Fisher information, so that their shares do not affect the limits.

        Returns
        -------
        share : ndarray, shape (...)
            NaN if the limits are infeasible.
        mix : ndarray, shape (..., S)
            Parts of the sensing power, with sum one.
        """
        if self.fisher_users is not None:
            raise ValueError("the users' signals differ, so their shares matter to the limits")
        if self.fisher_streams is None:
            share = self.largest_communication_share
            return share, np.full((*share.shape, self.streams), 1 / self.streams)
        # One semidefinite program for each distinct sensing problem, however many drops share it.
        shape = np.broadcast_shapes(self.line.shape, self.fisher_streams.shape[:-3])
        found, mixes = np.full(shape, np.nan), np.full((*shape, self.streams), 1 / self.streams)
        for index in np.ndindex(shape):
            found[index], mixes[index] = self._at_line(index, shape)._best_mix()
        return found, mixes

    def _best_mix(self) -> tuple[float, FloatArray]:
        """Return :attr:`best_mix` for a problem without batch axes."""
        equal = np.full(self.streams, 1 / self.streams)
        limits = self.matrix_inequalities()
        if limits is None:
            return np.nan, equal
        weights = np.zeros(1 + self.streams)
        weights[0] = 1
        # The shares of the program are less accurate than a line along their mix. Close to infeasibility, that
        # mix may just violate the limits, while the one with the smallest excess meets them.
        candidates = (limits.largest(weights), None)
        for shares in candidates:
            streams = (limits.smallest_excess()[0] if shares is None else shares)[1:]
            mix = streams / streams.sum() if streams.sum() > 0 else equal
            sensing = _mix(mix, self.fisher_sensing, self.fisher_streams)
            share = float(attrs.evolve(self.line, sensing=sensing).largest_share())
            if not np.isnan(share):
                return share, mix
        return np.nan, equal

    @cached_property
    def smallest_crlb(self) -> FloatArray:
        """Smallest CRLB of each angle at full power, in rad²: a certificate of infeasibility; (..., 2T)."""
        if self._on_a_line:
            return self.line.smallest_crlb()
        found = np.full((*self.batch_shape, 2 * self.targets), np.inf)
        guess = np.broadcast_to(self.line.smallest_crlb(), found.shape)
        for index in np.ndindex(self.batch_shape):
            for angle, bound in enumerate(guess[index]):
                limit = np.full(2 * self.targets, np.inf)
                limit[angle] = bound if np.isfinite(bound) else 1.0
                limits = attrs.evolve(self[index], crlb_limit=limit).matrix_inequalities()
                if limits is not None:
                    found[(*index, angle)] = limit[angle] * limits.smallest_excess()[1]
        return found

    @property
    def _on_a_line(self) -> bool:
        return self.fisher_users is None and self.fisher_streams is None

    def matrix_inequalities(self) -> MatrixInequalities | None:
        r"""Return the CRLB limits of a problem without batch axes as linear matrix inequalities.

        The signals are those of the users (one for all, or K) and of the streams (one, or S).

        Returns
        -------
        MatrixInequalities or None
            None if a limited angle cannot be estimated at all.
        """
        users = self.fisher_communication[None] if self.fisher_users is None else self.fisher_users
        streams = self.fisher_sensing[None] if self.fisher_streams is None else self.fisher_streams
        signals = np.concatenate([users, streams])
        return MatrixInequalities.of(signals, self.crlb_limit, self.jacobians, self.known)

    def feasible_shares(self) -> tuple[FloatArray, FloatArray, float]:
        """Return shares, at full power, that minimise the largest ratio of CRLB to limit, and that ratio.

        For a problem without batch axes. The ratio is above 1 if and only if the problem is infeasible.

        Returns
        -------
        x, q : ndarray, shapes (K,) and (S,)
            Shares; equal among users, or streams, with the same Fisher information.
        ratio : float
            Infinite if a limited angle cannot be estimated.
        """
        limits = self.matrix_inequalities()
        if limits is None:
            return np.full(self.users, np.nan), np.full(self.streams, np.nan), np.inf
        shares, ratio = limits.smallest_excess()
        users = 1 if self.fisher_users is None else self.users
        x = self.equal_split * shares[0] if users == 1 else shares[:users]
        rest = shares[users:]
        return x, (rest if len(rest) == self.streams else np.full(self.streams, rest[0] / self.streams)), ratio

    @cached_property
    def infeasibility(self) -> NDArray[Any]:
        """The certificate of infeasibility as a message; empty for a feasible problem; (...)."""
        line = self.line
        none = np.isnan(self.largest_communication_share)
        messages = np.full(none.shape, "", dtype=object)
        for index in map(tuple, np.argwhere(none)):
            if self._on_a_line:
                own = Line(
                    communication=_at(line.communication, 2, none.shape, index),
                    sensing=_at(line.sensing, 2, none.shape, index),
                    limit=_at(line.limit, 1, none.shape, index),
                    jacobians=_at(self.jacobians, 3, none.shape, index),
                    known=_at(self.known, 1, none.shape, index),
                )
                messages[index] = certificate(own.smallest_crlb(), own.limit, float(own.smallest_excess()))
                continue
            single = self[index] if none.shape == self.batch_shape else self._at_line(index, none.shape)
            ratio = single.feasible_shares()[2]
            if ratio > 1 + FEASIBILITY_TOLERANCE:
                messages[index] = certificate(single.smallest_crlb, single.crlb_limit, ratio)
        return np.broadcast_to(messages, self.batch_shape)

    def _at_line(self, index: tuple[Any, ...], shape: tuple[int, ...]) -> PowerAllocationProblem:
        """Return a representative of all problems at an index of the line's batch axes."""
        whole = self.batch_shape
        padded = (1,) * (len(whole) - len(shape)) + shape
        place = (0,) * (len(whole) - len(shape)) + tuple(int(one) for one in index)
        return self[tuple(one if length > 1 else 0 for one, length in zip(place, padded, strict=True))]

    @property
    def aligned(self) -> bool:
        """Whether no problem of the batch couples the angles with α: the beam points at the only target."""
        if self.targets > 1 or not self._on_a_line:
            return False
        coupling = self.fisher_sensing[..., :2, 2:]
        diagonal = np.diagonal(self.fisher_communication + self.fisher_sensing, axis1=-2, axis2=-1)
        scale = np.sqrt(diagonal[..., :2, None] * diagonal[..., None, 2:])
        return bool((np.abs(coupling) <= 1e-9 * scale).all())


def _mix(shares: FloatArray, common: FloatArray, each: FloatArray | None) -> FloatArray:
    """Return the Fisher information for shares (..., B) of equal or differing signals; (..., D, D)."""
    if each is None:
        return np.asarray(shares.sum(axis=-1)[..., None, None] * common)
    order = each.shape[-1]
    flat = (shares[..., None, :] @ each.reshape(*each.shape[:-2], order**2))[..., 0, :]
    return np.asarray(flat.reshape(*flat.shape[:-1], order, order))


def _at(value: FloatArray, core: int, shape: tuple[int, ...], index: tuple[Any, ...]) -> FloatArray:
    return np.asarray(np.broadcast_to(value, shape + value.shape[value.ndim - core :])[index])
