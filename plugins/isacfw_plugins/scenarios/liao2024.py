"""Least power under SINR and sidelobe targets, after Liao et al."""

from __future__ import annotations

from pathlib import Path

import isacfw


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the scenario."""
    return {"liao2024": Path(__file__).parent / "liao2024.toml"}
