"""Data sets of NetCDF files that are read on demand."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from ..base.hdf5 import open_hdf5

if TYPE_CHECKING:
    import xarray

READ = "isacfw_read"
"""Key of the encoding of a data set that was read from a file, which need not be the user's own."""


def open_lazily(path: str | PathLike[str]) -> xarray.Dataset:
    """Return the data set of a file of this framework, which is read on demand; it is not checked."""
    import xarray

    with open_hdf5(path) as (_, options):
        return xarray.open_dataset(
            path,
            engine="h5netcdf",
            cache=False,
            decode_times=False,
            decode_timedelta=False,
            driver_kwds=options,
        )
