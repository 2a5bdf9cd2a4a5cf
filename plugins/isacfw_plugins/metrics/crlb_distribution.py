"""Distribution of the Cramér-Rao lower bounds over draws of the channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self, final

import attrs
import numpy as np

from isacfw import FloatArray, Metric, Quantity, hookimpl
from isacfw.simulation import SignalDraws, SimulatedMetric, mean_and_error, quantile
from isacfw.validators import reals

from ._quantiles import check_quantiles, percent, suffix

DEFAULT = (0.95,)
_SHORT = {"azimuth": "azim.", "elevation": "elev."}


def _keys(targets: int) -> Iterator[tuple[str, str, str]]:
    """Yield key, description and heading of each angle."""
    for target in range(1, targets + 1):
        for angle, short in _SHORT.items():
            if targets == 1:
                yield angle, f"the {angle}", short
            else:
                yield f"{angle}_{target}", f"the {angle} of target {target}", f"{short} {target}"


def _of(key: str, angle: str, short: str, levels: tuple[float, ...]) -> Iterator[Quantity]:
    """Yield the quantities of an angle."""

    def quantity(name: str, description: str, heading: str, *, error: bool = False) -> Quantity:
        return Quantity(
            name=f"crlb_{key}_{name}_db",
            unit="dB" if error else "dB rad^2",
            better="neither" if error else "lower",
            description=f"{description} CRLB of {angle}",
            heading=f"CRLB\n{short}\n{heading} dB",
        )

    yield quantity("mean", "Mean", "mean")
    yield quantity("mean_error", "Standard error of the mean", "error", error=True)
    for level in levels:
        yield quantity(suffix(level), f"{percent(level)} % quantile of the", f"{percent(level)} %")


def _quantities(targets: int, levels: tuple[float, ...]) -> Iterator[Quantity]:
    for key, angle, short in _keys(targets):
        yield from _of(key, angle, short, levels)


@final
@attrs.frozen(kw_only=True)
class CRLBDistribution(SimulatedMetric):
    r"""Mean and quantiles of the CRLB of each angle over draws of the channel.

    Parameters
    ----------
    draws : int
        Number of channel draws per drop.
    quantiles : sequence of float
        Quantiles to report, within (0, 1). That of 0.95 is exceeded in 5 % of the coherence blocks.

    Notes
    -----
    In each draw, the bound follows from the covariance of the signals transmitted in that coherence block,
    :math:`R_x = F F^H` instead of its mean (36). The bound is a convex function of the Fisher information,
    which is linear in :math:`R_x`, so by Jensen's inequality its mean is not below the bound for the mean
    covariance, which the limits constrain. Mean and quantiles are taken in rad² and reported in dB; the
    standard error of the mean in dB is :math:`10 / \ln 10` times the relative one. The mean is infinite if an
    angle cannot be estimated in some draw, a quantile if it cannot in too many of them; both are missing for a
    known angle.
    """

    name: ClassVar[str] = "crlb_distribution"
    quantities: ClassVar[tuple[Quantity, ...]] = tuple(_quantities(1, DEFAULT))

    quantiles: tuple[float, ...] = attrs.field(default=DEFAULT, converter=reals, validator=check_quantiles)

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the default, and one with other quantiles."""
        return cls(), cls(draws=200, quantiles=(0.5, 0.999))

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return mean, quantiles and standard error of the mean for each angle of each target."""
        return tuple(_quantities(targets, self.quantiles))

    def simulate(self, signals: SignalDraws) -> Mapping[str, FloatArray]:
        """Return the statistics; shape () each."""
        values: dict[str, FloatArray] = {}
        for (key, *_), bounds in zip(_keys(signals.problem.targets), signals.crlb.T, strict=True):
            mean, error = mean_and_error(bounds)
            values[f"crlb_{key}_mean_db"] = 10 * np.log10(mean)
            values[f"crlb_{key}_mean_error_db"] = 10 / np.log(10) * error / mean
            values |= {
                f"crlb_{key}_{suffix(level)}_db": 10 * np.log10(quantile(bounds, level))
                for level in self.quantiles
            }
        return values


@hookimpl
def register_metrics() -> list[type[Metric]]:
    """Register the distribution of the CRLBs."""
    return [CRLBDistribution]
