"""Error of a target's position across the line of sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem, Quantity


def _quantity(name: str, of: str) -> Quantity:
    return Quantity(
        name=name,
        unit="m",
        better="lower",
        description=f"Smallest root mean square error of the position of {of} across the line of sight",
        heading="position\nerror\nm",
    )


@final
@attrs.frozen(kw_only=True)
class PositionError(isacfw.Metric):
    r"""Root mean square error of each target's position across the line of sight, in metres.

    Notes
    -----
    At the distance d, an error :math:`(\delta\theta, \delta\phi)` of azimuth and elevation moves the position by
    :math:`d \sqrt{\sin^2\phi\, \delta\theta^2 + \delta\phi^2}`, so the bound is the root of
    :math:`d^2 (\sin^2\phi\, \mathrm{CRLB}_\theta + \mathrm{CRLB}_\phi)`. A known angle has no error. Missing for
    targets without `distance_m`; several targets are numbered from 1.
    """

    name: ClassVar[str] = "position_error"
    quantities: ClassVar[tuple[Quantity, ...]] = (_quantity("position_error", "the target"),)

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return a quantity per target."""
        if targets == 1:
            return self.quantities
        numbers = range(1, targets + 1)
        return tuple(_quantity(f"position_error_{number}", f"target {number}") for number in numbers)

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return the error of each target in metres; shape (...) each."""
        if problem.squared_arcs is None:
            raise isacfw.IncompatibleError("needs distance_m of the target")
        crlb = np.where(problem.known > 0, 0.0, allocation.crlb)
        # An angle that moves nothing, such as the azimuth of a target at the zenith, may be unknown.
        squares = np.where(problem.squared_arcs == 0, 0.0, problem.squared_arcs * crlb)
        squares = np.where(np.isnan(problem.squared_arcs), np.nan, squares)
        errors = np.sqrt(squares.reshape(*squares.shape[:-1], problem.targets, 2).sum(axis=-1))
        names = (quantity.name for quantity in self.quantities_of(problem.targets, problem.streams))
        return {name: np.asarray(errors[..., target]) for target, name in enumerate(names)}


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the position error."""
    return [PositionError]
