"""Powers, and the paper's power factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Allocation, FloatArray, PowerAllocationProblem, Quantity

_STREAMS = Quantity(
    name="stream_powers", unit="noise power", per_stream=True, description="Power of a sensing stream"
)


@final
@attrs.frozen(kw_only=True)
class Powers(isacfw.Metric):
    r"""Power for communication and for sensing, and the paper's factors.

    Notes
    -----
    :math:`N_t \xi_{bf}^T \gamma` and :math:`N_t \rho`, the two terms of (16), in units of the noise;
    :math:`\gamma_k` and :math:`\rho` themselves; with several sensing streams, the power of each.
    """

    name: ClassVar[str] = "powers"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity(
            name="communication_power",
            unit="noise power",
            description="Communication power",
            role="detail",
            heading="commun.\npower\nnoise",
        ),
        Quantity(
            name="sensing_power",
            unit="noise power",
            description="Sensing power",
            role="detail",
            heading="sensing\npower\nnoise",
        ),
        Quantity(name="gamma", per_user=True, description="Power factor of a user", role="detail"),
        Quantity(name="rho", description="Power factor of sensing", role="detail"),
    )

    def quantities_of(self, targets: int, streams: int) -> tuple[Quantity, ...]:
        """Return the powers, with that of each sensing stream if there are several."""
        return self.quantities if streams == 1 else (*self.quantities, _STREAMS)

    def evaluate(self, problem: PowerAllocationProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return powers and factors; shape (...), and (..., K) for gamma."""
        x, q = allocation.communication, allocation.sensing
        return {
            "communication_power": np.asarray(x.sum(axis=-1) * problem.power),
            "sensing_power": np.asarray(q * problem.power),
            "gamma": problem.gamma(x),
            "rho": problem.rho(q),
            _STREAMS.name: np.asarray(allocation.streams * problem.power[..., None]),
        }


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the powers."""
    return [Powers]
