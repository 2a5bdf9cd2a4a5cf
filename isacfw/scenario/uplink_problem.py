"""Problems of the uplink from the moments of combiners."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..allocation.requirement import Constraints
from ..allocation.uplink import UplinkProblem
from ..base.errors import IncompatibleError
from ..base.numbers import FloatArray
from ..signal.link import LinkStatistics
from ..signal.statistics import ChannelStatistics
from .fields import ScenarioFields


def build_uplink_problem(
    scenario: ScenarioFields, link: LinkStatistics, statistics: ChannelStatistics, asked: Constraints
) -> UplinkProblem:
    r"""Return the problem of each drop, for the moments of a combiner.

    Parameters
    ----------
    scenario : ScenarioFields
        A scenario of the uplink.
    link : LinkStatistics
        Moments of the combiner over the drops, as those of a precoder.
    statistics : ChannelStatistics
        Statistics of the drops.
    asked : Constraints
        All requirements.

    Raises
    ------
    IncompatibleError
        If the closed forms do not hold.

    Notes
    -----
    The weights that give :math:`E|h_k^H w_j|^2` in the downlink let user k disturb user j by the same in the
    uplink. With interference :math:`N \kappa_k \xi_{bf,j}` and noise :math:`N \xi_{bf,j}` after the combiner of
    user j, :math:`g_k = \lambda_k P_u / (N \xi_{bf,k})` and :math:`c_k = \kappa_k P_u`.
    """
    if not statistics.isotropic:
        raise IncompatibleError("the uplink needs independent isotropic fading, such as that of rayleigh")
    if link.coupling is not None and link.coupling.any():
        raise IncompatibleError(
            "the uplink needs interference that is the same for all users: a combiner with closed-form moments"
            " (mrt, zf, osic), and no estimates that are collinear"
        )
    own, radar, antennas = scenario.uplink, scenario.radar, scenario.receive_array.n_elements
    assert own is not None
    echoes = radar.reflection_power.sum() + radar.self_interference
    floors = asked.minimum_rate
    return UplinkProblem(
        gain=own.user_power * link.signal_gain / (antennas * link.weight_power),
        source_interference=own.user_power * link.interference_gain,
        sensing_interference=np.array([own.radar_power * echoes]),
        prelog=np.array([statistics.prelog]),
        user_power=np.array([own.user_power]),
        radar_power=np.array([own.radar_power]),
        estimation_error=statistics.epsilon,
        self_interference=np.array([radar.self_interference]),
        reflection_power=radar.reflection_power[None],
        antennas=np.array([antennas]),
        subcarriers=np.array([own.subcarriers]),
        symbols=np.array([own.symbols]),
        minimum_rate=None if floors is None else floors[None],
        objective=scenario.objective,
        **_rows(asked, own.user_power * statistics.epsilon),
    )


def _rows(asked: Constraints, residual: FloatArray) -> dict[str, Any]:
    """Return the fields of linear requirements, for what is left of each user at the radar (D, K)."""
    if not asked.floors:
        return {}
    communication, sensing, least = (
        np.concatenate([getattr(one, name) for one in asked.floors])
        for name in ("communication", "sensing", "least")
    )
    return {
        "linear_users": communication[:, None] * residual[..., None, :],
        "linear_streams": sensing[None, :, None],
        "linear_least": least[None],
        "linear_quantities": tuple(quantity for one in asked.floors for quantity in one.quantity),
    }
