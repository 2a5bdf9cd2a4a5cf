"""Fields of numbers with leading batch axes."""

from __future__ import annotations

from typing import Any, Protocol

import attrs
import numpy as np

from ..base.errors import InputError
from ..base.numbers import FloatArray, float_array, in_rows, read_only


def numbers(core: int, default: Any = attrs.NOTHING) -> Any:
    """Declare a field of numbers with `core` trailing axes after the batch axes."""
    converter: Any = _to_read_only
    if default is None:
        converter = attrs.converters.optional(_to_read_only)
    return attrs.field(default=default, converter=converter, metadata={"core": core})


def _to_read_only(value: object) -> FloatArray:
    return np.asarray(read_only(in_rows(float_array(value))))


class Sizes(Protocol):
    """The sizes of a problem."""

    @property
    def users(self) -> int:
        """Number of users K."""

    @property
    def streams(self) -> int:
        """Number of sensing streams S."""

    @property
    def targets(self) -> int:
        """Number of targets T."""

    @property
    def sums(self) -> int:
        """Number of limited sums of CRLBs."""

    @property
    def linear_floors(self) -> int:
        """Number of linear requirements."""

    @property
    def displacements(self) -> int:
        """Number of displacements of the targets."""

    @property
    def regions(self) -> tuple[object, ...]:
        """Regions of directions."""


def special_shapes(problem: Sizes) -> dict[str, tuple[int, ...]]:
    """Return the shape of each field of a problem without its batch axes that is neither () nor (K,)."""
    users, streams, targets = problem.users, problem.streams, problem.targets
    sums, floors, displacements = problem.sums, problem.linear_floors, problem.displacements
    regions = len(problem.regions)
    order = (4 * targets, 4 * targets)
    return {
        "crlb_limit": (2 * targets,),
        "known": (2 * targets,),
        "squared_arcs": (2 * targets,),
        "jacobians": (targets, 2, 2),
        "coupling": (users, users),
        "stream_coupling": (users, streams),
        "fisher_communication": order,
        "fisher_sensing": order,
        "fisher_users": (users, *order),
        "fisher_streams": (streams, *order),
        "crlb_sum_weights": (sums, 2 * targets),
        "crlb_sum_limit": (sums,),
        "displaced_communication": (displacements, *order),
        "displaced_sensing": (displacements, *order),
        "displaced_jacobians": (displacements, targets, 2, 2),
        "linear_users": (floors, users),
        "linear_streams": (floors, streams),
        "linear_least": (floors,),
        "linear_needed_users": (floors, users),
        "linear_needed_streams": (floors, streams),
        "region_users": (users, regions),
        "region_streams": (streams, regions),
        "reflection_power": (targets,),
    }


def check_numbers(name: str, value: FloatArray, core: int, shape: tuple[int, ...]) -> None:
    """Check the trailing axes of a field, and that its numbers are finite.

    Parameters
    ----------
    name, value : str, ndarray
        The field.
    core : int
        Number of its trailing axes.
    shape : tuple of int
        Their lengths.

    Raises
    ------
    InputError
        If they do not fit, or a number is NaN or infinite in a field that has no meaning for it.
    """
    if value.ndim < core or value.shape[value.ndim - core :] != shape:
        wanted = ", ".join(map(str, ("...", *shape)))
        raise InputError(name, f"must have shape ({wanted}), got {value.shape}")
    if np.isfinite(value).all():
        return
    unknown, infinite = np.isnan(value).any(), np.isinf(value).any()
    if (unknown and name != "squared_arcs") or (infinite and name != "crlb_limit"):
        raise InputError(name, "must be finite, got NaN or an infinite number")
