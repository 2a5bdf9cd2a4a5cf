"""The function `plot_scenario`, which draws what a scenario describes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from ..allocation.allocator import Allocator
from ..base.errors import IncompatibleError, InputError, nearest, short_repr
from ..base.limits import check_memory
from ..config.load import ScenarioLike, to_loaded
from ..host.host import PluginHost
from ..report.places import short_labels
from ..report.scene_figures import arrays_figure, cell_figure
from ..report.signal_figures import eigenvalues_figure, patterns_figure
from ..report.style import plain_text
from ..scenario.geometry import array_views, cell_map
from ..scenario.labels import label_values
from ..scenario.radiation import radiation_of
from ..scenario.scenario import Scenario
from ..signal.eigenvalues import correlation_spectrum
from ..signal.pattern import DropScene
from ..signal.statistics import ChannelStatistics
from .selection import select_parts
from .size import memory_of
from .spec import warn

if TYPE_CHECKING:
    import matplotlib.figure

DEFAULT_DRAWS = 200
MOST_DRAWS = 1_000_000


def plot_scenario(
    scenario: ScenarioLike,
    *,
    only: Iterable[str] | None = None,
    drop: int = 0,
    draws: int = DEFAULT_DRAWS,
    allocator: str | Allocator | None = None,
) -> dict[str, matplotlib.figure.Figure]:
    r"""Return figures of the arrays, the cell, the radiation patterns and the users' correlation matrices.

    Parameters
    ----------
    scenario : Scenario, LoadedScenario, str, path or mapping
        A scenario, or an argument for :func:`~isacfw.load_scenario`; of a sweep, the first point.
    only : iterable of str, optional
        Figures to draw: ``"arrays"``, ``"cell"``, ``"patterns"``, ``"eigenvalues"``; all by default.
    drop : int
        Number of the drop whose users are drawn.
    draws : int
        Number of channel draws for patterns and correlation matrices that have no closed form.
    allocator : str or Allocator, optional
        Finds the shares of the power for the patterns of each precoder and beam together: a part, the label of
        one of the scenario's, or a name. By default each is shown alone, at equal shares of users or streams.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        The figures by name. A figure or pattern that does not exist here is left out, with a warning.

    Raises
    ------
    IncompatibleError
        If no figure can be drawn.
    InputError
        If the scenario or an argument is not valid.

    Notes
    -----
    Patterns are :math:`a^H R a / \mathrm{tr} R` with the mean :math:`R = E\{F F^H\}` over the fading: the gain
    over one element that radiates the same power, in dBi for isotropic elements without mutual coupling.
    """
    loaded = to_loaded(scenario)
    names = _check_names(only)
    point, place = _first_point(loaded.scenario)
    check_memory("scenario", memory_of(point))
    _check_count("drop", drop, 0, point.drops - 1, f"less than drops, which is {point.drops}")
    _check_count("draws", draws, 2, MOST_DRAWS, f"at most {MOST_DRAWS}")
    found = None if allocator is None else _find_allocator(allocator, point, loaded.host)
    return _Drawing(point, place, drop=drop, draws=draws, allocator=found).run(names)


class _Drawing:
    """Figures of a scenario at a drop."""

    def __init__(
        self, scenario: Scenario, place: str, *, drop: int, draws: int, allocator: Allocator | None
    ) -> None:
        self.scenario, self.drop, self.draws, self.allocator = scenario, drop, draws, allocator
        self.title = f"{scenario.name}{place}"

    def run(self, names: Iterable[str]) -> dict[str, matplotlib.figure.Figure]:
        """Return the figures with the given names."""
        each: Mapping[str, Callable[[], matplotlib.figure.Figure]] = {
            "arrays": self._arrays,
            "cell": self._cell,
            "patterns": self._patterns,
            "eigenvalues": self._eigenvalues,
        }
        found, missing = {}, []
        for name in names:
            try:
                found[name] = each[name]()
            except IncompatibleError as error:
                missing.append(f"figure {name} is left out: {error}")
        if not found:
            raise IncompatibleError("; ".join(missing))
        for sentence in missing:
            warn(sentence)
        return found

    @cached_property
    def statistics(self) -> ChannelStatistics:
        """Statistics of the drop; (1, K)."""
        return self.scenario.statistics([self.drop])

    @cached_property
    def scene(self) -> DropScene:
        """Scene of the drop."""
        return DropScene(scene=self.scenario.scene(self.statistics), draws=self.draws)

    def _arrays(self) -> matplotlib.figure.Figure:
        with plain_text():
            return arrays_figure(array_views(self.scenario), f"{self.title}: elements of the arrays")

    def _cell(self) -> matplotlib.figure.Figure:
        cell = cell_map(self.scenario, self.statistics, self.drop)
        with plain_text():
            return cell_figure(cell, f"{self.title}: cell from above", self.drop)

    def _patterns(self) -> matplotlib.figure.Figure:
        if self.scenario.link == "uplink":
            raise IncompatibleError("the base station radiates no signals to users in the uplink")
        radiation = radiation_of(self.scenario, self.scene, allocator=self.allocator)
        if not radiation.curves:
            raise IncompatibleError("; ".join(radiation.skipped))
        for sentence in radiation.skipped:
            warn(sentence)
        with plain_text():
            return patterns_figure(radiation, f"{self.title}, drop {self.drop}: mean radiation patterns")

    def _eigenvalues(self) -> matplotlib.figure.Figure:
        spectrum = correlation_spectrum(self.scene)
        title = f"{self.title}, drop {self.drop}"
        return eigenvalues_figure(spectrum, title, isotropic=self.statistics.isotropic)


FIGURES = ("arrays", "cell", "patterns", "eigenvalues")


def _check_names(only: Iterable[str] | None) -> tuple[str, ...]:
    if only is None:
        return FIGURES
    if isinstance(only, str) or not isinstance(only, Iterable):
        raise InputError("only", f"must be a list of figures, got {short_repr(only)}")
    names = tuple(dict.fromkeys(only))
    for name in names:
        if name not in FIGURES:
            hint = nearest(name, FIGURES) if isinstance(name, str) else ""
            listed = ", ".join(FIGURES)
            raise InputError("only", f"must be among {listed}, got {short_repr(name)}{hint}")
    if not names:
        raise InputError("only", "must be a nonempty list of figures")
    return names


def _find_allocator(allocator: object, scenario: Scenario, host: PluginHost) -> Allocator:
    try:
        (found,) = select_parts("allocator", [allocator], scenario.allocators, host)
    except InputError as error:
        raise InputError("allocator", error.problem) from None
    if not isinstance(found, Allocator):
        raise InputError("allocator", f"must be an allocator or the name of one, got {short_repr(allocator)}")
    return found


def _check_count(key: str, value: object, low: int, high: int, most: str) -> None:
    """Check an integer of an argument; `most` says what is wrong with one that is too large."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InputError(key, f"must be an integer of at least {low}, got {short_repr(value)}")
    if value > high:
        raise InputError(key, f"must be {most}, got {value}")


def _first_point(scenario: Scenario) -> tuple[Scenario, str]:
    """Return the first point of a sweep, and its values in words; empty without a sweep."""
    if not scenario.sweep:
        return scenario, ""
    values, point = next(scenario.points())
    labels = {path: short_labels(label_values([value])) for path, value in values.items()}
    named = ", ".join(f"{path} = {next(iter(label.values()))}" for path, label in labels.items())
    return attrs.evolve(point, sweep={}), f" at {named}"
