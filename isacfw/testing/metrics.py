"""Checks of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast, get_args, get_type_hints

import attrs
import numpy as np

from ..allocation.allocation import Allocation
from ..allocation.any_problem import AnyProblem
from ..allocation.metric import Metric
from ..allocation.problem import PowerAllocationProblem
from ..allocation.quantity import Quantity
from ..allocation.uplink import UplinkProblem
from ..base.numbers import FloatArray
from ..simulation.metric import SimulatedMetric
from ..simulation.signals import SignalDraws
from . import problems
from .checks import CheckSkipped, check, require
from .runs import Numbers, SampleRun, copies, sample_run
from .uplink import uplink_allocation, uplink_problem

_SIZES = ((1, 1), (1, 2), (2, 1), (3, 3))
"""Numbers of targets and of sensing streams in checks of metrics."""


def _problem(part: Metric, targets: int, streams: int, batch: tuple[int, ...]) -> AnyProblem:
    if "downlink" not in part.links:
        return uplink_problem(4, targets=targets, batch=batch)
    if (targets, streams) == (1, 1):
        return _with_gains(problems.problem(4, batch=batch), part)
    general = problems.general_problem(4, targets=targets, streams=streams, batch=batch)
    return _with_gains(general, part)


def _with_gains(problem: PowerAllocationProblem, part: Metric) -> PowerAllocationProblem:
    """Return a problem with mean gains over the regions of a metric: 1 for users, others for each stream."""
    if not (regions := part.regions()):
        return problem
    gains = np.linspace(0.2, 5.0, problem.streams * len(regions))
    return attrs.evolve(
        problem,
        regions=regions,
        region_users=np.ones((problem.users, len(regions))),
        region_streams=gains.reshape(problem.streams, len(regions)),
    )


@check("metric")
def quantities_are_declared(part: Metric) -> None:
    """Every quantity has a name, a unit and a direction; the names are different."""
    for targets, streams in _SIZES:
        _require_declared(part.quantities_of(targets, streams))


def _require_declared(quantities: object) -> None:
    require(isinstance(quantities, tuple) and quantities, "quantities must be a nonempty tuple")
    assert isinstance(quantities, tuple)
    directions = get_args(get_type_hints(Quantity)["better"])
    for quantity in quantities:
        require(isinstance(quantity, Quantity), f"quantities must hold Quantity objects, got {quantity!r}")
        require(quantity.name.isidentifier(), f"a quantity's name must be an identifier, got {quantity.name!r}")
        require(isinstance(quantity.unit, str), f"the unit of {quantity.name} must be a string")
        require(
            quantity.better in directions, f"better of {quantity.name} must be one of {', '.join(directions)}"
        )
        require(quantity.description, f"{quantity.name} has no description")
    names = [quantity.name for quantity in quantities]
    require(len(set(names)) == len(names), "two quantities have the same name")


@check("metric")
def metric_shapes(part: Metric) -> None:
    """Each quantity has the batch axes of the problem, and one over users or streams if declared so."""
    for targets, streams in _SIZES:
        if isinstance(part, SimulatedMetric):
            for draws in (1, 5):
                _simulated(part, problems.signals(targets, streams, draws=draws))
            continue
        for batch in ((), (1,), (3,), (2, 3)):
            problem = _problem(part, targets, streams, batch)
            _select(part, _evaluate(part, problem, _allocation(problem)), problem)


def _allocation(problem: AnyProblem, seed: int = 0, answered: bool = True) -> Allocation:
    """Return a random allocation for a problem of either link."""
    if isinstance(problem, UplinkProblem):
        return uplink_allocation(problem, seed, answered)
    return problems.allocation(problem, seed, answered)


def _evaluate(part: Metric, problem: AnyProblem, allocation: Allocation) -> Mapping[str, FloatArray]:
    return part.evaluate(cast(PowerAllocationProblem, problem), allocation)


@check("metric")
def both_links_are_served(part: Metric) -> None:
    """A metric for both links reports its quantities in the uplink too."""
    if "uplink" in part.links:
        for targets in (1, 2):
            for batch in ((), (2, 3)):
                problem = uplink_problem(4, targets=targets, batch=batch)
                _select(part, _evaluate(part, problem, _allocation(problem)), problem)


def _select(part: Metric, values: Mapping[str, FloatArray], problem: AnyProblem) -> Numbers:
    """Return the numbers of each quantity after checking their shape."""
    quantities = part.quantities_of(problem.targets, problem.streams)
    return {quantity.name: quantity.select(values, problem) for quantity in quantities}


def _simulated(part: SimulatedMetric, signals: SignalDraws) -> Numbers:
    return _select(part, part.simulate(signals), signals.problem)


@check("metric")
def batch_is_its_members(part: Metric) -> None:
    """The numbers of a batch equal those of its members."""
    if isinstance(part, SimulatedMetric):
        raise CheckSkipped("it takes one drop at a time")
    for targets, streams in _SIZES:
        problem = _problem(part, targets, streams, (2, 2))
        allocation = _allocation(problem)
        quantities = part.quantities_of(targets, streams)
        found = _evaluate(part, problem, allocation)
        together = {quantity.name: np.array(found[quantity.name]) for quantity in quantities}
        for index in np.ndindex(2, 2):
            alone = _evaluate(part, problem[index], problems.slice_allocation(allocation, index))
            for quantity in quantities:
                first, second = together[quantity.name][index], np.asarray(alone[quantity.name])
                same = np.allclose(first, second, rtol=1e-9, equal_nan=True)
                require(same, f"{quantity.name} differs in a batch")


@check("metric")
def no_answer_is_no_number(part: Metric) -> None:
    """Without an allocation, a quantity is NaN, and nothing is raised."""
    if isinstance(part, SimulatedMetric):
        raise CheckSkipped("it is not called without an allocation")
    problem = _problem(part, 1, 1, (2,))
    values = _evaluate(part, problem, _allocation(problem, answered=False))
    for quantity in part.quantities_of(1, 1):
        require(
            np.isnan(values[quantity.name]).all(), f"{quantity.name} is a number where there is no allocation"
        )


@check("metric")
def a_direction_means_a_difference(part: Metric) -> None:
    """A quantity for which higher or lower is better differs between allocations."""
    if isinstance(part, SimulatedMetric):
        found = [copies(_simulated(part, problems.signals(seed=seed))) for seed in range(4)]
    else:
        problem = _problem(part, 1, 1, ())
        found = [copies({**_evaluate(part, problem, _allocation(problem, seed))}) for seed in range(4)]
    for quantity in part.quantities_of(1, 1):
        values = np.array([each[quantity.name] for each in found])
        require(
            quantity.better == "neither" or np.ptp(values, axis=0).max() > 0,
            f"{quantity.name} is better {quantity.better}, but the same for all allocations",
        )


@sample_run("metric")
def _of_metric(part: Metric, seed: int) -> SampleRun:
    if isinstance(part, SimulatedMetric):
        return SampleRun(inputs={"signals": problems.signals(seed=seed)}, direct=partial(_simulated, part))
    problem: AnyProblem = _with_gains(problems.problem(3, seed=seed, batch=(2,)), part)
    if "downlink" not in part.links:
        problem = uplink_problem(3, seed=seed, batch=(2,))

    def run(problem: AnyProblem, allocation: Allocation) -> Numbers:
        found = _evaluate(part, problem, allocation)
        return {quantity.name: found[quantity.name] for quantity in part.quantities_of(1, 1)}

    return SampleRun(inputs={"problem": problem, "allocation": _allocation(problem, seed)}, direct=run)
