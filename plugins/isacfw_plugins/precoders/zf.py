"""Zero forcing."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import ComplexArray, LinkStatistics, Scene


@final
@attrs.frozen(kw_only=True)
class ZF(isacfw.Precoder):
    r"""Zero forcing.

    Notes
    -----
    :math:`W = \hat H (\hat H^H \hat H)^{-1}`, (14); :math:`\lambda_k = 1`,
    :math:`\xi_{bf,k} = 1 / (N_t (N_t - K) \xi_k)`, :math:`\zeta_{kj} = \epsilon_k \xi_{bf,j}`,
    (17), (21), (22). It exists for :math:`N_t > K` and estimates that are not collinear. The moments hold for
    isotropic fading; for any other channel they are sampled.
    """

    name: ClassVar[str] = "zf"
    turns_with_channel: ClassVar[bool] = True

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        """Return the pseudo-inverse of the estimates' conjugate transpose; (..., N, K)."""
        gram = np.swapaxes(estimates.conj(), -1, -2) @ estimates
        return np.asarray(estimates @ np.linalg.inv(gram))

    def link_statistics(self, scene: Scene) -> LinkStatistics:
        """Return the closed forms of Theorem 1 and Lemma 1, or sampled moments if they do not hold."""
        antennas, channel = scene.antennas, scene.statistics
        if antennas <= channel.users:
            raise isacfw.IncompatibleError(
                f"zero forcing needs more transmit antennas than users, got {antennas} antennas"
                f" and {channel.users} users"
            )
        if channel.collinear is not None and channel.collinear.any():
            raise isacfw.IncompatibleError(
                "zero forcing does not exist where users share a pilot and so have collinear estimates"
            )
        if not channel.isotropic:
            return super().link_statistics(scene)
        return LinkStatistics(
            signal_gain=np.ones_like(channel.xi),
            interference_gain=channel.epsilon,
            weight_power=1 / (antennas * (antennas - channel.users) * channel.xi),
            isotropic=True,
        )


@isacfw.hookimpl
def register_precoders() -> list[type[isacfw.Precoder]]:
    """Register zero forcing."""
    return [ZF]
