"""Linear precoders and the few numbers by which power allocation knows them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from .array import ComplexArray, FloatArray
from .channel import ChannelStatistics
from .errors import PluginError
from .part import LabelledPart, described


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
    standard_error : LinkStatistics, optional
        Standard errors of the other fields, where they are sampled.

    Notes
    -----
    :math:`SINR_k = \lambda_k \gamma_k / (N_t \beta_k \rho + N_t \kappa_k \xi_{bf}^T \gamma + 1)`.
    """

    signal_gain: FloatArray
    interference_gain: FloatArray
    weight_power: FloatArray
    coupling: FloatArray | None = None
    standard_error: LinkStatistics | None = None

    def check(self, precoder: Precoder, users: int) -> None:
        """Raise a :class:`PluginError` unless these are what a precoder must give.

        Parameters
        ----------
        precoder : Precoder
            Who gave them.
        users : int
            Number of users K.
        """
        who = f"precoder {described(precoder)}"
        for field in attrs.fields(LinkStatistics)[:4]:
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            core = (users, users) if field.name == "coupling" else (users,)
            if np.shape(value)[-len(core) :] != core:
                wanted = ", ".join(map(str, ("...", *core)))
                raise PluginError(f"{who} must return {field.name} of shape ({wanted}), got {np.shape(value)}")
            if not (np.isfinite(value) & (np.asarray(value) >= 0)).all():
                raise PluginError(f"{who} must return {field.name} of finite numbers not less than 0, got others")

    @property
    def interference(self) -> FloatArray:
        r""":math:`\zeta_{kj}`, by which user `j` disturbs user `k`; shape (..., K, K)."""
        common = self.interference_gain[..., :, None] * self.weight_power[..., None, :]
        return np.asarray(common if self.coupling is None else common + self.coupling)

    @staticmethod
    def stacked(members: Sequence[LinkStatistics]) -> LinkStatistics:
        """Return those of several drops, all with coupling, as one, along a new first axis."""
        names = ("signal_gain", "interference_gain", "weight_power", "coupling")
        values: dict[str, Any] = {name: np.stack([getattr(one, name) for one in members]) for name in names}
        return LinkStatistics(**values)


@attrs.frozen(kw_only=True)
class Precoder(LabelledPart):
    """Contract of a linear precoder: it gives its weights, and link statistics follow.

    A subclass that knows its moments in closed form overrides :meth:`link_statistics`, and leaves to it the
    channels for which the closed form does not hold: as a rule those that are not `gaussian`.
    """

    @abstractmethod
    def weights(self, estimates: ComplexArray) -> ComplexArray:
        """Return the weights W for channel estimates; both have shape (..., N, K).

        Parameters
        ----------
        estimates : ndarray of complex, shape (..., N, K)
            The columns are what the base station knows of the users' channels. Not to be written to.
        """

    def link_statistics(self, antennas: int, channel: ChannelStatistics) -> LinkStatistics:
        """Return the moments of the precoder; by default sampled, see :mod:`isacfw.moments`.

        Parameters
        ----------
        antennas : int
            Number of transmit antennas.
        channel : ChannelStatistics
            Of a batch of drops; (D, K).

        Raises
        ------
        IncompatibleError
            If the precoder does not exist here (zero forcing with no more antennas than users, say).
        """
        from .moments import sampled_link_statistics

        return sampled_link_statistics(self, antennas, channel)
