"""DeepMIMO: paths of random users of a scenario folder of version 4, as a file for the channel `file`.

Run ``python from_deepmimo.py FOLDER``; docs/channels/deepmimo.md says more. Only files are read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

DROPS, USERS = 5, 4
ROTATION_DEG = (0.0, 5.0, 90.0)  # of the base station about x, y and z, as in DeepMIMO: tilted down, facing +y


def paths_of(power: Any, azimuth: Any, zenith: Any, rotation_deg: Any) -> dict[str, Any]:
    """Return the variables of the file, from DeepMIMO's `power`, `aod_az` and `aod_el`; (..., users, paths).

    `power` is in dB relative to that transmitted, NaN where a user has fewer paths; `aod_el` is measured from the
    vertical axis in spite of its name, both angles in degrees and in the frame of the scene.
    """
    present = ~np.isnan(power)
    theta, phi = np.radians(np.where(present, zenith, 90)), np.radians(np.where(present, azimuth, 0))
    scene = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    turn = Rotation.from_euler("ZYX", rotation_deg[::-1], degrees=True).as_matrix()
    normal, horizontal, vertical = np.moveaxis(scene @ turn, -1, 0)
    return {
        "path_gain": np.where(present, 10 ** (np.nan_to_num(power) / 20), 0),
        "path_azimuth": np.degrees(np.arctan2(horizontal, normal)),
        "path_elevation": np.degrees(np.arccos(np.clip(vertical, -1, 1))),
        "angle_unit": "degrees",
    }


def read(folder: Path, name: str) -> Any:
    """Return a matrix of the first pair of transmitters and receivers; NPZ, or MATLAB as in older scenarios."""
    path = min(folder.glob(f"{name}_t*"))
    return (np.load(path) if path.suffix == ".npz" else loadmat(path))[name]


def main(folder: Path) -> None:
    """Write the paths of random users that have one."""
    power, azimuth, zenith = (read(folder, name) for name in ("power", "aod_az", "aod_el"))
    reached = np.flatnonzero(~np.isnan(power).all(axis=-1))
    users = np.random.default_rng(1).choice(reached, (DROPS, USERS), replace=False)
    np.savez_compressed("deepmimo.npz", **paths_of(power[users], azimuth[users], zenith[users], ROTATION_DEG))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
