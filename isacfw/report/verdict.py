"""The verdict of a comparison in words: who is best, what binds, what failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .html_table import breaks_down
from .markup import shorten
from .places import labels_of, name_place, swept_paths
from .summary import Columns, blocks_of

if TYPE_CHECKING:
    import xarray

_MOST_NAMED = 6
"""Number of names in a sentence."""


def verdict(dataset: xarray.Dataset, frame: Any) -> tuple[str, ...]:
    """Return the verdict on a comparison: the best allocators, the binding requirements, and failures.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results.
    frame : pandas.DataFrame
        Their summary.
    """
    columns = Columns.of(dataset)
    label = dataset[columns.objective].attrs["long_name"] or columns.objective
    unit = dataset[columns.objective].attrs["units"]
    sweep = swept_paths(dataset)
    found: dict[str, list[str]] = {}
    for name, group in _blocks(frame, blocks_of(dataset)):
        found.setdefault(_best(group, columns.objective, unit, sweep), []).append(name)
    parts = [f"with {' / '.join(names)}, {text}" for text, names in found.items()]
    best = f"Best mean {label[:1].lower()}{label[1:]}: {'; '.join(parts)}."
    return best, f"{_binding(frame, columns)}; {_failures(frame)}."


def _blocks(frame: Any, names: list[str]) -> Iterator[tuple[str, Any]]:
    for values, group in frame.groupby(level=names, sort=False):
        yield ", ".join(map(str, values)), group


def _best(group: Any, objective: str, unit: str, sweep: list[str]) -> str:
    best = group[group["best"]]
    if not group["answered"].any():
        return "no allocator has a result"
    if not len(best):
        return "none is feasible in all drops that any solves"
    counts = best.groupby(level="allocator", sort=False).size().sort_values(ascending=False, kind="stable")
    points = len(group) // group.index.get_level_values("allocator").nunique()
    if points == 1:
        value = f"{best[objective].iloc[0]:#.6g} {unit}".rstrip()
        return f"{_join(list(counts.index))} ({value})"
    named = []
    for count, alike in counts.groupby(counts, sort=False):
        where = f"all {points}" if count == points else f"{count} of {points}"
        named.append(f"{_join(list(alike.index))} at {where} points")
    none = points - len(best.reset_index()[sweep].drop_duplicates())
    return f"{', '.join(named)}" + (f", none at {none}" if none else "")


def _join(names: list[str]) -> str:
    """Return names as an enumeration."""
    names = [shorten(str(name), 60) for name in names]
    if len(names) > _MOST_NAMED:
        names = [*names[: _MOST_NAMED - 1], f"{len(names) - _MOST_NAMED + 1} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _binding(frame: Any, columns: Columns) -> str:
    """Return which requirements bind: for the best allocators, or for all if none is best."""
    best = frame[frame["best"]]
    own = best if len(best) else frame
    found = []
    for name in columns.margins:
        count, total = int(own[f"{name}_binding"].sum()), int(own["answered"].sum())
        if count:
            found.append(f"{name.removeprefix('margin_')} (in {count} of {total} allocations)")
    whose = "for the best allocators" if len(best) else "for any allocator"
    if not columns.margins:
        return "There are no requirements"
    if not found:
        return f"No requirement binds {whose}"
    return f"Binding {whose}: {_join(found)}"


def _failures(frame: Any) -> str:
    """Return how many rows of the table have failures, and how many drops have no feasible answer."""
    failed = int(frame["status"].map(breaks_down).sum())
    infeasible = int((frame["drops"] - frame["within_limits"]).sum())
    total = int(frame["drops"].sum())
    text = f"{failed} of {len(frame)} rows have failures" if failed else "nothing failed"
    return text + (f"; without a feasible allocation: {infeasible} of {total}" if infeasible else "")


def without_result(dataset: xarray.Dataset, frame: Any) -> list[tuple[str, str, str, str]]:
    """Return allocations without a feasible answer: where, allocators, status and reason, alike ones together.

    Parameters
    ----------
    dataset : xarray.Dataset
        Results.
    frame : pandas.DataFrame
        Their summary.
    """
    rows = frame[(frame["answered"] < frame["drops"]) | frame["status"].map(breaks_down)]
    sweep, labels = swept_paths(dataset), labels_of(dataset)
    keys = [*blocks_of(dataset), "status", "message"]
    found = []
    for (*names, status, message), group in rows.reset_index().groupby(keys, sort=False):
        points = len(group[sweep].drop_duplicates()) if sweep else 1
        first = name_place({path: group[path].iloc[0] for path in sweep}, labels)
        more = f" and {points - 1} more points" if points > 1 else ""
        where = ", ".join(map(str, names)) + (f" at {first}{more}" if sweep else "")
        who = ", ".join(dict.fromkeys(map(str, group["allocator"])))
        found.append((where, who, status.replace("_", " "), message or "no reason was given"))
    return [tuple(shorten(text, 500) for text in row) for row in found]  # type: ignore[misc]
