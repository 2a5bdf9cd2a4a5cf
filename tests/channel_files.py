"""Files of channels for tests, in every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray
from scipy.io import savemat

from isacfw import Array

Variables = Mapping[str, Any]


def write_npz(path: Path, variables: Variables) -> Path:
    """Write a NumPy archive."""
    path = path.with_suffix(".npz")
    np.savez(path, **variables)
    return path


def _dataset(variables: Variables) -> xarray.Dataset:
    found = {}
    for name, value in variables.items():
        axes = tuple(f"{name}_{axis}" for axis in range(np.ndim(value)))
        found[name] = (axes, value)
    return xarray.Dataset(found)


def write_netcdf(path: Path, variables: Variables) -> Path:
    """Write NetCDF version 4, with complex numbers as a compound."""
    path = path.with_suffix(".nc")
    _dataset(variables).to_netcdf(path, engine="h5netcdf")
    return path


def write_classic_netcdf(path: Path, variables: Variables) -> Path:
    """Write NetCDF version 3, with complex numbers in two variables."""
    path = path.with_name(f"{path.name}_classic.nc")
    parts: dict[str, Any] = {}
    for name, value in variables.items():
        if np.iscomplexobj(value):
            parts |= {f"{name}_real": np.real(value), f"{name}_imag": np.imag(value)}
        else:
            parts[name] = value
    _dataset(parts).to_netcdf(path, engine="scipy")
    return path


def write_matlab_5(path: Path, variables: Variables) -> Path:
    """Write a MATLAB file of version 5, compressed like those of MATLAB's ``save -v7``."""
    path = path.with_name(f"{path.name}_5.mat")
    savemat(path, dict(variables), do_compression=True)
    return path


def write_matlab_73(path: Path, variables: Variables) -> Path:
    """Write HDF5 with the layout of MATLAB's ``save -v7.3``: axes reversed, complex numbers as a compound."""
    path = path.with_name(f"{path.name}_73.mat")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            text = isinstance(value, str)
            array = np.array([[ord(letter)] for letter in value], np.uint16) if text else np.atleast_2d(value).T
            if np.iscomplexobj(array):
                pair = np.empty(array.shape, dtype=[("real", "<f8"), ("imag", "<f8")])
                pair["real"], pair["imag"] = array.real, array.imag
                array = pair
            item = file.create_dataset(name, data=array)
            item.attrs["MATLAB_class"] = np.bytes_("char" if text else "double")
    with path.open("rb+") as raw:
        raw.write(
            b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan 01 00:00:00 2026 HDF5 schema 1.00 ."
        )
    return path


WRITERS: dict[str, Callable[[Path, Variables], Path]] = {
    "npz": write_npz,
    "netcdf": write_netcdf,
    "classic netcdf": write_classic_netcdf,
    "matlab 5": write_matlab_5,
    "matlab 7.3": write_matlab_73,
}


def elements_of(array: Array) -> dict[str, Any]:
    """Return the variables that state the positions of an array's elements."""
    positions = array.positions()
    positions = np.concatenate([positions, np.zeros((len(positions), 3 - positions.shape[1]))], axis=-1)
    return {"positions": positions, "positions_unit": "half_wavelengths"}
