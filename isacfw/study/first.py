"""The first value of a key at which a scenario can be met."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import attrs

from ..scenario.scenario import Scenario
from ..scenario.sweep import extend
from .compare import compare


def first_feasible(scenario: Scenario, path: str, values: Iterable[Any]) -> dict[tuple[str, ...], Any]:
    """Return the first value of a key at which each allocator meets all requirements in all drops.

    Parameters
    ----------
    scenario : Scenario
        Without a sweep over this key. If it has another, all of its points count.
    path : str
        Dotted path of the key, such as ``"transmit_array.elements"``.
    values : iterable
        Values in the order in which they are tried, for example increasing numbers of antennas.

    Returns
    -------
    dict
        For the labels of each precoder, beam (if there are several) and allocator, the first value at which all
        drops are feasible; None if there is none. No value is tried after all have one.

    Raises
    ------
    InputError
        If the key does not exist, or a value is invalid.

    Examples
    --------
    >>> isacfw.first_feasible(scenario, "transmit_array.elements", range(2, 257))  # doctest: +SKIP
    {('mrt', 'exact'): 19, ('zf', 'exact'): 31}
    """
    found: dict[tuple[str, ...], Any] = {}
    for value in values:
        data = compare(attrs.evolve(scenario, sweep=extend(scenario.sweep, path, [value]))).dataset
        axes = [axis for axis in ("precoder", "beam", "allocator") if axis in data.dims]
        every = data["feasible"].all([axis for axis in data["feasible"].dims if axis not in axes])
        labels = product(*(data[axis].to_numpy().tolist() for axis in axes))
        for own, feasible in zip(labels, every.transpose(*axes).to_numpy().ravel().tolist(), strict=True):
            if found.get(own) is None:
                found[own] = value if feasible else None
        if None not in found.values():
            break
    return found
