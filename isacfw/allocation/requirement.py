"""Requirements: what an allocation must meet, as constraints that every solver understands."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import attrs
import numpy as np

from ..base.errors import PluginError
from ..base.link import Link
from ..base.numbers import FloatArray, float_array
from ..base.part import Part
from .linear import LinearQuantity
from .setting import Setting


@attrs.frozen(kw_only=True, eq=False)
class AngleLimits:
    r"""Limits on the CRLB of single angles, :math:`[J^{-1}]_{ii} \le limit_i`.

    Parameters
    ----------
    limit : ndarray, shape (2T,)
        Largest CRLBs of azimuth and elevation of each target in rad²; infinite for none.
    """

    limit: FloatArray = attrs.field(converter=float_array)

    def check(self, who: str, setting: Setting) -> AngleLimits:
        """Return the constraint if its shape fits the setting and its limits are positive."""
        good = self.limit.shape == (2 * setting.targets,) and bool((self.limit > 0).all())
        _require(good, f"{who} must limit each of {2 * setting.targets} angles by a positive number")
        return self


@attrs.frozen(kw_only=True, eq=False)
class SumLimit:
    r"""A limit on a weighted sum of CRLBs, :math:`\sum_i w_i [J^{-1}]_{ii} \le limit`.

    Parameters
    ----------
    weights : ndarray, shape (2T,)
        Nonnegative weight of azimuth and elevation of each target; 0 for a known angle.
    limit : float
        Largest sum in rad².
    """

    weights: FloatArray = attrs.field(converter=float_array)
    limit: float

    def check(self, who: str, setting: Setting) -> SumLimit:
        """Return the constraint if its weights fit the setting, and its limit is positive."""
        fits = self.weights.shape == (2 * setting.targets,) and bool((self.weights >= 0).all())
        fits = fits and bool(self.weights.any()) and not (self.weights * setting.known).any()
        _require(fits, f"{who} must give each of {2 * setting.targets} angles a weight, known ones 0")
        _require(0 < self.limit < np.inf, f"{who} must limit the sum by a positive number, got {self.limit}")
        return self


@attrs.frozen(kw_only=True, eq=False)
class RateFloors:
    r"""Least rates of the users, :math:`R_k \ge r_k`.

    Parameters
    ----------
    minimum : ndarray, shape (K,)
        Least rate of each user in bit/s/Hz; 0 for none.
    """

    minimum: FloatArray = attrs.field(converter=float_array)

    def check(self, who: str, setting: Setting) -> RateFloors:
        """Return the constraint if its shape fits the setting, and its rates are finite and nonnegative."""
        good = self.minimum.ndim < 2 and setting.users in (None, *(self.minimum.shape or (setting.users,)))
        good = good and bool(((self.minimum >= 0) & np.isfinite(self.minimum)).all())
        _require(good, f"{who} must give each of {setting.users} users a finite, nonnegative rate")
        return self


def _to_tuple(value: Any) -> Any:
    return tuple(value)


@attrs.frozen(kw_only=True, eq=False)
class LinearFloors:
    r"""Least values of linear functions of the shares, in the gains of the signals towards targets.

    Row m is about the target t: :math:`a_m \sum_k G_k x_k + b_m \sum_s G_s q_s \ge r_m`, with the gain
    :math:`G = a(\Omega_t)^H R\, a(\Omega_t)` of a signal of covariance R and unit power; 1 if it is isotropic. In
    the uplink, :math:`G_k = \epsilon_k P_u` is what is left of user k's signal at the radar, and :math:`G_s = 1`.

    Parameters
    ----------
    target : tuple of int
        Number of the target of each row, from 0.
    communication, sensing : ndarray, shape (M,)
        :math:`a_m` and :math:`b_m`. A negative one is interference.
    least : ndarray, shape (M,)
        :math:`r_m`, positive.
    quantity : tuple of LinearQuantity
        What each row is about, for messages.
    """

    target: tuple[int, ...] = attrs.field(converter=_to_tuple)
    communication: FloatArray = attrs.field(converter=float_array)
    sensing: FloatArray = attrs.field(converter=float_array)
    least: FloatArray = attrs.field(converter=float_array)
    quantity: tuple[LinearQuantity, ...] = attrs.field(converter=_to_tuple)

    def check(self, who: str, setting: Setting) -> LinearFloors:
        """Return the constraint if it has all numbers of each row, for targets of the setting."""
        rows = len(self.target)
        numbers = (self.communication, self.sensing, self.least)
        fits = len(self.quantity) == rows and all(each.shape == (rows,) for each in numbers)
        fits = fits and all(isinstance(each, LinearQuantity) for each in self.quantity)
        fits = fits and all(one in range(setting.targets) for one in self.target)
        _require(fits, f"{who} must give each row one of {setting.targets} targets, three numbers and a quantity")
        good = all(bool(np.isfinite(each).all()) for each in numbers) and bool((self.least > 0).all())
        _require(good, f"{who} must give each row finite numbers and a positive least value")
        return self


def _require(good: bool, sentence: str) -> None:
    if not good:
        raise PluginError(sentence)


Constraint = AngleLimits | SumLimit | RateFloors | LinearFloors


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
    def linear(self) -> list[LinearFloors]:
        """All linear requirements with at least one row."""
        return [one for one in self._of(LinearFloors) if one.target]

    def rows_of(self, name: str) -> slice:
        """Return the rows of a requirement among those of all linear ones; none if it is not linear."""
        start = 0
        for other, one in self.named.items():
            count = len(one.target) if isinstance(one, LinearFloors) else 0
            if other == name:
                return slice(start, start + count)
            start += count
        raise KeyError(name)

    def _of(self, kind: type[Any]) -> list[Any]:
        return [one for one in self.named.values() if isinstance(one, kind)]


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
    if isinstance(constraint, LinearFloors):
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
