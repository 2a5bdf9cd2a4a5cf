"""Power-allocation problems from the moments of precoders and beams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import attrs
import numpy as np

from ..allocation.constraints import GainRatio, LinearFloors
from ..allocation.least import LeastCRLB, LeastPower
from ..allocation.objective import Objective
from ..allocation.problem import PowerAllocationProblem
from ..allocation.requirement import Constraints
from ..base.errors import IncompatibleError
from ..base.guard import guard
from ..base.numbers import FloatArray
from ..sensing.beam_statistics import BeamStatistics
from ..sensing.fisher import EchoModel
from ..sensing.linear import GainFloors
from ..sensing.task import SensingGoal
from ..signal.angular_region import AngularRegion
from ..signal.link import LinkStatistics
from .goals import Goals

_COEFFICIENTS = ("communication", "sensing", "least")


@attrs.frozen(kw_only=True, eq=False)
class Limits:
    """Objective and requirements of a problem.

    Parameters
    ----------
    constraints : Constraints
        All requirements.
    known : ndarray, shape (2T,)
        1 for each angle that counts as known, 0 for the others.
    objective : Objective
        What to maximise or minimise.
    bandwidth : float, optional
        Bandwidth in Hz.
    squared_arcs : ndarray, shape (2T,), optional
        See :class:`~isacfw.PowerAllocationProblem`.
    regions : tuple of AngularRegion
        The regions over which the moments have mean gains.
    """

    constraints: Constraints
    known: FloatArray
    objective: Objective
    bandwidth: float | None = None
    squared_arcs: FloatArray | None = None
    regions: tuple[AngularRegion, ...] = ()


def build_problem(
    link: LinkStatistics,
    beam: BeamStatistics,
    model: EchoModel,
    *,
    power: float,
    prelog: float,
    limits: Limits,
    make: Callable[..., PowerAllocationProblem] = PowerAllocationProblem,
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
        Objective and requirements.
    make : callable
        Returns the problem for its fields: the class, or :meth:`~isacfw.PowerAllocationProblem.trusted`.

    Notes
    -----
    In shares of power, (20) has :math:`g_k = \lambda_k P_t / (N_t \xi_{bf,k})`,
    :math:`b_{ks} = P_t E|h_k^H v_s|^2 / E\|v_s\|^2`, :math:`c_k = \kappa_k P_t` and, beyond common interference,
    :math:`C_{kj}` in proportion to :math:`P_t / \xi_{bf,j}`, see :class:`~isacfw.LinkStatistics` and
    :class:`~isacfw.BeamStatistics`.
    """
    antennas = model.transmit.n_elements
    if beam.covariance is not None:
        _check_design(link, limits.constraints)
    sensing = power * model.fisher(beam.forms)
    users = None if link.forms is None else power * model.fisher(link.forms)
    isotropic = power * model.fisher(model.isotropic_forms)[None]
    problem = make(
        gain=power * link.signal_gain / (antennas * link.weight_power),
        sensing_interference=power * beam.interference,
        common_interference=power * link.interference_gain,
        prelog=np.array([prelog]),
        fisher_communication=isotropic if users is None else users.mean(axis=-3),
        fisher_sensing=sensing.mean(axis=-3),
        crlb_limit=limits.constraints.crlb_limit[None],
        power=np.array([power]),
        weight_power=link.weight_power,
        antennas=np.array([antennas]),
        coupling=None if link.coupling is None else power * link.coupling / link.weight_power[..., None, :],
        stream_coupling=None if beam.coupling is None else power * beam.coupling,
        fisher_users=users,
        fisher_streams=sensing if beam.streams > 1 else None,
        jacobians=model.jacobians[None],
        known=limits.known[None],
        objective=limits.objective,
        **_units(limits, model),
        **_requirements(limits.constraints, limits.regions, link, beam),
        **_regions(limits.regions, link, beam),
        **_displaced(beam),
    )
    return problem if beam.choose is None else _with_design(problem, beam.choose, model, limits.constraints)


def _check_design(link: LinkStatistics, asked: Constraints) -> None:
    """Refuse signals and requirements for which a designed covariance is not the best."""
    if link.forms is not None:
        raise IncompatibleError("a designed beam needs signals of the users that look alike to the targets")
    if asked.ratios:
        raise IncompatibleError(
            "a designed beam covers requirements on targets alone, not on the gains over regions of directions"
        )


def _with_design(
    problem: PowerAllocationProblem, choose: Callable[..., BeamStatistics], model: EchoModel, asked: Constraints
) -> PowerAllocationProblem:
    """Return a problem with the sensing stream that is best for its users."""
    if problem.coupled:
        raise IncompatibleError(
            "the covariance of a designed beam depends on the users for this objective, and needs interference"
            " that is common to all of them"
        )
    # The trade-off behind the covariances is one for all drops.
    with guard("the design of a beam", drops=1):
        beam = choose(problem.user_sums)
    sensing = problem.power[..., None, None] * model.fisher(beam.forms[:, 0])
    if asked.linear:
        problem = attrs.evolve(problem, linear_streams=_floor_gains(asked.floors, beam))
    if problem.regions:
        problem = attrs.evolve(problem, region_streams=beam.gains)
    return attrs.evolve(problem, fisher_sensing=sensing, **_displaced(beam))


def _units(limits: Limits, model: EchoModel) -> dict[str, Any]:
    """Return the fields that only metrics need."""
    found: dict[str, Any] = {
        "reflection_power": np.abs(model.amplitudes[None]) ** 2,
        "frame_length": np.array([model.frame_length]),
        "receive_antennas": np.array([model.receive.n_elements]),
    }
    if limits.bandwidth is not None:
        found["bandwidth"] = np.array([limits.bandwidth])
    if limits.squared_arcs is not None:
        found["squared_arcs"] = limits.squared_arcs[None]
    return found


def _requirements(
    asked: Constraints, regions: tuple[AngularRegion, ...], link: LinkStatistics, beam: BeamStatistics
) -> dict[str, Any]:
    """Return the fields for requirements other than limits on single angles."""
    sums, floors = asked.sums, asked.minimum_rate
    found: dict[str, Any] = {} if floors is None else {"minimum_rate": floors[None]}
    if sums is not None:
        found |= {"crlb_sum_weights": sums[0][None], "crlb_sum_limit": sums[1][None]}
    if not asked.linear:
        return found
    rows = [
        _floor_rows(one, link, beam) if isinstance(one, LinearFloors) else _ratio_rows(one, regions, link, beam)
        for one in asked.linear
    ]
    needed = ("linear_needed_users", "linear_needed_streams") if asked.ratios else ()
    for name in ("linear_users", "linear_streams", *needed):
        found[name] = _concatenated([one[name] for one in rows])
    found["linear_least"] = np.concatenate([one["linear_least"] for one in rows])[None]
    return found | {"linear_quantities": tuple(quantity for one in rows for quantity in one["quantities"])}


def _concatenated(rows: list[FloatArray]) -> FloatArray:
    """Return rows (..., R, B) of several requirements one below the other."""
    batch = np.broadcast_shapes(*(each.shape[:-2] for each in rows))
    return np.concatenate([np.broadcast_to(each, (*batch, *each.shape[-2:])) for each in rows], axis=-2)


def _floor_rows(floors: LinearFloors, link: LinkStatistics, beam: BeamStatistics) -> dict[str, Any]:
    """Return the rows of a requirement on the gains of all signals towards targets."""
    place = _places([floors])
    users = np.ones((1, len(place), link.signal_gain.shape[-1]))
    if link.forms is not None:
        users = np.swapaxes(link.forms[..., place, place].real, -1, -2)
    of_users, of_streams = floors.communication[:, None] * users, _floor_gains([floors], beam)
    return {
        "linear_users": of_users,
        "linear_streams": of_streams,
        "linear_needed_users": np.maximum(-of_users, 0.0),
        "linear_needed_streams": np.maximum(-of_streams, 0.0),
        "linear_least": floors.least,
        "quantities": floors.quantity,
    }


def _places(floors: Sequence[LinearFloors]) -> list[int]:
    """Return the place of the target of each row in the forms of signals."""
    return [3 * target for one in floors for target in one.target]


def _floor_gains(floors: Sequence[LinearFloors], beam: BeamStatistics) -> FloatArray:
    """Return the coefficients of the streams in requirements on gains; (D, R, S)."""
    place = _places(floors)
    sensing = np.concatenate([one.sensing for one in floors])
    return np.asarray(sensing[:, None] * np.swapaxes(beam.forms[..., place, place].real, -1, -2))


def _ratio_rows(
    ratio: GainRatio, regions: tuple[AngularRegion, ...], link: LinkStatistics, beam: BeamStatistics
) -> dict[str, Any]:
    """Return the row of a requirement on the ratio of mean gains."""
    first, second = (regions.index(region) for region in (ratio.first, ratio.second))
    rows: dict[str, Any] = {"linear_least": np.zeros(1), "quantities": (ratio.quantity,)}
    for signals, gains in (("users", link.gains), ("streams", beam.gains)):
        assert gains is not None
        needed = ratio.least * gains[..., None, :, second]
        rows |= {f"linear_{signals}": gains[..., None, :, first] - needed, f"linear_needed_{signals}": needed}
    return rows


def _regions(regions: tuple[AngularRegion, ...], link: LinkStatistics, beam: BeamStatistics) -> dict[str, Any]:
    """Return the fields of mean gains over regions."""
    return {"regions": regions, "region_users": link.gains, "region_streams": beam.gains} if regions else {}


def _displaced(beam: BeamStatistics) -> dict[str, Any]:
    if beam.displaced is None:
        return {}
    return {
        "displaced_communication": beam.displaced.communication[None],
        "displaced_sensing": beam.displaced.sensing,
        "displaced_jacobians": beam.displaced.jacobians[None],
    }


def sensing_goal(goals: Goals, known: FloatArray) -> SensingGoal:
    """Return the requirements on sensing, and what they leave power for.

    Parameters
    ----------
    goals : Goals
        Objective and requirements.
    known : ndarray, shape (2T,)
        1 for each angle that counts as known, 0 for the others.
    """
    asked = goals.constraints(known)
    sums = asked.sums or (np.zeros((0, len(known))), np.zeros(0))
    objective, weights = goals.objective, None
    aim: Literal["share", "power", "sum", "worst"] = "share"
    if isinstance(objective, LeastPower):
        aim = "power"
    elif isinstance(objective, LeastCRLB):
        aim, weights = objective.measure, objective.selected(known)
    return SensingGoal(
        limit=asked.crlb_limit,
        known=known,
        sum_weights=sums[0],
        sum_limit=sums[1],
        aim=aim,
        weights=weights,
        gains=_relative_gains(asked),
    )


def _relative_gains(asked: Constraints) -> GainFloors:
    """Return linear requirements, divided by their least values."""
    if not asked.floors:
        return GainFloors()
    each = {name: np.concatenate([getattr(one, name) for one in asked.floors]) for name in _COEFFICIENTS}
    return GainFloors(
        target=tuple(target for one in asked.floors for target in one.target),
        communication=each["communication"] / each["least"],
        sensing=each["sensing"] / each["least"],
    )
