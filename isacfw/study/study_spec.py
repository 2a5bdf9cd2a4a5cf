"""Everything a worker needs to solve a chunk of a study."""

from __future__ import annotations

from typing import Any, cast

import attrs

from ..allocation.metric import Metric
from ..allocation.quantity import Quantity
from ..base.guard import guard
from ..base.part import LabelledPart, Part, display_name, key_of
from ..results.schema import OPTIONAL_ROLES, Role, Variable, margin_variable, variables_of
from ..results.tally import TallyPlan
from ..scenario.scenario import Scenario
from ..sensing.beam import Beam
from ..signal.precoder import Precoder
from ..signal.statistics import ChannelStatistics


@attrs.frozen(kw_only=True)
class StudySpec:
    """Everything a worker needs to solve a chunk.

    Parameters
    ----------
    scenario : Scenario
        Scenario with the parts to compare.
    metrics : tuple of Metric
        The default metrics and those of the scenario.
    unavailable : dict
        Reasons why parts are not available, by kind and title.
    largest_array : int
        Size of the largest array in any problem or its channels, per drop: K, K² with pairwise coupling, more
        with covariances.
    streams : int
        Largest number of sensing streams of any beam.
    users : int
        Largest number of users of any channel; a drop may have more.
    assumptions : tuple of str
        Messages on angles that count as known.
    requirements : dict of str to str
        Names of all requirements at any point of the sweep, with the group of their margins.
    """

    scenario: Scenario
    metrics: tuple[Metric, ...]
    unavailable: dict[tuple[str, str], str]
    largest_array: int
    streams: int = 1
    users: int = 1
    assumptions: tuple[str, ...] = ()
    requirements: dict[str, str] = attrs.field(factory=dict)

    def quantities_of(self, metric: Metric) -> tuple[Quantity, ...]:
        """Return the quantities that a metric reports in this study."""
        return metric.quantities_of(len(self.scenario.sensed), self.streams)

    @property
    def variables(self) -> dict[str, Variable]:
        """All variables of a row of results, by name."""
        objective = self.scenario.objective
        name = objective.reported().name
        quantities = [
            Variable.of(quantity, metric, role=self._role(quantity, metric, name))
            for metric in self.metrics
            for quantity in self.quantities_of(metric)
        ]
        if not any(one.role == "objective" for one in quantities):
            quantities.insert(0, Variable.of(objective.reported(), objective, role="objective"))
        quantities += [margin_variable(name, group=group) for name, group in self.requirements.items()]
        return {variable.name: variable for variable in variables_of(quantities)}

    @property
    def kept(self) -> dict[str, Variable]:
        """The variables that results keep: all, or those that tables need and those that the scenario names."""
        named = self.scenario.keep
        return {
            name: variable
            for name, variable in self.variables.items()
            if named is None or name in named or variable.role not in OPTIONAL_ROLES
        }

    @property
    def tally_plan(self) -> TallyPlan:
        """The statistics that a study without values of drops keeps."""
        return TallyPlan.of(self.kept, self.scenario.keep or ())

    def _role(self, quantity: Quantity, metric: Metric, objective: str) -> Role:
        """Return the use of a metric's quantity in reports: the objective is that of the scenario."""
        if quantity.name == objective:
            return "objective"
        role = "detail" if quantity.role == "objective" else quantity.role
        return "metric" if metric in self.scenario.metrics and role in ("detail", "derived") else role

    @property
    def parts(self) -> list[type[Part]]:
        """Classes of all parts that affect the results, at any point of the sweep."""
        beams = self.scenario.compared_beams
        parts: list[Part] = [*self.scenario.precoders, *beams, *self.scenario.allocators, *self.metrics]
        keys = "channel", "transmit_array", "receive_array", "objective", "requirements"
        for point in self.scenario.sweep_points.distinct(*keys):
            parts += [point.channel, point.station_array, point.receive_array, point.objective]
            parts += point.requirements.values()
        return list(dict.fromkeys(map(type, parts)))


def fading_key(point: Scenario) -> tuple[Any, ...]:
    """Return everything that the fading at a sweep point depends on, and the accuracy of its moments."""
    with guard(lambda: f"channel {display_name(point.channel)}", point.channel):
        parts = key_of(point.budgeted_channel), key_of(point.station_array)
    return *parts, point.seed, point.sampling_accuracy


def view_key(point: Scenario, part: LabelledPart, statistics: ChannelStatistics) -> tuple[Any, ...]:
    """Return other dependencies of a precoder's or beam's moments: directions, power, requirements if used."""
    kind = "precoder" if isinstance(part, Precoder) else "beam"
    with guard(lambda: f"{kind} {display_name(part)}", part):
        return _view_key(point, part, statistics)


def _view_key(point: Scenario, part: LabelledPart, statistics: ChannelStatistics) -> tuple[Any, ...]:
    if isinstance(part, Precoder) and statistics.isotropic and part.turns_with_channel and not part.uses_scene():
        return point.regions  # Its signals are isotropic.
    directions = point.directions
    if isinstance(part, Beam) and part.depends_on_requirements():
        goals = point.goals
        named = ((name, key_of(one)) for name, one in goals.requirements.items())
        asked = goals.targets, goals.sensing, key_of(goals.objective), *named
        return (
            *asked,
            key_of(point.receive_array),
            point.link_budget,
            point.sensing_noise,
            point.power_db,
            point.regions,
        )
    uses_power = part.uses_scene() if isinstance(part, Precoder) else cast(Beam, part).depends_on_power()
    return directions, point.power_db if uses_power else None, point.regions
