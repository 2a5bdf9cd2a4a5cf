"""Quantities that metrics report: name, unit and direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import attrs
import numpy as np

from ..base.numbers import FloatArray


class Sizes(Protocol):
    """The sizes of a batch of problems."""

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Batch shape."""

    @property
    def users(self) -> int:
        """Number of users K."""

    @property
    def streams(self) -> int:
        """Number of sensing streams S."""


@attrs.frozen(kw_only=True)
class Quantity:
    """One number, or one per user, that a metric reports.

    Parameters
    ----------
    name : str
        Its key in records and its variable in the data set.
    unit : str
        Its unit; empty for a pure number.
    better : {"higher", "lower", "neither"}
        Its direction.
    per_user, per_stream : bool
        Whether it has a trailing axis over the users, or over the sensing streams.
    description : str
        Short text for labels and legends.
    role : {"detail", "derived", "objective", "requirement"}
        Its use in reports. Quantities of a metric that a scenario names are columns of the table regardless of
        their role; ``"derived"`` ones follow status and cost in records.
    limit : str
        For a requirement, the variable that holds its limit.
    heading : str
        Heading of its column in tables, up to three lines; by default name and unit.
    signed : bool
        Whether it may be zero or negative, so that relative differences refer to at least 1.
    """

    name: str
    unit: str = ""
    better: Literal["higher", "lower", "neither"] = "neither"
    per_user: bool = False
    per_stream: bool = False
    description: str = ""
    role: Literal["detail", "derived", "objective", "requirement"] = "derived"
    limit: str = ""
    heading: str = ""
    signed: bool = False

    def select(self, values: Mapping[str, FloatArray], problem: Sizes) -> FloatArray:
        """Return this quantity's validated numbers among those returned by a metric for a batch of problems.

        Raises
        ------
        ValueError
            If they are missing, or their shape is not (...), (..., K) per user, or (..., S) per stream.
        """
        if self.name not in values:
            raise ValueError(f"it must return {self.name!r}, got {', '.join(map(repr, values)) or 'nothing'}")
        value = np.asarray(values[self.name], dtype=np.float64)
        shape = problem.batch_shape
        if self.per_user or self.per_stream:
            shape = (*shape, problem.users if self.per_user else problem.streams)
        if value.shape != shape:
            raise ValueError(f"it must return {self.name} of shape {shape}, got {value.shape}")
        return value

    checked = select  # Former name.
