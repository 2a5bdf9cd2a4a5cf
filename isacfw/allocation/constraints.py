"""Constraints: forms of requirements that every solver understands."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..base.errors import PluginError
from ..base.numbers import FloatArray, float_array
from ..signal.angular_region import AngularRegion
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
    :math:`G = a(\Omega_t)^H R\, a(\Omega_t)` of a signal of covariance R and unit power; 1 if it is isotropic.

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


@attrs.frozen(kw_only=True, eq=False)
class GainRatio:
    r"""A least ratio of mean gains over two regions of directions.

    :math:`\sum_k \bar G_k x_k + \sum_s \bar G_s q_s` over the first region is at least :math:`\kappa` times that
    over the second, with the mean gains of the signals, 1 if they are isotropic. A linear requirement of least
    value 0.

    Parameters
    ----------
    first, second : AngularRegion
        The regions, among :meth:`Requirement.regions`.
    least : float
        :math:`\kappa`, positive.
    quantity : LinearQuantity
        What the ratio is, for messages.
    """

    first: AngularRegion
    second: AngularRegion
    least: float
    quantity: LinearQuantity

    def check(self, who: str, setting: Setting) -> GainRatio:
        """Return the constraint if it has two regions, a positive ratio, and a quantity."""
        regions = all(isinstance(one, AngularRegion) for one in (self.first, self.second))
        _require(regions, f"{who} must give two regions of directions")
        _require(0 < self.least < np.inf, f"{who} must give a positive ratio, got {self.least}")
        _require(isinstance(self.quantity, LinearQuantity), f"{who} must give a quantity for messages")
        return self


def _require(good: bool, sentence: str) -> None:
    if not good:
        raise PluginError(sentence)


Constraint = AngleLimits | SumLimit | RateFloors | LinearFloors | GainRatio
