"""The limit that a front follows, as a path of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from ..allocation.constraints import Constraint, RateFloors, SumLimit
from ..allocation.least import LeastCRLB, LeastPower
from ..allocation.objective import Objective
from ..allocation.requirement import Requirement
from ..base.errors import InputError, IsacError
from ..host.host import PluginHost
from ..report.dominance import AGAINST
from ..scenario.scenario import Scenario
from ..scenario.sweep import split, sweep_axes
from ..sensing.reduction import ANGLES

POWER = "link_budget.transmit_power_dbm"
COMMON, OFFSET = "sensing.crlb_limit_db", "sensing.crlb_limit_offset_db"


@attrs.frozen(kw_only=True)
class LimitPath:
    """A limit of a scenario.

    Parameters
    ----------
    scenario : Scenario
        The scenario, with such a limit, and without a sweep of it.
    against : str
        See :func:`isacfw.pareto`.
    key : str
        Its dotted path.
    reference : float
        The limit if the value at the path is 0: not 0 if the path is an offset.
    swept : tuple of float, optional
        Values of the limit that the scenario sweeps.
    """

    scenario: Scenario
    against: str
    key: str
    reference: float = 0.0
    swept: Sequence[float] | None = None

    def power_of(self, point: Scenario) -> float:
        """Return the transmit power at a point of the sweep, in the unit of the path."""
        budget = point.link_budget
        return point.power_db if budget is None else budget.transmit_power_dbm

    def at(self, point: Scenario, value: float) -> Scenario:
        """Return the scenario of a point of the sweep with a value of the limit."""
        return point.with_value(self.key, value - self.reference)


def limit_path(scenario: Scenario, against: str, host: PluginHost) -> LimitPath:
    """Return the limit of a scenario that a front against a quantity follows; it is added where there is none.

    Raises
    ------
    InputError
        If the quantity is unknown or does not fit the objective, or there are several such limits.
    """
    if against not in AGAINST:
        raise InputError("against", f"must be one of {', '.join(map(repr, AGAINST))}, got {against!r}")
    if scenario.link == "uplink":
        raise InputError("link", "must be 'downlink' for a front, got 'uplink'")
    least: dict[str, type[Objective]] = {"crlb": LeastCRLB, "sum_crlb": LeastCRLB, "power": LeastPower}
    own = least.get(against)
    if own is not None and isinstance(scenario.objective, own):
        name = scenario.objective.name
        raise InputError("against", f"must not be what the objective {name} minimises, got {against!r}")
    if against == "crlb":
        return _common_limit(scenario)
    if against == "power":
        return _without_sweep(scenario, against, "snr_db" if scenario.link_budget is None else POWER)
    kind, field = ("sum_crlb", "limit_db") if against == "sum_crlb" else ("user_rate", "minimum")
    form = SumLimit if against == "sum_crlb" else RateFloors
    names = [name for name, one in scenario.requirements.items() if isinstance(_constraint(scenario, one), form)]
    if len(names) > 1:
        raise InputError("requirements", f"must have one limit to follow, got {' and '.join(names)}")
    if not names:
        names = [kind if kind not in scenario.requirements else f"front_{kind}"]
        added: Any = host.find("requirement", f"isacfw:{kind}").cls
        requirements = {**scenario.requirements, names[0]: added(**{field: 0.0})}
        scenario = attrs.evolve(scenario, requirements=requirements)
    current = getattr(scenario.requirements[names[0]], field, None)
    path = f"requirements.{names[0]}.{field}"
    if not isinstance(current, int | float):
        raise InputError(path, f"must be a number for a front to follow it, got {current!r}")
    return _without_sweep(scenario, against, path)


def _constraint(scenario: Scenario, requirement: Requirement) -> Constraint | None:
    setting = scenario.goals.check()
    try:
        return requirement.constraint(setting)
    except IsacError:
        return None


def _without_sweep(scenario: Scenario, against: str, key: str, reference: float = 0.0) -> LimitPath:
    sweep, values = split(scenario.sweep, key)
    swept = None if values is None else [value + reference for value in values]
    plain = attrs.evolve(scenario, sweep=sweep)
    return LimitPath(scenario=plain, against=against, key=key, reference=reference, swept=swept)


def _common_limit(scenario: Scenario) -> LimitPath:
    """Return the limit on all angles, if it is the only one, or else an offset of all limits."""
    limits = scenario.crlb_limits()
    if any(COMMON in axis for axis in sweep_axes(scenario.sweep)):
        return _without_sweep(scenario, "crlb", COMMON)
    if not np.isfinite(limits).any():
        targets = _with_known_angles(scenario)
        plain = attrs.evolve(scenario, **targets, sensing=attrs.evolve(scenario.sensing, crlb_limit_db=0.0))
        return _without_sweep(plain, "crlb", COMMON)
    separate = [target for target in scenario.sensed if np.isfinite(_own_limits(target)).any()]
    others = any(one.limits_angles for one in scenario.requirements.values())
    if scenario.sensing.crlb_limit_db is not None and not separate and not others:
        offset = attrs.evolve(scenario.sensing, crlb_limit_offset_db=0.0)
        return _without_sweep(attrs.evolve(scenario, sensing=offset), "crlb", COMMON)
    tightest = 10 * np.log10(limits.min()) - scenario.sensing.crlb_limit_offset_db
    return _without_sweep(scenario, "crlb", OFFSET, float(tightest))


def _own_limits(target: Any) -> Any:
    fields = ("crlb_limit_db", *(f"{angle}_crlb_limit_db" for angle in ANGLES))
    return [np.inf if getattr(target, field) is None else 0.0 for field in fields]


def _with_known_angles(scenario: Scenario) -> dict[str, Any]:
    """Return the targets with all angles declared known that count as known while they have no limit."""
    known = scenario.known_angles().reshape(-1, 2)
    targets = tuple(
        attrs.evolve(target, known=tuple(angle for angle, flag in zip(ANGLES, own, strict=True) if flag))
        for target, own in zip(scenario.sensed, known, strict=True)
    )
    return {"target": targets[0]} if scenario.target is not None else {"targets": targets}
