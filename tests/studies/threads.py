"""Count the rows of a study that come out differently in threads of one process than without; there must be none.

`python tests/studies/threads.py` takes some minutes: 512 drops, five times in two and in four threads.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray

from isacfw import Execution, compare
from isacfw.study import solve as chunk

SCENARIO: dict[str, Any] = {
    "name": "threads",
    "seed": 1,
    "drops": 512,
    "precoders": ["mrt", "zf"],
    "allocators": [
        "exact",
        "sca",
        {"kind": "sca", "label": "sca-log", "surrogate": "logarithmic"},
        {"kind": "sca", "label": "sca-scs", "solver": "SCS", "max_iterations": 5},
        "ipopt",
    ],
    "snr_db": 10.0,
    "transmit_array": {"kind": "upa", "horizontal": 4, "vertical": 4},
    "receive_array": {"kind": "upa", "horizontal": 3, "vertical": 3},
    "target": {"azimuth_deg": 20.0, "elevation_deg": 50.0, "reflection_amplitude": 0.1},
    "sensing": {"frame_length": 30, "crlb_limit_db": -30.0},
    "channel": {"kind": "rayleigh", "users": 3},
}


def differing_rows(found: xarray.Dataset, expected: xarray.Dataset) -> int:
    """Return in how many rows anything but the time differs, to the last bit."""
    assert list(found.data_vars) == list(expected.data_vars)
    shape = expected["sum_rate"].shape
    different = np.zeros(shape, dtype=bool)
    for name in expected.data_vars:
        if name == "seconds" or expected[name].dims[: len(shape)] != expected["sum_rate"].dims:
            continue
        one, other = found[name].values, expected[name].values
        assert one.shape == other.shape, f"{name}: {one.shape} and {other.shape}"
        numbers = one.dtype.kind == "f"
        equal = (one == other) | (np.isnan(one) & np.isnan(other)) if numbers else one == other
        different |= ~equal.reshape(*shape, -1).all(axis=-1)
    return int(different.sum())


def main() -> int:
    """Run the comparison and print the number of differing rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=512)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    scenario = SCENARIO | {"drops": arguments.drops}
    # Small pieces, so that threads meet in every allocator.
    chunk.PROBLEMS_IN_A_LOOP = 16
    expected = compare(scenario).dataset
    total = 0
    for time in range(arguments.times):
        for threads in (2, 4):
            with ThreadPoolExecutor(threads) as executor:
                found = compare(scenario, execution=Execution(executor=executor)).dataset
            rows = differing_rows(found, expected)
            total += rows
            print(
                f"time {time + 1}, {threads} threads: {rows} of {expected['sum_rate'].size} rows differ",
                flush=True,
            )
    print(total)
    return int(total > 0)


if __name__ == "__main__":
    raise SystemExit(main())
