"""α-fair utilities, among them the sum rate, the default objective."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self, final

import attrs
import numpy as np

from ..base.numbers import FloatArray
from ..base.validators import reals, user_weights
from .fair_split import fair_split
from .objective import Fairness, Performance, Utility, check_weights
from .quantity import Quantity
from .setting import Setting
from .water_filling import fill, fill_above


@attrs.frozen(kw_only=True)
class FairUtility(Utility):
    r"""Abstract base class of α-fair utilities, which are determined by :attr:`fairness`.

    Notes
    -----
    :math:`\sum_k w_k R_k^{1 - \alpha} / (1 - \alpha)`, see :class:`Fairness`.
    """

    @property
    @abstractmethod
    def fairness(self) -> Fairness:
        """The parameters of the utility."""

    def check(self, setting: Setting) -> None:
        """Refuse weights whose number is not that of the users."""
        check_weights(self.fairness.weights, setting)

    def value(self, performance: Performance) -> FloatArray:
        """Return the utility of the rates, or of the SINRs; shape (...)."""
        form = self.fairness
        argument = performance.sinr if form.of_sinr else performance.rates
        if np.isinf(form.alpha):
            return np.asarray(argument.min(axis=-1))
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            if form.alpha == 0:
                each = argument
            elif form.alpha == 1:
                each = np.log(argument)
            else:
                each = argument ** (1 - form.alpha) / (1 - form.alpha)
        if form.weights is None:
            return np.asarray(each.sum(axis=-1))
        weights = form.weights_of(argument.shape[-1])
        return np.asarray((weights * np.where(weights > 0, each, 0.0)).sum(axis=-1))

    def gradient(self, performance: Performance) -> FloatArray:
        """Return the derivatives with respect to SINRs; of a minimum, those of one smallest rate; (..., K)."""
        form = self.fairness
        argument = performance.sinr if form.of_sinr else performance.rates
        slope = np.ones_like(argument)
        if not form.of_sinr:
            slope = performance.prelog[..., None] / (np.log(2) * (1 + performance.sinr))
        if np.isinf(form.alpha):
            smallest = np.arange(argument.shape[-1]) == argument.argmin(axis=-1)[..., None]
            return np.asarray(np.where(smallest, slope, 0.0))
        if form.alpha:
            with np.errstate(divide="ignore", over="ignore", under="ignore"):
                slope = slope * argument**-form.alpha
        weights = form.weights_of(argument.shape[-1])
        return np.asarray(weights * np.where(weights > 0, slope, 0.0))

    def split(self, inverse: FloatArray, total: FloatArray, least: FloatArray | None = None) -> FloatArray:
        r"""Return the optimal shares of users with constant gains; (..., K).

        Notes
        -----
        With a level :math:`\mu` at which the shares :math:`x_k` add up to the total and with the least shares
        :math:`s_k`: :math:`\max(w_k \mu - 1 / a_k, s_k)` for a sum of rates, :math:`\max(\mu, s_k)` for a product
        of SINRs, :math:`\max(\mu / a_k, s_k)` for the minimum, all of which are water-filling; for other
        :math:`\alpha`, see :func:`~isacfw.allocation.fair_split.fair_split`.
        """
        form = self.fairness
        weight = None if form.weights is None else form.weights_of(inverse.shape[-1])
        if form.alpha == 0 and least is None:
            return fill(inverse, total, weight)
        if form.alpha == 0:
            return fill_above(inverse, total, np.asarray(least), weight)
        if not np.isinf(form.alpha) and not form.of_sinr:
            return fair_split(inverse, total, form.alpha, weight=weight, least=least)
        floor = np.zeros_like(inverse) if least is None else least
        above = np.asarray(total - floor.sum(axis=-1))
        return np.asarray(floor + fill(floor.copy(), above, None if form.of_sinr else inverse))


@final
@attrs.frozen(kw_only=True)
class SumRate(FairUtility):
    r"""The sum of the users' rates, weighted if desired.

    Parameters
    ----------
    weights : list of float, optional
        A nonnegative weight for each user; by default 1.

    Notes
    -----
    :math:`\sum_k w_k R_k` in bit/s/Hz, (54a).
    """

    name: ClassVar[str] = "sum_rate"
    quantity: ClassVar[Quantity] = Quantity(
        name="sum_rate",
        unit="bit/s/Hz",
        better="higher",
        description="Sum rate",
        role="objective",
        heading="\nsum rate\nbit/s/Hz",
    )

    weights: tuple[float, ...] | None = attrs.field(default=None, converter=reals, validator=user_weights)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the sum rate without and with weights."""
        return cls(), cls(weights=(1.0, 2.0, 0.5))

    def reported(self) -> Quantity:
        """Return the quantity of the sum rate, or of the weighted one."""
        if self.weights is None:
            return self.quantity
        return attrs.evolve(
            self.quantity,
            name="weighted_sum_rate",
            description="Weighted sum rate",
            heading="weighted\nsum rate\nbit/s/Hz",
        )

    @property
    def fairness(self) -> Fairness:
        """α = 0."""
        return Fairness(alpha=0.0, weights=self.weights)
