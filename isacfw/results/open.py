"""Results of comparisons, read from files."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from ..base.errors import InputError, one_line
from ..base.hdf5 import open_hdf5
from ..base.inputs import file_state
from .check import check_content, check_dataset
from .check_statistics import check_statistics
from .lazily import READ, open_lazily
from .schema import roles_in

if TYPE_CHECKING:
    import xarray


def open_results(path: str | PathLike[str]) -> xarray.Dataset:
    """Return the data set of a file ``results.nc``, which is read on demand.

    The file may be from anyone: its structure, types, sizes and scenario are checked first.

    Raises
    ------
    InputError
        If the file cannot be read, or holds no results.
    """
    size = file_state(path).st_size
    try:
        dataset = _open(path, size)
    except InputError:
        raise
    except Exception as error:
        # HDF5, NetCDF and xarray raise anything for a damaged file.
        reason = one_line(error) or type(error).__name__
        raise InputError(str(path), f"must be a NetCDF file of results, got: {reason:.300}") from None
    try:
        (check_statistics if "status_count" in dataset else check_dataset)(dataset)
    except (ValueError, TypeError) as error:
        dataset.close()
        raise InputError(str(path), f"must be a NetCDF file of results, got: {one_line(error):.300}") from None
    dataset.encoding[READ] = True
    return dataset


def _open(path: str | PathLike[str], size: int) -> xarray.Dataset:
    with open_hdf5(path) as (file, _):
        if "status" not in file or "scenario" not in file.attrs:
            raise InputError(str(path), "is not a results file of isacfw")
        check_content(file, size)
    dataset = open_lazily(path)
    if "objective" not in roles_in(dataset):
        raise InputError(str(path), "was written by an older version of isacfw, which this one cannot read")
    return dataset
