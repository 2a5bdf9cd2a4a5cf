"""The built site, for tests that read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site, which ISACFW_SITE names."""
    named = os.environ.get("ISACFW_SITE")
    if not named:
        pytest.skip("needs the built site: nox -s docs")
    return Path(named).resolve()
