"""What the problems of both links share: their batches, and rates as functions of the shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any, Self

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.numbers import FloatArray, in_rows, read_only
from .linear import LinearQuantity, ratios
from .number_fields import numbers

_LARGEST_EXPONENT = 460.0


@attrs.frozen(kw_only=True, eq=False)
class LinkProblem(ABC):
    """Abstract base class of problems: numbers with leading batch axes, users with a gain each, and their rates.

    :class:`~isacfw.PowerAllocationProblem` and :class:`~isacfw.UplinkProblem` describe the fields.
    """

    gain: FloatArray = numbers(1)
    prelog: FloatArray = numbers(0)
    minimum_rate: FloatArray | None = numbers(1, None)
    bandwidth: FloatArray | None = numbers(0, None)
    linear_users: FloatArray | None = numbers(2, None)
    linear_streams: FloatArray | None = numbers(2, None)
    linear_least: FloatArray | None = numbers(1, None)
    reflection_power: FloatArray | None = numbers(1, None)
    linear_quantities: tuple[LinearQuantity, ...] = ()

    @property
    @abstractmethod
    def streams(self) -> int:
        """Number of sensing streams S."""

    @property
    @abstractmethod
    def layout(self) -> tuple[Any, ...]:
        """The properties that all problems of a batch must share."""

    @abstractmethod
    def disturbance(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return interference and noise of every user, the denominator of the SINR; shape (..., K)."""

    def _numbers(self) -> Iterator[tuple[str, FloatArray, int]]:
        """Yield name, array and number of trailing axes of each field that is given."""
        for name, core in cores_of(type(self)).items():
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
    def linear_floors(self) -> int:
        """Number R of linear requirements."""
        return 0 if self.linear_least is None else int(self.linear_least.shape[-1])

    @cached_property
    def least_sinr(self) -> FloatArray | None:
        """SINR that the minimum rates require; (..., K), or None without minimum rates."""
        if self.minimum_rate is None:
            return None
        least = np.asarray(self.minimum_rate * (np.log(2) / self.prelog[..., None]))
        # Larger ones are as far out of reach, and would overflow.
        np.minimum(least, _LARGEST_EXPONENT, out=least)
        return np.asarray(np.expm1(least, out=least))

    def __getitem__(self, index: Any) -> Self:
        """Return the problems at an index of the batch."""
        shape = self.batch_shape
        return self._unchecked(
            {
                name: in_rows(np.broadcast_to(value, shape + value.shape[value.ndim - core :])[index])
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
        gain = in_rows(np.broadcast_to(self.gain, (*shape, self.users)))
        return self._unchecked({name: value for name, value, _ in self._numbers()} | {"gain": gain})

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """Return a problem whose fields are neither validated nor converted: one of many, validated together."""
        problem = object.__new__(cls)
        for name, value in (_defaults_of(cls) | fields).items():
            object.__setattr__(problem, name, value)
        return problem

    @classmethod
    def stack(cls, problems: Sequence[Self]) -> Self:
        """Stack problems of the same :attr:`layout` along a new first batch axis."""
        if len({problem.layout for problem in problems}) > 1:
            raise ValueError("problems of different layouts cannot be put into one batch")
        axes = max(value.ndim - core for problem in problems for _, value, core in problem._numbers())
        fields: dict[str, Any] = {}
        for name, core in cores_of(cls).items():
            given = [getattr(problem, name) for problem in problems]
            if given[0] is not None:
                if len(shapes := {value.shape for value in given}) > 1:
                    given = _alike(given, axes + core)
                elif len(shape := shapes.pop()) < axes + core:
                    given = [value.reshape((1,) * (axes + core - len(shape)) + shape) for value in given]
                fields[name] = np.stack(given)
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
        return divided(self.gain * x, self.disturbance(x, q))

    def rates(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the rate (20) of every user in bit/s/Hz; shape (..., K)."""
        return self.rates_of(self.sinr(x, q))

    def rates_of(self, sinr: FloatArray) -> FloatArray:
        """Return the rates in bit/s/Hz for SINRs; both (..., K)."""
        scaled = self.prelog[..., None] * np.log1p(sinr)
        scaled /= np.log(2)
        return np.asarray(scaled)

    def sum_rate(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the sum rate (54a) in bit/s/Hz; shape (...)."""
        return np.asarray(self.rates(x, q).sum(axis=-1))

    def linear_ratios(self, x: FloatArray, q: FloatArray | float) -> FloatArray:
        """Return the ratio of what each linear requirement reaches to what it needs; (..., R).

        Parameters
        ----------
        x : ndarray, shape (..., K)
            Shares of the users.
        q : ndarray, shape (..., S) or (...), or float
            Shares of the streams, or their sum, which is divided equally.
        """
        if self.linear_least is None:
            return np.zeros((*self.batch_shape, 0))
        shares = np.concatenate([x, self.stream_shares(x, q)], axis=-1)
        return ratios(self.linear_rows, self.linear_least, self.linear_needed, shares)

    def with_shortfalls(
        self, worst: FloatArray, x: FloatArray, q: FloatArray | float, rates: FloatArray | None
    ) -> FloatArray:
        """Return the larger of a violation and those of minimum rates and linear requirements; (...).

        Parameters
        ----------
        worst : ndarray, shape (...)
            The largest violation so far.
        x, q
            See :meth:`linear_ratios`.
        rates : ndarray, shape (..., K), optional
            The rates, if they are known already.
        """
        if self.minimum_rate is not None:
            rates = self.rates(x, q) if rates is None else rates
            floor = np.broadcast_to(self.minimum_rate, rates.shape)
            short = np.divide(floor - rates, floor, out=np.zeros(rates.shape), where=floor > 0)
            worst = np.maximum(worst, short.max(axis=-1))
        if self.linear_least is not None:
            worst = np.maximum(worst, 1 - self.linear_ratios(x, q).min(axis=-1))
        return np.asarray(worst)

    @property
    def linear_rows(self) -> FloatArray:
        """Coefficients of the linear requirements on the shares of all users and streams; (..., R, K + S)."""
        return side_by_side(self.linear_users, self.linear_streams)

    @property
    def linear_needed(self) -> FloatArray:
        """The parts of these coefficients that are needed; (..., R, K + S)."""
        return np.maximum(-self.linear_rows, 0.0)


def _alike(arrays: Sequence[FloatArray], axes: int) -> list[FloatArray]:
    """Return arrays with a number of axes, broadcast against each other."""
    padded = [value.reshape((1,) * (axes - value.ndim) + value.shape) for value in arrays]
    shape = np.broadcast_shapes(*(value.shape for value in padded))
    return [np.broadcast_to(value, shape) for value in padded]


def divided(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return a ratio, in the place of its numerator where it has the same shape."""
    fits = np.broadcast_shapes(numerator.shape, denominator.shape) == numerator.shape
    return np.asarray(np.divide(numerator, denominator, out=numerator if fits and numerator.ndim else None))


def side_by_side(users: FloatArray | None, streams: FloatArray | None) -> FloatArray:
    """Return coefficients of users (..., R, K) and streams (..., R, S) in one array; (..., R, K + S)."""
    assert users is not None
    assert streams is not None
    batch = np.broadcast_shapes(users.shape[:-1], streams.shape[:-1])
    return np.concatenate([np.broadcast_to(each, (*batch, each.shape[-1])) for each in (users, streams)], axis=-1)


@cache
def _defaults_of(problem: type[LinkProblem]) -> dict[str, Any]:
    return {field.name: field.default for field in attrs.fields(problem)}


@cache
def cores_of(problem: type[LinkProblem]) -> dict[str, int]:
    """Return the number of trailing axes of each field with numbers of a class of problems."""
    return {field.name: field.metadata["core"] for field in attrs.fields(problem) if "core" in field.metadata}
