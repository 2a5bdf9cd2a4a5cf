"""The paper's statements about its figures, measured; docs/reproduction.md shows the output.

Usage: python reproduction.py [SETS], with the number of sets of ten drops for the distribution of the gains.
"""

from __future__ import annotations

import sys

import numpy as np

import isacfw
from isacfw import load_scenario

DROPS_PER_SET = 10
PAIRS = (("exact", "equal_cs"), ("exact", "equal_com"), ("equal_com", "equal_cs"))


def gains(sets: int) -> None:
    """Print the distribution of the gains at 20 dB over sets of as many drops as the paper averages over."""
    comparison = isacfw.compare(
        load_scenario("nguyen2025", overrides=["snr_db = 20", f"drops = {sets * DROPS_PER_SET}"]),
        allocators=["exact", "equal_com", "equal_cs"],
    )
    rate = comparison.dataset["sum_rate"]
    print(f"Gain in sum rate at 20 dB in per cent, over {sets} sets of {DROPS_PER_SET} drops: median, 5 to 95 %")
    for precoder in rate["precoder"].to_numpy():
        for better, worse in PAIRS:
            means = [
                rate.sel(precoder=precoder, allocator=name).to_numpy().reshape(sets, -1).mean(axis=1)
                for name in (better, worse)
            ]
            low, median, high = np.quantile(100 * (means[0] / means[1] - 1), [0.05, 0.5, 0.95])
            print(f"  {precoder:4s} {better:9s} over {worse:9s} {median:9.1f}   {low:8.1f} to {high:8.1f}")


def misalignment() -> None:
    """Print the loss due to a misaligned beam."""
    scenario = load_scenario("nguyen2025-fig2").scenario
    print("\nCRLB for a beam off by the same angle in azimuth and elevation, in dB over that of an aligned beam")
    for offset in (1, 2, 5, 10):
        point = scenario.with_value("sensing.beam_azimuth_deg", scenario.target.azimuth_deg + offset)
        point = point.with_value("sensing.beam_elevation_deg", scenario.target.elevation_deg + offset)
        problems = [s.problem(s.precoders[0])[0] for s in (point, scenario)]
        bounds = [problem.crlb(problem.equal_split / 2, 0.5) for problem in problems]
        azimuth, elevation = 10 * np.log10(bounds[0] / bounds[1])
        print(f"  {offset:3d}°   azimuth {azimuth:.2f}   elevation {elevation:.2f}")


def convergence() -> None:
    """Print how many iterations Algorithm 1 takes to one per cent and to one per mille of the optimum."""
    data = isacfw.compare("nguyen2025-fig3", precoders=["mrt", "zf"]).dataset
    print("\nIterations to within 1 % and 0.1 % of the optimum, at 10 dB: mean over 10 drops")
    optimum = data["sum_rate"].sel(allocator="exact")
    for precoder in data["precoder"].to_numpy():
        for allocator in ("sca-half", "sca-smallest", "sca-log-half", "sca-log-smallest"):
            history = data["objective_history"].sel(precoder=precoder, allocator=allocator)
            gap = (1 - history / optimum.sel(precoder=precoder)).to_numpy()
            counts = [np.argmax(gap <= level, axis=-1).mean() for level in (1e-2, 1e-3)]
            print(f"  {precoder:4s} {allocator:17s} {counts[0]:5.1f} {counts[1]:5.1f}")
    distance = float(np.abs(data["sum_rate"].sel(allocator="ipopt") / optimum - 1).max())
    bound = 10 ** np.ceil(np.log10(distance))
    print(f"  IPOPT from 14 starts: within {bound:.0e} of the exact optimum, relatively, in every drop")


def sensing_power() -> None:
    """Print when sensing requires separate power, at the paper's limits."""
    data = isacfw.compare("nguyen2025", drops=1, allocators=["exact"], precoders=["mrt"]).dataset.isel(
        precoder=0, allocator=0
    )
    margin = float(data["crlb_azimuth_limit_db"] - data["crlb_azimuth_db"][0])
    print(f"\nThe limit of -35 dB holds without any sensing power from an SNR of {10 - margin:.2f} dB")
    limits = [-55.0, -50.0, -45.0, -40.0, -20.0]
    sweep = load_scenario(
        "nguyen2025", overrides=["snr_db = 20", "drops = 200", f'sweep."sensing.crlb_limit_db" = {limits}']
    )
    rate = isacfw.compare(sweep, allocators=["exact"]).dataset["sum_rate"].mean("drop").isel(allocator=0)
    print("Mean sum rate in bit/s/Hz at 20 dB against the CRLB limit, 200 drops")
    for precoder in rate["precoder"].to_numpy():
        values = "  ".join(
            f"{limit:g}: {value:.3f}"
            for limit, value in zip(limits, rate.sel(precoder=precoder).to_numpy(), strict=True)
        )
        print(f"  {precoder:4s} {values}")


def main() -> None:
    """Print everything."""
    gains(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    misalignment()
    convergence()
    sensing_power()


if __name__ == "__main__":
    main()
