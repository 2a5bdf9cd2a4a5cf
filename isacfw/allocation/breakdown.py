"""Failures of allocators as values."""

from __future__ import annotations

import enum

import attrs

from ..base.errors import PartEndedError, PartTimedOutError, describe_exception, log_traceback
from ..base.time_limit import TimeUp
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


def describe_failure(error: BaseException, by: str, time_limit_s: float | None) -> tuple[bool, str]:
    """Return whether a part was stopped at its time limit, and the message for the exception being handled."""
    if isinstance(error, (PartEndedError, PartTimedOutError)):  # In a process that ended.
        timed_out, message = isinstance(error, PartTimedOutError), str(error)
    elif isinstance(error, TimeUp):
        timed_out, message = True, f"{by} was stopped at its time limit of {time_limit_s:g} s"
    else:
        timed_out, message = False, f"{by} {describe_exception(error)}"
    log_traceback(message)
    return timed_out, message
