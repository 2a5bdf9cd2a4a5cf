"""The function `beamform`, which runs beamformers on drawn channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import attrs
import numpy as np

from ..base.errors import InputError, short_repr
from ..base.numbers import FloatArray
from ..base.progress import Progress
from ..base.threads import one_thread
from ..beamforming.beamformer import Beamformer
from ..beamforming.beams import Beamforming
from ..beamforming.problem import BeamformingProblem
from ..config.load import LoadedScenario, ScenarioLike, to_loaded
from ..host.host import default_host
from ..report.beamforming import VARIABLES, BeamformingResults
from ..report.notebook_progress import show_progress
from .beamforming_input import check_draws, counted, draw_blocks, select_beamformers, sensed_by, without_sweep
from .draw_provenance import Call, provenance
from .size import check_draws_size


def beamform(
    source: ScenarioLike | BeamformingProblem,
    beamformers: Sequence[str | Beamformer] = ("crb_beams",),
    *,
    sinr_db: Sequence[float] | None = None,
    draws: int = 1,
    extended: bool = False,
    progress: Progress | Literal[False] | None = None,
) -> BeamformingResults:
    """Run beamformers on the same channels, known to the base station, for each SINR target.

    Parameters
    ----------
    source : Scenario, LoadedScenario, str, path, mapping or BeamformingProblem
        A scenario, or an argument for :func:`~isacfw.load_scenario`, the channels of which are drawn: its
        small-scale fading, for each of its drops; its requirements do not count. Or a problem, whose
        channels are used.
    beamformers : sequence of str or Beamformer
        Names, or parts.
    sinr_db : sequence of float, optional
        SINR targets of all users in dB; those of a problem by default.
    draws : int
        Number of draws of the fading for each drop of a scenario. Fewer draws are the first of more.
    extended : bool
        Whether the targets of a scenario are taken as one extended target, of which the whole response is
        estimated.
    progress : callable or False, optional
        Called with the number of solved channels and their total number. By default a notebook shows a bar if it
        takes more than a second; False for none.

    Returns
    -------
    BeamformingResults
        Everything that the framework recomputes from the beams, with means and standard errors.

    Raises
    ------
    InputError
        If an argument is not valid, or the channel, the targets and the arrays do not fit each other.
    """
    loaded = None if isinstance(source, BeamformingProblem) else to_loaded(source)
    host = default_host() if loaded is None else loaded.host
    parts = select_beamformers(beamformers, host)
    targets = _targets(sinr_db)
    if loaded is None:
        assert isinstance(source, BeamformingProblem)
        problem, title, limit = source, f"{math.prod(source.batch_shape)} channels", None
        origin = provenance(None, parts, host)
    else:
        problem, title = _problem(loaded, targets, draws, extended)
        limit = loaded.scenario.time_limit_s
        options = {"sinr_db": targets, "draws": draws, **({"extended": True} if extended else {})}
        origin = provenance(loaded.scenario, parts, host, Call("beamform", "beamform", options))
    with show_progress("channels", progress) as shown:
        study = _Study(title=title, time_limit_s=limit, progress=shown, origin=origin)
        return _run(problem, parts, targets, study)


def _targets(sinr_db: Sequence[float] | None) -> FloatArray | None:
    if sinr_db is None:
        return None
    try:
        found = np.asarray(sinr_db, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full(1, np.nan)
    if found.ndim != 1 or not found.size or not (np.abs(found) <= 300).all():
        problem = f"must be a nonempty list of numbers from -300 to 300, got {short_repr(sinr_db)}"
        raise InputError("sinr_db", problem)
    return found


def _problem(
    loaded: LoadedScenario, targets: FloatArray | None, draws: int, extended: bool
) -> tuple[BeamformingProblem, str]:
    """Return the problem of all drawn channels of a scenario, (drops, draws), and a title."""
    if targets is None:
        raise InputError("sinr_db", "must be given for a scenario", missing=True)
    check_draws(draws)
    scenario = without_sweep(loaded.scenario)
    check_draws_size(scenario, draws)
    channels = np.array(
        [[one for one, _ in draw_blocks(scenario, drop, draws)] for drop in range(scenario.drops)]
    )
    problem = BeamformingProblem(
        channels=channels, power=scenario.power, sinr=np.asarray(0.0), sensed=sensed_by(scenario, extended)
    )
    drawn = [counted(draws, "draw"), "of", counted(scenario.drops, "drop")]
    return problem, f"{scenario.name}: {' '.join(drawn)}, seed {scenario.seed}"


@attrs.frozen(kw_only=True)
class _Study:
    title: str
    time_limit_s: float | None
    progress: Progress | None
    origin: dict[str, str]


@one_thread()
def _run(
    problem: BeamformingProblem, parts: dict[str, Beamformer], targets: FloatArray | None, study: _Study
) -> BeamformingResults:
    """Solve all problems, channel by channel, and return the results."""
    import xarray

    shape = (1, *problem.batch_shape)[-2:] if len(problem.batch_shape) < 2 else problem.batch_shape
    if len(problem.batch_shape) != 2:
        shape = (1, math.prod(problem.batch_shape))
    given = attrs.evolve(
        problem,
        channels=problem.channels.reshape(*shape, problem.antennas, problem.users),
        sinr=problem.sinr.reshape(*shape, problem.users),
    )
    labels = np.array([_common(problem.sinr)]) if targets is None else targets
    sizes = (len(parts), len(labels), *shape)
    total, done = math.prod(sizes), 0
    values: dict[str, Any] = {name: np.empty(sizes, dtype=object) for name in VARIABLES}
    for row, part in enumerate(parts.values()):
        for column, label in enumerate(labels):
            posed = given if targets is None else attrs.evolve(given, sinr=np.asarray(10 ** (label / 10)))
            for index in np.ndindex(shape):
                found: Beamforming = part.beamform(posed[index], study.time_limit_s)
                for name in VARIABLES:
                    values[name][row, column, *index] = getattr(found, name).item()
                done += 1
                if study.progress is not None:
                    study.progress(done, total)
    types = {"feasible": bool, "status": str, "message": str}
    variables = {
        name: (axes, values[name].astype(types.get(name, float)), {"long_name": text})
        for name, (axes, _, text) in VARIABLES.items()
    }
    kind = "points" if problem.sensed.angles else "extended"
    return BeamformingResults(
        dataset=xarray.Dataset(
            variables,
            {"beamformer": list(parts), "sinr_db": labels, "drop": range(shape[0]), "draw": range(shape[1])},
            {"title": study.title, "sensed": kind, **study.origin},
        )
    )


def _common(floors: FloatArray) -> float:
    """Return the target in dB if it is the same for all users, and NaN otherwise."""
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(floors.flat[0])) if (floors == floors.flat[0]).all() else np.nan
