"""The description of every variable of results, which determines its storage and its use in reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import attrs

from ..allocation.metric import Metric
from ..allocation.objective import Objective
from ..allocation.quantity import Quantity
from ..sensing.reduction import ANGLES, angle_names

if TYPE_CHECKING:
    import xarray

Role = Literal[
    "objective", "bound", "requirement", "margin", "limit", "status", "cost", "metric", "detail", "derived"
]


OPTIONAL_ROLES: tuple[Role, ...] = ("metric", "detail", "derived")
"""Roles of variables that a study may leave out; tables need all others."""


@attrs.frozen(kw_only=True)
class Variable:
    """A variable of results.

    Parameters
    ----------
    name : str
        Name in data sets, records and files.
    axes : tuple of str
        Axes beyond those of a row of results (precoder, beam, allocator, sweep, drop).
    dtype : {"float", "int", "bool", "text"}
        Type of its values. Missing numbers are NaN.
    unit, label : str
        Unit, and short text for axes and legends.
    better : {"higher", "lower", "neither"}
        Its direction.
    role : str
        Its use in reports: ``"objective"`` ranks allocators, ``"bound"`` is a bound on it; ``"requirement"`` has
        a limit; ``"margin"`` is the distance to that of a requirement; ``"limit"``; ``"status"`` and ``"cost"``
        of an allocation; ``"metric"``, requested by the scenario; ``"detail"`` and ``"derived"``, in records
        only, before and after status and cost.
    limit : str
        Name of the limit of a requirement.
    heading : str
        Heading of its column in tables, a line each.
    group : str
        Figure to which it belongs.
    signed : bool
        Whether relative differences refer to at least 1.
    """

    name: str
    axes: tuple[str, ...] = ()
    dtype: Literal["float", "int", "bool", "text"] = "float"
    unit: str = ""
    label: str = ""
    better: str = "neither"
    role: Role = "detail"
    limit: str = ""
    heading: str = ""
    group: str = ""
    signed: bool = False

    @classmethod
    def of(cls, quantity: Quantity, part: Metric | Objective, *, role: Role) -> Variable:
        """Return the variable of a quantity that a metric or an objective reports."""
        return cls(
            name=quantity.name,
            axes=("user",) if quantity.per_user else ("stream",) if quantity.per_stream else (),
            unit=quantity.unit,
            label=quantity.description or quantity.name,
            better=quantity.better,
            role=role,
            limit=quantity.limit,
            heading=quantity.heading or f"\n{quantity.name}\n{quantity.unit}",
            group=part.name,
            signed=quantity.signed,
        )

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes in a data set; the role alone for a variable without label and heading."""
        found = {"units": self.unit, "long_name": self.label, "better": self.better, "role": self.role}
        found |= {name: getattr(self, name) for name in ("limit", "heading", "group") if getattr(self, name)}
        found |= {"signed": "true"} if self.signed else {}
        return found if self.label or self.heading else {"role": self.role}


_STATUS = (
    Variable(name="status", dtype="text", role="status"),
    Variable(name="feasible", dtype="bool", role="status"),
    Variable(name="max_violation", role="status"),
    Variable(name="bound", role="bound"),
)
_COST = (
    Variable(name="iterations", dtype="int", role="cost"),
    Variable(name="seconds", role="cost"),
    Variable(name="message", dtype="text", role="status"),
)
HISTORY = "objective_history"
OBJECTIVE_VALUE = "objective_value"
"""Key of the objective in records, whatever its name is."""


ANGLES_GROUP = "angles"
"""Group of the margins of limits on the CRLBs of single angles."""


def margin_variable(requirement: str, *, group: str = "") -> Variable:
    """Return the variable of the margin of a requirement, by its name."""
    return Variable(
        name=f"margin_{requirement}",
        role="margin",
        group=group,
        better="higher",
        label=f"Relative margin of {requirement}; 0 if it binds, negative if it is violated",
    )


def variables_of(quantities: Iterable[Variable]) -> tuple[Variable, ...]:
    """Return all variables of a row of results, in the order of records; the history of the objective last."""
    given = tuple(quantities)
    early = tuple(one for one in given if one.role not in ("metric", "derived"))
    late = tuple(one for one in given if one.role in ("metric", "derived"))
    objective = next((one for one in given if one.role == "objective"), None)
    history = Variable(
        name=HISTORY,
        axes=("iteration",),
        unit="" if objective is None else objective.unit,
        label="" if objective is None else f"{objective.label} at the start and after each iteration",
    )
    return (*_STATUS, *early, *_COST, *late, history)


def limits_of(targets: int) -> tuple[Variable, ...]:
    """Return the limits of all angles, which depend on the sweep only."""
    numbers = [""] if targets == 1 else [f"_{target + 1}" for target in range(targets)]
    names = [f"crlb_{angle}{number}_limit_db" for number in numbers for angle in ANGLES]
    return tuple(
        Variable(name=name, unit="dB rad^2", label=f"CRLB limit of the {angle}; infinite for none", role="limit")
        for name, angle in zip(names, angle_names(targets), strict=True)
    )


def units_of(targets: int) -> tuple[Variable, ...]:
    """Return what a link budget determines, which depends on the sweep only."""
    numbers = range(1, targets + 1)
    amplitudes = {f"reflection_amplitude_{number}": f"target {number}" for number in numbers}
    if targets == 1:
        amplitudes = {"reflection_amplitude": "the target"}
    return (
        Variable(name="power_db", unit="dB", label="SNR of a user at unit path gain"),
        Variable(name="user_noise_dbm", unit="dBm", label="Noise power at a user"),
        Variable(name="station_noise_dbm", unit="dBm", label="Noise power at the base station"),
        *(
            Variable(name=name, label=f"Reflection amplitude of {of}, relative to unit noise")
            for name, of in amplitudes.items()
        ),
    )


def has_drops(dataset: xarray.Dataset) -> bool:
    """Return whether a data set of results has the values of all drops, and not statistics alone."""
    return "drop" in dataset["status"].dims


def roles_in(dataset: xarray.Dataset) -> dict[str, list[str]]:
    """Return the names of the variables of a data set by role, in order."""
    found: dict[str, list[str]] = {}
    for name, variable in dataset.data_vars.items():
        found.setdefault(str(variable.attrs.get("role", "")), []).append(str(name))
    return found


def record_keys(dataset: xarray.Dataset) -> list[str]:
    """Return the variables of a record in order: status, numbers, cost, and those added by scenario and parts."""
    given = {str(name): variable for name, variable in dataset.data_vars.items() if "drop" in variable.dims}
    quantities = [
        Variable(name=name, role=variable.attrs["role"])
        for name, variable in given.items()
        if variable.attrs.get("role") not in ("status", "cost") and name != HISTORY
    ]
    return [one.name for one in variables_of(quantities) if one.name in given and one.name != HISTORY]
