"""Chunks of a study, and their results."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..allocation.metric import Metric
from ..allocation.quantity import Quantity
from ..base.part import Part
from ..scenario.scenario import Scenario
from .schema import HISTORY, Variable, variables_of


@attrs.frozen(kw_only=True)
class Chunk:
    """Drops and sweep points that are solved together.

    Parameters
    ----------
    drops : range
        Numbers of the drops.
    points : range
        Positions of the points in the order of :meth:`Scenario.points`.
    """

    drops: range
    points: range

    @property
    def key(self) -> tuple[int, int, int, int]:
        """First and last drop and point, the latter past the end; it tells chunks apart and sorts them."""
        return self.points.start, self.points.stop, self.drops.start, self.drops.stop


@attrs.frozen(kw_only=True)
class Work:
    """Everything a worker needs to solve a chunk.

    Parameters
    ----------
    scenario : Scenario
        With the parts that are compared.
    metrics : tuple of Metric
        The usual ones and the scenario's own.
    unavailable : dict
        By kind and title, why an allocator or a precoder cannot work here.
    numbers : int
        Size of the largest array in any problem or its channels, per drop: K, K² with pairwise coupling, more
        with covariances.
    streams : int
        Largest number of sensing streams of any beam.
    """

    scenario: Scenario
    metrics: tuple[Metric, ...]
    unavailable: dict[tuple[str, str], str]
    numbers: int
    streams: int = 1

    def quantities_of(self, metric: Metric) -> tuple[Quantity, ...]:
        """Return what a metric reports in this study."""
        return metric.quantities_of(len(self.scenario.sensed), self.streams)

    @property
    def variables(self) -> dict[str, Variable]:
        """All variables of a row of results, by name."""
        quantities = [
            Variable.of(quantity, metric, asked=metric in self.scenario.metrics)
            for metric in self.metrics
            for quantity in self.quantities_of(metric)
        ]
        return {variable.name: variable for variable in variables_of(quantities)}

    @property
    def parts(self) -> list[type[Part]]:
        """Classes of all parts that affect the results, at whatever point of the sweep."""
        beams = self.scenario.compared_beams
        parts: list[Part] = [*self.scenario.precoders, *beams, *self.scenario.allocators, *self.metrics]
        for _, point in self.scenario.points():
            parts += [point.channel, point.transmit_array, point.receive_array]
        return list(dict.fromkeys(map(type, parts)))


@attrs.frozen(kw_only=True, eq=False)
class Solved:
    """The results of a chunk.

    Parameters
    ----------
    chunk : Chunk
        Which one.
    users : ndarray of int, shape (points,)
        Number of users at each point.
    values : dict of str to ndarray
        Results by name; (precoders x beams, allocators, points, drops), and a last axis of users, streams or
        iterations for some.
    warnings : tuple of str
        Sentences on metrics and observers that broke down.
    """

    chunk: Chunk
    users: NDArray[np.int64]
    values: dict[str, NDArray[Any]]
    warnings: tuple[str, ...]

    @property
    def outline(self) -> Outline:
        """Metadata kept after the values are discarded."""
        return Outline(
            chunk=self.chunk,
            users=self.users,
            iterations=self.values[HISTORY].shape[-1],
            widths={name: _width(value) for name, value in self.values.items() if value.dtype == object},
            warnings=self.warnings,
        )


@attrs.frozen(kw_only=True, eq=False)
class Outline:
    """A solved chunk without its values.

    Parameters
    ----------
    chunk, users, warnings
        As in :class:`Solved`.
    iterations : int
        Largest length of a history.
    widths : dict of str to int
        Largest number of bytes of a word, by name of what holds words.
    """

    chunk: Chunk
    users: NDArray[np.int64]
    iterations: int
    widths: dict[str, int]
    warnings: tuple[str, ...]


def _width(words: NDArray[Any]) -> int:
    import pandas

    return max((len(str(word).encode()) for word in pandas.unique(words.ravel())), default=0)


def shortened(history: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return histories without the last steps that none of them has."""
    taken = np.flatnonzero(~np.isnan(history).all(axis=tuple(range(history.ndim - 1))))
    return history[..., : taken[-1] + 1 if taken.size else 0]
