"""Covariances of interference at the sensing receiver, from files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError
from ..base.inputs import file_state
from ..base.limits import check_memory
from ..base.numbers import ComplexArray, FloatArray
from ..signal.array import Array

_UNITS = ("half_wavelengths", "wavelengths", "metres")
_ROUNDING = 1e-9
"""Asymmetry and negative eigenvalues that rounding may leave, relative to the largest entry or eigenvalue."""


def read_covariance(path: Path, array: Array) -> ComplexArray:
    """Return the covariance of a NumPy archive for the elements of a receive array; (N, N).

    The archive has the variables `covariance`, relative to the transmit power, `positions` (N, 3) or (N, 2) of
    the elements, `positions_unit` (``"half_wavelengths"``, ``"wavelengths"`` or ``"metres"``) and, for metres,
    `wavelength_m`.

    Raises
    ------
    InputError
        If the file cannot be read, its covariance is not Hermitian and positive semidefinite, or its positions
        are not those of the array.
    """
    state = file_state(path)
    covariance, positions = _read(path, state.st_mtime_ns, state.st_size)
    if problem := array.mismatch(positions):
        raise _error(path, "positions", f"must be those of the receive array {array.name}, got {problem}")
    return covariance


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, _size: int) -> tuple[ComplexArray, FloatArray]:
    """Return the covariance, read-only, and the positions in half wavelengths of a file in some state."""
    variables = _variables(path)
    positions = _numbers(path, variables, "positions")
    shape = positions.shape
    if np.iscomplexobj(positions) or len(shape) != 2 or shape[1] not in (2, 3) or not shape[0]:
        found = f"{'complex' if np.iscomplexobj(positions) else 'real'} numbers of shape {shape}"
        raise _error(path, "positions", f"must be real with the axes (elements, 3), got {found}")
    covariance = _numbers(path, variables, "covariance").astype(np.complex128)
    if covariance.shape != (len(positions),) * 2:
        expected = f"must have an axis of elements of length {len(positions)} twice, as positions"
        raise _error(path, "covariance", f"{expected}, got shape {covariance.shape}")
    _check_covariance(path, covariance)
    covariance = (covariance + covariance.conj().T) / 2
    covariance.flags.writeable = False
    return covariance, positions * _half_wavelengths(path, variables)


def _variables(path: Path) -> dict[str, NDArray[Any]]:
    try:
        # Opened here, since NumPy leaves damaged files open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            sizes = [one.file_size for one in archive.zip.infolist()] if archive.zip is not None else []
            check_memory(str(path), {"its arrays": 3 * sum(sizes)})
            return {name: archive[name] for name in archive.files}
    except InputError:
        raise
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error.strerror or error}") from None
    except Exception as error:
        raise InputError(str(path), f"must be a NumPy archive (.npz), got: {error}") from None


def _numbers(path: Path, variables: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in variables:
        listed = ", ".join(sorted(variables)) or "none"
        raise InputError(str(path), f"must have the variable {name}, got {listed}")
    found = variables[name]
    if found.dtype.kind not in "iufc" or not np.isfinite(found).all():
        raise _error(path, name, "must be an array of finite numbers")
    return found


def _check_covariance(path: Path, covariance: ComplexArray) -> None:
    apart = np.abs(covariance - covariance.conj().T).max()
    if apart > _ROUNDING * np.abs(covariance).max():
        raise _error(path, "covariance", f"must be Hermitian, got a difference of {apart:.3g} to its transpose")
    values = np.linalg.eigvalsh(covariance)
    if values[0] < -_ROUNDING * max(values[-1], 0.0):
        raise _error(path, "covariance", f"must be positive semidefinite, got the eigenvalue {values[0]:.3g}")


def _half_wavelengths(path: Path, variables: dict[str, NDArray[Any]]) -> float:
    """Return the unit of the positions in half wavelengths."""
    unit = str(variables["positions_unit"]) if "positions_unit" in variables else None
    if unit not in _UNITS:
        listed = ", ".join(map(repr, _UNITS))
        raise _error(path, "positions_unit", f"must be one of {listed}, got {unit!r}")
    if unit != "metres":
        return 1.0 if unit == "half_wavelengths" else 2.0
    wavelength = _numbers(path, variables, "wavelength_m")
    if wavelength.size != 1 or np.iscomplexobj(wavelength) or not wavelength.item() > 0:
        raise _error(path, "wavelength_m", f"must be a single positive number, got {wavelength.tolist()!r:.60}")
    return 2.0 / float(wavelength.item())


def _error(path: Path, name: str, problem: str) -> InputError:
    return InputError(f"{path}: {name}", problem)
