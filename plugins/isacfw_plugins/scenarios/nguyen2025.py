"""The set-up of Nguyen et al., "Performance Analysis and Power Allocation for Massive MIMO ISAC Systems"."""

from __future__ import annotations

from pathlib import Path

import isacfw

_FOLDER = Path(__file__).parent


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the paper's set-up, those of its figures, and that of a Pareto front."""
    figures = {f"nguyen2025-fig{number}": _FOLDER / f"nguyen2025_fig{number}.toml" for number in range(2, 9)}
    return {"nguyen2025": _FOLDER / "nguyen2025.toml", **figures, "pareto": _FOLDER / "pareto.toml"}
