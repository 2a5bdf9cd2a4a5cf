"""Powers, and the paper's power factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import attrs

import isacfw
from isacfw import Allocation, AnyProblem, FloatArray, Quantity

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
    :math:`\gamma_k` and :math:`\rho` themselves; with several sensing streams, the power of each. In the uplink
    they are the powers of all users together and of the radar, and :math:`\gamma_k` is that of user k.
    """

    name: ClassVar[str] = "powers"
    links: ClassVar[tuple[isacfw.Link, ...]] = ("downlink", "uplink")
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

    def evaluate(self, problem: AnyProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
        """Return powers and factors; shape (...), and (..., K) for gamma."""
        x, q = allocation.communication, allocation.sensing
        return {
            "communication_power": problem.communication_power(x),
            "sensing_power": problem.sensing_power(q),
            "gamma": problem.gamma(x),
            "rho": problem.rho(q),
            _STREAMS.name: problem.stream_powers(allocation.streams),
        }


@isacfw.hookimpl
def register_metrics() -> list[type[isacfw.Metric]]:
    """Register the powers."""
    return [Powers]
