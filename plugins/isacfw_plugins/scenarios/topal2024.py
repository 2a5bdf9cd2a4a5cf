"""Several targets under rates of the users, after Topal et al."""

from __future__ import annotations

from pathlib import Path

import isacfw


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the scenario."""
    return {"topal2024": Path(__file__).with_suffix(".toml")}
