"""Values that the points of a sweep share, each computed once for the same inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Value = TypeVar("Value")

_MOST = 2**12
"""Number of values of a name beyond which all of them are forgotten."""

_BY_VALUE = frozenset({int, float, str, bytes, type(None)})


class SharedValues:
    """Values by name and inputs: numbers, strings and bytes count by value, all else by identity.

    Points of a sweep have the same objects for whatever is not swept, so identity is enough, and costs nothing.
    """

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[Any, ...], tuple[tuple[Any, ...], Any]]] = {}

    def find(
        self,
        name: str,
        inputs: tuple[Any, ...],
        compute: Callable[[], Value],
        keep: Callable[[], bool] | None = None,
    ) -> Value:
        """Return a value, computed if it is not known for these inputs.

        Parameters
        ----------
        name, inputs : str, tuple
            Name of the value, and what determines it.
        compute : callable
            Returns the value.
        keep : callable, optional
            Called after `compute`: whether the inputs alone have determined the value.
        """
        known = self._values.setdefault(name, {})
        key = tuple([one if type(one) in _BY_VALUE else (id(one),) for one in inputs])
        if key in known:
            value: Value = known[key][1]
            return value
        value = compute()
        if keep is None or keep():
            if len(known) >= _MOST:
                known.clear()
            # With the inputs, so that no other object gets their identity.
            known[key] = (inputs, value)
        return value
