"""The set-up of Liu et al., "Cramér-Rao Bound Optimization for Joint Radar-Communication Beamforming"."""

from __future__ import annotations

from pathlib import Path

import isacfw


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the set-up."""
    return {"liu2022": Path(__file__).with_suffix(".toml")}
