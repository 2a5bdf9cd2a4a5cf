"""Linear precoders and the few numbers by which power allocation knows them."""

from __future__ import annotations

from abc import abstractmethod

import attrs

from .array import ComplexArray, FloatArray
from .channel import ChannelStatistics
from .part import LabelledPart


@attrs.frozen(kw_only=True, eq=False)
class LinkStatistics:
    r"""Moments of a precoder over the small-scale fading: what the rate expression (20) needs of it.

    Parameters
    ----------
    signal_gain : ndarray, shape (..., K)
        :math:`\lambda_k = |E\{h_k^H w_k\}|^2`, (21).
    interference_gain : ndarray, shape (..., K)
        :math:`\kappa_k` such that user `j` disturbs user `k` by :math:`\zeta_{kj} = \kappa_k \xi_{bf,j}` per
        antenna and unit of :math:`\gamma_j`, (22): :math:`\beta_k` for MRT, :math:`\epsilon_k` for ZF.
    weight_power : ndarray, shape (..., K)
        :math:`\xi_{bf,k} = E\|w_k\|^2 / N_t`, (17).
    coupling : ndarray, shape (..., K, K), optional
        What :math:`\zeta_{kj}` has beyond :math:`\kappa_k \xi_{bf,j}`; None for nothing.

    Notes
    -----
    :math:`SINR_k = \lambda_k \gamma_k / (N_t \beta_k \rho + N_t \kappa_k \xi_{bf}^T \gamma + 1)`.
    """

    signal_gain: FloatArray
    interference_gain: FloatArray
    weight_power: FloatArray
    coupling: FloatArray | None = None


@attrs.frozen(kw_only=True)
class Precoder(LabelledPart):
    """Contract of a linear precoder."""

    @abstractmethod
    def weights(self, estimates: ComplexArray) -> ComplexArray:
        """Return the weights W for channel estimates; both have shape (..., N, K)."""

    @abstractmethod
    def link_statistics(self, antennas: int, channel: ChannelStatistics) -> LinkStatistics:
        """Return the moments of the precoder.

        Parameters
        ----------
        antennas : int
            Number of transmit antennas.
        channel : ChannelStatistics
            Of a batch of drops.

        Raises
        ------
        IncompatibleError
            If the precoder does not exist here (zero forcing with no more antennas than users, say).
        """
