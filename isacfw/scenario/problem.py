"""Power-allocation problems from the moments of precoders and beams."""

from __future__ import annotations

import attrs
import numpy as np

from ..allocation.problem import PowerAllocationProblem
from ..base.numbers import FloatArray
from ..sensing.beam_statistics import BeamStatistics
from ..sensing.fisher import EchoModel
from ..signal.link import LinkStatistics


@attrs.frozen(kw_only=True, eq=False)
class Limits:
    """Requirements of sensing.

    Parameters
    ----------
    crlb : ndarray, shape (2T,)
        Largest CRLBs in rad²; infinite for no limit.
    known : ndarray, shape (2T,)
        1 for each angle that counts as known, 0 for the others.
    """

    crlb: FloatArray
    known: FloatArray


def build_problem(
    link: LinkStatistics,
    beam: BeamStatistics,
    model: EchoModel,
    *,
    power: float,
    prelog: float,
    limits: Limits,
) -> PowerAllocationProblem:
    r"""Return the power-allocation problem of each drop, for the moments of a precoder and a beam.

    Parameters
    ----------
    link, beam : LinkStatistics, BeamStatistics
        Moments over the drops.
    model : EchoModel
        The echoes of all targets.
    power : float
        Transmit power :math:`P_t` relative to the noise.
    prelog : float
        Share of the coherence block that carries data.
    limits : Limits
        Limits on the CRLBs.

    Notes
    -----
    In shares of power, (20) has :math:`g_k = \lambda_k P_t / (N_t \xi_{bf,k})`,
    :math:`b_{ks} = P_t E|h_k^H v_s|^2 / E\|v_s\|^2`, :math:`c_k = \kappa_k P_t` and, beyond common interference,
    :math:`C_{kj}` in proportion to :math:`P_t / \xi_{bf,j}`, see :class:`~isacfw.LinkStatistics` and
    :class:`~isacfw.BeamStatistics`.
    """
    antennas = model.transmit.n_elements
    sensing = power * model.fisher(beam.forms)
    if link.forms is None:
        users, communication = None, power * model.fisher(model.isotropic_forms)[None]
    else:
        users = power * model.fisher(link.forms)
        communication = users.mean(axis=-3)
    coupling, streams = link.coupling, beam.coupling
    return PowerAllocationProblem(
        gain=power * link.signal_gain / (antennas * link.weight_power),
        sensing_interference=power * beam.interference,
        common_interference=power * link.interference_gain,
        prelog=np.array([prelog]),
        fisher_communication=communication,
        fisher_sensing=sensing.mean(axis=-3),
        crlb_limit=limits.crlb[None],
        power=np.array([power]),
        weight_power=link.weight_power,
        antennas=np.array([antennas]),
        coupling=None if coupling is None else power * coupling / link.weight_power[..., None, :],
        stream_coupling=None if streams is None else power * streams,
        fisher_users=users,
        fisher_streams=sensing if beam.streams > 1 else None,
        jacobians=model.jacobians[None],
        known=limits.known[None],
    )
