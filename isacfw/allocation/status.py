"""Status of an allocation."""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """Status of an allocation; each member's `sentence` explains it."""

    sentence: str

    OPTIMAL = "optimal", "A globally optimal allocation."
    LOCALLY_OPTIMAL = (
        "locally_optimal",
        "An allocation that no feasible direction improves, as the framework verified.",
    )
    FEASIBLE = "feasible", "A feasible allocation; optimality is not claimed."
    INFEASIBLE = (
        "infeasible",
        "No allocation that meets the limits: none was found, or the one given violates one.",
    )
    SKIPPED = "skipped", "The allocator, the precoder and the problem do not fit each other."
    FAILED = "failed", "The allocator failed."
    TIMED_OUT = "timed_out", "A part was stopped at its time limit."

    def __new__(cls, value: str, sentence: str = "") -> Status:
        """Create a member with the string `value` and its explanation."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member
