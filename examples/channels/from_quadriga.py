"""quadriga-lib: indoor channels of several users over time, as a file for the channel `file`.

Run ``python from_quadriga.py`` with the package quadriga-lib; docs/channels/quadriga.md says more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CARRIER_HZ = 5.25e9
DISTANCES_M = (5.0, 8.0, 12.0, 18.0)
AZIMUTHS_DEG = (-40.0, -10.0, 15.0, 45.0)


def samples_of(channels: Any, element_positions: Any, carrier_hz: float) -> dict[str, Any]:
    """Return the variables of the file.

    `channels` has an item for each user, whose `coeff` is a list of snapshots (1, antennas, paths);
    `element_positions` (3, antennas) are `element_pos` of the array, in metres, broadside along the first axis.
    """
    # The sum over the paths is the channel in the middle of the band.
    users = [np.stack([snapshot[0].sum(axis=-1) for snapshot in user["coeff"]]) for user in channels]
    normal, horizontal, vertical = element_positions
    return {
        "samples": np.stack(users, axis=-1).astype(np.complex64),
        "positions": np.stack([horizontal, vertical, normal], axis=-1),
        "positions_unit": "metres",
        "wavelength_m": 299_792_458 / carrier_hz,
    }


def simulate() -> dict[str, Any]:
    """Simulate 20 seconds of model D of IEEE TGn, and return the variables of the file."""
    from quadriga_lib import arrayant, channel

    station = arrayant.generate("3gpp", M=2, N=8, spacing=0.5, freq=CARRIER_HZ, res=5)
    directions = np.array([AZIMUTHS_DEG, AZIMUTHS_DEG, (0.0,) * 4, (0.0,) * 4])
    channels = channel.get_ieee_indoor(
        ap_array=station,
        sta_array=arrayant.generate("omni"),
        ChannelType="D",
        CarrierFreq_Hz=CARRIER_HZ,
        n_users=len(DISTANCES_M),
        observation_time=20.0,
        update_rate=0.05,
        Dist_m=np.array(DISTANCES_M),
        offset_angles=directions,
        seed=1,
    )
    return samples_of(channels, station["element_pos"], CARRIER_HZ)


if __name__ == "__main__":
    np.savez_compressed("quadriga.npz", **simulate())
