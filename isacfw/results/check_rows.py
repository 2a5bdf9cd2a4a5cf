"""Attributes and axes of results of any origin, checked against the scenario in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base.toml import parse_toml
from ..scenario.fields import ScenarioFields

if TYPE_CHECKING:
    import xarray


def check_attributes(dataset: xarray.Dataset) -> tuple[dict[str, Any], list[str]]:
    """Check the attributes of a data set of results; return its scenario, and the axes of the sweep.

    Raises
    ------
    ValueError
        If one is missing, or is not as in the schema.
    """
    attributes = dataset.attrs
    for name in ("title", "scenario", "versions"):
        if not isinstance(attributes.get(name), str):
            raise ValueError(f"{name} must be text, got {type(attributes.get(name)).__name__}")
    _check_table(attributes["versions"])
    scenario = parse_toml(attributes["scenario"])
    return scenario, _check_scenario(scenario, attributes)


def _check_table(text: str) -> None:
    """Check that text is a JSON object of strings."""
    try:
        found = json.loads(text)
    except (RecursionError, ValueError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError("versions must be a table of names and versions")


def _check_scenario(scenario: dict[str, Any], attributes: dict[str, Any]) -> list[str]:
    """Check the keys that results depend on; return the axes of the sweep."""
    import attrs

    known = {field.name for field in attrs.fields(ScenarioFields)}
    if unknown := {*scenario} - known:
        raise ValueError(f"its scenario has the unknown key {min(unknown)!r:.60}")
    kinds = {"name": str, "seed": int, "drops": int, "precoders": list, "allocators": list, "beams": list}
    for key, kind in kinds.items():
        own = scenario.get(key, [] if key == "beams" else None)
        if not isinstance(own, kind):
            raise ValueError(f"{key} of its scenario must be of type {kind.__name__}, got {own!r:.60}")
    if str(attributes.get("seed")) != str(scenario["seed"]):
        raise ValueError(
            f"seed must be that of its scenario, {scenario['seed']}, got {attributes.get('seed')!r:.60}"
        )
    plugins = scenario.get("plugins", [])
    if not isinstance(plugins, list) or not all(isinstance(one, str) for one in plugins):
        raise ValueError(f"plugins of its scenario must be a list of strings, got {plugins!r:.60}")
    sweep = scenario.get("sweep", {})
    tables = sweep if isinstance(sweep, list) else [{path: values} for path, values in _flat(sweep)]
    if not all(isinstance(table, dict) and table for table in tables):
        raise ValueError("sweep of its scenario must be a table of lists, or a list of such tables")
    return [next(path for path, _ in _flat(table)) for table in tables]


def _flat(table: Any) -> list[tuple[str, Any]]:
    """Return the dotted paths of nested tables, and their values."""
    if not isinstance(table, dict):
        raise ValueError("sweep of its scenario must be a table of lists, or a list of such tables")
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        nested = _flat(value) if isinstance(value, dict) and value else None
        found += [(f"{key}.{path}", own) for path, own in nested] if nested else [(str(key), value)]
    return found


def check_axes(
    dataset: xarray.Dataset, sweep: list[str], scenario: dict[str, Any], last: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Check the axes of a row of results, and their labels; return them.

    Raises
    ------
    ValueError
        If they are not those of the scenario.
    """
    beams = ["beam"] if "beam" in dataset.dims else []
    expected = ("precoder", *beams, "allocator", *sweep, *last)
    if "status" not in dataset or dataset["status"].dims != expected:
        found = dataset["status"].dims if "status" in dataset else "none"
        raise ValueError(f"status must have the axes {', '.join(expected)}, got {found!r:.200}")
    for axis in expected:
        if axis not in dataset.coords or dataset[axis].dims != (axis,):
            raise ValueError(f"the axis {axis} must have labels")
        labels = dataset[axis].to_numpy()
        if not len(labels) or (axis not in sweep and len({*labels.tolist()}) < len(labels)):
            raise ValueError(f"the axis {axis} must have distinct labels, got {labels.tolist()!r:.60}")
        if axis not in sweep and axis != "drop" and not all(isinstance(one, str) and one for one in labels):
            raise ValueError(f"the axis {axis} must have names, got {labels.tolist()!r:.60}")
    for axis, key in (("precoder", "precoders"), ("allocator", "allocators"), ("beam", "beams")):
        if axis in expected and dataset.sizes[axis] > len(scenario[key]):
            raise ValueError(f"the axis {axis} must have at most the {len(scenario[key])} labels of its scenario")
    return expected


def check_coordinates(dataset: xarray.Dataset, axes: Sequence[str]) -> None:
    """Check that all coordinates have numbers or text along one of some axes.

    Raises
    ------
    ValueError
        If they have not.
    """
    for name, variable in dataset.coords.items():
        if len(variable.dims) != 1 or variable.dims[0] not in axes:
            raise ValueError(f"{name} must be along one axis, got {', '.join(map(str, variable.dims))}")
        if variable.dtype.kind not in "iufbOU":
            raise ValueError(f"{name} must have numbers or text, got {variable.dtype}")
