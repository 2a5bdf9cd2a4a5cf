"""Units and the wavelength, which a file or the scenario states."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from isacfw import InputError

from ._file_readers import SPELLINGS, Variables, error_of


@attrs.frozen(kw_only=True)
class Units:
    """Units that a scenario states, and the wavelength; None for those that the file states."""

    positions_unit: str | None = None
    angle_unit: str | None = None
    fading_unit: str | None = None
    wavelength_m: float | None = None


def unit_of(variables: Variables, units: Units, kind: str) -> str | None:
    """Return the unit that the file or the scenario states."""
    own, asked = variables.units.get(kind), getattr(units, kind)
    if own is None:
        return None if asked is None else str(asked)
    if asked not in (None, own):
        raise error_of(variables.path, kind, f"must agree with that of the scenario, {asked!r}, got {own!r}")
    return own


def missing_unit(path: Path, key: str, kind: str) -> InputError:
    """Return the error for a unit that is not stated."""
    known = ", ".join(repr(unit) for unit in SPELLINGS[kind])
    return error_of(
        path, kind, f"must be stated with {key}, in the file or the scenario, as one of {known}; got none"
    )


def wavelength_of(variables: Variables, units: Units) -> float:
    """Return the wavelength in metres that the file or the scenario states."""
    path, key, asked = variables.path, "wavelength_m", units.wavelength_m
    if key not in variables.numbers:
        if asked is None:
            raise error_of(
                path, key, "must be stated, in the file or the scenario, for positions in metres; got none"
            )
        return asked
    value = variables.numbers[key]
    if value.size != 1 or np.iscomplexobj(value) or not (np.isfinite(value).all() and value.item() > 0):
        raise error_of(path, key, f"must be a single positive number, got {value.tolist()!r:.60}")
    own = float(value.item())
    if asked is not None and abs(own - asked) > 1e-9 * own:
        raise error_of(path, key, f"must agree with that of the scenario, {asked:g}, got {own:g}")
    return own
