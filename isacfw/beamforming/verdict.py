"""Verification of beams: SINRs, CRB, power, violation, bound and reported statuses, recomputed from the beams."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..allocation.problem import FEASIBILITY_TOLERANCE
from ..allocation.stationarity import STATIONARITY_TOLERANCE
from ..allocation.status import Status
from ..base.errors import IncompatibleError, one_line
from ..base.numbers import ComplexArray, FloatArray, read_only
from .beams import Beamforming, Beams
from .bound import certificate
from .problem import BeamformingProblem

OPTIMALITY_TOLERANCE = 1e-6
"""Largest certified gap of beams that count as optimal."""

_NO_ANSWER = (Status.INFEASIBLE, Status.SKIPPED, Status.FAILED, Status.TIMED_OUT)


@attrs.frozen(kw_only=True, eq=False)
class _Verdict:
    """What is recomputed from the beams of one channel."""

    sinr: FloatArray
    crb: float
    crlb: FloatArray
    power: float
    violation: float
    bound: float
    multipliers: FloatArray
    status: Status
    message: str

    @property
    def gap(self) -> float:
        """Certified gap; NaN without an answer, 1 if the CRB is infinite."""
        return 1.0 if np.isinf(self.crb) else 1 - self.bound / self.crb


def sinr_of(channels: ComplexArray, weights: ComplexArray, sensing: ComplexArray) -> FloatArray:
    """Return the SINR of each user for channels (N, K), beams (N, K) and sensing streams (N, S); (K,)."""
    powers = np.abs(channels.conj().T @ np.concatenate([weights, sensing], axis=-1)) ** 2
    own = np.arange(channels.shape[-1])
    wanted = powers[own, own]
    powers[own, own] = 0.0
    return np.asarray(wanted / (powers.sum(axis=-1) + 1))


def verify(
    problem: BeamformingProblem,
    answers: list[Beams],
    seconds: FloatArray | None = None,
    by: str = "the beamformer",
) -> Beamforming:
    """Verify beams by recomputing all that they achieve.

    Parameters
    ----------
    problem : BeamformingProblem
        The problem.
    answers : list of Beams
        An answer to each problem of the batch, in C order.
    seconds : ndarray, shape (...), optional
        Wall time of each problem.
    by : str
        Name of the beamformer, for messages.
    """
    shape, indices = problem.batch_shape, list(np.ndindex(problem.batch_shape))
    found = [_judge(problem[index], beams, by) for index, beams in zip(indices, answers, strict=True)]
    streams = max((_sensing(beams).shape[-1] for beams in answers), default=0)
    padded = np.zeros((len(answers), problem.antennas, streams), dtype=np.complex128)
    for own, beams in zip(padded, answers, strict=True):
        own[:, : _sensing(beams).shape[-1]] = _sensing(beams)

    def gather(name: str, *axes: int) -> Any:
        return np.array([getattr(one, name) for one in found]).reshape((*shape, *axes))

    violation = gather("violation")
    values = {
        "weights": np.array([beams.weights for beams in answers]).reshape(problem.channels.shape),
        "sensing": padded.reshape((*shape, problem.antennas, streams)),
        "rest": np.array([beams.rest for beams in answers], dtype=np.float64).reshape(shape),
        "status": np.array([str(one.status) for one in found], dtype=object).reshape(shape),
        "message": np.array([one_line(one.message) for one in found], dtype=object).reshape(shape),
        "claim": np.array([str(beams.status or "") for beams in answers], dtype=object).reshape(shape),
        "sinr": gather("sinr", problem.users),
        "crlb": gather("crlb", problem.sensed.angles),
        "feasible": np.asarray(violation <= FEASIBILITY_TOLERANCE),
        "violation": violation,
        "multipliers": gather("multipliers", problem.users),
        "seconds": np.zeros(shape) if seconds is None else seconds,
        **{name: gather(name) for name in ("crb", "power", "bound", "gap")},
    }
    return Beamforming(**{name: read_only(value) for name, value in values.items()})


def _sensing(beams: Beams) -> ComplexArray:
    return np.zeros((len(beams.weights), 0), dtype=np.complex128) if beams.sensing is None else beams.sensing


def _judge(problem: BeamformingProblem, beams: Beams, by: str) -> _Verdict:
    sensing = _sensing(beams)
    if not (np.isfinite(beams.weights).all() and np.isfinite(sensing).all() and np.isfinite(beams.rest)):
        return _without_answer(problem, beams, by)
    columns, basis = np.concatenate([beams.weights, sensing], axis=-1), problem.basis()
    sinr = sinr_of(problem.channels, beams.weights, sensing)
    crb, crlb = problem.sensed.evaluate(columns, basis, beams.rest)
    power = float((np.abs(columns) ** 2).sum()) + beams.rest
    floors = problem.sinr[problem.sinr > 0]
    short = 1 - sinr[problem.sinr > 0] / floors
    violation = max(0.0, power / problem.power - 1, *short.tolist())
    if np.isinf(crb):
        violation = np.inf
    reduced = problem.reduce()
    proof = certificate(reduced, reduced.project(beams.weights, sensing, beams.rest), beams.multipliers)
    found = _Verdict(
        sinr=sinr,
        crb=crb,
        crlb=crlb,
        power=power,
        violation=violation,
        bound=proof.bound,
        multipliers=proof.multipliers,
        status=Status.FEASIBLE,
        message=beams.message,
    )
    status, message = _resolve(found, beams, proof.residual)
    return attrs.evolve(found, status=status, message=message)


def _resolve(found: _Verdict, beams: Beams, residual: float) -> tuple[Status, str]:
    """Return the status that holds, and the message, which names a claim that does not."""
    status, why = Status.FEASIBLE, ""
    reported = f"reported as {str(beams.status).replace('_', ' ')}, but"
    if not found.violation <= FEASIBILITY_TOLERANCE:
        status = Status.INFEASIBLE
        why = (
            "the angles cannot be estimated"
            if np.isinf(found.crb)
            else (f"the beams violate a target or the power by {found.violation:.2g} of it")
        )
        why = why if beams.status is None else f"{reported} {why}"
    elif found.gap <= OPTIMALITY_TOLERANCE:
        status = Status.OPTIMAL
    elif beams.status is Status.OPTIMAL:
        why = f"{reported} the certified gap is {found.gap:.2g}"
    elif beams.status is Status.LOCALLY_OPTIMAL:
        if residual <= STATIONARITY_TOLERANCE:
            status = Status.LOCALLY_OPTIMAL
        else:
            why = f"{reported} the gradient is off by {residual:.2g} of its size"
    return status, "; ".join(filter(None, (beams.message, why)))


def _without_answer(problem: BeamformingProblem, beams: Beams, by: str) -> _Verdict:
    status, message = beams.status, beams.message
    if status not in _NO_ANSWER:
        status, message = Status.FAILED, f"{by} returned non-finite beams"
    elif status is Status.INFEASIBLE:
        message = _with_least_power(problem, message)
    assert status is not None
    return _Verdict(
        sinr=np.full(problem.users, np.nan),
        crb=np.nan,
        crlb=np.full(problem.sensed.angles, np.nan),
        power=np.nan,
        violation=np.nan,
        bound=np.nan,
        multipliers=np.full(problem.users, np.nan),
        status=status,
        message=message,
    )


def _with_least_power(problem: BeamformingProblem, message: str) -> str:
    """Return a message that also says so if there are beams that reach the SINR targets."""
    try:
        least = problem.reduce().least_power
    except IncompatibleError:
        return message
    if least.beams is None:
        return message
    return "; ".join(filter(None, (message, f"beams of {least.power:.3g} of the power reach the SINR targets")))
