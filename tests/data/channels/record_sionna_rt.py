"""Record what Sionna RT gives for 4 times 2 antennas, turned and tilted, in ``sionna_rt_arrays.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sionna.rt as rt

ORIENTATION = (1.4, 0.1, -0.2)


def main() -> None:
    """Trace the paths to four users."""
    scene = rt.load_scene(rt.scene.simple_street_canyon)
    scene.frequency = 28e9
    array = {"vertical_spacing": 0.5, "horizontal_spacing": 0.5, "pattern": "iso", "polarization": "V"}
    scene.tx_array = rt.PlanarArray(num_rows=2, num_cols=4, **array)
    scene.rx_array = rt.PlanarArray(num_rows=1, num_cols=1, **array)
    scene.add(rt.Transmitter("station", (0.0, -8.0, 10.0), ORIENTATION))
    for user, place in enumerate([(-20, 4, 1.5), (5, 7, 1.5), (24, 20, 1.5), (50, 0, 1.5)]):
        scene.add(rt.Receiver(f"user {user}", place))
    found = rt.PathSolver()(scene, max_depth=3, seed=1)
    coefficients, _ = found.cir(out_type="numpy")
    wavelength = float(scene.wavelength.numpy()[0])
    np.savez_compressed(
        Path(__file__).with_name("sionna_rt_arrays.npz"),
        coefficients=coefficients,
        theta_t=found.theta_t.numpy(),
        phi_t=found.phi_t.numpy(),
        orientation=ORIENTATION,
        positions=scene.tx_array.positions(scene.wavelength).numpy(),
        wavelength=wavelength,
    )


if __name__ == "__main__":
    main()
