"""The designed sensing beam in the geometry of the paper: savings, brittleness, and the price of robustness.

Prints the numbers of docs/designed_beam.md. Without users: none of them depends on the channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

import isacfw
from isacfw import Designed, PowerAllocationProblem, Scenario, Steered
from isacfw_plugins.beams.difference import Difference
from isacfw_plugins.precoders.mrt import MRT

OFFSETS_DEG = (0.0, 1.0, 2.0, 3.0, 5.0)


def scenario(limit_db: float | None = None, **changes: Any) -> Scenario:
    """Return the paper's geometry at 10 dB, with one user, who does not matter here."""
    limits = {} if limit_db is None else {"sensing.crlb_limit_db": limit_db}
    content: Mapping[str, Any] = {
        "snr_db": 10.0,
        "precoders": ["mrt"],
        "allocators": ["exact"],
        "transmit_array": {"kind": "upa", "horizontal": 15, "vertical": 15},
        "receive_array": {"kind": "upa", "horizontal": 5, "vertical": 5},
        "target": {"azimuth_deg": 22.5, "elevation_deg": 45.0},
        "channel": {"kind": "rayleigh", "large_scale_fading": [1.0]},
    }
    return isacfw.load_scenario(content).scenario.with_values({"sensing.crlb_limit_db": None} | limits | changes)


def problem(given: Scenario, beam: isacfw.Beam) -> PowerAllocationProblem:
    """Return the problem of a beam."""
    return given.problem(MRT(), beam=beam)[0]


def sensing_share(given: Scenario, beam: isacfw.Beam) -> float:
    """Return the share of the power that sensing needs; NaN if the limits are infeasible."""
    return 1 - float(problem(given, beam).best_mix[0])


def tightest_limit_db(beam: isacfw.Beam, share: float, *, angle: str | None = None) -> float:
    """Return the limit in dB that a beam meets with a sensing share, by bisection."""
    key = "sensing.crlb_limit_db" if angle is None else f"sensing.{angle}_crlb_limit_db"
    low, high = -70.0, -20.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        needed = sensing_share(scenario(None, **{key: middle}), beam)
        low, high = (low, middle) if needed <= share else (middle, high)
    return high


def savings() -> None:
    """Print the sensing share that limits need, aligned and designed."""
    print("1. Share of the power for sensing in per cent, SNR 10 dB")
    print("   limits    aligned   difference   designed   aligned / designed")
    for limit_db in (-40.0, -45.0):
        given = scenario(limit_db)
        shares = [100 * sensing_share(given, beam) for beam in (Steered(), Difference(), Designed())]
        aligned, difference, designed = shares
        ratio = aligned / designed
        print(f"   {limit_db:.0f} dB   {aligned:8.2f}   {difference:10.2f}   {designed:8.2f}   {ratio:18.1f}")


def tighter_limits(share: float) -> None:
    """Print the limits that can be met with a sensing share."""
    print(f"\n2. Tightest limits with a sensing share of {100 * share:.1f} %, in dB")
    for title, angle in (("both angles", None), ("azimuth alone", "azimuth"), ("elevation alone", "elevation")):
        aligned, designed = (tightest_limit_db(beam, share, angle=angle) for beam in (Steered(), Designed()))
        print(
            f"   {title:16s} aligned {aligned:7.2f}   designed {designed:7.2f}   gain {aligned - designed:5.2f}"
        )


@attrs.frozen(kw_only=True, eq=False)
class FixedBeam(isacfw.Beam):
    """A beam with given weights, wherever the target is; (N, S, R)."""

    name = "fixed"

    given: Any

    def weights(self, scene: isacfw.Scene, estimates: Any) -> Any:
        """Return the weights."""
        return self.given


def displaced_crlb(given: Scenario, beam: isacfw.Beam, offset_deg: float) -> Any:
    """Return the CRLBs in dB with half of the power in the beam, for a target with an offset in both angles."""
    scene = given.scene(given.statistics())
    fixed = FixedBeam(given=beam.weights(scene, np.empty(0)))
    assert given.target is not None
    there = given.with_values(
        {
            "target.azimuth_deg": given.target.azimuth_deg + offset_deg,
            "target.elevation_deg": given.target.elevation_deg + offset_deg,
        }
    )
    return 10 * np.log10(problem(there, fixed).crlb(np.array([0.5]), 0.5))


def robustness() -> None:
    """Print the CRLBs for a displaced target, and the price of robustness."""
    print("\n3. CRLBs of azimuth / elevation in dB with half of the power, target off in both angles")
    around = tuple((x, y) for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0) if x or y)
    given = scenario(-45.0)
    beams = {
        "aligned": Steered(),
        "difference": Difference(),
        "difference, 20 % sum": Difference(sum_share=0.2),
        "designed": Designed(),
        "designed, ±2°": Designed(robust_offsets_deg=around),
    }
    print("   " + " " * 20 + "".join(f"{offset:14.0f}°" for offset in OFFSETS_DEG) + "   share for -45 dB")
    for title, beam in beams.items():
        cells = [displaced_crlb(given, beam, offset) for offset in OFFSETS_DEG]
        row = "".join(f"{azimuth:8.1f}/{elevation:5.1f} " for azimuth, elevation in cells)
        print(f"   {title:20s}{row}   {100 * sensing_share(given, beam):12.2f} %")


def main() -> None:
    """Print all numbers."""
    savings()
    for share in (sensing_share(scenario(-45.0), Steered()), 0.9):
        tighter_limits(share)
    robustness()


if __name__ == "__main__":
    main()
