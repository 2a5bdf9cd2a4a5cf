"""Beamforming problems: least CRB under SINR targets, on channels that are known."""

from __future__ import annotations

from typing import Any, Self

import attrs
import numpy as np

from ..base.errors import InputError, short_repr
from ..base.numbers import ComplexArray, FloatArray, float_array, read_only
from ..base.validators import number, real
from .reduced import ReducedProblem, spanning_basis
from .sensed import SENSED, Sensed


def _channels(value: Any) -> Any:
    try:
        return read_only(np.array(value, dtype=np.complex128))
    except (TypeError, ValueError):
        raise InputError("channels", f"must be an array of numbers, got {short_repr(value)}") from None


def _floors(value: Any) -> Any:
    try:
        return read_only(float_array(value))
    except (TypeError, ValueError):
        raise InputError("sinr", f"must be numbers, got {short_repr(value)}") from None


def _check_channels(_instance: Any, attribute: attrs.Attribute[Any], value: ComplexArray) -> None:
    if value.ndim < 2 or not value.shape[-1] or not value.shape[-2]:
        raise InputError(attribute.name, f"must have shape (..., N, K), got {value.shape}")
    if not np.isfinite(value).all():
        raise InputError(attribute.name, "must be finite, got NaN or an infinite number")


def _check_floors(_instance: Any, attribute: attrs.Attribute[Any], value: FloatArray) -> None:
    if not np.isfinite(value).all() or (value < 0).any():
        raise InputError(attribute.name, f"must be finite and nonnegative, got {short_repr(value.tolist())}")


@attrs.frozen(kw_only=True, eq=False)
class BeamformingProblem:
    r"""Problem of the beams with the least CRB under SINR targets, for a batch of known channels.

    Parameters
    ----------
    channels : ndarray of complex, shape (..., N, K)
        Channels :math:`h_k`, as the base station knows them; user k receives :math:`h_k^H x`.
    power : float
        Transmit power P relative to the noise at the users, whose power is 1.
    sinr : ndarray, shape (..., K)
        Smallest SINR :math:`\Gamma_k` of each user, linear, 0 for none; one number holds for all users.
    sensed : PointTargets or ExtendedTarget
        What is sensed.

    Raises
    ------
    InputError
        If a field is invalid, or the fields do not fit each other.

    Notes
    -----
    Minimise the CRB of :math:`R_x = \sum_k w_k w_k^H + \sum_s v_s v_s^H` subject to :math:`\mathrm{tr}\, R_x \le
    P` and :math:`|h_k^H w_k|^2 \ge \Gamma_k (\sum_{j \ne k} |h_k^H w_j|^2 + \sum_s |h_k^H v_s|^2 + 1)`: the
    problem of Liu et al., "Cramér-Rao bound optimization for joint radar-communication beamforming", IEEE Trans.
    Signal Process. 70, 2022, for several angles and targets.
    """

    channels: ComplexArray = attrs.field(converter=_channels, validator=_check_channels)
    power: float = attrs.field(converter=real, validator=number(above=0))
    sinr: FloatArray = attrs.field(converter=_floors, validator=_check_floors)
    sensed: Sensed = attrs.field(validator=SENSED)

    def __attrs_post_init__(self) -> None:
        try:
            floors = np.broadcast_to(self.sinr, (*self.batch_shape, self.users))
        except ValueError:
            wanted = (*self.batch_shape, self.users)
            raise InputError("sinr", f"must have shape {wanted}, or one number, got {self.sinr.shape}") from None
        object.__setattr__(self, "sinr", read_only(np.array(floors)))
        if self.sensed.antennas not in (None, self.antennas):
            raise InputError(
                "channels", f"must have the {self.sensed.antennas} antennas of the array, got {self.antennas}"
            )

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch axes."""
        return tuple(self.channels.shape[:-2])

    @property
    def antennas(self) -> int:
        """Number of transmit antennas N."""
        return int(self.channels.shape[-2])

    @property
    def users(self) -> int:
        """Number of users K."""
        return int(self.channels.shape[-1])

    def __getitem__(self, index: tuple[int, ...]) -> Self:
        """Return the problem at a position of the batch, without batch axes."""
        return attrs.evolve(self, channels=self.channels[index], sinr=self.sinr[index])

    def reduce(self) -> ReducedProblem:
        """Return the problem of one channel in the few dimensions that matter, see :class:`ReducedProblem`.

        Raises
        ------
        InputError
            If the problem has batch axes.
        """
        if self.batch_shape:
            raise InputError("problem", f"must have no batch axes, got shape {self.batch_shape}")
        basis = self.basis()
        channels = np.sqrt(self.power) * (basis.conj().T @ self.channels)
        spread = self.sensed.directions() is None and self.antennas > basis.shape[1]
        if spread:
            channels = np.concatenate([channels, np.zeros((1, self.users))])
        return ReducedProblem(
            channels=channels,
            floors=self.sinr,
            measure=self.sensed.measure(basis, self.power),
            basis=basis,
            power=self.power,
            spread=spread,
        )

    def basis(self) -> ComplexArray:
        """Return orthonormal columns that span the channels and what is sensed; (N, d), without batch axes."""
        seen = self.sensed.directions()
        return spanning_basis(self.channels if seen is None else np.concatenate([self.channels, seen], axis=-1))
