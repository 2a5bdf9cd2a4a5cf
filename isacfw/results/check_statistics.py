"""Results files with statistics alone, of any origin, checked before they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..allocation.status import Status
from .check_role import check_role
from .check_rows import check_attributes, check_axes, check_coordinates
from .schema import roles_in
from .statistic_names import ANSWERS, PAIRED, SKETCH_AXES, STATISTICS

if TYPE_CHECKING:
    import xarray

STATUSES = tuple(one.value for one in Status)
_LABELS = {"status_name": STATUSES, "statistic": STATISTICS, "paired_statistic": PAIRED, "answer": ANSWERS}
_COUNTS = ("feasible_count", "solvable_count", "solved_count")
_MEANS = ("distance_to_best", "gap", "solvable_mean")


def check_statistics(dataset: xarray.Dataset) -> None:
    """Check names, axes, types and roles of a data set of statistics against its scenario.

    Raises
    ------
    ValueError
        If something is missing, or is not as in the schema.
    """
    scenario, sweep = check_attributes(dataset)
    rows = check_axes(dataset, sweep, scenario)
    check_coordinates(dataset, (*rows, *_LABELS, "reference", "sketched"))
    drops = dataset.attrs.get("drops")
    if not isinstance(drops, (int, np.integer)) or not 1 <= drops <= scenario["drops"]:
        raise ValueError(
            f"drops must be a number up to the {scenario['drops']} of its scenario, got {drops!r:.60}"
        )
    if not isinstance(dataset.attrs.get("accuracy"), str):
        raise ValueError("accuracy must be text")
    _check_labels(dataset)
    numbers = [str(name) for name, one in dataset.data_vars.items() if one.dims == (*rows, "statistic")]
    for name in numbers:
        check_role(name, dataset[name], dataset, headed=True)
    _check_variables(dataset, rows, sweep, numbers)
    _check_sketch(dataset, numbers)


def _check_labels(dataset: xarray.Dataset) -> None:
    expected: dict[str, Any] = {name: list(labels) for name, labels in _LABELS.items()}
    expected["reference"] = dataset["allocator"].to_numpy().tolist()
    if dataset.sizes["allocator"] == 1:
        del expected["reference"], expected["paired_statistic"]
    for axis, labels in expected.items():
        if axis not in dataset.coords or dataset[axis].to_numpy().tolist() != labels:
            raise ValueError(f"the axis {axis} must have the labels {', '.join(map(str, labels))}")


def _check_variables(
    dataset: xarray.Dataset, rows: tuple[str, ...], sweep: list[str], numbers: list[str]
) -> None:
    """Check that there is each variable, and no other, along its axes and of its type."""
    margins = roles_in(dataset).get("margin", [])
    words = [f"{name}_{word}" for name in margins for word in ("binding", "violated")]
    expected: dict[str, tuple[tuple[str, ...], str]] = {
        "status": (rows, "OU"),
        "message": (rows, "OU"),
        "status_count": ((*rows, "status_name"), "iu"),
        **dict.fromkeys((*_COUNTS, *words), (rows, "iu")),
        **dict.fromkeys(_MEANS, (rows, "f")),
        **dict.fromkeys(("sketch_first", "sketch_size"), ((*rows, *SKETCH_AXES), "iu")),
        **dict.fromkeys(("sketch_buckets", "sketch_counts"), (("bucket",), "iu")),
        **dict.fromkeys((*numbers, "seconds"), ((*rows, "statistic"), "f")),
    }
    if dataset.sizes["allocator"] > 1:
        expected["paired"] = ((*rows, "reference", "paired_statistic"), "f")
    for name, (axes, kinds) in expected.items():
        if name not in dataset.data_vars or dataset[name].dims != axes or dataset[name].dtype.kind not in kinds:
            raise ValueError(
                f"it must have {name} along {', '.join(axes)}, of another type than it has or at all"
            )
    for other, one in dataset.data_vars.items():
        if other not in expected and (not {*one.dims} <= {*sweep} or one.dtype.kind not in "iuf"):
            raise ValueError(
                f"{other} must have numbers along the sweep, got the axes {', '.join(map(str, one.dims))}"
            )


def _check_sketch(dataset: xarray.Dataset, numbers: list[str]) -> None:
    """Check the counts of numbers in buckets, which are read by their places."""
    if not {*dataset["sketched"].to_numpy().tolist()} <= {*numbers}:
        raise ValueError("the axis sketched must have names of quantities")
    first, size = (dataset[name].to_numpy().astype(np.int64) for name in ("sketch_first", "sketch_size"))
    if (first < 0).any() or (size < 0).any() or (first > dataset.sizes["bucket"] - size).any():
        raise ValueError("sketch_first and sketch_size must be places of buckets")
    buckets, counts = (dataset[name].to_numpy() for name in ("sketch_buckets", "sketch_counts"))
    if (counts < 0).any() or (np.abs(buckets.astype(np.float64)) >= 2**20).any():
        raise ValueError("sketch_buckets and sketch_counts must be buckets and their counts")
