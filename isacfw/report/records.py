"""Records of a comparison: plain numbers and strings, one for each row of results."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.text import spreadsheet_cell
from ..results.schema import OBJECTIVE_VALUE, has_drops, record_keys, roles_in
from .kept import list_statistics
from .places import paths_along, sweep_of

if TYPE_CHECKING:
    import xarray


def list_records(data: xarray.Dataset) -> list[dict[str, Any]]:
    """Return the records of :meth:`isacfw.Comparison.records`."""
    if not has_drops(data):
        return list_statistics(data)
    dimensions = [str(name) for name in data["status"].dims]
    columns = {name: data[name].to_numpy() for name in record_keys(data)}
    (objective,) = roles_in(data)["objective"][:1]
    streams = {name for name in columns if "stream" in data[name].dims}
    before = dimensions.index("allocator") + 1
    users = np.broadcast_to(
        data["users"].to_numpy()[(None,) * before + (..., None)], [data.sizes[name] for name in dimensions]
    )
    swept = {name: paths_along(data, name) for name in sweep_of(data)}
    axes = [{path: data[path].to_numpy() for path in swept.get(name, [name])} for name in dimensions]
    records = []
    for index in np.ndindex(*users.shape):
        place: dict[str, Any] = {}
        for axis, i in zip(axes, index, strict=True):
            place |= {path: _plain(values[i]) for path, values in axis.items()}
        drop = place.pop("drop")
        heads: dict[str, Any] = {key: place.pop(key) for key in ("precoder", "beam", "allocator") if key in place}
        row: dict[str, Any] = {}
        for key, column in columns.items():
            row[key] = _without_padding(column[index]) if key in streams else _plain(column[index], users[index])
            if key == "max_violation":
                row[OBJECTIVE_VALUE] = _plain(columns[objective][index])
        records.append({**heads, "drop": drop, **place, **row})
    return records


def write_records(records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write records with the same keys as CSV, in which text is text and lists are JSON; NaN is an empty cell."""
    writer: Any = None
    with path.open("w", newline="", encoding="utf-8") as stream:
        for record in records:
            if writer is None:
                writer = csv.writer(stream)
                writer.writerow(map(spreadsheet_cell, record))
            writer.writerow(map(_csv_cell, record.values()))


def _csv_cell(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value)
    return None if isinstance(value, float) and math.isnan(value) else spreadsheet_cell(value)


def _without_padding(values: Any) -> list[Any]:
    """Return the numbers of existing streams; the others are NaN."""
    return [_plain(value) for value in values if np.isfinite(value)]


def _plain(value: Any, users: Any = None) -> Any:
    """Return a number, string or list for JSON; None for a non-finite number."""
    if isinstance(value, np.ndarray):
        return [_plain(member) for member in value[:users]]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
