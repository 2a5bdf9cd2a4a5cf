"""The conformance kit, which checks that parts fulfil their contracts.

:func:`check_part` runs every check on a part; :func:`parametrize_with_checks` turns each one into a pytest test;
``isacfw check`` runs them in the terminal. :class:`LineOfSight` is a channel for testing precoders and beams.
"""

from __future__ import annotations

from . import (
    allocators,
    arrays,
    beamformers,
    beams,
    channels,
    common,
    figures,
    metrics,
    objectives,
    precoders,
    requirements,
)
from .checks import Check, CheckFailed, CheckReport, CheckResult, CheckSkipped, CheckTimedOut, Outcome, checks_of
from .line_of_sight import LineOfSight
from .pytest import parametrize_with_checks
from .run import check_part, examples_of

__all__ = [
    "Check",
    "CheckFailed",
    "CheckReport",
    "CheckResult",
    "CheckSkipped",
    "CheckTimedOut",
    "LineOfSight",
    "Outcome",
    "check_part",
    "checks_of",
    "examples_of",
    "parametrize_with_checks",
]

_CHECKED = (
    common,
    arrays,
    channels,
    precoders,
    beams,
    objectives,
    requirements,
    metrics,
    allocators,
    beamformers,
    figures,
)
