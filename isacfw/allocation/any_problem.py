"""The problems of both links."""

from __future__ import annotations

from .problem import PowerAllocationProblem
from .uplink import UplinkProblem

AnyProblem = PowerAllocationProblem | UplinkProblem
"""A problem of either link."""
