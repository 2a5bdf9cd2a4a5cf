"""Radiation patterns of the precoders and beams of a scenario along cuts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import attrs
import numpy as np

from ..allocation.allocator import Allocator
from ..base.errors import IncompatibleError, PluginError
from ..base.numbers import FloatArray
from ..sensing.beam import Beam
from ..sensing.beam_pattern import beam_gains
from ..sensing.task import SensingTask
from ..signal.pattern import DropScene, Gains, precoder_gains
from ..signal.precoder import Precoder
from .cuts import Cut, cuts_of
from .labels import by_label
from .scenario import Scenario

MOST_USERS = 12
"""Number of users up to which their signals are shown one by one."""


@attrs.frozen(kw_only=True, eq=False)
class Curve:
    """A pattern along all cuts.

    Parameters
    ----------
    label : str
        Name of precoder or beam, or of both.
    kind : {"precoder", "user", "beam", "both"}
        Signals of all users, of one user, all streams of a beam, or both together.
    gains : tuple of ndarray, shape (D,) each
        Gains along each cut.
    draws : int, optional
        Number of draws, if they are sampled.
    """

    label: str
    kind: Literal["precoder", "user", "beam", "both"]
    gains: tuple[FloatArray, ...]
    draws: int | None = None


@attrs.frozen(kw_only=True, eq=False)
class Radiation:
    """Patterns of a drop.

    Parameters
    ----------
    cuts : tuple of Cut
        Where they are evaluated.
    curves : tuple of Curve
        The patterns.
    shares : str
        How the power is shared, in words.
    skipped : tuple of str
        Messages on the parts without pattern.
    """

    cuts: tuple[Cut, ...]
    curves: tuple[Curve, ...]
    shares: str
    skipped: tuple[str, ...]

    @property
    def draws(self) -> int | None:
        """Number of draws of sampled patterns; None if all are exact."""
        return max((curve.draws for curve in self.curves if curve.draws is not None), default=None)


def radiation_of(scenario: Scenario, drop: DropScene, *, allocator: Allocator | None = None) -> Radiation:
    """Return the patterns of all precoders and beams of a scenario for a drop.

    Without an allocator, each at full power, with equal shares of all users or all streams; with one, those of
    each precoder and beam together, at the shares that it finds. Parts that do not exist here, or fail, are
    skipped.

    Parameters
    ----------
    scenario : Scenario
        Without a sweep, or at one of its points.
    drop : DropScene
        Its scene for a drop, and the number of draws for patterns without closed form.
    allocator : Allocator, optional
        Finds the shares.
    """
    skipped: list[str] = []
    cuts = tuple(cuts_of(scenario, drop.scene.statistics))
    of = _Patterns(scenario, drop, cuts)
    if allocator is None:
        curves = tuple(of.apart(skipped))
        shares = "full power, in equal shares for all users or all streams"
    else:
        curves = tuple(of.allocated(allocator, skipped))
        shares = f"shares of the power found by {allocator.title}"
    return Radiation(cuts=cuts, curves=curves, shares=shares, skipped=tuple(skipped))


class _Patterns:
    """Patterns of the parts of a scenario."""

    def __init__(self, scenario: Scenario, drop: DropScene, cuts: tuple[Cut, ...]) -> None:
        self.scenario, self.drop = scenario, drop
        self.directions = [direction for cut in cuts for direction in cut.directions]
        self.ends = np.cumsum([len(cut.angles_deg) for cut in cuts])[:-1]
        self.precoders = cast(dict[str, Precoder], by_label(scenario.precoders))
        self.beams = cast(dict[str, Beam], by_label(scenario.compared_beams))

    def _of_precoder(self, precoder: Precoder) -> Gains:
        return precoder_gains(precoder, self.drop, self.directions)

    def _of_beam(self, beam: Beam) -> Gains:
        return beam_gains(beam, self.drop, self.directions)

    def _curve(self, label: str, kind: Any, values: FloatArray, *sources: Gains) -> Curve:
        """Return a pattern of given gains in all directions, cut by cut."""
        draws = max((one.draws for one in sources if one.draws is not None), default=None)
        return Curve(label=label, kind=kind, gains=tuple(np.split(values, self.ends)), draws=draws)

    def _at_equal_shares(self, label: str, kind: Any, gains: Gains) -> Curve:
        count = gains.values.shape[1]
        return self._curve(label, kind, gains.total(np.full(count, 1 / count)), gains)

    def _each_user(self, label: str, gains: Gains) -> Iterator[Curve]:
        """Yield the patterns of the users' signals, if they are few and differ."""
        users = gains.values.shape[1]
        if 1 < users <= MOST_USERS and not (gains.values == gains.values[:, :1]).all():
            for user in range(users):
                yield self._curve(label, "user", gains.values[:, user], gains)

    def apart(self, skipped: list[str]) -> Iterator[Curve]:
        """Yield the patterns of each precoder, of its users' signals if it is the only one, and of each beam."""
        for label, precoder in self.precoders.items():
            try:
                gains = self._of_precoder(precoder)
            except (IncompatibleError, PluginError) as error:
                skipped.append(f"precoder {label} has no pattern: {error}")
                continue
            if len(self.precoders) == 1:
                yield from self._each_user(label, gains)
            yield self._at_equal_shares(label, "precoder", gains)
        for label, beam in self.beams.items():
            try:
                yield self._at_equal_shares(label, "beam", self._of_beam(beam))
            except (IncompatibleError, PluginError) as error:
                skipped.append(f"beam {label} has no pattern: {error}")

    def allocated(self, allocator: Allocator, skipped: list[str]) -> Iterator[Curve]:
        """Yield the patterns of each precoder and beam together."""
        for label, precoder in self.precoders.items():
            for other, beam in self.beams.items():
                try:
                    yield self._of_pair(f"{label}, {other}", precoder, beam, allocator)
                except (IncompatibleError, PluginError) as error:
                    skipped.append(f"{label} with {other} has no pattern: {error}")

    def _of_pair(self, label: str, precoder: Precoder, beam: Beam, allocator: Allocator) -> Curve:
        scenario, drop = self.scenario, self.drop
        statistics = drop.scene.statistics
        link = scenario.link_statistics(precoder, statistics)
        moments = scenario.beam_statistics(beam, statistics)
        problem = scenario.problem(precoder, statistics, link, beam, moments)
        if moments.choose is not None:
            covariance = moments.choose(problem.user_sums).covariance
            assert covariance is not None
            assert isinstance(drop.scene.sensing, SensingTask)
            task = attrs.evolve(drop.scene.sensing, covariance=covariance[0])
            drop = attrs.evolve(drop, scene=attrs.evolve(drop.scene, sensing=task))
        found = allocator.allocate(problem)
        users, streams = found.communication[0], found.streams[0]
        if not (np.isfinite(users).all() and np.isfinite(streams).all()):
            raise IncompatibleError(f"{allocator.title}: {found.message[0] or found.status[0]}")
        first, second = self._of_precoder(precoder), beam_gains(beam, drop, self.directions)
        title = f"{label}: {users.sum():.0%} users, {streams.sum():.0%} sensing"
        return self._curve(title, "both", first.total(users) + second.total(streams), first, second)
