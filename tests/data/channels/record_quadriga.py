"""Record what quadriga-lib gives for an array of 8 times 2 antennas and one path, in ``quadriga_arrays.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from quadriga_lib import arrayant, channel

CARRIER_HZ, AZIMUTHS_DEG = 5.25e9, (-40.0, 25.0)


def main() -> None:
    """Simulate two users with lines of sight alone."""
    station = arrayant.generate("3gpp", M=2, N=8, spacing=0.5, freq=CARRIER_HZ, res=10)
    channels = channel.get_ieee_indoor(
        ap_array=station,
        sta_array=arrayant.generate("omni"),
        ChannelType="A",
        CarrierFreq_Hz=CARRIER_HZ,
        n_users=2,
        Dist_m=np.array([4.0, 4.0]),
        offset_angles=np.array([AZIMUTHS_DEG, AZIMUTHS_DEG, (0.0, 0.0), (0.0, 0.0)]),
        seed=1,
        KF_linear=1e9,
    )
    np.savez_compressed(
        Path(__file__).with_name("quadriga_arrays.npz"),
        coefficients=[user["coeff"] for user in channels],
        element_positions=station["element_pos"],
        carrier_hz=CARRIER_HZ,
        azimuths_deg=AZIMUTHS_DEG,
    )


if __name__ == "__main__":
    main()
