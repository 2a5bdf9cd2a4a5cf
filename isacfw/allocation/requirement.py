"""Requirements: what an allocation must meet, as constraints that every solver understands."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import attrs
import numpy as np

from ..base.link import Link
from ..base.numbers import FloatArray
from ..base.part import Part
from ..signal.angular_region import AngularRegion
from .constraints import AngleLimits, Constraint, GainRatio, LinearFloors, RateFloors, SumLimit
from .setting import Setting


@attrs.frozen(kw_only=True)
class Requirement(Part):
    """Abstract base class of requirements, which the framework verifies for every allocator.

    Attributes
    ----------
    limits_angles : bool
        Class attribute: whether the constraint is :class:`AngleLimits`. An angle that is limited is estimated, so
        these are asked for before anything else, and the setting has no number of users then.
    links : tuple of {"downlink", "uplink"}
        Class attribute: the links that it is for. In the uplink there are :class:`RateFloors` and
        :class:`LinearFloors` alone.
    """

    limits_angles: ClassVar[bool] = False
    links: ClassVar[tuple[Link, ...]] = ("downlink",)

    def check(self, setting: Setting) -> None:
        """Refuse options that do not fit a scenario; accept all by default.

        Raises
        ------
        InputError
            If an option contradicts the setting; its key is the option.
        """
        return

    def regions(self) -> tuple[AngularRegion, ...]:
        """Return the regions of directions over which the requirement needs mean gains; none by default."""
        return ()

    @abstractmethod
    def constraint(self, setting: Setting) -> Constraint:
        """Return the requirement as a constraint.

        Parameters
        ----------
        setting : Setting
            Sizes and limits of the scenario.
        """


@attrs.frozen(kw_only=True, eq=False)
class Constraints:
    """The requirements of a scenario by name, in the form in which a problem holds them.

    Parameters
    ----------
    named : dict of str to Constraint
        The constraint of each requirement.
    users : int or None
        Number K; None if it is not known, for requirements on sensing alone.
    targets : int
        Number T.
    """

    named: dict[str, Constraint]
    users: int | None
    targets: int

    @property
    def crlb_limit(self) -> FloatArray:
        """The tightest limit on each angle; (2T,)."""
        limit = np.full(2 * self.targets, np.inf)
        for one in self._of(AngleLimits):
            limit = np.minimum(limit, one.limit)
        return limit

    @property
    def minimum_rate(self) -> FloatArray | None:
        """The largest least rate of each user; (K,), or None if there is none."""
        floors = [np.broadcast_to(one.minimum, self.users or ()) for one in self._of(RateFloors)]
        return np.max(floors, axis=0) if floors else None

    @property
    def sums(self) -> tuple[FloatArray, FloatArray] | None:
        """Weights (M, 2T) and limits (M,) of all sums, or None if there is none."""
        found = self._of(SumLimit)
        return (
            (np.array([one.weights for one in found]), np.array([one.limit for one in found])) if found else None
        )

    @property
    def linear(self) -> list[LinearFloors | GainRatio]:
        """All linear requirements with at least one row."""
        return [one for one in self._of((LinearFloors, GainRatio)) if _rows_of(one)]

    @property
    def floors(self) -> list[LinearFloors]:
        """The linear requirements on the gains towards targets."""
        return [one for one in self.linear if isinstance(one, LinearFloors)]

    @property
    def ratios(self) -> list[GainRatio]:
        """The requirements on ratios of mean gains."""
        return self._of(GainRatio)

    def rows_of(self, name: str) -> slice:
        """Return the rows of a requirement among those of all linear ones; none if it is not linear."""
        start = 0
        for other, one in self.named.items():
            count = _rows_of(one)
            if other == name:
                return slice(start, start + count)
            start += count
        raise KeyError(name)

    def _of(self, kind: type[Any] | tuple[type[Any], ...]) -> list[Any]:
        return [one for one in self.named.values() if isinstance(one, kind)]


def _rows_of(constraint: Constraint) -> int:
    """Return the number of rows of a linear requirement; 0 for others."""
    if isinstance(constraint, LinearFloors):
        return len(constraint.target)
    return int(isinstance(constraint, GainRatio))


def margin_of(
    constraint: Constraint, rates: FloatArray, crlb: FloatArray, ratios: FloatArray | None = None
) -> FloatArray:
    """Return how far allocations are within a constraint, relative to the limit; negative beyond it; (...).

    Parameters
    ----------
    constraint : Constraint
        A requirement.
    rates : ndarray, shape (..., K)
        Rates of the users in bit/s/Hz.
    crlb : ndarray, shape (..., 2T)
        CRLBs in rad²; NaN for known angles.
    ratios : ndarray, shape (..., M)
        What each row of a linear requirement reaches by what it needs.

    Returns
    -------
    ndarray, shape (...)
        1 - CRLB / limit, of the worst angle or of the sum, rate / minimum - 1 of the worst user, or ratio - 1 of
        the worst row; infinite if nothing is limited.
    """
    if isinstance(constraint, (LinearFloors, GainRatio)):
        assert ratios is not None
        return np.asarray((ratios - 1).min(axis=-1, initial=np.inf))
    if isinstance(constraint, RateFloors):
        floor = np.broadcast_to(constraint.minimum, rates.shape)
        ratio = np.divide(rates, floor, out=np.full(rates.shape, np.inf), where=floor > 0)
        return np.asarray((ratio - 1).min(axis=-1))
    if isinstance(constraint, SumLimit):
        return np.asarray(1 - weighted_sum(crlb, constraint.weights) / constraint.limit)
    limited = np.isfinite(constraint.limit)
    if not limited.any():
        return np.full(crlb.shape[:-1], np.inf)
    return np.asarray((1 - crlb[..., limited] / constraint.limit[limited]).min(axis=-1))


def weighted_sum(crlb: FloatArray, weights: FloatArray) -> FloatArray:
    """Return weighted sums of CRLBs (..., 2T) over the angles with a positive weight; (...)."""
    return np.asarray(np.where(weights > 0, weights * crlb, 0.0).sum(axis=-1))
