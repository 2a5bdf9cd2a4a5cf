"""Results of comparisons, read from files."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from ..base.errors import InputError
from .schema import roles_in

if TYPE_CHECKING:
    import xarray


def open_results(path: str | PathLike[str]) -> xarray.Dataset:
    """Return the data set of a file ``results.nc``, which is read on demand.

    Raises
    ------
    InputError
        If the file cannot be read, or holds no results.
    """
    import xarray

    try:
        dataset = xarray.open_dataset(path, engine="h5netcdf", cache=False)
    except FileNotFoundError:
        raise InputError(str(path), "must be a file that can be read, got none") from None
    except Exception as error:
        raise InputError(str(path), f"must be a NetCDF file of results, got: {error}") from None
    if "status" not in dataset or "scenario" not in dataset.attrs:
        raise InputError(str(path), "is not a results file of isacfw")
    if "objective" not in roles_in(dataset):
        raise InputError(str(path), "was written by an older version of isacfw, which this one cannot read")
    return dataset
