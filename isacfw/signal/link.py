"""Moments of a precoder over the small-scale fading."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from ..base.errors import PluginError
from ..base.numbers import ComplexArray, FloatArray, read_only
from ..base.part import LabelledPart, display_name


def checked_copies(
    moments: Any, cores: Mapping[str, tuple[int, ...]], who: str, *, optional: Collection[str]
) -> dict[str, Any]:
    """Return read-only copies of the moments of a part.

    Parameters
    ----------
    moments : LinkStatistics or BeamStatistics
        What the part returned.
    cores : mapping of str to tuple of int
        Trailing axes of each of its fields.
    who : str
        Kind and name of the part, for messages.
    optional : collection of str
        Fields that may be None; they are left out.

    Raises
    ------
    PluginError
        If a field has another shape, or entries that are negative or not finite; forms may be negative.
    """
    copies: dict[str, Any] = {}
    for name, core in cores.items():
        value = getattr(moments, name)
        if value is None and name in optional:
            continue
        if np.shape(value)[-len(core) :] != core:
            wanted = ", ".join(map(str, ("...", *core)))
            raise PluginError(f"{who} must return {name} of shape ({wanted}), got {np.shape(value)}")
        if not np.isfinite(value).all() or (name != "forms" and (np.asarray(value) < 0).any()):
            raise PluginError(f"{who} must return {name} with finite, nonnegative entries, got others")
        copies[name] = read_only(np.array(value))
    return copies


@attrs.frozen(kw_only=True, eq=False)
class LinkStatistics:
    r"""Moments of a precoder over the small-scale fading, as the rate expression (20) needs them.

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
        Excess of :math:`\zeta_{kj}` over :math:`\kappa_k \xi_{bf,j}`; None for none.
    isotropic : bool
        Whether every user's signal is the same in all directions on average, :math:`E w_k w_k^H \propto I`, as it
        is if the channel is isotropic and the precoder turns with it.
    forms : ndarray of complex, shape (..., K, 3T, 3T), optional
        :math:`P^H E\{w_k w_k^H\} P / E\|w_k\|^2`, what the targets receive from each user's signal, with
        :attr:`Scene.basis`. The framework samples them if they are neither given nor isotropic.
    gains : ndarray, shape (..., K, M), optional
        Mean gain of each user's signal over each of :attr:`Scene.regions`. The framework finds them if they are
        not given.
    standard_error : LinkStatistics, optional
        Standard errors of the other fields, if they are sampled.

    Notes
    -----
    :math:`SINR_k = \lambda_k \gamma_k / (N_t \beta_k \rho + N_t \kappa_k \xi_{bf}^T \gamma + 1)`.
    """

    signal_gain: FloatArray
    interference_gain: FloatArray
    weight_power: FloatArray
    coupling: FloatArray | None = None
    isotropic: bool = False
    forms: ComplexArray | None = None
    gains: FloatArray | None = None
    standard_error: LinkStatistics | None = None

    def check(
        self, precoder: LabelledPart, users: int, targets: int | None = None, regions: int = 0
    ) -> LinkStatistics:
        """Validate the moments, and return read-only copies.

        Parameters
        ----------
        precoder : Precoder
            The precoder that returned them.
        users : int
            Number of users K.
        targets : int, optional
            Number of targets T.
        regions : int
            Number of regions M.

        Raises
        ------
        PluginError
            If they break the contract of a precoder.
        """
        who = f"precoder {display_name(precoder)}"
        size = 3 * targets if targets is not None else 0 if self.forms is None else np.shape(self.forms)[-1]
        cores = {
            "signal_gain": (users,),
            "interference_gain": (users,),
            "weight_power": (users,),
            "coupling": (users, users),
            "forms": (users, size, size),
            "gains": (users, regions),
        }
        return attrs.evolve(self, **checked_copies(self, cores, who, optional=("coupling", "forms", "gains")))

    @property
    def interference(self) -> FloatArray:
        r""":math:`\zeta_{kj}`, the interference of user `j` to user `k`; shape (..., K, K)."""
        common = self.interference_gain[..., :, None] * self.weight_power[..., None, :]
        return np.asarray(common if self.coupling is None else common + self.coupling)

    @staticmethod
    def stack(members: Sequence[LinkStatistics]) -> LinkStatistics:
        """Stack the moments of several drops along a new first axis."""
        values: dict[str, Any] = {}
        for name in ("signal_gain", "interference_gain", "weight_power", "coupling", "forms", "gains"):
            if getattr(members[0], name) is not None:
                values[name] = np.stack([getattr(one, name) for one in members])
        errors = [one.standard_error for one in members if one.standard_error is not None]
        return LinkStatistics(
            **values,
            isotropic=members[0].isotropic,
            standard_error=LinkStatistics.stack(errors) if errors else None,
        )

    stacked = stack  # Former name.
