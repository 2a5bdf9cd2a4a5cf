"""Point targets: the CRLBs of their angles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import attrs
import numpy as np

from ..base.errors import InputError, short_repr
from ..base.numbers import ComplexArray, FloatArray, float_array
from ..sensing.fisher import EchoModel
from ..sensing.information import crlb
from ..sensing.reduction import ANGLES
from ..sensing.target import Target
from ..signal.array import Array
from .measure import AngleMeasure, weighted_bound
from .sensed import Sensed


def _weights(value: Any) -> Any:
    return None if value is None else float_array(value)


@attrs.frozen(kw_only=True, eq=False)
class PointTargets(Sensed):
    r"""Point targets: the weighted sum of the CRLBs of their angles is minimised.

    Parameters
    ----------
    model : EchoModel
        The echoes of T targets; see :meth:`at` for one of arrays and targets.
    known : ndarray, shape (2T,)
        1 for each angle (azimuth and elevation of the first target, then of the next) that is known.
    weights : ndarray, shape (2T,), optional
        Weight of each angle; 1 for all unknown ones by default.

    Raises
    ------
    InputError
        If no weight is positive, or an angle cannot be estimated.

    Notes
    -----
    :math:`\sum_i w_i [J^{-1}]_{ii}` with the Fisher information J of all unknown angles and all reflection
    coefficients, which are unknown.
    """

    model: EchoModel
    known: FloatArray = attrs.field(converter=float_array)
    weights: FloatArray | None = attrs.field(default=None, converter=_weights)

    def __attrs_post_init__(self) -> None:
        size = self.angles
        if self.known.shape != (size,):
            raise InputError("known", f"must have shape ({size},), got {self.known.shape}")
        if self.weights is not None and (
            self.weights.shape != (size,)
            or not np.isfinite(self.weights).all()
            or (self.weights < 0).any()
            or not self.weights[self.known == 0].any()
        ):
            raise InputError(
                "weights",
                f"must be {size} nonnegative numbers, one of an unknown angle positive,"
                f" got {short_repr(self.weights.tolist())}",
            )
        if (self.known > 0).all():
            raise InputError("known", "must leave an angle to estimate, got all of them")
        self._check_visible()

    @classmethod
    def at(
        cls,
        targets: Sequence[Target],
        *,
        transmit: Array,
        receive: Array,
        frame_length: int = 30,
        weights: Sequence[float] | None = None,
    ) -> Self:
        """Return targets seen by two arrays, at a receiver with white noise of unit power.

        Parameters
        ----------
        targets : sequence of Target
            Their directions, reflection coefficients and known angles.
        transmit, receive : Array
            The two arrays of the base station.
        frame_length : int
            Number L of symbols in a frame.
        weights : sequence of float, optional
            See the field.
        """
        if not targets or not all(isinstance(one, Target) for one in targets):
            raise InputError("targets", f"must be a nonempty list of targets, got {short_repr(targets)}")
        model = EchoModel(
            transmit=transmit,
            receive=receive,
            directions=tuple(one.direction for one in targets),
            amplitudes=np.array([one.reflection for one in targets]),
            frame_length=frame_length,
        )
        known = [float(name in one.known) for one in targets for name in ANGLES]
        return cls(model=model, known=np.array(known), weights=weights)

    @property
    def antennas(self) -> int:
        """Number of transmit antennas N."""
        return self.model.transmit.n_elements

    @property
    def angles(self) -> int:
        """Number of angles 2T."""
        return 2 * self.model.targets

    @cached_property
    def steering(self) -> ComplexArray:
        r"""The basis :math:`P = [a, \dot a_1, \dot a_2]` of all targets side by side; (N, 3T)."""
        bases = [self.model.transmit.steering_basis(direction) for direction in self.model.directions]
        return np.concatenate(bases, axis=-1)

    @cached_property
    def unknown(self) -> tuple[FloatArray, FloatArray]:
        """Basis of the unknowns in the coordinates of the echoes, (4T, D), and the selection S, (D, r)."""
        order = 4 * self.model.targets
        change = np.eye(order)
        columns: list[FloatArray] = []
        rows: list[tuple[int, float]] = []
        for target, jacobian in enumerate(self.model.jacobians):
            change[4 * target : 4 * target + 2, 4 * target : 4 * target + 2] = jacobian
        weights = np.ones(self.angles) if self.weights is None else self.weights
        for number in range(order):
            target, own = divmod(number, 4)
            if own < 2 and self.known[2 * target + own]:
                continue
            if own < 2 and weights[2 * target + own] > 0:
                rows.append((len(columns), float(np.sqrt(weights[2 * target + own]))))
            columns.append(change[:, number])
        selection = np.zeros((len(columns), len(rows)))
        for position, (row, weight) in enumerate(rows):
            selection[row, position] = weight
        return np.array(columns).T, selection

    def _check_visible(self) -> None:
        """Check that every unknown angle can be estimated with a signal in all directions."""
        change, _ = self.unknown
        information = change.T @ self.model.fisher(self.model.isotropic_forms) @ change
        kept = [number for number in range(self.angles) if not self.known[number]]
        for target, own in (divmod(number, 2) for number in kept):
            column = np.zeros((len(change.T), 1))
            column[kept.index(2 * target + own) + 2 * target] = 1.0
            if np.isinf(weighted_bound(information, column)):
                problem = "the arrays cannot tell it from the other unknowns"
                raise InputError(f"targets[{target}].known", f"must hold {ANGLES[own]!r}: {problem}")

    def directions(self) -> ComplexArray:
        """Return steering vectors, and their derivatives with respect to unknown angles; (N, M)."""
        found = []
        for target, jacobian in enumerate(self.model.jacobians):
            own = self.steering[:, 3 * target : 3 * target + 3]
            found.append(own[:, :1])
            free = self.known[2 * target : 2 * target + 2] == 0
            found.append(own[:, 1:] @ jacobian[:, free])
        return np.concatenate(found, axis=-1)

    def measure(self, basis: ComplexArray, power: float) -> AngleMeasure:
        """Return the weighted sum of CRLBs as a function of the covariance in a basis."""
        change, selection = self.unknown
        order, columns = len(change), 3 * self.model.targets
        weights = self.model.weights.reshape(order, order, columns, columns)
        seen = self.steering.conj().T @ basis
        maps = np.einsum("mi,mnbc,nj->ijbc", change, weights, change, optimize=True)
        maps = power * np.einsum("ijbc,bd,ce->ijed", maps, seen, seen.conj(), optimize=True)
        maps = (maps + np.conj(np.swapaxes(maps, -1, -2))) / 2
        maps = (maps + np.swapaxes(maps, 0, 1)) / 2
        even = np.eye(basis.shape[1]) / basis.shape[1]
        plain = AngleMeasure(maps=maps, selection=selection, unit=1.0)
        scale = 1 / np.sqrt(np.diagonal(plain.information(even)))
        maps *= scale[:, None, None, None] * scale[:, None, None]
        scaled = AngleMeasure(maps=maps, selection=selection * scale[:, None], unit=1.0)
        unit = scaled.value(even)
        return AngleMeasure(maps=maps, selection=scaled.selection / np.sqrt(unit), unit=unit)

    def evaluate(self, columns: ComplexArray, basis: ComplexArray, rest: float) -> tuple[float, FloatArray]:
        """Return the weighted sum of CRLBs, and the CRLBs; see :meth:`Sensed.evaluate`."""
        received = self.steering.conj().T @ columns
        along = self.steering.conj().T @ basis
        beyond = self.steering.conj().T @ self.steering - along @ along.conj().T
        free = max(self.antennas - basis.shape[1], 1)
        fisher = self.model.fisher(received @ received.conj().T + rest / free * beyond)
        change, selection = self.unknown
        bounds = crlb(fisher, self.model.jacobians, self.known)
        return weighted_bound(change.T @ fisher @ change, selection), bounds
