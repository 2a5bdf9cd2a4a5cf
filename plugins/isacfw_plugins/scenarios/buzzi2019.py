"""A base station that scans for targets, after Buzzi et al., Asilomar 2019."""

from __future__ import annotations

from pathlib import Path

import isacfw


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the scenario."""
    return {"buzzi2019": Path(__file__).parent / "buzzi2019.toml"}
