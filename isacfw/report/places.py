"""Names of the points of a sweep in tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray

_LONGEST = 40
"""Number of characters up to which a value is shown as it is."""

_HEAD = 24


def sweep_of(dataset: xarray.Dataset) -> list[str]:
    """Return the axes of the sweep in order; each has the name of its first path."""
    parts = ("precoder", "beam", "allocator", "drop")
    return [str(name) for name in dataset["status"].dims if name not in parts]


def paths_along(dataset: xarray.Dataset, axis: str) -> list[str]:
    """Return the paths that move along an axis of the sweep, the one that names it first."""
    linked = [str(name) for name, values in dataset.coords.items() if name != axis and values.dims == (axis,)]
    return [axis, *linked]


def swept_paths(dataset: xarray.Dataset) -> list[str]:
    """Return all swept paths, axis by axis."""
    return [path for axis in sweep_of(dataset) for path in paths_along(dataset, axis)]


def short_labels(values: Iterable[Any]) -> dict[Any, str]:
    """Return a short text for each value, distinct for distinct values.

    Long text, such as that of a list, is its number among the values and its beginning: ``"#2 [0.1, 0.25, …"``.
    """
    distinct = list(dict.fromkeys(values))
    texts = [str(value) for value in distinct]
    return {
        value: text if len(text) <= _LONGEST else f"#{number} {_beginning(text)}"
        for number, (value, text) in enumerate(zip(distinct, texts, strict=True), 1)
    }


def _beginning(text: str) -> str:
    head, comma, _ = text[:_HEAD].rpartition(", ")
    return f"{head}, …" if comma else f"{text[:_HEAD]}…"


def labels_of(dataset: xarray.Dataset) -> dict[str, dict[Any, str]]:
    """Return the short labels of the values of all swept paths."""
    return {path: short_labels(dataset[path].to_numpy().tolist()) for path in swept_paths(dataset)}


def name_place(place: Mapping[str, Any], labels: Mapping[str, Mapping[Any, str]]) -> str:
    """Return the values of swept paths at a point as text: ``"snr_db = 10, channel.users = 4"``."""
    return ", ".join(f"{path} = {labels[path][value]}" for path, value in place.items())
