"""The numbers of a power-allocation problem: its fields, its batches, and rates as functions of the shares."""

from __future__ import annotations

import warnings
from typing import Any, Self

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.numbers import FloatArray, product_last, sum_last
from ..signal.angular_region import AngularRegion
from .linear import check_rows
from .link_problem import LinkProblem, cores_of
from .number_fields import check_numbers, numbers, special_shapes
from .water_filling import cache_blocks

_IDENTITY = np.eye(2)[None]
_UNKNOWN = np.zeros(2)


@attrs.frozen(kw_only=True, eq=False)
class RateProblem(LinkProblem):
    """Fields of a problem, and rates; :class:`~isacfw.PowerAllocationProblem` describes them and adds sensing."""

    sensing_interference: FloatArray = numbers(1)
    common_interference: FloatArray = numbers(1)
    fisher_communication: FloatArray = numbers(2)
    fisher_sensing: FloatArray = numbers(2)
    crlb_limit: FloatArray = numbers(1)
    power: FloatArray = numbers(0)
    weight_power: FloatArray = numbers(1)
    antennas: FloatArray = numbers(0)
    coupling: FloatArray | None = numbers(2, None)
    stream_coupling: FloatArray | None = numbers(2, None)
    fisher_users: FloatArray | None = numbers(3, None)
    fisher_streams: FloatArray | None = numbers(3, None)
    jacobians: FloatArray = numbers(3, attrs.Factory(lambda self: np.tile(_IDENTITY, (self.targets, 1, 1)), True))
    known: FloatArray = numbers(1, attrs.Factory(lambda self: np.tile(_UNKNOWN, self.targets), True))
    crlb_sum_weights: FloatArray | None = numbers(2, None)
    crlb_sum_limit: FloatArray | None = numbers(1, None)
    displaced_communication: FloatArray | None = numbers(3, None)
    displaced_sensing: FloatArray | None = numbers(3, None)
    displaced_jacobians: FloatArray | None = numbers(4, None)
    squared_arcs: FloatArray | None = numbers(1, None)
    linear_needed_users: FloatArray | None = numbers(2, None)
    linear_needed_streams: FloatArray | None = numbers(2, None)
    region_users: FloatArray | None = numbers(2, None)
    region_streams: FloatArray | None = numbers(2, None)
    frame_length: FloatArray | None = numbers(0, None)
    receive_antennas: FloatArray | None = numbers(0, None)
    regions: tuple[AngularRegion, ...] = ()

    def __attrs_post_init__(self) -> None:
        special = special_shapes(self)
        for name, value, core in self._numbers():
            check_numbers(name, value, core, special.get(name, (self.users,) if core else ()))
        if (self.crlb_limit <= 0).any():
            raise InputError("crlb_limit", f"must be greater than 0, got {self.crlb_limit.min()}")
        if self.linear_least is not None:
            users = self.linear_users, self.linear_needed_users, self.fisher_users is not None
            streams = self.linear_streams, self.linear_needed_streams, self.fisher_streams is not None
            check_rows(self.linear_least, {"users": users, "streams": streams})
        try:
            _ = self.batch_shape
        except ValueError as error:
            raise InputError("the leading axes", f"must broadcast, got {error}") from None

    @property
    def streams(self) -> int:
        """Number of sensing streams S."""
        if self.fisher_streams is not None:
            return int(self.fisher_streams.shape[-3])
        return 1 if self.stream_coupling is None else int(self.stream_coupling.shape[-1])

    @property
    def targets(self) -> int:
        """Number of targets T."""
        return int(self.fisher_communication.shape[-1]) // 4

    @property
    def sums(self) -> int:
        """Number M of limits on sums of CRLBs."""
        return 0 if self.crlb_sum_limit is None else int(self.crlb_sum_limit.shape[-1])

    @property
    def displacements(self) -> int:
        """Number O of displacements of the targets under which the limits hold too."""
        return 0 if self.displaced_jacobians is None else int(self.displaced_jacobians.shape[-4])

    @property
    def user_sums(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        r"""Sums A, B and C with which minimum rates need :math:`f \ge A + B q + C f`; (...) each.

        Without coupling, with :math:`\Gamma_k` of :attr:`least_sinr`: :math:`\sum_k \Gamma_k / g_k`,
        :math:`\sum_k \Gamma_k b_k / g_k` and :math:`\sum_k \Gamma_k c_k / g_k`.
        """
        a, b, c = (np.zeros(self.batch_shape) for _ in range(3))
        if self.least_sinr is None:
            return a, b, c
        shape = (*self.batch_shape, self.users)
        fields = (self.least_sinr, self.gain, self.sensing_interference, self.common_interference)
        least, gain, sensing, common = (np.broadcast_to(field, shape) for field in fields)
        for block in cache_blocks(self.batch_shape, self.users):
            ratio = least[block] / gain[block]
            a[block] = sum_last(ratio)
            b[block] = sum_last(ratio * sensing[block])
            c[block] = sum_last(ratio * common[block])
        return a, b, c

    @property
    def coupled(self) -> bool:
        """Whether interference differs between users, or between streams, in any problem of the batch."""
        return any(matrix is not None and bool(matrix.any()) for matrix in (self.coupling, self.stream_coupling))

    def over(self, drops: int) -> Self:
        """Return :meth:`with_drops`, its present name."""
        warnings.warn("over() is now with_drops()", DeprecationWarning, stacklevel=2)
        return self.with_drops(drops)

    def unsolved(self) -> Self:
        """Return :meth:`without_cache`, its present name."""
        warnings.warn("unsolved() is now without_cache()", DeprecationWarning, stacklevel=2)
        return self.without_cache()

    @property
    def layout(self) -> tuple[Any, ...]:
        """The properties that all problems of a batch must share."""
        optional = tuple([getattr(self, name) is None for name in cores_of(type(self))])
        return (
            self.users,
            self.streams,
            self.targets,
            self.sums,
            self.linear_floors,
            self.linear_quantities,
            self.regions,
            optional,
        )

    def disturbance(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return interference and noise of every user, the denominator of the SINR; shape (..., K)."""
        total = x.sum(axis=-1, keepdims=True)
        streams = self.stream_shares(x, q)
        sensing = streams if self.streams == 1 else streams.sum(axis=-1, keepdims=True)
        common = np.asarray(self.sensing_interference * sensing + self.common_interference * total)
        common += 1
        if self.coupling is not None:
            common = common + product_last(self.coupling, x)
        if self.stream_coupling is not None:
            common = common + product_last(self.stream_coupling, streams)
        return np.asarray(common)

    def gamma(self, x: FloatArray) -> FloatArray:
        r"""Return the paper's :math:`\gamma_k = x_k P_t / (N_t \xi_{bf,k})`; shape (..., K)."""
        scale = (self.power / self.antennas)[..., None]
        return np.asarray(x * scale / self.weight_power)

    def rho(self, q: FloatArray) -> FloatArray:
        r"""Return the paper's :math:`\rho = q P_t / N_t`; shape (...)."""
        return np.asarray(q * self.power / self.antennas)

    def communication_power(self, x: FloatArray) -> FloatArray:
        """Return the power for all users in units of the noise; shape (...)."""
        return np.asarray(x.sum(axis=-1) * self.power)

    def sensing_power(self, q: FloatArray) -> FloatArray:
        """Return the power for sensing in units of the noise; shape (...)."""
        return np.asarray(q * self.power)

    def stream_powers(self, streams: FloatArray) -> FloatArray:
        """Return the power of each sensing stream in units of the noise; shape (..., S)."""
        return np.asarray(streams * self.power[..., None])
