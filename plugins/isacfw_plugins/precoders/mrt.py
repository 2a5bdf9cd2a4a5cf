"""Maximum-ratio transmission."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import ChannelStatistics, ComplexArray, LinkStatistics, Scene


@final
@attrs.frozen(kw_only=True)
class MRT(isacfw.Precoder):
    r"""Maximum-ratio transmission.

    Notes
    -----
    :math:`W = \hat H`, (14); :math:`\lambda_k = N_t^2 \xi_k^2`, :math:`\zeta_{kj} = \beta_k \xi_j`,
    :math:`\xi_{bf,k} = \xi_k`, (17), (21), (22). For users j and k whose estimates are collinear, the coherent
    term :math:`N_t \xi_j \xi_k` adds to :math:`\zeta_{kj}`. These hold for isotropic fading. For Gaussian
    channels with means :math:`\bar h_k` and covariances :math:`R_k`, estimates of covariance :math:`\Phi_{kk}`
    and :math:`\Phi_{kj} = E\{\tilde{\hat h}_j \tilde h_k^H\}`,

    .. math::

        E\,h_k^H w_j &= \mathrm{tr}\,\Phi_{kj} + \bar h_k^H \bar h_j \\
        E|h_k^H w_j|^2 &= \mathrm{tr}\,R_k \Phi_{jj} + \bar h_k^H \Phi_{jj} \bar h_k + \bar h_j^H R_k \bar h_j
            + |E\,h_k^H w_j|^2 \\
        E\,w_k w_k^H &= \Phi_{kk} + \bar h_k \bar h_k^H .

    For any other channel the moments are sampled.
    """

    name: ClassVar[str] = "mrt"
    turns_with_channel: ClassVar[bool] = True

    def weights(self, estimates: ComplexArray) -> ComplexArray:
        """Return the estimates themselves."""
        return estimates

    def link_statistics(self, scene: Scene) -> LinkStatistics:
        """Return closed forms if they hold, else sampled moments."""
        statistics = scene.statistics
        if statistics.isotropic:
            return _isotropic(scene.antennas, statistics)
        if statistics.correlated:
            drops = range(len(statistics.beta))
            return LinkStatistics.stack([_of_second_order(scene.of_drop(drop)) for drop in drops])
        return super().link_statistics(scene)


def _isotropic(antennas: int, channel: ChannelStatistics) -> LinkStatistics:
    """Return Theorem 1 and Lemma 1."""
    coupling = None
    if channel.collinear is not None:
        coupling = antennas * channel.collinear * channel.xi[..., :, None] * channel.xi[..., None, :]
    return LinkStatistics(
        coupling=coupling,
        signal_gain=(antennas * channel.xi) ** 2,
        interference_gain=channel.beta,
        weight_power=channel.xi,
        isotropic=True,
    )


def _of_second_order(scene: Scene) -> LinkStatistics:
    """Return the moments for Gaussian channels with means and covariances, of one drop."""
    own = scene.statistics.second_order
    coherent, basis = own.coherent_means, scene.basis
    signal = np.diagonal(coherent).real
    interference = own.spread + np.abs(coherent) ** 2
    np.fill_diagonal(interference, np.diagonal(own.spread))
    power = np.einsum("knn->k", own.estimate_covariances).real + (np.abs(own.means) ** 2).sum(axis=-1)
    lines = own.means @ basis.conj()
    forms = basis.conj().T @ own.estimate_covariances @ basis + lines[:, :, None] * lines[:, None, :].conj()
    return LinkStatistics(
        signal_gain=signal**2,
        interference_gain=np.zeros(scene.users),
        weight_power=power / scene.antennas,
        coupling=interference / scene.antennas,
        forms=forms / power[:, None, None],
    )


@isacfw.hookimpl
def register_precoders() -> list[type[isacfw.Precoder]]:
    """Register maximum-ratio transmission."""
    return [MRT]
