"""Variables of files of channels: NPZ, NetCDF, MATLAB v5 and v7.3, CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

import isacfw
from isacfw import InputError

NUMBERS = (
    "covariance",
    "mean",
    "samples",
    "path_gain",
    "path_azimuth",
    "path_elevation",
    "large_scale_fading",
    "positions",
    "wavelength_m",
)
"""Names of the variables that are numbers; all may also be given as a real and an imaginary part."""

SPELLINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "positions_unit": {
        "half_wavelengths": ("half_wavelengths", "half wavelengths"),
        "wavelengths": ("wavelengths",),
        "metres": ("metres", "meters", "m"),
    },
    "angle_unit": {"degrees": ("degrees", "degree", "deg"), "radians": ("radians", "radian", "rad")},
    "fading_unit": {"linear": ("linear", "1"), "db": ("db", "dB")},
}
"""Units by the names of their variables, with all spellings of each."""

UNITS = tuple(SPELLINGS)

_COMPLEX = ("covariance", "mean", "samples", "path_gain")
_PARTS = ("_real", "_imag")
_WANTED = {*NUMBERS, *UNITS, *(f"{name}{part}" for name in NUMBERS for part in _PARTS)}
_UNIT_OF = {
    "positions": "positions_unit",
    "path_azimuth": "angle_unit",
    "path_elevation": "angle_unit",
    "large_scale_fading": "fading_unit",
}
_COMPLEX_FIELDS = {("real", "imag"), ("r", "i")}


@attrs.frozen(kw_only=True, eq=False)
class Variables:
    """What a file says of channels.

    Parameters
    ----------
    path : Path
        The file.
    names : tuple of str
        All variables of the file.
    numbers : dict of str to ndarray
        Those of `NUMBERS`, float or complex, in C order.
    units : dict of str to str
        Units that the file states: keys of `SPELLINGS`, each with one of its units.
    """

    path: Path
    names: tuple[str, ...]
    numbers: dict[str, NDArray[Any]]
    units: dict[str, str]


@attrs.frozen(kw_only=True, eq=False)
class _Raw:
    """Names of all variables, values of the wanted ones, and attributes that state units."""

    names: tuple[str, ...]
    values: dict[str, Any]
    stated: tuple[tuple[str, str, str], ...] = ()
    """Place, kind of unit and unit."""


def error_of(path: Path, key: str, problem: str) -> InputError:
    """Return the error for a variable of a file."""
    return InputError(f"{path}: {key}", problem)


def read_variables(path: Path) -> Variables:
    """Return the variables of a file that describe channels.

    Raises
    ------
    InputError
        If the file is missing, truncated or of another kind, or a variable is of another type.
    """
    formats: dict[str, tuple[str, Callable[[Path, bytes], _Raw]]] = {
        ".npz": ("an NPZ file", _read_npz),
        ".nc": ("a NetCDF file", _read_netcdf),
        ".mat": ("a MATLAB file of version 5 or 7.3", _read_matlab),
        ".csv": ("a CSV file", _read_csv),
    }
    if path.suffix.lower() not in formats:
        raise InputError(str(path), f"must end in {', '.join(formats)}, got {path.name!r}")
    noun, read = formats[path.suffix.lower()]
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(str(path), "must be a file that can be read, got a pipe or a device")
        with path.open("rb") as file:
            head = file.read(128)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(str(path), f"must be a file that can be read, got: {reason}") from None
    try:
        raw = read(path, head)
    except InputError:
        raise
    except Exception as error:  # Readers raise anything for damaged files.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(str(path), f"must be {noun}, complete and undamaged, got: {reason}") from None
    return _interpret(path, raw)


def finite_numbers(variables: Variables, name: str) -> NDArray[Any]:
    """Return an array of finite numbers, complex where they may be."""
    path, value = variables.path, variables.numbers[name]
    complex_valued = name in _COMPLEX
    bad = ~np.isfinite(value)
    if bad.any():
        place = ", ".join(map(str, np.argwhere(bad)[0]))
        raise error_of(path, name, f"must be finite, got {value[tuple(np.argwhere(bad)[0])]} at [{place}]")
    if not complex_valued and np.iscomplexobj(value):
        raise error_of(path, name, "must be real, got complex numbers")
    return value.astype(np.complex128) if complex_valued else value


def _interpret(path: Path, raw: _Raw) -> Variables:
    """Convert raw values to numbers and units."""
    numbers = {name: _numbers(path, name, raw.values) for name in NUMBERS}
    stated = [(name, name, _text(path, name, raw.values[name])) for name in UNITS if name in raw.values]
    units: dict[str, str] = {}
    for place, kind, given in (*stated, *raw.stated):
        unit = _canonical(path, place, kind, given)
        if units.setdefault(kind, unit) != unit:
            raise error_of(path, place, f"must agree within the file, got {unit!r} and {units[kind]!r}")
    found = {name: value for name, value in numbers.items() if value is not None}
    return Variables(path=path, names=raw.names, numbers=found, units=units)


def _canonical(path: Path, place: str, kind: str, given: str) -> str:
    """Return the name of a unit that may be spelled otherwise."""
    for unit, spellings in SPELLINGS[kind].items():
        if given in spellings:
            return unit
    known = ", ".join(repr(unit) for unit in SPELLINGS[kind])
    raise error_of(path, place, f"must be one of {known}, got {given!r}")


def _numbers(path: Path, name: str, values: Mapping[str, Any]) -> NDArray[Any] | None:
    """Return the numbers of a name, complex if two variables are their real and imaginary part."""
    if name in values:
        return _to_numbers(path, name, values[name])
    pair = [f"{name}{part}" for part in _PARTS]
    given = [one for one in pair if one in values]
    if not given:
        return None
    if len(given) == 1:
        raise error_of(path, given[0], f"requires {pair[given[0] == pair[0]]}")
    real, imag = (_to_numbers(path, one, values[one]) for one in pair)
    if real.shape != imag.shape or np.iscomplexobj(real) or np.iscomplexobj(imag):
        raise error_of(
            path, pair[1], f"must be real and of the shape of {pair[0]}, {real.shape}, got {imag.shape}"
        )
    found: NDArray[Any] = np.empty(real.shape, dtype=np.complex128)
    found.real, found.imag = real, imag
    return found


def _to_numbers(path: Path, name: str, value: Any) -> NDArray[Any]:
    """Return an array of floats or complex numbers in C order: other orders may sum in another order."""
    if hasattr(value, "toarray"):
        value = value.toarray()
    array = np.asarray(value)
    fields = array.dtype.names or ()
    if fields in _COMPLEX_FIELDS and all(array.dtype[one].kind == "f" for one in fields):
        pair = array
        array = np.empty(pair.shape, dtype=np.complex128)
        array.real, array.imag = (pair[one] for one in fields)
    if array.dtype.kind not in "iufc":
        raise error_of(path, name, f"must be an array of numbers, got one of type {array.dtype}")
    return np.array(array, dtype=np.complex128 if array.dtype.kind == "c" else np.float64, order="C")


def _text(path: Path, name: str, value: Any) -> str:
    array = np.asarray(value)
    found = array.item() if array.size == 1 else None
    if isinstance(found, bytes):
        found = found.decode("utf-8", errors="replace")
    if not isinstance(found, str):
        raise error_of(
            path, name, f"must be a string, got an array of shape {array.shape} and type {array.dtype}"
        )
    return found.strip()


def _read_npz(path: Path, head: bytes) -> _Raw:
    if not head.startswith(b"PK"):
        raise InputError(str(path), "must be an NPZ file, got a file of another kind")
    # Opened here, since NumPy leaves damaged files open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        sizes = [one.file_size for one in archive.zip.infolist()] if archive.zip is not None else []
        isacfw.check_memory(str(path), {"its arrays": 3 * sum(sizes)})
        names = tuple(archive.files)
        return _Raw(names=names, values=_values(path, names, archive.__getitem__))


def _values(path: Path, names: Iterable[str], read: Callable[[str], Any]) -> dict[str, Any]:
    """Return the values of the wanted variables."""
    found = {}
    for name in names:
        if name in _WANTED:
            try:
                found[name] = read(name)
            except InputError:
                raise
            except Exception as error:
                raise error_of(path, name, f"cannot be read: {error}") from None
    return found


def _read_netcdf(path: Path, head: bytes) -> _Raw:
    """Return the variables of a NetCDF file; units may also be attributes of the file or of a variable."""
    import xarray

    source: Any = path
    if head.startswith((b"CDF\x01", b"CDF\x02")):
        # From memory: reading a truncated file that is mapped to memory would end the process.
        engine, source = "scipy", io.BytesIO(path.read_bytes())
    elif head.startswith(b"\x89HDF"):
        engine = "h5netcdf"
        with isacfw.hdf5_file(path):
            pass
    else:
        raise InputError(str(path), "must be a NetCDF file, got a file of another kind")
    with xarray.open_dataset(source, engine=engine, decode_times=False, decode_timedelta=False) as data:
        names = tuple(map(str, data.variables))
        stated = [(f"attribute {name}", name, data.attrs[name]) for name in UNITS if name in data.attrs]
        stated += [
            (f"units of {name}", kind, data.variables[name].attrs["units"])
            for name, kind in _UNIT_OF.items()
            if name in names and "units" in data.variables[name].attrs
        ]
        values = _values(path, names, lambda name: data.variables[name].to_numpy())
    return _Raw(names=names, values=values, stated=tuple((a, b, _text(path, a, c)) for a, b, c in stated))


def _read_matlab(path: Path, head: bytes) -> _Raw:
    if head.startswith(b"MATLAB 7.3"):
        return _read_matlab_73(path)
    if not head.startswith(b"MATLAB 5.0"):
        raise InputError(str(path), "must be a MATLAB file of version 5 or 7.3, got a file of another kind")
    from scipy.io import loadmat, whosmat

    variables = whosmat(path)
    entries = sum(math.prod(shape) for name, shape, _ in variables if name in _WANTED)
    isacfw.check_memory(str(path), {"its arrays": 48 * entries})
    names = tuple(name for name, _, _ in variables)
    wanted = [name for name in names if name in _WANTED]
    found = loadmat(path, variable_names=wanted)
    return _Raw(names=names, values={name: found[name] for name in wanted})


def _read_matlab_73(path: Path) -> _Raw:
    """Return the variables of a MATLAB file of version 7.3, which is in HDF5."""
    with isacfw.hdf5_file(path) as file:
        names = tuple(name for name in file if not name.startswith("#"))
        return _Raw(
            names=names, values=_values(path, names, lambda name: _matlab_73_value(path, name, file[name]))
        )


def _matlab_73_value(path: Path, name: str, item: Any) -> Any:
    """Return a variable of a MATLAB file of version 7.3, whose axes are in reverse order."""
    kind = item.attrs.get("MATLAB_class", b"double")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if not hasattr(item, "shape") or "MATLAB_sparse" in item.attrs or kind in ("cell", "string", "struct"):
        wanted = "a character array in single quotes" if name in UNITS else "a full array of numbers"
        raise error_of(path, name, f"must be {wanted}, got one of class {kind}")
    if item.attrs.get("MATLAB_empty", 0):
        lengths = tuple(int(length) for length in np.ravel(item[()]))
        if 0 not in lengths:
            raise error_of(path, name, f"must have a length of 0 if it is empty, got {lengths!r:.60}")
        return np.zeros(lengths)
    value = item[()].T
    return "".join(map(chr, value.ravel())) if kind == "char" else value


def _read_csv(path: Path, _head: bytes) -> _Raw:
    """Return the fading of a table: a row for each drop, a column for each user, after an optional header."""
    rows: list[list[float]] = []
    text = path.read_text(encoding="utf-8-sig")
    if "\0" in text:
        raise InputError(str(path), "must be a CSV file, got a file of another kind")
    lines = [
        (number, [cell.strip() for cell in cells])
        for number, cells in enumerate(csv.reader(text.splitlines()), start=1)
        if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#")
    ]
    if lines and not any(map(_is_number, lines[0][1])):
        del lines[0]
    for number, cells in lines:
        bad = [column for column, cell in enumerate(cells, start=1) if not _is_number(cell)]
        if bad:
            cell = cells[bad[0] - 1]
            hint = "; columns are separated by commas" if ";" in cell or "\t" in cell else ""
            raise error_of(path, f"line {number}, column {bad[0]}", f"must be a number, got {cell!r:.60}{hint}")
        if rows and len(cells) != len(rows[0]):
            problem = f"must have {len(rows[0])} columns, as many as the lines before it, got {len(cells)}"
            raise error_of(path, f"line {number}", problem)
        rows.append([float(cell) for cell in cells])
    if not rows:
        raise InputError(str(path), "must have a row of numbers for each drop, got none")
    return _Raw(names=("large_scale_fading",), values={"large_scale_fading": np.array(rows)})


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
