"""What a scenario asks of sensing, for beams that are designed for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeVar, cast

import attrs
import numpy as np

from ..base.errors import IncompatibleError
from ..base.numbers import ComplexArray, FloatArray
from ..signal.array import Direction
from .design import Design, DesignSpace
from .fisher import EchoModel
from .hermitian import hermitian_basis
from .linear import GainFloors
from .requirements import SensingLimits
from .tradeoff import Tradeoff

T = TypeVar("T")

Offsets = tuple[tuple[float, float], ...]


@attrs.frozen(kw_only=True, eq=False)
class SensingGoal:
    """Limits on the CRLBs, and the use of the power that they leave.

    Parameters
    ----------
    limit : ndarray, shape (2T,)
        Largest CRLBs in rad²; infinite for none.
    known : ndarray, shape (2T,)
        1 for each angle that counts as known, 0 for the others.
    sum_weights, sum_limit : ndarray, shapes (M, 2T) and (M,)
        Limits on weighted sums.
    aim : {"share", "power", "sum", "worst"}
        The most power for communication; the least power; the least weighted sum of CRLBs; the least ratio of a
        CRLB to its limit.
    weights : ndarray, shape (2T,)
        Weights of the sum.
    gains : GainFloors
        Linear requirements; none by default.
    """

    limit: FloatArray
    known: FloatArray
    sum_weights: FloatArray
    sum_limit: FloatArray
    aim: Literal["share", "power", "sum", "worst"] = "share"
    weights: FloatArray | None = None
    gains: GainFloors = attrs.field(factory=GainFloors)

    @property
    def has_other_limits(self) -> bool:
        """Whether there are limits apart from those on single angles with a weight."""
        weights = np.ones(self.limit.shape) if self.weights is None else self.weights
        others = np.isfinite(self.limit) & (weights == 0) & (self.known == 0)
        return bool(others.any()) or bool(len(self.sum_limit)) or bool(self.gains.target)


@attrs.frozen(kw_only=True, eq=False)
class SensingTask:
    """A sensing problem without users; its designs are computed once.

    Parameters
    ----------
    find_model : callable
        Returns the echoes of the targets.
    power : float
        Transmit power relative to the noise.
    find_goal : callable
        Returns the limits and their aim for the echo model.
    covariance : ndarray of complex, shape (n, n), optional
        The covariance that a beam has, where it is not determined by the task alone.
    """

    find_model: Callable[[], EchoModel]
    power: float
    find_goal: Callable[[EchoModel], SensingGoal]
    covariance: ComplexArray | None = None
    _found: dict[object, object] = attrs.field(factory=dict, init=False, repr=False)

    @property
    def model(self) -> EchoModel:
        """Echoes of the targets."""
        return self._once("model", self.find_model)

    @property
    def goal(self) -> SensingGoal:
        """Limits and their aim."""
        return self._once("goal", lambda: self.find_goal(self.model))

    def space(self, offsets: Offsets = ()) -> DesignSpace:
        """Return the space of covariances for targets that may be displaced by any of some offsets in degrees."""

        def build() -> DesignSpace:
            displaced = [attrs.evolve(self.model, directions=self._displaced(offset)) for offset in offsets]
            return DesignSpace(models=(self.model, *displaced), power=self.power)

        return self._once(("space", offsets), build)

    def _displaced(self, offset: tuple[float, float]) -> tuple[Direction, ...]:
        return tuple(displace(direction, offset) for direction in self.model.directions)

    def limits(self, offsets: Offsets = ()) -> SensingLimits:
        """Return the limits for all displacements.

        Raises
        ------
        IncompatibleError
            If there are displacements, and linear requirements, which hold at the targets alone.
        """
        goal, linear = self.goal, {}
        if goal.gains.target:
            if offsets:
                raise IncompatibleError(
                    "robust_offsets_deg of a designed beam do not apply to linear requirements"
                )
            space = self.space(offsets)
            linear = {"linear": goal.gains.rows(space.forms(hermitian_basis(space.order))[0])}
        return SensingLimits(
            limit=goal.limit,
            jacobians=self.space(offsets).jacobians,
            sum_weights=goal.sum_weights,
            sum_limit=goal.sum_limit,
            known=goal.known,
            **linear,
        )

    def design(self, offsets: Offsets = ()) -> Design:
        """Return the covariance that leaves the most power to communication."""
        return self._once(("design", offsets), lambda: self.space(offsets).largest_share(self.limits(offsets)))

    def tradeoff(self, offsets: Offsets = ()) -> Tradeoff | None:
        """Return the frontier between communication and sensing; None if an angle cannot be estimated."""

        def build() -> Tradeoff | None:
            weights = self.goal.weights if self.goal.aim == "sum" else None
            program = self.space(offsets).program(self.limits(offsets), weights)
            return None if program is None else Tradeoff(program=program)

        return self._once(("tradeoff", offsets), build)

    def covariances(self, sums: tuple[FloatArray, FloatArray, FloatArray], offsets: Offsets = ()) -> ComplexArray:
        """Return the best covariance, of trace one, for users whose minimum rates need f ≥ (A + B q) / (1 - C).

        Parameters
        ----------
        sums : tuple of ndarray, shape (D,)
            A, B and C.
        offsets : tuple of pairs of float
            Offsets in degrees.

        Returns
        -------
        ndarray of complex, shape (D, n, n)
            That of isotropic radiation where there is none.
        """
        space, tradeoff = self.space(offsets), self.tradeoff(offsets)
        isotropic = np.eye(space.order, dtype=np.complex128) / space.order
        shape = np.broadcast_shapes(*(each.shape for each in sums))
        if tradeoff is None:
            return np.broadcast_to(isotropic, (*shape, *isotropic.shape))
        solve = {"power": tradeoff.least_power, "sum": tradeoff.least_crlb, "worst": tradeoff.least_ratio}
        mix = solve[self.goal.aim](*sums).mix
        found = np.asarray(np.isfinite(mix).all(axis=-1))
        matrices = space.matrix_of(np.where(found[..., None], mix, 0.0))
        return np.where(found[..., None, None], matrices, isotropic)

    def _once(self, key: object, compute: Callable[[], T]) -> T:
        if key not in self._found:
            self._found[key] = compute()
        return cast(T, self._found[key])


def displace(direction: Direction, offset: tuple[float, float]) -> Direction:
    """Return a direction with offsets of azimuth and elevation in degrees, wrapped to the range of angles."""
    azimuth = math.remainder(direction.azimuth_deg + offset[0], 360.0)
    elevation = math.remainder(direction.elevation_deg + offset[1], 360.0)
    return Direction(azimuth_deg=azimuth, elevation_deg=elevation)
