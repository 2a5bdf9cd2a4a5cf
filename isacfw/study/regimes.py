"""The function `compare_regimes`: allocation on statistics against beamforming for each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from ..allocation.least import LeastCRLB
from ..base.errors import InputError, short_repr
from ..base.numbers import ComplexArray, FloatArray
from ..base.progress import Progress
from ..base.threads import one_thread
from ..beamforming.beamformer import Beamformer
from ..beamforming.verdict import sinr_of
from ..config.load import LoadedScenario, ScenarioLike, to_loaded
from ..report.notebook_progress import show_progress
from ..report.regimes import VARIABLES, RegimeResults
from ..scenario.scenario import Scenario
from .beamforming_input import check_draws, counted, draw_blocks, select_beamformers, sensed_by, without_sweep
from .draw_provenance import Call, provenance
from .regime_designs import Design, DrawnDrop, RegimeSetting, list_designs
from .size import check_draws_size

if TYPE_CHECKING:
    import xarray

_LIMITS = ("crlb_limit_db", "azimuth_crlb_limit_db", "elevation_crlb_limit_db")
_TEXTS = ("status", "message")


def compare_regimes(
    source: ScenarioLike,
    beamformers: Sequence[str | Beamformer] = ("crb_beams", "fixed_beams"),
    *,
    rates: Sequence[float],
    draws: int = 10,
    progress: Progress | Literal[False] | None = None,
) -> RegimeResults:
    r"""Compare allocation on statistics with beamforming for each channel, on the same drops and draws.

    Parameters
    ----------
    source : Scenario, LoadedScenario, str, path or mapping
        A scenario, or an argument for :func:`~isacfw.load_scenario`. All its precoders, beams and allocators are
        compared; its objective, requirements, limits and metrics do not count.
    beamformers : sequence of str or Beamformer
        Names, or parts. Each one designs for the estimates of a draw, and for its channels.
    rates : sequence of float
        Least rates of every user in bit/s/Hz.
    draws : int
        Number of draws of the fading for each drop. Fewer draws are the first of more.
    progress : callable or False, optional
        Called with the number of rows that are done, and their total number. By default a notebook shows a bar if
        it takes more than a second; False for none.

    Returns
    -------
    RegimeResults
        Rates, CRLBs, power and times of each draw, with means and standard errors.

    Raises
    ------
    InputError
        If an argument is not valid, or the channel, the targets and the arrays do not fit each other.

    Notes
    -----
    All minimise the sum of the CRLBs. An allocation does so for the mean covariance, under rates (20) of at least
    r; its precoder and beam then follow the estimates of each draw. A beamformer does so in each draw, with the
    same pre-log: :math:`SINR_k \ge 2^{r / \bar\tau} - 1`, where errors of estimates count as noise of the power
    :math:`\epsilon_k P_t`, as if they were the same at all antennas. All are judged by the channels of the draw:
    by the covariance that is transmitted in it, and by :math:`\bar\tau \log_2(1 + SINR_k)`.
    """
    loaded, targets = to_loaded(source), _rates(rates)
    check_draws(draws)
    parts = select_beamformers(beamformers, loaded.host)
    with one_thread():
        setting = _setting(loaded, draws)
        designs = list(list_designs(setting, parts))
    data = _empty(setting, designs, targets)
    with show_progress("designs", progress) as shown:
        for row, design in enumerate(designs):
            with one_thread():
                _fill({name: data[name].to_numpy()[row] for name in VARIABLES}, setting, design, targets)
            if shown is not None:
                shown(row + 1, len(designs))
    texts = {name: data[name].astype(str) for name in _TEXTS}
    call = Call("regimes", "compare_regimes", {"rates": targets, "draws": draws})
    origin = provenance(loaded.scenario, parts, loaded.host, call)
    return RegimeResults(dataset=data.assign(texts).assign_attrs(origin))


def _rates(rates: Any) -> FloatArray:
    try:
        found = np.asarray(rates, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full(1, np.nan)
    if found.ndim != 1 or not found.size or not ((found >= 0) & (found <= 100)).all():
        problem = f"must be a nonempty list of numbers from 0 to 100, got {short_repr(rates)}"
        raise InputError("rates", problem)
    return found


def _setting(loaded: LoadedScenario, draws: int) -> RegimeSetting:
    """Return a scenario without its goals, and its draws."""
    scenario = _without_goals(without_sweep(loaded.scenario))
    check_draws_size(scenario, draws)
    statistics = scenario.statistics()
    drops = []
    for number in range(scenario.drops):
        channels, estimates = zip(*draw_blocks(scenario, number, draws), strict=True)
        errors = statistics.epsilon[number if len(statistics.beta) > 1 else 0]
        disturbance = 1 + scenario.power * np.asarray(errors)
        drops.append(
            DrawnDrop(channels=np.array(channels), estimates=np.array(estimates), disturbance=disturbance)
        )
    return RegimeSetting(
        scenario=scenario,
        statistics=statistics,
        sensed=sensed_by(scenario),
        rate_floor=loaded.host.find("requirement", "user_rate").cls,
        drops=drops,
    )


def _without_goals(scenario: Scenario) -> Scenario:
    """Return a scenario that minimises the sum of the CRLBs, without requirements, limits and metrics."""

    def unlimited(part: Any) -> Any:
        return attrs.evolve(part, **dict.fromkeys(_LIMITS))

    return attrs.evolve(
        scenario,
        objective=LeastCRLB(),
        requirements={},
        metrics=(),
        sensing=unlimited(scenario.sensing),
        target=None if scenario.target is None else unlimited(scenario.target),
        targets=tuple(map(unlimited, scenario.targets)),
    )


def _empty(setting: RegimeSetting, designs: Sequence[Design], rates: FloatArray) -> xarray.Dataset:
    """Return the data set to be filled."""
    import xarray

    drops, draws, _, users = len(setting.drops), *setting.drops[0].channels.shape
    sizes = {"design": len(designs), "rate": len(rates), "drop": drops, "draw": draws, "user": users}
    types: dict[str, Any] = {"solved": bool, **dict.fromkeys(_TEXTS, object)}
    fills: dict[str, Any] = {"solved": False, **dict.fromkeys(_TEXTS, "")}
    variables = {}
    for name, (axes, unit, text) in VARIABLES.items():
        values = np.full([sizes[one] for one in axes], fills.get(name, np.nan), types.get(name, float))
        variables[name] = axes, values, {"long_name": text} | ({"units": unit} if unit else {})
    coordinates: dict[str, Any] = {name: range(sizes[name]) for name in ("drop", "draw", "user")}
    coordinates["design"] = [f"{one.title} ({one.knows})" for one in designs]
    coordinates |= {name: ("design", [getattr(one, name) for one in designs]) for name in ("title", "knows")}
    drawn = f"{counted(draws, 'draw')} of {counted(drops, 'drop')}"
    title = f"{setting.scenario.name}: {drawn}, seed {setting.scenario.seed}"
    return xarray.Dataset(variables, coordinates | {"rate": rates}, {"title": title})


def _fill(values: dict[str, Any], setting: RegimeSetting, design: Design, rates: FloatArray) -> None:
    """Write the answers of a design, judged by the channels of each draw."""
    for column, rate in enumerate(rates):
        for number, answers in enumerate(design.solve(float(rate))):
            values["planned_crb"][column, number] = answers.planned
            values["drop_seconds"][column, number] = answers.seconds
            for draw, answer in enumerate(answers.draws):
                place = column, number, draw
                for name in ("seconds", *_TEXTS):
                    values[name][place] = getattr(answer, name)
                values["solved"][place] = answer.beams is not None
                if answer.beams is not None:
                    found = _judge(setting, setting.drops[number].channels[draw], *answer.beams)
                    values["crb"][place], values["user_rate"][place], values["power"][place] = found


def _judge(
    setting: RegimeSetting, channels: ComplexArray, weights: ComplexArray, streams: ComplexArray
) -> tuple[float, FloatArray, float]:
    """Return the sum of the CRLBs, the rates of the users, and the relative power of beams in a draw."""
    columns = np.concatenate([weights, streams], axis=-1)
    crb = setting.sensed.evaluate(columns, columns[:, :1], 0.0)[0]
    rates = setting.prelog * np.log1p(sinr_of(channels, weights, streams)) / np.log(2)
    return crb, rates, float((np.abs(columns) ** 2).sum()) / setting.scenario.power
