"""Ordered successive interference cancellation, in the uplink."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np
from numpy.typing import NDArray

import isacfw
from isacfw import ComplexArray, FloatArray, LinkStatistics, Scene


@final
@attrs.frozen(kw_only=True)
class OSIC(isacfw.Precoder):
    r"""Zero forcing of the users that are not decoded yet, the best estimates first.

    Notes
    -----
    User k at the position :math:`i_k = 0 \ldots K-1` of decreasing :math:`\xi_k` is combined by its column of
    :math:`\hat H_i (\hat H_i^H \hat H_i)^{-1}`, with the estimates of itself and of all later users, after the
    earlier ones are decoded and taken away by their estimates. So :math:`\lambda_k = 1`,
    :math:`\xi_{bf,k} = 1 / (N (N - K + i_k) \xi_k)`, and every user, decoded or not, disturbs the others by its
    estimation error, :math:`\kappa_j = \epsilon_j`. It exists for :math:`N > K` and isotropic fading. The order
    is that of the statistics; for one by the SINR of each realisation there is no such form. P. W. Wolniansky et
    al., "V-BLAST: an architecture for realizing very high data rates over the rich-scattering wireless channel",
    ISSSE 1998; the moments are those of zero forcing with fewer users, Theorem 1.
    """

    name: ClassVar[str] = "osic"
    turns_with_channel: ClassVar[bool] = True
    links: ClassVar[tuple[isacfw.Link, ...]] = ("uplink",)

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the combiner of each user after the earlier ones are taken away; (..., N, K)."""
        order = np.argsort(positions(scene.statistics.xi))
        found = np.empty(estimates.shape, dtype=np.complex128)
        for place, user in enumerate(order):
            left = estimates[..., order[place:]]
            gram = np.swapaxes(left.conj(), -1, -2) @ left
            found[..., user] = (left @ np.linalg.inv(gram)[..., :1])[..., 0]
        return found

    def cancels(self, scene: Scene) -> NDArray[np.bool_]:
        """Return whether user j comes before user k, at (k, j); (K, K)."""
        place = positions(scene.statistics.xi)
        return np.asarray(place[:, None] > place)

    def link_statistics(self, scene: Scene) -> LinkStatistics:
        """Return the closed forms."""
        antennas, channel = scene.antennas, scene.statistics
        if antennas <= channel.users:
            raise isacfw.IncompatibleError(
                f"zero forcing needs more receive antennas than users, got {antennas} antennas"
                f" and {channel.users} users"
            )
        if not channel.isotropic or (channel.collinear is not None and channel.collinear.any()):
            raise isacfw.IncompatibleError("osic needs isotropic fading and estimates that are not collinear")
        spare = antennas - channel.users + positions(channel.xi)
        return LinkStatistics(
            signal_gain=np.ones_like(channel.xi),
            interference_gain=channel.epsilon,
            weight_power=1 / (antennas * spare * channel.xi),
            isotropic=True,
        )


def positions(xi: FloatArray) -> NDArray[np.int64]:
    """Return the position of each user in the order of decoding, from 0; (..., K)."""
    return np.argsort(np.argsort(-xi, axis=-1, kind="stable"), axis=-1, kind="stable")


@isacfw.hookimpl
def register_precoders() -> list[type[isacfw.Precoder]]:
    """Register successive cancellation."""
    return [OSIC]
