"""Print a digest of the results of every study of :data:`STUDIES`, or of those that are named.

Run in processes with other numbers of threads and hash seeds, all digests must be the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import numpy as np
import xarray

ARRAY = {"kind": "upa", "horizontal": 8, "vertical": 8}
LOG = {"kind": "sca", "label": "log", "surrogate": "logarithmic"}


def _channel(kind: str, **options: Any) -> dict[str, Any]:
    return {"channel": {"kind": kind, **options}}


STUDIES: dict[str, dict[str, Any]] = {
    # Enough users of a pilot, and enough users, for sums of more than eight numbers.
    "shared pilots": {
        **_channel("rayleigh", users=40, pilot_length=10),
        "precoders": ["mrt"],
        "allocators": ["exact", "equal_com", "equal_cs"],
        "drops": 9,
    },
    "many users": {
        **_channel("rayleigh", users=1000, pilot_length=50, coherence_length=2000),
        "precoders": ["mrt"],
        "allocators": ["exact", "equal_com"],
        "drops": 3,
    },
    "collinear estimates": {
        **_channel("rayleigh", users=40, pilot_length=10, estimates="physical"),
        "objective": "max_min",
        "precoders": ["mrt"],
        "allocators": ["exact", "equal_com"],
        "drops": 5,
    },
    "product of SINRs": {
        **_channel("rayleigh", users=30, pilot_length=10, estimates="physical"),
        "objective": "sinr_product",
        "precoders": ["mrt"],
        "allocators": ["exact", "equal_com"],
        "drops": 3,
    },
    "minimum rates": {
        **_channel("rayleigh", users=40, pilot_length=10),
        "objective": {"kind": "alpha_fair", "alpha": 2.0},
        "requirements": {"rates": {"kind": "user_rate", "minimum": 1e-4}},
        "precoders": ["mrt"],
        "allocators": ["exact", "equal_com"],
        "drops": 5,
    },
    "sampled moments": {
        **_channel("rayleigh", users=12, pilot_length=12),
        "transmit_array": ARRAY,
        "precoders": ["rzf"],
        "beams": ["steered", "rzf"],
        "allocators": ["equal_com"],
        "sampling_accuracy": 0.3,
        "drops": 2,
    },
    "correlated fading": {
        **_channel("correlated", users=6, spread_deg=10.0, pilot_length=4),
        "transmit_array": {**ARRAY, "vertical": 16},
        "precoders": ["mrt"],
        "allocators": ["equal_com"],
        "drops": 2,
    },
    "iterative solvers": {
        **_channel("rayleigh", users=12, pilot_length=4),
        "precoders": ["mrt"],
        "allocators": ["sca", LOG, "ipopt"],
        "drops": 3,
    },
    "lines of sight": {
        **_channel("rician", users=5, k_factor_db=3.0),
        "precoders": ["mrt", "zf"],
        "allocators": ["equal_com", "sca", "ipopt"],
        "sampling_accuracy": 0.3,
        "drops": 2,
    },
    "3GPP": {
        **_channel("tr38901", users=4, scenario="umi", scale_db=100.0, carrier_hz=3.5e9),
        "precoders": ["mrt"],
        "allocators": ["equal_com", "ipopt"],
        "drops": 2,
    },
    "many users and ipopt": {
        **_channel("rayleigh", users=200, pilot_length=20, coherence_length=500),
        "precoders": ["mrt"],
        "allocators": ["ipopt"],
        "drops": 3,
    },
    "conic programs": {
        **_channel("correlated", users=4, spread_deg=10.0),
        "objective": "max_min",
        "precoders": ["mrt"],
        "allocators": ["conic", "sca"],
        "drops": 2,
    },
    "simulated metrics": {
        **_channel("rayleigh", users=12, pilot_length=4),
        "precoders": ["mrt"],
        "allocators": ["exact"],
        "metrics": [{"kind": "rate_distribution", "draws": 20}, {"kind": "crlb_distribution", "draws": 20}],
        "drops": 4,
    },
    "uplink": {
        **_channel("rayleigh", users=12, pilot_length=12),
        "link": "uplink",
        "uplink": {"user_snr_db": 15.0, "radar_snr_db": 20.0},
        "transmit_array": ...,
        "sensing": ...,
        "snr_db": ...,
        "objective": "proportional_fair",
        "requirements": {"image": {"kind": "image_sinr", "minimum_db": 5.0}},
        "precoders": ["mrt"],
        "allocators": ["exact", "equal_com", "conic"],
        "drops": 4,
    },
}
"""Changes to the small scenario of the tests; ``...`` leaves a key out."""

QUICK = ("shared pilots", "many users", "collinear estimates", "sampled moments", "correlated fading")
"""Studies of the cases that once differed, which take little time."""


def digest_of(dataset: xarray.Dataset) -> str:
    """Return a digest of all bits but those of the times."""
    found = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        if name != "seconds":
            value = dataset[name].to_numpy()
            if value.dtype.kind == "f":
                value = np.where(np.isnan(value), np.nan, value)
            content = (
                value.tobytes() if value.dtype.kind in "fib" else "\0".join(map(str, value.ravel())).encode()
            )
            found.update(f"{name} {value.shape} ".encode() + content)
    return found.hexdigest()


def document_of(name: str, small: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a study, from the small scenario."""
    whole = small | STUDIES[name]
    return {key: value for key, value in whole.items() if value is not ...}


def main(names: list[str], small: dict[str, Any]) -> None:
    """Print the digests of studies, by name, as a JSON object."""
    from isacfw import compare

    print(json.dumps({name: digest_of(compare(document_of(name, small)).dataset) for name in names}))


if __name__ == "__main__":
    main(sys.argv[2:] or list(STUDIES), json.loads(sys.argv[1]))
