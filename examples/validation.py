"""How far results are from references: the table of docs/validation.md; fails if a claim does not hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import isacfw
from isacfw.simulation import Transmission, simulated_rates
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA

ACCEPTANCE = Path(__file__).parents[1] / "tests" / "acceptance"
SMALL = [
    "transmit_array = { kind = 'upa', horizontal = 6, vertical = 6 }",
    "channel = { kind = 'rayleigh', users = 6 }",
]
SCENARIO = ["sweep = { snr_db = [0, 10, 20], 'sensing.crlb_limit_db' = [-40, -35, -30] }"]


def independent_sum_rates() -> tuple[int, float]:
    """Return the number of sum rates of an independent implementation, and the largest relative deviation."""
    expected = json.loads((ACCEPTANCE / "expected.json").read_text(encoding="utf-8"))
    found = []
    for case, rows in expected.items():
        records = isacfw.compare(ACCEPTANCE / f"{case}.toml").records()
        ours = {(one["precoder"], one["allocator"]): one["sum_rate"] for one in records}
        for row in rows:
            wanted, value = row.get("sum_rate"), ours.get((row["precoder"], row["allocator"]))
            if wanted and value:
                found.append(abs(value - wanted) / wanted)
    return len(found), max(found)


def third_party_crlbs() -> tuple[int, float]:
    """Return the number of CRLBs of third-party software, and the largest relative deviation."""
    found = []
    for case in json.loads((ACCEPTANCE / "oracles.json").read_text(encoding="utf-8"))["aligned"]:
        power = case["transmit_power"]
        sides = {f"{which}_array": side for which in ("transmit", "receive") for side in [_upa(case[which])]}
        scenario = isacfw.load_scenario(
            {
                "snr_db": 10 * np.log10(power),
                "precoders": ["mrt"],
                "allocators": ["exact"],
                **sides,
                "target": {key: case[key] for key in ("azimuth_deg", "elevation_deg", "reflection_amplitude")},
                "sensing": {"frame_length": case["frame_length"]},
                "channel": {"kind": "rayleigh", "large_scale_fading": [1.0]},
            }
        ).scenario
        problem = scenario.problem(scenario.precoders[0])[0]
        bounds = problem.crlb(np.array([case["communication_share"]]), np.asarray(case["sensing_share"]))
        wanted = np.array([case["crlb_azimuth"], case["crlb_elevation"]])
        found += list(np.abs(np.ravel(bounds) / wanted - 1))
    return len(found), max(found)


def _upa(sides: list[int]) -> dict[str, Any]:
    return {"kind": "upa", "horizontal": sides[0], "vertical": sides[1]}


def another_method(allocator: isacfw.Allocator, drops: int) -> tuple[int, float]:
    """Return the number of problems, and by how much a local method is above `exact`, relatively, at most."""
    loaded = isacfw.load_scenario("nguyen2025", overrides=[*SCENARIO, f"drops = {drops}"])
    data = isacfw.compare(loaded, allocators=["exact", allocator]).dataset
    rates, valid = data["sum_rate"], data["feasible"]
    best, other = rates.sel(allocator="exact"), rates.sel(allocator=allocator.title)
    above = (other / best - 1).where(valid.sel(allocator=allocator.title))
    return int(above.count()), float(above.max())


def simulated() -> tuple[int, float]:
    """Return the number of rates, and by how many standard errors closed forms and simulations differ at most."""
    scenario = isacfw.load_scenario("nguyen2025", overrides=["drops = 1", *SMALL]).scenario
    even = np.full(6, 0.1)
    differences: list[float] = []
    for precoder in scenario.precoders:
        rates = scenario.problem(precoder)[0].rates(even, np.asarray(0.4))
        transmission = Transmission.of(scenario, precoder, 0, even, 0.4)
        found = simulated_rates(transmission, 20_000, np.random.default_rng(1))
        differences += list(np.ravel(np.abs(found.value - rates) / found.standard_error))
    return len(differences), max(differences)


def certified_beams() -> tuple[int, float]:
    """Return the number of channels, and the largest gap of designed beams to their dual bound."""
    gaps = isacfw.beamform("liu2022", sinr_db=[0, 10], draws=3).dataset["gap"]
    return int(gaps.size), float(gaps.max())


CLAIMS: tuple[tuple[str, Callable[[], tuple[int, float]], float], ...] = (
    ("sum rates of an independent implementation", independent_sum_rates, 1e-6),
    ("CRLBs of third-party software", third_party_crlbs, 1e-9),
    ("IPOPT above exact", lambda: another_method(Ipopt(starts=5), 3), 1e-6),
    ("sca-log above exact", lambda: another_method(SCA(label="sca-log", surrogate="logarithmic"), 10), 1e-6),
    ("closed forms against simulation, standard errors", simulated, 4.0),
    ("beams for known channels above their bound", certified_beams, 1e-6),
)
"""What is compared, how, and the largest deviation that is claimed."""


def main() -> int:
    """Print the table; return 1 if a claim does not hold."""
    print(f"{'':50s} {'numbers':>8s} {'largest':>9s} {'claimed':>9s}")
    held = True
    for title, measure, claimed in CLAIMS:
        count, largest = measure()
        held &= largest <= claimed
        shown = f"{max(largest, 0):.1f}" if claimed >= 1 else f"{max(largest, 0):.0e}"
        print(f"{title:50s} {count:8d} {shown:>9s} {f'≤ {claimed:g}':>9s}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
