"""Distribution of instantaneous rates over draws of the channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self, final

import attrs

from isacfw import FloatArray, Metric, Quantity, hookimpl
from isacfw.simulation import SignalDraws, SimulatedMetric, mean_and_error, quantile
from isacfw.validators import reals

from ._quantiles import check_quantiles, percent, suffix

DEFAULT = (0.05, 0.95)


def _of(key: str, label: str, levels: tuple[float, ...], *, per_user: bool) -> Iterator[Quantity]:
    """Yield the quantities of the rate of a user, or of the sum rate."""

    def quantity(name: str, description: str, short: str, *, error: bool = False) -> Quantity:
        return Quantity(
            name=f"{key}_{name}",
            unit="bit/s/Hz",
            better="neither" if error else "higher",
            per_user=per_user,
            description=f"{description} of the instantaneous {label}",
            heading=f"inst. sum\nrate, {short}\nbit/s/Hz",
        )

    yield quantity("mean", "Mean", "mean")
    yield quantity("mean_error", "Standard error of the mean", "error", error=True)
    for level in levels:
        yield quantity(suffix(level), f"{percent(level)} % quantile", f"{percent(level)} %")


def _quantities(levels: tuple[float, ...]) -> tuple[Quantity, ...]:
    return (
        *_of("rates", "user rate", levels, per_user=True),
        *_of("sum_rate", "sum rate", levels, per_user=False),
    )


@final
@attrs.frozen(kw_only=True)
class RateDistribution(SimulatedMetric):
    r"""Mean and quantiles of instantaneous user rates and of their sum over draws of the channel.

    Parameters
    ----------
    draws : int
        Number of channel draws per drop.
    quantiles : sequence of float
        Quantiles to report, within (0, 1). That of 0.05 is the rate of 5 % outage, reached in 95 % of the
        coherence blocks.

    Notes
    -----
    In each draw,

    .. math::

        R_k = \bar\tau \log_2\Big(1 + \frac{|h_k^H f_k|^2}{\sum_{c \neq k} |h_k^H f_c|^2 + 1}\Big),

    with the columns of :class:`isacfw.simulation.SignalDraws`, those of the sensing streams included. The
    receiver knows its effective channel :math:`h_k^H f_k` and the power of the interference in each coherence
    block. The rate (20) assumes a receiver that knows their means only, so the mean of :math:`R_k` is usually
    above it.
    """

    name: ClassVar[str] = "rate_distribution"
    quantities: ClassVar[tuple[Quantity, ...]] = _quantities(DEFAULT)

    quantiles: tuple[float, ...] = attrs.field(default=DEFAULT, converter=reals, validator=check_quantiles)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the default, and one with other quantiles."""
        return cls(), cls(draws=200, quantiles=(0.5, 0.975))

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return mean, its standard error and the quantiles, per user and of the sum."""
        return _quantities(self.quantiles)

    def simulate(self, signals: SignalDraws) -> Mapping[str, FloatArray]:
        """Return the statistics; shape (K,) for the users, () for the sum."""
        values: dict[str, FloatArray] = {}
        for key, rates in (("rates", signals.rates), ("sum_rate", signals.rates.sum(axis=-1))):
            values[f"{key}_mean"], values[f"{key}_mean_error"] = mean_and_error(rates)
            values |= {f"{key}_{suffix(level)}": quantile(rates, level) for level in self.quantiles}
        return values


@hookimpl
def register_metrics() -> list[type[Metric]]:
    """Register the distribution of rates."""
    return [RateDistribution]
