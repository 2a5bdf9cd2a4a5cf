"""Sionna RT: paths from a base station to users in a street canyon, as a file for the channel `file`.

Run ``python from_sionna_rt.py`` with the package sionna-rt; docs/channels/sionna_rt.md says more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

DROPS, USERS = 5, 4
CARRIER_HZ = 28e9
POSITION = (0.0, -8.0, 10.0)
ORIENTATION = (np.pi / 2, 0.1, 0.0)  # yaw, pitch and roll: broadside across the street, tilted down


def paths_of(coefficients: Any, zenith: Any, azimuth: Any, orientation: Any, users: int) -> dict[str, Any]:
    """Return the variables of the file, from what Sionna RT gives for one transmitter; `users` receivers a drop.

    `coefficients` are those of ``Paths.cir`` (receivers, 1, 1, antennas, paths, 1); `zenith` and `azimuth` are
    ``Paths.theta_t`` and ``Paths.phi_t`` (receivers, 1, paths) in the frame of the scene; `orientation` is that
    of the transmitter.
    """
    gain = np.sqrt(np.mean(np.abs(coefficients[:, 0, 0, :, :, 0]) ** 2, axis=1))
    theta, phi = zenith[:, 0], azimuth[:, 0]
    scene = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    # In the frame of the transmitter the array is broadside to the first axis, and the third points upwards.
    normal, horizontal, vertical = np.moveaxis(scene @ Rotation.from_euler("ZYX", orientation).as_matrix(), -1, 0)
    shape = (-1, users, gain.shape[-1])
    return {
        "path_gain": gain.reshape(shape),
        "path_azimuth": np.arctan2(horizontal, normal).reshape(shape),
        "path_elevation": np.arccos(np.clip(vertical, -1, 1)).reshape(shape),
        "angle_unit": "radians",
    }


def trace() -> dict[str, Any]:
    """Trace the paths, and return the variables of the file."""
    import sionna.rt as rt

    scene = rt.load_scene(rt.scene.simple_street_canyon)
    scene.frequency = CARRIER_HZ
    # A single antenna: the array is that of the scenario.
    scene.tx_array = rt.PlanarArray(num_rows=1, num_cols=1, pattern="tr38901", polarization="V")
    scene.rx_array = rt.PlanarArray(num_rows=1, num_cols=1, pattern="iso", polarization="V")
    scene.add(rt.Transmitter("station", POSITION, ORIENTATION))
    generator = np.random.default_rng(1)
    for user in range(DROPS * USERS):
        x, y = generator.uniform(-60, 60), generator.uniform(-2, 8)
        scene.add(rt.Receiver(f"user {user}", [x, y, 1.5]))
    found = rt.PathSolver()(scene, max_depth=3, seed=1)
    coefficients, _ = found.cir(out_type="numpy")
    return paths_of(coefficients, found.theta_t.numpy(), found.phi_t.numpy(), ORIENTATION, USERS)


if __name__ == "__main__":
    np.savez_compressed("sionna_rt.npz", **trace())
