"""Failures of allocators as values."""

from __future__ import annotations

import enum

import attrs

from .status import Status


class BreakdownKind(enum.StrEnum):
    """How an allocator failed."""

    RAISED = "raised"
    TIMED_OUT = "timed_out"
    WRONG_SHAPE = "wrong_shape"
    NOT_FINITE = "not_finite"


@attrs.frozen(kw_only=True)
class Breakdown:
    """The reason why an allocator has no answer.

    Parameters
    ----------
    kind : BreakdownKind
        How it failed.
    message : str
        One line that names the allocator.
    """

    kind: BreakdownKind
    message: str

    @property
    def status(self) -> Status:
        """The status of the allocation."""
        return Status.TIMED_OUT if self.kind is BreakdownKind.TIMED_OUT else Status.FAILED
