"""Gains of the power allocation for readings of the paper's set-up; docs/reproduction.md shows the output.

Usage: python readings.py [SETS], with the number of sets of ten drops.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

import numpy as np

import isacfw
from isacfw import FloatArray, load_scenario

DROPS_PER_SET = 10
USERS = 12
SNR_DB = 20
PILOT_SNR_DB = 30
PAIRS = (("exact", "equal_cs"), ("exact", "equal_com"), ("equal_com", "equal_cs"))
PAPER = (294.0, 68.9, 133.3)
"""Section VI-C of the paper: ZF at 20 dB, means over ten drops."""

PILOTS = {"reused": 10, "orthogonal": USERS}


def sum_rates(shadowing_db: float, pilot_length: int, gain_db: float, drops: int) -> dict[str, FloatArray]:
    """Return the sum rate in bit/s/Hz of each drop by allocator.

    A gain that all channels have in common multiplies the SNR of data and pilots. It leaves the echo unchanged,
    but this does not show: above 8.52 dB, the CRLB limits require no sensing power.
    """
    overrides = [
        'precoders = ["zf"]',
        f"drops = {drops}",
        f"snr_db = {SNR_DB + gain_db}",
        f"channel.users = {USERS}",
        f"channel.pilot_snr_db = {PILOT_SNR_DB + gain_db}",
        f"channel.shadowing_db = {shadowing_db}",
        f"channel.pilot_length = {pilot_length}",
    ]
    allocators = ["exact", "equal_com", "equal_cs"]
    dataset = isacfw.compare(load_scenario("nguyen2025", overrides=overrides), allocators=allocators).dataset
    rate = dataset["sum_rate"].isel(precoder=0)
    return {name: rate.sel(allocator=name).to_numpy() for name in allocators}


def gain(better: FloatArray, worse: FloatArray, drops: int) -> FloatArray:
    """Return by how many per cent the mean of each set of so many drops is better."""
    means = [rates.reshape(-1, drops).mean(axis=1) for rates in (better, worse)]
    return np.asarray(100 * (means[0] / means[1] - 1))


def row(rates: dict[str, FloatArray], paper: Sequence[float]) -> tuple[str, bool]:
    """Return the gains as text, and whether all of the paper's lie in the range of the sets."""
    words, among = [], True
    for (better, worse), stated in zip(PAIRS, paper, strict=True):
        (mean,) = gain(rates[better], rates[worse], len(rates[better]))
        low, high = np.quantile(gain(rates[better], rates[worse], DROPS_PER_SET), [0.05, 0.95])
        words.append(f"{mean:7.1f} {low:6.1f} to {high:6.1f}")
        among &= bool(low <= stated <= high)
    return "  ".join(words), among


def main() -> None:
    """Print a row for each reading."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    drops = sets * DROPS_PER_SET
    print(f"Gain in sum rate of ZF at {SNR_DB} dB in per cent: of the means over {drops} drops,")
    print(f"and 5 to 95 % over sets of {DROPS_PER_SET} drops; * if all three of the paper are in these ranges")
    heads = "".join(f"{f'{better} over {worse}':27s}" for better, worse in PAIRS).rstrip()
    print(f"  shadowing  pilots      gain     {heads}")
    for shadowing_db, (pilots, length), gain_db in itertools.product((7, 0), PILOTS.items(), (0, 10)):
        text, among = row(sum_rates(shadowing_db, length, gain_db, drops), PAPER)
        print(f"{'*' if among else ' '} {shadowing_db} dB       {pilots:10s} {gain_db:3d} dB  {text}")
    print("  the paper" + " " * 21 + "".join(f"  {stated:7.1f}" + " " * 18 for stated in PAPER).rstrip())


if __name__ == "__main__":
    main()
