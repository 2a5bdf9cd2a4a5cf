"""Positions of antenna elements, as a file states them and as an array has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isacfw import Array, FloatArray

from ._file_readers import Variables, error_of, finite_numbers
from ._file_units import Units, missing_unit, unit_of, wavelength_of


def positions_of(variables: Variables, units: Units) -> FloatArray | None:
    """Return the positions of the elements in half wavelengths, about their centroid; (N, 3)."""
    path = variables.path
    if "positions" not in variables.numbers:
        return None
    positions = finite_numbers(variables, "positions")
    if positions.ndim != 2 or positions.shape[1] != 3 or not len(positions):
        raise error_of(path, "positions", f"must have the axes (elements, 3), got shape {positions.shape}")
    unit = unit_of(variables, units, "positions_unit")
    if unit is None:
        raise missing_unit(path, "positions", "positions_unit")
    # Before scaling, so that a distant origin costs no digits.
    positions = positions - positions.mean(axis=0)
    if unit == "metres":
        return np.asarray(positions / (wavelength_of(variables, units) / 2))
    return np.asarray(positions if unit == "half_wavelengths" else 2 * positions)


def check_positions(path: Path, given: FloatArray, array: Array) -> None:
    """Check that positions (N, 3) about their centroid are those of the elements of an array.

    Raises
    ------
    InputError
        If they differ; the message names the first element that does.
    """
    problem = array.mismatch(given)
    if problem:
        raise error_of(
            path,
            "positions",
            f"must be those of the transmit array {array.name} (horizontal, vertical, normal), got {problem}",
        )
