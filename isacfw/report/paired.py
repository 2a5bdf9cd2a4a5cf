"""Differences between allocators on the same drops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..base.errors import InputError, nearest, short_repr
from ..results.schema import has_drops
from .means import Row

if TYPE_CHECKING:
    import xarray

_EARLY = 1000
"""Number of drops among which a feasible answer is sought, so that a large study is not read for it."""


def find_reference(dataset: xarray.Dataset, name: str | None) -> str:
    """Return the allocator from which others differ: that of a name, or the first with a feasible answer.

    Raises
    ------
    InputError
        If there is none of this name, or no other.
    """
    known = [str(one) for one in dataset["allocator"].to_numpy()]
    if len(known) < 2:
        raise InputError("kind", f"must be another than 'difference', as there is no allocator but {known[0]}")
    if name is None:
        counts = dataset["feasible" if has_drops(dataset) else "feasible_count"]
        early = counts.isel({"drop": slice(_EARLY)}, missing_dims="ignore")
        return next((one for one in known if bool(early.sel(allocator=one).any())), known[0])
    if name not in known:
        hint = nearest(name, known) if isinstance(name, str) else ""
        raise InputError("reference", f"must be {' or '.join(known)}, got {short_repr(name)}{hint}")
    return name


def differences(dataset: xarray.Dataset, rows: list[Row], reference: str) -> tuple[xarray.Dataset, list[Row]]:
    """Return the differences of quantities from those of an allocator, drop by drop, and how they are labelled.

    A difference exists if both allocators have a value, and is feasible if both are. Since both have the same
    drops, what these have in common cancels: the interval of the mean difference is that of a paired t-test,
    often much narrower than the difference of two intervals suggests.
    """
    other = dataset.sel(allocator=reference).drop_vars("allocator")
    kept = dataset["allocator"].to_numpy() != reference
    found = dataset.isel(allocator=kept.nonzero()[0])
    changed = {row.name: (found[row.name] - other[row.name]).transpose(*found[row.name].dims) for row in rows}
    feasible = (found["feasible"] & other["feasible"]).transpose(*found["feasible"].dims)
    labelled = [attrs.evolve(row, label=f"Difference: {row.label}", limit=None, zero=True) for row in rows]
    found = found.assign(changed | {"feasible": feasible})
    return found.assign_attrs(allocators=[str(one) for one in dataset["allocator"].to_numpy()]), labelled
