"""What a file gives: covariances, samples, paths or large-scale fading, validated, with an axis of drops."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from isacfw import Array, ComplexArray, FloatArray, InputError

from ._file_positions import check_positions, positions_of
from ._file_readers import Variables, error_of, finite_numbers, read_variables
from ._file_units import Units, missing_unit, unit_of

HERMITIAN_TOLERANCE = 1e-6
"""Largest departure from symmetry, and largest negative eigenvalue, relative to the largest: single precision."""

_PATHS = ("path_gain", "path_azimuth", "path_elevation")
_CONTENTS: dict[str, tuple[str, ...]] = {
    "covariance": ("covariance",),
    "samples": ("samples",),
    "paths": _PATHS,
    "large_scale_fading": ("large_scale_fading",),
}
_AXES = {
    "covariance": ("users", "elements", "elements"),
    "mean": ("users", "elements"),
    "samples": ("elements", "users"),
    "path_gain": ("users", "paths"),
    "path_azimuth": ("users", "paths"),
    "path_elevation": ("users", "paths"),
    "large_scale_fading": ("users",),
}


@attrs.frozen(kw_only=True, eq=False)
class Content:
    """The content of a file.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        A key of `_CONTENTS`.
    arrays : dict of str to ndarray
        Arrays with leading axis (D,), read-only. Angles are in radians, all else is linear.
    alike : bool
        Whether all drops are alike: no array has an axis of drops, and D is 1.
    positions : ndarray, shape (N, 3), optional
        Positions of the elements in half wavelengths.
    """

    path: Path
    kind: str
    arrays: dict[str, NDArray[Any]]
    alike: bool
    positions: FloatArray | None

    @property
    def users(self) -> int:
        """Number of users K."""
        name = _CONTENTS[self.kind][0]
        return int(self.arrays[name].shape[-1 if _AXES[name][-1] == "users" else 1])

    @property
    def drops(self) -> int:
        """Number of rows D."""
        return max(map(len, self.arrays.values()))

    def rows(self, drops: Sequence[int]) -> list[int]:
        """Return the row of each drop; of a single one if all are alike.

        Raises
        ------
        InputError
            If there are fewer rows than drops.
        """
        if self.alike:
            return [0]
        if max(drops) >= self.drops:
            raise error_of(
                self.path,
                _CONTENTS[self.kind][0],
                f"must have a row for each drop, got {self.drops} {'row' if self.drops == 1 else 'rows'}, too few"
                f" for drop {max(drops)} (the first is drop 0)",
            )
        return list(drops)

    def take(self, name: str, row: int) -> NDArray[Any]:
        """Return an array of a row."""
        found = self.arrays[name]
        return np.asarray(found[row if len(found) > 1 else 0])

    def complex(self, name: str, row: int) -> ComplexArray:
        """Return an array of a row that is complex."""
        return np.asarray(self.take(name, row), dtype=np.complex128)

    def check_array(self, array: Array) -> None:
        """Check number and positions of the elements against those of an array.

        Raises
        ------
        InputError
            If they differ.
        """
        for name, value in self.arrays.items():
            axes = (*(["samples"] if name == "samples" else []), *_AXES[name])
            for axis, noun in enumerate(axes, start=-len(axes)):
                if noun == "elements" and value.shape[axis] != array.n_elements:
                    raise error_of(
                        self.path,
                        name,
                        f"must have an axis of elements of length {array.n_elements}, as the transmit array"
                        f" {array.name}, got {value.shape[axis]}: {_lengths_of(name, value)}",
                    )
        if self.positions is not None:
            check_positions(self.path, self.positions, array)


def find_content(path: Path, units: Units) -> Content:
    """Return the content of a file, with the units that the scenario states.

    Raises
    ------
    InputError
        If the file cannot be read, or its content is invalid.
    """
    try:
        found = path.stat()
        state = found.st_mtime_ns, found.st_size, found.st_ino
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(str(path), f"must be a file that can be read, got: {reason}") from None
    return _known_content(path, units, state)


@lru_cache(maxsize=4)
def _known_content(path: Path, units: Units, _state: tuple[int, int, int]) -> Content:
    """Return the content of a file in a state, read once."""
    return content_of(read_variables(path), units)


def content_of(variables: Variables, units: Units) -> Content:
    """Return the validated content of variables.

    Raises
    ------
    InputError
        If there is none, more than one, or one that is invalid.
    """
    kind = _kind_of(variables)
    names = [*_CONTENTS[kind], *(["mean"] if "mean" in variables.numbers else [])]
    arrays = {name: finite_numbers(variables, name) for name in names}
    arrays, alike = _with_drops(variables.path, arrays)
    if kind == "paths":
        arrays = _linear_paths(variables, arrays, unit_of(variables, units, "angle_unit"))
    elif kind == "large_scale_fading":
        arrays = {kind: _linear_fading(variables.path, arrays[kind], unit_of(variables, units, "fading_unit"))}
    elif kind == "covariance":
        _check_hermitian(variables.path, arrays[kind], alike)
        arrays[kind] = (arrays[kind] + np.swapaxes(arrays[kind].conj(), -1, -2)) / 2
    for value in arrays.values():
        value.flags.writeable = False
    positions = positions_of(variables, units)
    if positions is None and kind in ("covariance", "samples"):
        raise error_of(
            variables.path,
            "positions",
            f"must be given with {kind}, whose elements are compared with those of the transmit array; got none",
        )
    return Content(path=variables.path, kind=kind, arrays=arrays, alike=alike, positions=positions)


def _kind_of(variables: Variables) -> str:
    path, given = variables.path, variables.numbers
    found = [kind for kind, names in _CONTENTS.items() if any(name in given for name in names)]
    if len(found) != 1:
        got = " and ".join(name for kind in found for name in _CONTENTS[kind] if name in given)
        if not found:
            wanted = (*given, *(name for names in _CONTENTS.values() for name in names))
            close = [one for name in variables.names for one in difflib.get_close_matches(name, wanted, 1, 0.7)]
            got = f"none of them; its variables: {', '.join(variables.names[:12]) or 'none'}"
            got += f"; did you mean {close[0]!r}?" if close and close[0] not in variables.names else ""
        raise InputError(
            str(path),
            "must contain exactly one of covariance, samples, paths (path_gain, path_azimuth, path_elevation) and"
            f" large_scale_fading, got {got}",
        )
    missing = [name for name in _CONTENTS[found[0]] if name not in given]
    if missing:
        others = ", ".join(name for name in _CONTENTS[found[0]] if name in given)
        raise error_of(path, missing[0], f"must be given with {others}; got none")
    if "mean" in given and found[0] != "covariance":
        raise error_of(path, "mean", f"belongs to covariance, got it with {found[0]}")
    return found[0]


def _with_drops(path: Path, arrays: dict[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], bool]:
    """Return arrays with a leading axis of drops, after comparing their axes, and whether none had one."""
    found, alike = {}, True
    for name, value in arrays.items():
        samples = name == "samples"
        axes = (*(["samples"] if samples else []), *_AXES[name])
        if samples and value.ndim == 2 and path.suffix.lower() == ".mat":
            value = value[..., None]  # MATLAB leaves out a last axis of length 1.
        if value.ndim not in (len(axes), len(axes) + 1):
            full = (axes[0], "drops", *axes[1:]) if samples else ("drops", *axes)
            problem = f"must have the axes ({', '.join(axes)}) or ({', '.join(full)}), got shape {value.shape}"
            raise error_of(path, name, problem)
        if not value.size:
            raise error_of(path, name, f"must have no axis of length 0, got shape {value.shape}")
        if value.ndim == len(axes):
            value = value[None]
        else:
            alike = False
            value = np.moveaxis(value, 1, 0) if samples else value
        found[name] = np.ascontiguousarray(value)
    _check_lengths(path, found)
    return found, alike


def _check_lengths(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Check that axes of the same name have the same length, for drops also 1."""
    lengths: dict[str, tuple[int, str]] = {}
    for name, value in arrays.items():
        axes = ("drops", *(["samples"] if name == "samples" else []), *_AXES[name])
        for axis, length in zip(axes, value.shape, strict=True):
            if axis == "drops" and length == 1:
                continue
            known, where = lengths.setdefault(axis, (length, name))
            if length != known:
                as_there = f", as {where}" if where != name else ""
                problem = f"must have an axis of {axis} of length {known}{as_there}, got {length}"
                raise error_of(path, name, f"{problem}: {_lengths_of(name, value)}")


def _lengths_of(name: str, value: NDArray[Any]) -> str:
    """Return the lengths of all axes in the order of the file, of a value with a leading axis of drops."""
    axes = [*zip(_AXES[name], value.shape[-len(_AXES[name]) :], strict=True)]
    if len(value) > 1:
        axes.insert(0, ("drops", len(value)))
    if name == "samples":
        axes.insert(0, ("samples", value.shape[1]))
    return ", ".join(f"{length} {axis}" for axis, length in axes)


def _linear_paths(
    variables: Variables, arrays: dict[str, NDArray[Any]], unit: str | None
) -> dict[str, NDArray[Any]]:
    if unit is None:
        raise missing_unit(variables.path, "path_azimuth and path_elevation", "angle_unit")
    if unit == "degrees":
        arrays = arrays | {name: np.deg2rad(arrays[name]) for name in _PATHS[1:]}
    return arrays


def _linear_fading(path: Path, fading: FloatArray, unit: str | None) -> FloatArray:
    if unit == "db":
        with np.errstate(over="ignore"):
            found = 10 ** (fading / 10)
        bad = ~(np.isfinite(found) & (found > 0))
        problem = "must be a power ratio in dB"
    else:
        found, bad = fading, ~(fading > 0)
        problem = "must be positive (numbers in dB need fading_unit = 'db')"
    if bad.any():
        drop, user = np.argwhere(bad)[0]
        raise error_of(
            path, "large_scale_fading", f"{problem}, got {fading[drop, user]:g} for user {user} of drop {drop}"
        )
    return np.array(found)


def _check_hermitian(path: Path, covariance: ComplexArray, alike: bool) -> None:
    skew = np.abs(covariance - np.swapaxes(covariance.conj(), -1, -2))
    scale = np.abs(covariance).max(axis=(-2, -1), keepdims=True)
    bad = skew > HERMITIAN_TOLERANCE * scale
    if bad.any():
        drop, user, m, n = np.argwhere(bad)[0]
        whose = f"user {user}" if alike else f"user {user} of drop {drop}"
        first, second = covariance[drop, user, m, n], covariance[drop, user, n, m]
        raise error_of(
            path,
            "covariance",
            f"must be Hermitian, got {first:.6g} at [{m}, {n}] and {second:.6g} at [{n}, {m}] for {whose}",
        )


def semidefinite(content: Content, row: int, covariance: ComplexArray) -> ComplexArray:
    """Return covariances (K, N, N) of a row without negative eigenvalues, which rounding may leave.

    Raises
    ------
    InputError
        If an eigenvalue is negative beyond rounding.
    """
    found = np.array(covariance)
    for user, matrix in enumerate(covariance):
        scale = np.abs(matrix).max()
        try:
            np.linalg.cholesky(matrix + 1e-10 * (scale + 1e-300) * np.eye(len(matrix)))
        except np.linalg.LinAlgError:
            values, vectors = np.linalg.eigh(matrix)
            if values[0] < -HERMITIAN_TOLERANCE * values[-1]:
                whose = f"user {user}" if content.alike else f"user {user} of drop {row}"
                raise error_of(
                    content.path,
                    "covariance",
                    "must be positive semidefinite, got a smallest eigenvalue of"
                    f" {values[0]:.3g} and a largest of {values[-1]:.3g} for {whose}",
                ) from None
            kept = (vectors * np.maximum(values, 0)) @ vectors.conj().T
            found[user] = (kept + kept.conj().T) / 2
    return found
