"""Allocation on statistics against beamforming for each channel."""

from __future__ import annotations

from pathlib import Path

import isacfw


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the scenario."""
    return {"regimes": Path(__file__).with_suffix(".toml")}
