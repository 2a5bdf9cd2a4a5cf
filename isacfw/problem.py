"""The power-allocation problem: the only thing that an allocator ever sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from . import fisher
from .array import FloatArray, float_array
from .errors import InputError

FEASIBILITY_TOLERANCE = 1e-6
"""Largest relative constraint violation at which the framework calls an allocation feasible."""


def _certificate(reachable: FloatArray, limit: FloatArray, excess: float) -> str:
    with np.errstate(divide="ignore"):
        azimuth, elevation = 10 * np.log10(reachable)
        azimuth_limit, elevation_limit = 10 * np.log10(limit)
    sentence = (
        "no split of the power meets the CRLB limits: the smallest that full power reaches are"
        f" {azimuth:.3f} dB in azimuth (limit {azimuth_limit:.3f}) and {elevation:.3f} dB in elevation"
        f" (limit {elevation_limit:.3f})"
    )
    if (reachable <= limit).all():
        sentence += f", but not at one split, where the worse exceeds its limit by {10 * np.log10(excess):.3f} dB"
    return sentence


def _read_only(value: object) -> FloatArray:
    """Return numbers as an array that no allocator can change for those after it."""
    numbers = float_array(value).view()
    numbers.flags.writeable = False
    return numbers


def _numbers(core: int) -> Any:
    """Declare a field of numbers with `core` trailing axes after the batch axes."""
    return attrs.field(converter=_read_only, metadata={"core": core})


@attrs.frozen(kw_only=True, eq=False)
class PowerAllocationProblem:
    r"""Numbers only: maximise the sum rate over shares of power, subject to CRLB limits, (54).

    The unknowns are :math:`x_k`, the share of the power that goes to user k, and `q`, the share that goes to
    sensing. Every field may have leading batch axes, which broadcast against those of the others.

    Parameters
    ----------
    gain, sensing_interference, common_interference : ndarray, shape (..., K)
        :math:`g_k`, :math:`b_k`, :math:`c_k` of
        :math:`SINR_k = g_k x_k / (b_k q + c_k f + 1)` with :math:`f = \sum_k x_k`, without coupling.
    prelog : ndarray, shape (...)
        Share of the coherence block that carries data; rates are ``prelog * log2(1 + SINR)`` in bit/s/Hz.
    fisher_communication, fisher_sensing : ndarray, shape (..., 4, 4)
        Fisher information of (azimuth, elevation, Re α, Im α) when all power goes to communication, and when
        all of it goes to sensing: :math:`J = f J_c + q J_s`.
    crlb_limit : ndarray, shape (..., 2)
        Largest CRLB of azimuth and elevation in rad²; infinite for no limit.
    power : ndarray, shape (...)
        Transmit power :math:`P_t` in units of the noise.
    weight_power : ndarray, shape (..., K)
        :math:`\xi_{bf,k}` of (17), which turns shares into the paper's :math:`\gamma_k`.
    antennas : ndarray, shape (...)
        Number of transmit antennas :math:`N_t`.
    coupling : ndarray, shape (..., K, K), optional
        Interference that is not common to all users: :math:`C_{kj} x_j`, summed over j, adds to the denominator
        of user k. None where there is none.
    """

    gain: FloatArray = _numbers(1)
    sensing_interference: FloatArray = _numbers(1)
    common_interference: FloatArray = _numbers(1)
    prelog: FloatArray = _numbers(0)
    fisher_communication: FloatArray = _numbers(2)
    fisher_sensing: FloatArray = _numbers(2)
    crlb_limit: FloatArray = _numbers(1)
    power: FloatArray = _numbers(0)
    weight_power: FloatArray = _numbers(1)
    antennas: FloatArray = _numbers(0)
    coupling: FloatArray | None = attrs.field(
        default=None, converter=attrs.converters.optional(_read_only), metadata={"core": 2}
    )

    def __attrs_post_init__(self) -> None:
        users = self.gain.shape[-1:]
        expected = {0: (), 1: users, 2: (4, 4)}
        special = {"crlb_limit": (2,), "coupling": users * 2}
        for name, value, core in self._numbers():
            shape = special.get(name, expected[core])
            if value.ndim < core or value.shape[value.ndim - core :] != shape:
                wanted = ", ".join(map(str, ("...", *shape)))
                raise InputError(name, f"must have shape ({wanted}), got {value.shape}")
            if np.isnan(value).any() or (name != "crlb_limit" and np.isinf(value).any()):
                raise InputError(name, "must be finite, got NaN or an infinite number")
        if (self.crlb_limit <= 0).any():
            raise InputError("crlb_limit", f"must be greater than 0, got {self.crlb_limit.min()}")
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
        """Shape of the leading batch axes, those of all fields broadcast together."""
        return np.broadcast_shapes(*(value.shape[: value.ndim - core] for _, value, core in self._numbers()))

    @property
    def users(self) -> int:
        """Number of users K."""
        return int(self.gain.shape[-1])

    def __getitem__(self, index: Any) -> PowerAllocationProblem:
        """Return the problems at an index of the batch."""
        shape = self.batch_shape
        return _unchecked(
            {
                name: np.broadcast_to(value, shape + value.shape[value.ndim - core :])[index]
                for name, value, core in self._numbers()
            }
        )

    def unsolved(self) -> PowerAllocationProblem:
        """Return the problem without anything that has been computed of it and is kept."""
        return _unchecked({name: value for name, value, _ in self._numbers()})

    def over(self, drops: int) -> PowerAllocationProblem:
        """Return the problem with a last batch axis of the given length, where it may have been 1."""
        shape = (*self.batch_shape[:-1], drops)
        return attrs.evolve(self, gain=np.broadcast_to(self.gain, (*shape, self.users)))

    @staticmethod
    def stack(problems: Sequence[PowerAllocationProblem]) -> PowerAllocationProblem:
        """Return problems with the same number of users as one, along a new first batch axis."""
        fields: dict[str, FloatArray] = {}
        for field in attrs.fields(PowerAllocationProblem):
            given = [getattr(problem, field.name) for problem in problems]
            if any(value is not None for value in given):
                values = [np.zeros(1) if value is None else value for value in given]
                shape = np.broadcast_shapes(*(value.shape for value in values))
                fields[field.name] = np.stack([np.broadcast_to(value, shape) for value in values])
        return PowerAllocationProblem(**fields)

    def sinr(self, x: FloatArray, q: FloatArray) -> FloatArray:
        """Return the SINR of every user for shares `x` (..., K) and `q` (...); shape (..., K)."""
        return np.asarray(self.gain * x / self.disturbance(x, q))

    def disturbance(self, x: FloatArray, q: FloatArray) -> FloatArray:
        """Return interference and noise of every user, the denominator of the SINR; shape (..., K)."""
        total = x.sum(axis=-1, keepdims=True)
        common = self.sensing_interference * q[..., None] + self.common_interference * total + 1
        if self.coupling is None:
            return np.asarray(common)
        return np.asarray(common + (self.coupling @ x[..., None])[..., 0])

    def rates(self, x: FloatArray, q: FloatArray) -> FloatArray:
        """Return the rate (20) of every user in bit/s/Hz; shape (..., K)."""
        return np.asarray(self.prelog[..., None] * np.log1p(self.sinr(x, q)) / np.log(2))

    def sum_rate(self, x: FloatArray, q: FloatArray) -> FloatArray:
        """Return the sum rate (54a) in bit/s/Hz; shape (...)."""
        return np.asarray(self.rates(x, q).sum(axis=-1))

    def fisher(self, f: FloatArray, q: FloatArray) -> FloatArray:
        """Return the Fisher information for communication share `f` and sensing share `q`; (..., 4, 4)."""
        return np.asarray(
            f[..., None, None] * self.fisher_communication + q[..., None, None] * self.fisher_sensing
        )

    def crlb(self, f: FloatArray, q: FloatArray) -> FloatArray:
        """Return the CRLBs of azimuth and elevation in rad²; shape (..., 2)."""
        return fisher.crlb_of_split(self.fisher_communication, self.fisher_sensing, f, q)

    def violation(self, x: FloatArray, q: FloatArray, crlb: FloatArray | None = None) -> FloatArray:
        """Return the largest relative violation of any constraint; 0 when all hold; shape (...).

        That of a CRLB is relative to its limit, that of the power and of a negative share relative to the power
        budget. The CRLBs (..., 2) may be given, when they are known already.
        """
        f = x.sum(axis=-1)
        with np.errstate(invalid="ignore"):
            excess = (self.crlb(f, q) if crlb is None else crlb) / self.crlb_limit - 1
        excess = np.where(np.isinf(self.crlb_limit), 0.0, excess)
        worst = np.maximum(f + q - 1, 0.0)
        for other in (-q, -x.min(axis=-1), excess[..., 0], excess[..., 1]):
            worst = np.maximum(worst, other)
        return np.asarray(worst)

    @cached_property
    def equal_split(self) -> FloatArray:
        r"""Shares of the users, of sum one, for which all :math:`\gamma_k` are equal, (23); (..., K)."""
        return np.asarray(self.weight_power / self.weight_power.sum(axis=-1, keepdims=True))

    @cached_property
    def largest_communication_share(self) -> FloatArray:
        """Largest share for communication at full power that meets the CRLB limits; NaN if none; (...)."""
        return fisher.largest_communication_share(self.fisher_communication, self.fisher_sensing, self.crlb_limit)

    @cached_property
    def smallest_crlb(self) -> FloatArray:
        """Smallest CRLB of each angle at full power, in rad²: a certificate of infeasibility; (..., 2)."""
        return fisher.smallest_crlb(self.fisher_communication, self.fisher_sensing)

    @cached_property
    def infeasibility(self) -> NDArray[Any]:
        """One sentence, with the certificate, where no allocation meets the limits, else empty; (...)."""
        none = np.isnan(self.largest_communication_share)
        sentences = np.full(none.shape, "", dtype=object)
        if none.any():
            fields = ("fisher_communication", "fisher_sensing", "crlb_limit")
            communication, sensing, limit = (
                np.broadcast_to(value, none.shape + value.shape[value.ndim - core :])[none]
                for value, core in zip((getattr(self, name) for name in fields), (2, 2, 1), strict=True)
            )
            reachable = fisher.smallest_crlb(communication, sensing)
            excess = fisher.smallest_excess(communication, sensing, limit)
            sentences[none] = [_certificate(*case) for case in zip(reachable, limit, excess, strict=True)]
        return np.broadcast_to(sentences, self.batch_shape)

    @property
    def aligned(self) -> bool:
        """Whether the angles do not couple with α in any problem of the batch: the beam hits the target."""
        coupling = self.fisher_sensing[..., :2, 2:]
        diagonal = np.diagonal(self.fisher_communication + self.fisher_sensing, axis1=-2, axis2=-1)
        scale = np.sqrt(diagonal[..., :2, None] * diagonal[..., None, 2:])
        return bool((np.abs(coupling) <= 1e-9 * scale).all())

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
    return {field.name: field.metadata["core"] for field in attrs.fields(PowerAllocationProblem)}


def _unchecked(numbers: dict[str, FloatArray]) -> PowerAllocationProblem:
    """Return a problem of numbers that another has had checked: for each of many, a check takes its time."""
    problem = object.__new__(PowerAllocationProblem)
    for name in _cores():
        value = numbers.get(name)
        if value is not None:
            value = np.asarray(value)
            value.flags.writeable = False
        object.__setattr__(problem, name, value)
    return problem
