"""The sensing side of a power-allocation problem: information, CRLBs, and what their limits allow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self

import attrs
import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import FloatArray
from ..sensing.accuracy import crlb_error, crlb_error_of_one
from ..sensing.hypotheses import stacked
from ..sensing.information import Line, crlb, crlb_of_split
from ..sensing.linear import LinearLevels
from ..sensing.reduction import in_angles
from ..signal.angular_region import AngularRegion
from .link_problem import side_by_side
from .rates import RateProblem

FEASIBILITY_TOLERANCE = 1e-6
"""Largest relative constraint violation of an allocation that counts as feasible."""


@attrs.frozen(kw_only=True, eq=False)
class SensingProblem(RateProblem):
    """Fisher information, CRLBs and what limits on them allow; see :class:`~isacfw.PowerAllocationProblem`."""

    def information(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the Fisher information for shares of the users and streams, in coordinates; (..., 4T, 4T)."""
        streams = self.stream_shares(x, q)
        return mix_of(x, self.fisher_communication, self.fisher_users) + mix_of(
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

    def crlb_error(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the relative rounding error of each CRLB, 0 for those that are infinite; (..., 2T).

        Parameters
        ----------
        x, q
            See :meth:`fisher`.
        """
        if self.targets > 1 or not self._on_a_line:
            return crlb_error(self.information(x, q), self.jacobians, self.known)
        f, sensing = x.sum(axis=-1), self.stream_shares(x, q).sum(axis=-1)
        return crlb_error_of_one(
            lambda row, column: (
                f * self.fisher_communication[..., row, column] + sensing * self.fisher_sensing[..., row, column]
            ),
            self.jacobians,
            self.known,
        )

    def displaced_crlb(self, x: FloatArray, q: FloatArray | float) -> list[FloatArray]:
        """Return the CRLBs (..., 2T) for each displacement of the targets; see :meth:`crlb`."""
        if self.displaced_communication is None:
            return []
        assert self.displaced_sensing is not None
        assert self.displaced_jacobians is not None
        f, sensing = x.sum(axis=-1), self.stream_shares(x, q).sum(axis=-1)
        return [
            crlb_of_split(
                self.displaced_communication[..., number, :, :],
                self.displaced_sensing[..., number, :, :],
                f,
                sensing,
                self.displaced_jacobians[..., number, :, :, :],
                self.known,
            )
            for number in range(self.displacements)
        ]

    @cached_property
    def equal_split(self) -> FloatArray:
        r"""Shares of the users, of sum one, for which all :math:`\gamma_k` are equal, (23); (..., K)."""
        return np.asarray(self.weight_power / self.weight_power.sum(axis=-1, keepdims=True))

    @cached_property
    def line(self) -> Line:
        """Full power, split between users with equal factors and streams in equal parts."""
        communication = self.fisher_communication
        if self.fisher_users is not None:
            communication = mix_of(self.equal_split, communication, self.fisher_users)
        several = self.displaced_communication is not None
        return Line(
            communication=stacked(communication, self.displaced_communication, 2),
            sensing=stacked(self.fisher_sensing, self.displaced_sensing, 2),
            limit=self.crlb_limit,
            jacobians=stacked(self.jacobians, self.displaced_jacobians, 3),
            known=self.known,
            sum_weights=self.crlb_sum_weights,
            sum_limit=self.crlb_sum_limit,
            hypotheses=several,
            linear=self._linear_line,
        )

    @property
    def _linear_line(self) -> LinearLevels | None:
        """Linear requirements on :attr:`line`."""
        if self.linear_least is None:
            return None
        assert self.linear_users is not None
        assert self.linear_streams is not None
        split = self.equal_split if self.fisher_users is not None else np.eye(1, self.users)[0]
        return LinearLevels(
            first=(self.linear_users * split[..., None, :]).sum(axis=-1),
            second=self.linear_streams.mean(axis=-1),
            least=self.linear_least,
        )

    @property
    def linear_needed(self) -> FloatArray:
        """The parts of the coefficients of linear requirements that are needed; (..., R, K + S)."""
        if self.linear_needed_users is None:
            return super().linear_needed
        return side_by_side(self.linear_needed_users, self.linear_needed_streams)

    def echo_energy(self, x: FloatArray, q: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        r"""Return the energies of each target's echoes of the users' signals and of the streams; (..., T) each.

        Parameters
        ----------
        x, q
            See :meth:`fisher`.

        Raises
        ------
        IncompatibleError
            If the problem does not state how much its targets reflect.

        Notes
        -----
        :math:`L P_t |\alpha_t|^2\, b^H C^{-1} b\; a^H R a` in units of the noise. The Fisher information on Re α
        is twice that, divided by :math:`|\alpha_t|^2`.
        """
        if self.reflection_power is None:
            raise IncompatibleError("the problem does not state the targets' reflection_power")
        place = 4 * np.arange(self.targets) + 2
        signals = (
            (x, self.fisher_communication, self.fisher_users),
            (self.stream_shares(x, q), self.fisher_sensing, self.fisher_streams),
        )
        found = []
        for shares, common, each in signals:
            if each is None:
                reached = shares.sum(axis=-1)[..., None] * common[..., place, place]
            else:
                reached = (shares[..., None, :] @ each[..., place, place])[..., 0, :]
            found.append(self.reflection_power / 2 * reached)
        return found[0], found[1]

    def mean_gain(self, region: AngularRegion, x: FloatArray, q: FloatArray | float) -> FloatArray:
        r"""Return the mean gain of all signals over a region, :math:`\sum_k \bar G_k x_k + \ldots`; (...).

        Parameters
        ----------
        region : AngularRegion
            One of the problem's.
        x, q
            See :meth:`fisher`.

        Raises
        ------
        IncompatibleError
            If the problem does not have the region.
        """
        if region not in self.regions or self.region_users is None or self.region_streams is None:
            raise IncompatibleError("the problem has no mean gains over these regions of directions")
        place = self.regions.index(region)
        pairs = ((x, self.region_users), (self.stream_shares(x, q), self.region_streams))
        return np.asarray(sum((shares * gains[..., place]).sum(axis=-1) for shares, gains in pairs))

    @cached_property
    def largest_communication_share(self) -> FloatArray:
        """Largest share for communication at full power that meets the CRLB limits; NaN if none; (...).

        If users or streams differ in their Fisher information: with :attr:`equal_split` among the users
        and equal parts for the streams.
        """
        return self.line.largest_share()

    @property
    def closest_communication_share(self) -> FloatArray:
        """Share for communication at full power that comes closest to the limits where none meets them; (...)."""
        return self.line.closest_share()

    def sensing_problems(self) -> Iterator[tuple[tuple[Any, ...], Self]]:
        """Yield each distinct sensing problem: its place among those of the batch, and a representative."""
        streams = () if self.fisher_streams is None else self.fisher_streams.shape[:-3]
        shape = np.broadcast_shapes(self.line.shape, streams)
        padded = (1,) * (len(self.batch_shape) - len(shape)) + shape
        for index in np.ndindex(padded):
            place = tuple(
                slice(None) if length == 1 else number for number, length in zip(index, padded, strict=True)
            )
            yield place, self._at_line(index[len(padded) - len(shape) :], shape)

    @property
    def _on_a_line(self) -> bool:
        return self.fisher_users is None and self.fisher_streams is None

    def _at_line(self, index: tuple[Any, ...], shape: tuple[int, ...]) -> Self:
        """Return a representative of all problems at an index of the line's batch axes, or at arrays of them."""
        whole = self.batch_shape
        padded = (1,) * (len(whole) - len(shape)) + shape
        place = (0,) * (len(whole) - len(shape)) + tuple(index)
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


def mix_of(shares: FloatArray, common: FloatArray, each: FloatArray | None) -> FloatArray:
    """Return the Fisher information for shares (..., B) of equal or differing signals; (..., D, D)."""
    if each is None:
        return np.asarray(shares.sum(axis=-1)[..., None, None] * common)
    order = each.shape[-1]
    flat = (shares[..., None, :] @ each.reshape(*each.shape[:-2], order**2))[..., 0, :]
    return np.asarray(flat.reshape(*flat.shape[:-1], order, order))
