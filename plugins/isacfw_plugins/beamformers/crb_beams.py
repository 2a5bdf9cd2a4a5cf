"""Beams of least CRB by a local method, with a certificate of global optimality."""

from __future__ import annotations

from typing import ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Beams, ComplexArray, ReducedProblem, Status
from isacfw.validators import integer, number, optional, real

from ._local import descend, infeasible, numbers_of_streams, starting_beams

RESTARTS, PROGRESS = 4, 1e-9
"""Restarts from the end of a descent, which forget its curvature, and the relative progress that asks for one."""


@final
@attrs.frozen(kw_only=True)
class CrbBeams(isacfw.Beamformer):
    r"""Beams of least CRB under SINR targets, by a local method, certified by a dual bound.

    Parameters
    ----------
    streams : int, optional
        Number of sensing streams; by default as few as possible, and as many as the dimensions of the problem if
        the gap of these is not certified.
    tolerance : float
        Certified gap, relative to the CRB, at which no more streams are tried.
    max_iterations : int
        Largest number of iterations for a number of streams.

    Notes
    -----
    Sequential quadratic programming over :math:`F = [w_1 \dots w_K, v_1 \dots v_S]` in the K + 3T dimensions that
    matter, with analytic gradients, from the beams of least power. Liu et al. (IEEE Trans. Signal Process. 70,
    2022) solve a semidefinite relaxation instead; the multipliers of stationary beams certify its value.
    """

    name: ClassVar[str] = "crb_beams"

    streams: int | None = attrs.field(default=None, validator=optional(integer(at_least=0)))
    tolerance: float = attrs.field(default=1e-6, converter=real, validator=number(above=0, below=1))
    max_iterations: int = attrs.field(default=1000, validator=integer(at_least=1))

    def solve(self, problem: isacfw.BeamformingProblem) -> Beams:
        """Return locally optimal beams; the framework certifies them."""
        reduced = problem.reduce()
        tried = numbers_of_streams(reduced) if self.streams is None else (self.streams,)
        found: _Found | None = None
        for streams in tried:
            start = starting_beams(reduced, streams)
            if start is None:
                return infeasible(problem, reduced.least_power.power)
            found = self._descend(reduced, start, found)
            if found.gap <= self.tolerance:
                break
        assert found is not None
        weights, sensing, rest = reduced.lift(found.columns)
        return Beams(
            weights=weights,
            sensing=sensing,
            rest=rest,
            status=Status.LOCALLY_OPTIMAL,
            multipliers=found.proof.multipliers,
        )

    def _descend(self, problem: ReducedProblem, start: ComplexArray, best: _Found | None) -> _Found:
        """Return the best of given beams and those of least CRB from a start, which is repeated from its end."""
        columns, last = start, np.inf
        for _ in range(RESTARTS + 1):
            columns = descend(problem, columns, self.max_iterations)
            value = problem.measure.unit * problem.value(columns)
            if best is None or value < best.value:
                best = _Found(value=value, columns=columns, proof=isacfw.certificate(problem, columns))
            if best.gap <= self.tolerance or not value < (1 - PROGRESS) * last:
                break
            last = value
        assert best is not None
        return best


@attrs.frozen(kw_only=True, eq=False)
class _Found:
    """Beams, their CRB and its lower bound."""

    value: float
    columns: ComplexArray
    proof: isacfw.Certificate

    @property
    def gap(self) -> float:
        """Certified gap."""
        return 1 - self.proof.bound / self.value


@isacfw.hookimpl
def register_beamformers() -> list[type[isacfw.Beamformer]]:
    """Offer the beamformer."""
    return [CrbBeams]
