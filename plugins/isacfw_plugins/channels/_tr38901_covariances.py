"""Covariances of scattered signals for angular spreads by 3GPP TR 38.901."""

from __future__ import annotations

import numpy as np

from isacfw import Array, ComplexArray

from ._angles import Differences, count_nodes, covariances_of, spread_of
from ._tr38901_draws import LargeScale
from ._users import CellUsers


def scattered_correlations(users: CellUsers, large: LargeScale, array: Array) -> ComplexArray:
    """Return the covariances of what is scattered to all users, with unit power; (D, K, N, N)."""
    differences = Differences(array.centred_positions())
    flat, whole = differences.phases
    nodes = count_nodes(flat), count_nodes(whole)
    means = users.azimuth_deg, 90 - users.elevation_deg - large.zenith_offset_deg
    spreads = [
        spread_of(("gaussian", "laplace"), (azimuth, above), (azimuth_spread, zenith_spread), nodes)
        for azimuth, above, azimuth_spread, zenith_spread in zip(
            *(np.radians(values).flat for values in (*means, *large.scattered_spreads_deg)), strict=True
        )
    ]
    found = np.empty((*users.beta.shape, array.n_elements, array.n_elements), dtype=np.complex128)
    for place, covariance in zip(
        np.ndindex(*users.beta.shape), covariances_of(differences, spreads), strict=True
    ):
        found[place] = covariance
    return found
