"""The function `pareto`, which follows a limit and returns the front."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..base.errors import InputError, short_repr
from ..base.limits import check_points
from ..base.services import service
from ..config.load import LoadedScenario, ScenarioLike, to_loaded
from ..report.front import ParetoFront
from ..scenario.precision import need_drops
from ..scenario.sweep import extend
from .execution import Execution
from .front_range import front_values
from .limit_path import limit_path

DEFAULT_POINTS = 21


def pareto(
    scenario: ScenarioLike,
    *,
    against: str = "crlb",
    values: Sequence[float] | None = None,
    points: int | None = None,
    execution: Execution | None = None,
) -> ParetoFront:
    """Return the Pareto front of every precoder and beam of a scenario, with the points of all allocators.

    Parameters
    ----------
    scenario : Scenario, LoadedScenario, str, path or mapping
        A scenario, or an argument for :func:`~isacfw.load_scenario`. Further values that it sweeps are kept.
    against : {"crlb", "sum_crlb", "power", "rate"}
        What the objective is drawn against, and the limit to follow: those on the CRLBs of all angles, which move
        together by the same number of dB; that on a sum of CRLBs; the transmit power; or the minimum rate of all
        users. A limit that the scenario does not have is added.
    values : sequence of float, optional
        Values of the limit: the tightest limit on a CRLB, or that on the sum, in dB rad²; the SNR in dB; the
        minimum rate in bit/s/Hz. By default those that the scenario sweeps.
    points : int, optional
        Number of values that are found instead, from the tightest feasible limit of any precoder and beam, or the
        power 30 dB below that of the scenario, to one that no longer binds; 21 by default. Ends are found for
        the first 16 drops, and feasible in all of them.
    execution : Execution, optional
        See :func:`~isacfw.compare`.

    Returns
    -------
    ParetoFront
        The results of a comparison along the limit.

    Raises
    ------
    InputError
        If the scenario or an argument is not valid, or no limit is feasible for any precoder and beam.
    """
    execution = Execution() if execution is None else execution
    loaded = to_loaded(scenario)
    host = execution.host or loaded.host
    need_drops(loaded.scenario.summary_only, "a front")
    path = limit_path(loaded.scenario, against, host)
    if values is None and points is None:
        values = path.swept
    if values is None:
        points = DEFAULT_POINTS if points is None else points
        if isinstance(points, bool) or not isinstance(points, int) or points < 2:
            raise InputError("points", f"must be an integer of at least 2, got {short_repr(points)}")
        check_points("points", (points,))
        # Values that differ by rounding only are one value as an offset.
        values = list({value - path.reference: value for value in front_values(path, points)}.values())
    sweep = extend(path.scenario.sweep, path.key, [value - path.reference for value in values])
    study = LoadedScenario(scenario=attrs.evolve(path.scenario, sweep=sweep), host=host)
    comparison = service("compare")(study, execution=execution)
    return ParetoFront.of(comparison.dataset, against=against, along=path.key)
