"""Objectives: what an allocation is judged by."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import attrs
import numpy as np

from ..base.errors import InputError, PluginError
from ..base.guard import guard
from ..base.link import LINKS, Link
from ..base.numbers import FloatArray
from ..base.part import Part, display_name
from .quantity import Quantity
from .setting import Setting


@attrs.frozen(kw_only=True, eq=False)
class Performance:
    """Everything that an objective may depend on; arrays over the batch of a problem.

    Parameters
    ----------
    power : ndarray, shape (...)
        Share of the transmit power that is used, f + q.
    prelog : ndarray, shape (...)
        Share of the coherence block that carries data.
    sinr, rates : ndarray, shape (..., K)
        SINR of each user, and its rate in bit/s/Hz.
    crlb : ndarray, shape (..., 2T)
        CRLBs of azimuth and elevation of each target in rad²; infinite for an angle that cannot be estimated, NaN
        for a known one.
    crlb_limit : ndarray, shape (..., 2T)
        Limits on them; infinite for none.
    """

    power: FloatArray
    prelog: FloatArray
    sinr: FloatArray
    rates: FloatArray
    crlb: FloatArray
    crlb_limit: FloatArray


@attrs.frozen(kw_only=True)
class Objective(Part):
    """Abstract base class of objectives.

    Attributes
    ----------
    quantity : Quantity
        Class attribute: name, unit and direction of the value.
    links : tuple of {"downlink", "uplink"}
        Class attribute: the links that it is for. There are no CRLBs in the uplink.
    """

    quantity: ClassVar[Quantity]
    links: ClassVar[tuple[Link, ...]] = LINKS

    def reported(self) -> Quantity:
        """Return name, unit and direction of the value with these options; by default :attr:`quantity`."""
        return self.quantity

    @property
    def rises(self) -> bool:
        """Whether larger values are better."""
        return self.reported().better == "higher"

    def check(self, setting: Setting) -> None:
        """Refuse options that do not fit a scenario; accept all by default.

        Raises
        ------
        InputError
            If an option contradicts the setting; its key is the option.
        """
        return

    @abstractmethod
    def value(self, performance: Performance) -> FloatArray:
        """Return the value for a batch of allocations; shape (...)."""


def checked_value(objective: Objective, performance: Performance) -> FloatArray:
    """Return the value of an objective for a batch of allocations; (...).

    Raises
    ------
    PluginError
        If the objective raises, or its value does not have the batch axes.
    """
    who = f"objective {display_name(objective)}"
    with guard(who, objective):
        value = np.asarray(objective.value(performance), dtype=np.float64)
    shape = performance.rates.shape[:-1]
    if value.shape != shape:
        raise PluginError(f"{who} must return a value of shape {shape}, got {value.shape}")
    return value


@attrs.frozen(kw_only=True)
class Fairness:
    r"""The parameters of an α-fair utility.

    Parameters
    ----------
    alpha : float
        Nonnegative, or infinite for the minimum over the users.
    weights : ndarray, shape (K,), or None
        Weight of each user; None if all are equal.
    of_sinr : bool
        Whether it is a function of the SINRs instead of the rates.

    Notes
    -----
    :math:`\sum_k w_k R_k^{1 - \alpha} / (1 - \alpha)`, with :math:`\sum_k w_k \ln R_k` for :math:`\alpha = 1`
    and :math:`\min_k R_k` for :math:`\alpha = \infty`.
    """

    alpha: float
    weights: tuple[float, ...] | None = None
    of_sinr: bool = False

    def weights_of(self, users: int) -> FloatArray:
        """Return the weight of each user; (K,)."""
        return np.ones(users) if self.weights is None else np.array(self.weights)


@attrs.frozen(kw_only=True)
class Utility(Objective):
    r"""Abstract base class of objectives that do not fall with any user's rate, and are concave in the rates.

    Notes
    -----
    :math:`U(R_1, \ldots, R_K)`. Full power is optimal for all of them, and if interference is common to all
    users, the largest communication share that meets the requirements.
    """

    @abstractmethod
    def gradient(self, performance: Performance) -> FloatArray:
        """Return the derivatives of :meth:`value` with respect to the SINRs; (..., K)."""

    def split(self, inverse: FloatArray, total: FloatArray, least: FloatArray | None = None) -> FloatArray | None:
        r"""Return the optimal shares of users with constant gains, :math:`SINR_k = a_k x_k`; None if unknown.

        The exact allocator needs it. None by default.

        Parameters
        ----------
        inverse : ndarray, shape (..., K)
            Inverse gains :math:`1 / a_k`; may be overwritten.
        total : ndarray, shape (...)
            Sum of the shares.
        least : ndarray, shape (..., K), optional
            Smallest share of each user; their sum is at most the total.

        Returns
        -------
        ndarray, shape (..., K), or None
            Shares of at least `least` and with the sum `total`, which maximise the utility.
        """
        return None

    @property
    def fairness(self) -> Fairness | None:
        """The utility as an α-fair one, which solvers with models of their own need; None for others."""
        return None


def check_weights(weights: tuple[float, ...] | None, setting: Setting) -> None:
    """Refuse weights whose number is not that of the users.

    Raises
    ------
    InputError
        With the key ``weights``.
    """
    if weights is not None and setting.users is not None and len(weights) != setting.users:
        raise InputError("weights", f"must have one entry for each of {setting.users} users, got {len(weights)}")
