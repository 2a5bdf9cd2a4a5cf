"""Maximum-ratio transmission."""

from __future__ import annotations

from typing import ClassVar, final

import attrs

import isacfw
from isacfw import ChannelStatistics, ComplexArray, LinkStatistics


@final
@attrs.frozen(kw_only=True)
class MRT(isacfw.Precoder):
    r"""Maximum-ratio transmission.

    Notes
    -----
    :math:`W = \hat H`, (14); :math:`\lambda_k = N_t^2 \xi_k^2`, :math:`\zeta_{kj} = \beta_k \xi_j`,
    :math:`\xi_{bf,k} = \xi_k`, (17), (21), (22). For users j and k whose estimates are collinear, the coherent
    term :math:`N_t \xi_j \xi_k` adds to :math:`\zeta_{kj}`. All this is for Gaussian fading; for a channel that
    does not say that its own is, link statistics are sampled.
    """

    name: ClassVar[str] = "mrt"

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        """Return the estimates themselves."""
        return estimates

    def link_statistics(self, antennas: int, channel: ChannelStatistics) -> LinkStatistics:
        """Return the closed forms of Theorem 1 and Lemma 1, or sampled moments where they do not hold."""
        if not channel.gaussian:
            return super().link_statistics(antennas, channel)
        coupling = None
        if channel.collinear is not None:
            coupling = antennas * channel.collinear * channel.xi[..., :, None] * channel.xi[..., None, :]
        return LinkStatistics(
            coupling=coupling,
            signal_gain=(antennas * channel.xi) ** 2,
            interference_gain=channel.beta,
            weight_power=channel.xi,
        )


@isacfw.hookimpl
def register_precoders() -> list[type[isacfw.Precoder]]:
    """Register maximum-ratio transmission."""
    return [MRT]
