"""Which allocator solves what: for each objective and kind of channel, the status of its answer and its time.

Prints the table of docs/which_allocator.md, for four users, limits on both CRLBs and minimum rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

import isacfw
from isacfw import Allocator, PowerAllocationProblem, Status
from isacfw.testing import LineOfSight
from isacfw_plugins.allocators.conic import Conic
from isacfw_plugins.allocators.equal_com import EqualCom
from isacfw_plugins.allocators.exact import Exact
from isacfw_plugins.allocators.ipopt import Ipopt
from isacfw_plugins.allocators.sca import SCA
from isacfw_plugins.allocators.scip import Scip
from isacfw_plugins.allocators.uno import Uno

FADING = (1.0, 0.5, 0.2, 0.1)
OBJECTIVES: Mapping[str, Any] = {
    "sum_rate": "sum_rate",
    "sum_rate, weights": {"kind": "sum_rate", "weights": [1, 2, 3, 4]},
    "alpha_fair, α = 2": {"kind": "alpha_fair", "alpha": 2.0},
    "proportional_fair": "proportional_fair",
    "max_min": "max_min",
    "sinr_product": "sinr_product",
    "least_power": "least_power",
    "least_crlb": "least_crlb",
}
ALLOCATORS = (Exact(), Conic(), Scip(seconds=20.0), SCA(surrogate="logarithmic"), Ipopt(), Uno(), EqualCom())
WORDS = {
    Status.OPTIMAL: "optimal",
    Status.LOCALLY_OPTIMAL: "local",
    Status.FEASIBLE: "feasible",
    Status.INFEASIBLE: "none",
    Status.SKIPPED: "-",
}


def problem(channel: Any, precoder: str, objective: Any, *, limit_db: float) -> PowerAllocationProblem:
    """Return the problem of one drop with minimum rates."""
    line = {"kind": "ula", "elements": 16}
    content: dict[str, Any] = {
        "snr_db": 10.0,
        "precoders": [precoder],
        "allocators": ["exact"],
        "transmit_array": line,
        "receive_array": line,
        "target": {
            "azimuth_deg": 20.0,
            "elevation_deg": 90.0,
            "known": ["elevation"],
            "reflection_amplitude": 0.1,
        },
        "sensing": {"azimuth_crlb_limit_db": limit_db},
        "channel": {"kind": "rayleigh", "large_scale_fading": FADING},
        "objective": objective,
        "requirements": {"rates": {"kind": "user_rate", "minimum": 0.05}},
    }
    if isinstance(channel, dict):
        content["channel"] |= channel
    scenario = isacfw.load_scenario(content).scenario
    if isinstance(channel, isacfw.Channel):
        scenario = attrs.evolve(scenario, channel=channel)
    return scenario.problem(scenario.precoders[0])[0]


LINE_OF_SIGHT = LineOfSight(
    azimuth_deg=(25.0, -30.0, 50.0, -5.0), elevation_deg=(90.0,) * 4, large_scale_fading=FADING, k_factor=3.0
)
CHANNELS: Mapping[str, tuple[Any, str]] = {
    "common interference": ({}, "mrt"),
    "users in pairs": ({"estimates": "physical", "pilot_length": 2, "coherence_length": 100}, "mrt"),
    "users differ": (LINE_OF_SIGHT, "mrt"),
}


def cell(allocator: Allocator, given: PowerAllocationProblem) -> str:
    """Return the status of an answer, and its time."""
    # The first call loads and compiles.
    allocator.allocate(given)
    found = allocator.allocate(given)
    word = WORDS.get(Status(str(found.status)), str(found.status))
    time = 1e3 * float(found.seconds)
    return word if word == "-" else f"{word} {time:{'.0f' if time >= 10 else '.2g'}} ms"


def main() -> None:
    """Print the table."""
    names = [allocator.name for allocator in ALLOCATORS]
    for title, (channel, precoder) in CHANNELS.items():
        print(title)
        print(f"  {'':20s}" + "".join(f"{name:>17s}" for name in names))
        for name, objective in OBJECTIVES.items():
            given = problem(channel, precoder, objective, limit_db=-42.0)
            print(f"  {name:20s}" + "".join(f"{cell(allocator, given):>17s}" for allocator in ALLOCATORS))
        print()


if __name__ == "__main__":
    main()
