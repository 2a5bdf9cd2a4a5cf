"""Moments of the streams of a sensing beam over the small-scale fading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from ..base.errors import PluginError
from ..base.numbers import ComplexArray, FloatArray
from ..base.part import LabelledPart, display_name
from ..signal.link import checked_copies


@attrs.frozen(kw_only=True, eq=False)
class Displaced:
    """Fisher information if the targets are displaced in one of O ways, for the transmit power.

    Parameters
    ----------
    communication : ndarray, shape (O, 4T, 4T)
        If all power goes to communication.
    sensing : ndarray, shape (..., O, 4T, 4T)
        If all power goes to sensing.
    jacobians : ndarray, shape (O, T, 2, 2)
        Derivatives of the coordinates with respect to the angles.
    """

    communication: FloatArray
    sensing: FloatArray
    jacobians: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class BeamStatistics:
    r"""Moments of the S streams of a beam over the small-scale fading, per unit of each stream's power.

    Parameters
    ----------
    interference : ndarray, shape (..., K)
        Interference of a stream to each user, :math:`E|h_k^H v_s|^2 / E\|v_s\|^2`, as far as it is common to all
        streams.
    weight_power : ndarray, shape (..., S)
        :math:`E\|v_s\|^2`.
    forms : ndarray of complex, shape (..., S, 3T, 3T)
        :math:`P^H E\{v_s v_s^H\} P / E\|v_s\|^2`, what the targets receive from it, with :attr:`Scene.basis`.
    coupling : ndarray, shape (..., K, S), optional
        Excess of each stream over `interference`, if the streams differ.
    gains : ndarray, shape (..., S, M), optional
        Mean gain of each stream over each of :attr:`Scene.regions`. The framework finds them if they are not
        given.
    standard_error : BeamStatistics, optional
        Standard errors of the other fields, if they are sampled.
    displaced : Displaced, optional
        Fisher information of displaced targets, for which the limits hold too; for one stream.
    covariance : ndarray of complex, shape (..., n, n), optional
        The covariance of a designed stream, of trace one, in the coordinates of its design space.
    choose : callable, optional
        For a stream whose covariance depends on the users: returns the moments for the sums A, B and C, (...)
        each, with which minimum rates need :math:`f \ge (A + B q) / (1 - C)`.
    """

    interference: FloatArray
    weight_power: FloatArray
    forms: ComplexArray
    coupling: FloatArray | None = None
    gains: FloatArray | None = None
    standard_error: BeamStatistics | None = None
    displaced: Displaced | None = None
    covariance: ComplexArray | None = None
    choose: Callable[[tuple[FloatArray, FloatArray, FloatArray]], BeamStatistics] | None = None

    @property
    def streams(self) -> int:
        """Number of streams S."""
        return int(np.shape(self.forms)[-3])

    @property
    def stream_interference(self) -> FloatArray:
        r""":math:`E|h_k^H v_s|^2 / E\|v_s\|^2` of each stream; (..., K, S)."""
        common = np.asarray(self.interference)[..., None]
        if self.coupling is not None:
            return np.asarray(common + self.coupling)
        return np.broadcast_to(common, (*common.shape[:-1], self.streams))

    def check(self, beam: LabelledPart, users: int, targets: int, regions: int = 0) -> BeamStatistics:
        """Validate the moments, and return read-only copies.

        Raises
        ------
        PluginError
            If they break the contract of a beam.
        """
        who = f"beam {display_name(beam)}"
        if np.ndim(self.forms) < 3:
            raise PluginError(f"{who} must return forms of shape (..., S, 3T, 3T), got {np.shape(self.forms)}")
        streams = self.streams
        cores = {
            "interference": (users,),
            "weight_power": (streams,),
            "forms": (streams, 3 * targets, 3 * targets),
            "coupling": (users, streams),
            "gains": (streams, regions),
        }
        return attrs.evolve(self, **checked_copies(self, cores, who, optional=("coupling", "gains")))

    @staticmethod
    def stack(members: Sequence[BeamStatistics]) -> BeamStatistics:
        """Stack the moments of several drops along a new first axis."""
        values: dict[str, Any] = {}
        for name in ("interference", "weight_power", "forms", "coupling", "gains"):
            if getattr(members[0], name) is not None:
                values[name] = np.stack([getattr(one, name) for one in members])
        errors = [one.standard_error for one in members if one.standard_error is not None]
        return BeamStatistics(**values, standard_error=BeamStatistics.stack(errors) if errors else None)

    stacked = stack  # Former name.
