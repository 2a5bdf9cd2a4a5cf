"""The numbers of a power-allocation problem: its fields, its batches, and rates as functions of the shares."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any, Self

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.numbers import FloatArray, read_only
from ..signal.angular_region import AngularRegion
from .linear import LinearQuantity, check_rows
from .number_fields import check_numbers, numbers, special_shapes
from .water_filling import cache_blocks, sum_last

_LARGEST_EXPONENT = 460.0
_IDENTITY = np.eye(2)[None]
_UNKNOWN = np.zeros(2)


@attrs.frozen(kw_only=True, eq=False)
class RateProblem:
    """Fields of a problem, and rates; :class:`~isacfw.PowerAllocationProblem` describes them and adds sensing."""

    gain: FloatArray = numbers(1)
    sensing_interference: FloatArray = numbers(1)
    common_interference: FloatArray = numbers(1)
    prelog: FloatArray = numbers(0)
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
    minimum_rate: FloatArray | None = numbers(1, None)
    crlb_sum_weights: FloatArray | None = numbers(2, None)
    crlb_sum_limit: FloatArray | None = numbers(1, None)
    displaced_communication: FloatArray | None = numbers(3, None)
    displaced_sensing: FloatArray | None = numbers(3, None)
    displaced_jacobians: FloatArray | None = numbers(4, None)
    bandwidth: FloatArray | None = numbers(0, None)
    squared_arcs: FloatArray | None = numbers(1, None)
    linear_users: FloatArray | None = numbers(2, None)
    linear_streams: FloatArray | None = numbers(2, None)
    linear_least: FloatArray | None = numbers(1, None)
    linear_needed_users: FloatArray | None = numbers(2, None)
    linear_needed_streams: FloatArray | None = numbers(2, None)
    region_users: FloatArray | None = numbers(2, None)
    region_streams: FloatArray | None = numbers(2, None)
    reflection_power: FloatArray | None = numbers(1, None)
    frame_length: FloatArray | None = numbers(0, None)
    receive_antennas: FloatArray | None = numbers(0, None)
    linear_quantities: tuple[LinearQuantity, ...] = ()
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

    def _numbers(self) -> Iterator[tuple[str, FloatArray, int]]:
        """Yield name, array and number of trailing axes of each field that is given."""
        for name, core in _cores().items():
            value = getattr(self, name)
            if value is not None:
                yield name, value, core

    @cached_property
    def batch_shape(self) -> tuple[int, ...]:
        """Broadcast batch shape of all fields."""
        return np.broadcast_shapes(*(value.shape[: value.ndim - core] for _, value, core in self._numbers()))

    @property
    def users(self) -> int:
        """Number of users K."""
        return int(self.gain.shape[-1])

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
    def linear_floors(self) -> int:
        """Number R of linear requirements."""
        return 0 if self.linear_least is None else int(self.linear_least.shape[-1])

    @property
    def displacements(self) -> int:
        """Number O of displacements of the targets under which the limits hold too."""
        return 0 if self.displaced_jacobians is None else int(self.displaced_jacobians.shape[-4])

    @cached_property
    def least_sinr(self) -> FloatArray | None:
        """SINR that the minimum rates require; (..., K), or None without minimum rates."""
        if self.minimum_rate is None:
            return None
        least = np.asarray(self.minimum_rate * (np.log(2) / self.prelog[..., None]))
        # Larger ones are as far out of reach, and would overflow.
        np.minimum(least, _LARGEST_EXPONENT, out=least)
        return np.asarray(np.expm1(least, out=least))

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

    def __getitem__(self, index: Any) -> Self:
        """Return the problems at an index of the batch."""
        shape = self.batch_shape
        return self._unchecked(
            {
                name: np.broadcast_to(value, shape + value.shape[value.ndim - core :])[index]
                for name, value, core in self._numbers()
            }
        )

    def _unchecked(self, numbers: dict[str, FloatArray]) -> Self:
        """Return a problem with other numbers without validation, which is costly for many small problems."""
        problem = object.__new__(type(self))
        for field in attrs.fields(type(self)):
            value = numbers.get(field.name) if "core" in field.metadata else getattr(self, field.name)
            if "core" in field.metadata and value is not None:
                value = read_only(value)
            object.__setattr__(problem, field.name, value)
        return problem

    def without_cache(self) -> Self:
        """Return the problem without cached values."""
        return self._unchecked({name: value for name, value, _ in self._numbers()})

    def with_drops(self, drops: int) -> Self:
        """Return the problem with its last batch axis broadcast to the given length."""
        shape = (*self.batch_shape[:-1], drops)
        return attrs.evolve(self, gain=np.broadcast_to(self.gain, (*shape, self.users)))

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
        optional = tuple(getattr(self, name) is None for name in _cores())
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

    @classmethod
    def stack(cls, problems: Sequence[Self]) -> Self:
        """Stack problems of the same :attr:`layout` along a new first batch axis."""
        if len({problem.layout for problem in problems}) > 1:
            raise ValueError("problems of different layouts cannot be put into one batch")
        axes = max(len(problem.batch_shape) for problem in problems)
        fields: dict[str, Any] = {}
        for name, core in _cores().items():
            given = [getattr(problem, name) for problem in problems]
            if given[0] is not None:
                padded = [value.reshape((1,) * (axes + core - value.ndim) + value.shape) for value in given]
                shape = np.broadcast_shapes(*(value.shape for value in padded))
                fields[name] = np.stack([np.broadcast_to(value, shape) for value in padded])
        others = {
            field.name: getattr(problems[0], field.name)
            for field in attrs.fields(cls)
            if "core" not in field.metadata
        }
        return cls(**fields, **others)

    def stream_shares(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the shares of the streams: `q` itself, or a total divided equally; (..., S).

        Parameters
        ----------
        x : ndarray, shape (..., K)
            Shares of the users; their number of axes determines the meaning of `q`.
        q : ndarray, shape (..., S) or (...), or float
            Shares of the streams, or their sum.

        Raises
        ------
        InputError
            If `q` has as many axes as `x`, but not one entry per stream on the last.
        """
        q = np.asarray(q, dtype=np.float64)
        if q.ndim < np.ndim(x) or (q.ndim == 0):
            return np.asarray(np.broadcast_to(q[..., None] / self.streams, (*q.shape, self.streams)))
        if q.shape[-1] != self.streams:
            raise InputError("q", f"must have shape (..., {self.streams}), a share per stream, got {q.shape}")
        return q

    def sinr(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the SINR of every user for shares `x` (..., K), and `q` (..., S) or their sum; (..., K)."""
        return np.asarray(self.gain * x / self.disturbance(x, q))

    def disturbance(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return interference and noise of every user, the denominator of the SINR; shape (..., K)."""
        total = x.sum(axis=-1, keepdims=True)
        streams = self.stream_shares(x, q)
        sensing = streams if self.streams == 1 else streams.sum(axis=-1, keepdims=True)
        common = self.sensing_interference * sensing + self.common_interference * total + 1
        if self.coupling is not None:
            common = common + (self.coupling @ x[..., None])[..., 0]
        if self.stream_coupling is not None:
            common = common + (self.stream_coupling @ streams[..., None])[..., 0]
        return np.asarray(common)

    def rates(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the rate (20) of every user in bit/s/Hz; shape (..., K)."""
        return self.rates_of(self.sinr(x, q))

    def rates_of(self, sinr: FloatArray) -> FloatArray:
        """Return the rates in bit/s/Hz for SINRs; both (..., K)."""
        return np.asarray(self.prelog[..., None] * np.log1p(sinr) / np.log(2))

    def sum_rate(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the sum rate (54a) in bit/s/Hz; shape (...)."""
        return np.asarray(self.rates(x, q).sum(axis=-1))

    def gamma(self, x: FloatArray) -> FloatArray:
        r"""Return the paper's :math:`\gamma_k = x_k P_t / (N_t \xi_{bf,k})`; shape (..., K)."""
        scale = (self.power / self.antennas)[..., None]
        return np.asarray(x * scale / self.weight_power)

    def rho(self, q: FloatArray) -> FloatArray:
        r"""Return the paper's :math:`\rho = q P_t / N_t`; shape (...)."""
        return np.asarray(q * self.power / self.antennas)


@cache
def _cores() -> dict[str, int]:
    """Return the number of trailing axes of each field."""
    return {field.name: field.metadata["core"] for field in attrs.fields(RateProblem) if "core" in field.metadata}
