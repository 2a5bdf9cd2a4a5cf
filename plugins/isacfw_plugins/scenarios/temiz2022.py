"""Users that send while the radar listens, after Temiz et al., IEEE Trans. Cogn. Commun. Netw. 2022."""

from __future__ import annotations

from pathlib import Path

import isacfw


@isacfw.hookimpl
def register_scenarios() -> dict[str, Path]:
    """Register the scenario."""
    return {"temiz2022": Path(__file__).parent / "temiz2022.toml"}
