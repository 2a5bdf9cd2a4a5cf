"""Versions of everything that results are computed with."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

import numpy as np

from ..base.errors import describe_exception
from ..base.part import Part

COUNTED = (
    "isacfw",
    "numpy",
    "scipy",
    "cvxpy",
    "clarabel",
    "pyomo",
    "xarray",
    "h5py",
    "pandas",
    "cyipopt",
    "cyipopt-wheels",
    "unopy",
    "pyscipopt",
    "quadriga-lib",
    "casadi",
    "copt",
    "coptpy",
    "cplex",
    "cuclarabel",
    "cvxopt",
    "daqp",
    "diffcp",
    "ecos",
    "glpk",
    "gurobipy",
    "highspy",
    "knitro",
    "moreau",
    "Mosek",
    "ortools",
    "osqp",
    "piqp",
    "proxsuite",
    "qoco",
    "scs",
    "sdpa-python",
    "sparsediffpy",
    "xpress",
)
"""Distributions that compute, or that CVXPY and the built-in allocators call as solvers, where installed."""


def library_versions(parts: Iterable[type[Part]]) -> dict[str, str]:
    """Return the version of Python, of installed packages that compute, and of libraries that parts name.

    Parameters
    ----------
    parts : iterable of class
        Parts of a study; see :meth:`isacfw.Part.libraries`.
    """
    found = dict(_packages())
    for part in parts:
        try:
            found |= {str(name): str(value) for name, value in part.libraries().items()}
        except Exception as error:  # A faulty part must not end the study.
            found[f"{part.provider()}:{part.name}"] = f"unknown: {describe_exception(error)}"
    return found


@cache
def _packages() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in COUNTED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    # A package says nothing of a library that it is linked to, as by a distribution of Linux.
    blas = cast(dict[str, Any], np.show_config(mode="dicts"))["Build Dependencies"]["blas"]
    return found | {f"numpy: {blas['name']}": str(blas["version"])}
