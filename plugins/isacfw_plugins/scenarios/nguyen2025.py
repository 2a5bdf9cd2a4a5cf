"""The set-up of Nguyen et al., "Performance Analysis and Power Allocation for Massive MIMO ISAC Systems"."""

from __future__ import annotations

from pathlib import Path

import isacfw


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the paper's set-up."""
    return {"nguyen2025": Path(__file__).with_name("nguyen2025.toml")}
