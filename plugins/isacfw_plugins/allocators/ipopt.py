"""Direct solution of the nonconvex problem: a Pyomo model solved by IPOPT."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import (
    FloatArray,
    InnerShares,
    PowerAllocationProblem,
    Shares,
    Status,
    inner_shares,
    interrupts_held_back,
    seconds_left,
)
from isacfw.validators import integer, number

from ._goals import is_usual, refuse_unknown, within_requirements
from ._ipopt_general import GeneralNumbers, build_general_model
from ._ipopt_goals import GoalNumbers, build_goal_model
from ._lender import Lender
from ._limits import Limits, angular, is_plain, refuse_displaced

_SOLVED, _ACCEPTABLE, _INFEASIBLE, _ITERATIONS = 0, 1, 2, -1
_SHRUNK = 1e-2


def build_model(users: int, *, aligned: bool, limited: tuple[bool, bool], coupled: bool = False) -> Any:
    r"""Return problem (54) as a Pyomo model whose numbers are mutable parameters.

    Parameters
    ----------
    users : int
        Number of users K.
    aligned : bool
        Whether the Fisher information couples the angles with α.
    limited : tuple of bool
        Which of azimuth and elevation have a CRLB limit.
    coupled : bool
        Whether there is interference that is not common to all users.

    Returns
    -------
    pyomo.environ.ConcreteModel
        Variables ``x`` (shares of the users), ``f`` (their sum), ``q`` (share of sensing) and, for a misaligned
        beam, ``F`` (Fisher information of the angles, α eliminated); with coupling, ``i`` (interference that is
        not common). The CRLB limit of an angle bounds its information :math:`E = 1 / CRLB` from below, which is
        equivalent and close to linear.
    """
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    model.users = pyo.RangeSet(0, users - 1)
    model.x = pyo.Var(model.users, bounds=(0, 1))
    model.f, model.q = pyo.Var(bounds=(0, 1)), pyo.Var(bounds=(0, 1))
    for name in ("g", "b", "c"):
        setattr(model, name, pyo.Param(model.users, mutable=True, initialize=1.0))
    if coupled:
        model.i = pyo.Var(model.users, bounds=(0, None))
        model.C = pyo.Param(model.users, model.users, mutable=True, initialize=0.0)
        model.coupling = pyo.Constraint(
            model.users, rule=lambda model, k: sum(model.C[k, j] * model.x[j] for j in model.users) == model.i[k]
        )

    def disturbance(k: int) -> Any:
        common = model.b[k] * model.q + model.c[k] * model.f + 1
        return common + model.i[k] if coupled else common

    model.rate = pyo.Objective(
        expr=sum(pyo.log(1 + model.g[k] * model.x[k] / disturbance(k)) for k in model.users),
        sense=pyo.maximize,
    )
    model.total = pyo.Constraint(expr=sum(model.x[k] for k in model.users) - model.f == 0)
    model.power = pyo.Constraint(expr=model.f + model.q <= 1)
    model.entries = pyo.Set(initialize=[(i, j) for i in range(4) for j in range(4)])
    model.Jc = pyo.Param(model.entries, mutable=True, initialize=0.0)
    model.Js = pyo.Param(model.entries, mutable=True, initialize=0.0)
    model.required = pyo.Param([0, 1], mutable=True, initialize=0.0)
    if not aligned:
        model.F = pyo.Var([(0, 0), (0, 1), (1, 1)], initialize={(0, 0): 1.0, (0, 1): 0.0, (1, 1): 1.0})
        model.schur = pyo.Constraint([(0, 0), (0, 1), (1, 1)], rule=_schur_complement)
    information = _information(model, aligned)
    model.crlb = pyo.Constraint(
        [angle for angle in (0, 1) if limited[angle]],
        rule=lambda model, angle: information[angle] >= model.required[angle],
    )
    return model


def _entry(model: Any, i: int, j: int) -> Any:
    return model.Jc[i, j] * model.f + model.Js[i, j] * model.q


def _schur_complement(model: Any, i: int, j: int) -> Any:
    """Return the equation of an entry of the angles' Fisher information with α eliminated."""
    eliminated = _entry(model, i, 2) * _entry(model, j, 2) + _entry(model, i, 3) * _entry(model, j, 3)
    return model.F[i, j] == _entry(model, i, j) - eliminated / _entry(model, 2, 2)


def _information(model: Any, aligned: bool) -> tuple[Any, Any]:
    """Return the information on each angle with the other one unknown."""
    azimuth, elevation, cross = (
        _entry(model, *index) if aligned else model.F[index] for index in ((0, 0), (1, 1), (0, 1))
    )
    return azimuth - cross**2 / elevation, elevation - cross**2 / azimuth


@final
@attrs.frozen(kw_only=True)
class Ipopt(isacfw.Allocator):
    """The nonconvex problem itself, solved by IPOPT from one or several starting points.

    Parameters
    ----------
    starts : int
        Number of starting points: the first splits power equally, the others are random. The best answer is
        returned.
    seed : int
        Seed of the random starting points.
    tolerance : float
        IPOPT's ``tol``.
    max_iterations : int
        IPOPT's ``max_iter``, for each start.

    Notes
    -----
    Problem (54) as a Pyomo model in shares of power, see :func:`build_model`, and :func:`build_general_model` for
    several targets, several streams and users with differing Fisher information. First and second derivatives are
    Pyomo's, taken symbolically from its expressions; IPOPT runs in this process through cyipopt.
    """

    name: ClassVar[str] = "ipopt"

    starts: int = attrs.field(default=1, validator=integer(at_least=1))
    seed: int = attrs.field(default=0, validator=integer(at_least=0))
    tolerance: float = attrs.field(default=1e-9, validator=number(above=0, below=1))
    max_iterations: int = attrs.field(default=500, validator=integer(at_least=1))

    @classmethod
    def unavailable(cls) -> str | None:
        """Solve a small problem."""
        try:
            program = new_program(1, True, (False, False), False)
            solution, info = solve_program(program, np.array([0.2, 0.2, 0.2]), 1e-6, 50)
        except ImportError as error:
            return (
                f"IPOPT needs cyipopt ({error}): python -m pip install cyipopt-wheels==1.7.0.dev0; where no wheel"
                " exists for this version of Python, use the allocator uno (python -m pip install"
                ' "isacfw[uno]"), or cyipopt from conda-forge'
            )
        except Exception as error:
            return f"IPOPT does not work here: {type(error).__name__}: {error}"
        if info["status"] != _SOLVED or abs(solution[0] - 1) > 1e-4:
            return "IPOPT does not solve a problem with a known solution"
        return None

    @classmethod
    def libraries(cls) -> dict[str, str]:
        """Return the version of IPOPT, which cyipopt may be linked to from elsewhere."""
        try:
            import cyipopt
        except ImportError:
            return {}
        return {"ipopt": ".".join(map(str, cyipopt.IPOPT_VERSION))}

    @property
    def thread_safe(self) -> bool:
        """Whether several threads may solve at a time: MUMPS, the linear solver in IPOPT, keeps global state."""
        return False

    def refusal(self, problem: PowerAllocationProblem) -> str | None:
        """Return a message if the form of the objective is unknown."""
        return refuse_displaced(problem) or refuse_unknown(problem, "ipopt")

    def solve(self, problem: PowerAllocationProblem) -> Shares:
        """Return the best answer over the starting points."""
        if (reason := self.refusal(problem)) is not None:  # For callers that do not ask first.
            raise isacfw.IncompatibleError(reason)
        # Neither IPOPT's callbacks nor a model under modification is safe if an exception occurs anywhere.
        with interrupts_held_back():
            if not is_usual(problem):
                return self._solve_goal(problem)
            if is_plain(problem) and problem.stream_coupling is None:
                return self._solve_plain(problem)
            return self._solve_general(problem)

    def _solve_general(self, problem: PowerAllocationProblem) -> Shares:
        limits = Limits.of(problem)
        if limits is None:
            return _without_answer(problem, "a limited angle cannot be estimated at all")
        numbers = GeneralNumbers.of(problem, limits)
        with PROGRAMS.lent(numbers.kind, lambda: _nlp(build_general_model(numbers.kind))) as program:
            numbers.set_in(program.model, problem)
            program.refresh()
            starts = [numbers.point(problem, *start) for start in self._general_starts(problem)]
            return self._best(problem, program, starts)

    def _solve_goal(self, problem: PowerAllocationProblem) -> Shares:
        inner = inner_shares(problem)
        numbers = None if inner.infeasibility else GoalNumbers.of(problem)
        if numbers is None:
            return _without_answer(problem, inner.infeasibility or _UNSEEN)
        starts = self._general_starts(problem, inner)
        with PROGRAMS.lent(numbers.key, lambda: _nlp(build_goal_model(*numbers.key))) as program:
            numbers.set_in(program.model, problem, starts[0])
            program.refresh()
            points = [numbers.point(problem, *start) for start in starts]
            return self._best(problem, program, points, inner)

    def _solve_plain(self, problem: PowerAllocationProblem) -> Shares:
        limited = np.isfinite(problem.crlb_limit)
        if (limited & np.isinf(problem.crlb(problem.equal_split / 2, 0.5))).any():
            return _without_answer(problem, "a limited angle cannot be estimated at all")
        key = (
            problem.users,
            problem.aligned,
            (bool(limited[0]), bool(limited[1])),
            problem.coupling is not None,
        )
        with PROGRAMS.lent(key, lambda: new_program(*key)) as program:
            communication, sensing = set_parameters(program.model, problem)
            program.refresh()
            return self._best(problem, program, self._starting_points(problem, communication, sensing))

    def _best(
        self,
        problem: PowerAllocationProblem,
        program: Any,
        starts: list[FloatArray],
        inner: InnerShares | None = None,
    ) -> Shares:
        """Return the best answer over starting points; given inner shares, move it within the requirements."""
        outcomes: list[tuple[FloatArray, Status, float, str]] = []
        iterations = 0
        for start in starts:
            with interrupts_held_back() as due:
                if outcomes and due():
                    break
            solution, info = self._run(program, start, inner is not None)
            outcomes.append(_outcome(problem, solution, info, inner))
            iterations += program.iterations
        rank = [Status.LOCALLY_OPTIMAL, Status.FEASIBLE, Status.INFEASIBLE, Status.FAILED]
        best = min(outcomes, key=lambda outcome: (rank.index(outcome[1]), -outcome[2]))
        shares, status, _, message = best
        if status in (Status.INFEASIBLE, Status.FAILED):
            # IPOPT is a local method: its report of infeasibility is not a proof.
            return _without_answer(problem, message)
        streams = _streams(problem, shares)
        return Shares(
            communication=shares[: problem.users],
            sensing=streams if problem.streams > 1 else streams[0],
            status=status,
            message=message,
            iterations=iterations,
        )

    def _run(self, program: Any, start: FloatArray, general: bool) -> tuple[FloatArray, dict[str, Any]]:
        """Run IPOPT from a start, and once more from its solution if the objective has changed by magnitudes."""
        if not general:
            return solve_program(program, start, self.tolerance, self.max_iterations)
        # Utilities of rates are undefined below 0.
        options = {"bound_relax_factor": 0.0}
        solution, info = solve_program(program, start, self.tolerance, self.max_iterations, options)
        if info["status"] == _SOLVED and abs(program.objective(solution)) < _SHRUNK * abs(
            program.objective(start)
        ):
            first = program.iterations
            solution, info = solve_program(program, solution, self.tolerance, self.max_iterations, options)
            program.iterations += first
        return solution, info

    def _general_starts(
        self, problem: PowerAllocationProblem, inner: InnerShares | None = None
    ) -> list[tuple[FloatArray, FloatArray]]:
        """Return shares in the interior, the first halfway between equal parts and the best for the limits."""
        generator = np.random.default_rng(self.seed)
        x, q, ratio = problem.feasible_shares() if inner is None else (inner.x, inner.q, 1.0)
        if not np.isfinite(ratio):
            x, q = problem.equal_split / 2, np.full(problem.streams, 0.5 / problem.streams)
        equal = np.full(problem.users, 0.5 / problem.users), np.full(problem.streams, 0.5 / problem.streams)
        starts = [(0.49 * (equal[0] + x), 0.49 * (equal[1] + q))]
        for _ in range(self.starts - 1):
            f, sensing = 0.98 * generator.dirichlet(np.ones(3))[:2]
            starts.append(
                (
                    f * generator.dirichlet(np.ones(problem.users)),
                    sensing * generator.dirichlet(np.ones(problem.streams)),
                )
            )
        return starts

    def _starting_points(
        self, problem: PowerAllocationProblem, communication: FloatArray, sensing: FloatArray
    ) -> list[FloatArray]:
        """Return points in the interior; the first has half the power for sensing."""
        generator = np.random.default_rng(self.seed)
        points = []
        for number_ in range(self.starts):
            f, q = 0.49, 0.49
            split = np.full(problem.users, 1 / problem.users)
            if number_:
                f, q = 0.98 * generator.dirichlet(np.ones(3))[:2]
                split = generator.dirichlet(np.ones(problem.users))
            fisher = f * communication + q * sensing
            reduced = fisher[:2, :2] - fisher[:2, 2:] @ fisher[2:, :2] / fisher[2, 2]
            eliminated = [] if problem.aligned else reduced[[0, 0, 1], [0, 1, 1]]
            coupled = np.zeros(0) if problem.coupling is None else problem.coupling @ (f * split)
            points.append(np.concatenate([f * split, [f, q], coupled, eliminated]))
        return points


_UNSEEN = "an angle in the objective cannot be estimated where IPOPT starts"


def _without_answer(problem: PowerAllocationProblem, reason: str) -> Shares:
    """Return the certificate of infeasibility, or a failure for a reason if there is none."""
    certificate = str(problem.infeasibility)
    return Shares.none(problem, Status.INFEASIBLE if certificate else Status.FAILED, certificate or reason)


def new_program(users: int, aligned: bool, limited: tuple[bool, bool], coupled: bool) -> Any:
    """Return the nonlinear program of a kind of problem with one target."""
    return _nlp(build_model(users, aligned=aligned, limited=limited, coupled=coupled))


def _nlp(model: Any) -> Any:
    from ._pyomo_nlp import PyomoNLP

    return PyomoNLP(model)


PROGRAMS: Lender[Any] = Lender(32)
"""Compiled programs, which change in place: each is used by one thread at a time."""


def _streams(problem: PowerAllocationProblem, solution: FloatArray) -> FloatArray:
    """Return the streams' shares in the unknowns of either model."""
    return solution[problem.users + 1 : problem.users + 1 + problem.streams]


def set_parameters(model: Any, problem: PowerAllocationProblem) -> tuple[FloatArray, FloatArray]:
    """Set the model's parameters; return the Fisher information, scaled to a diagonal of order one."""
    model.g.store_values(dict(enumerate(problem.gain.tolist())))
    model.b.store_values(dict(enumerate(problem.sensing_interference.tolist())))
    model.c.store_values(dict(enumerate(problem.common_interference.tolist())))
    if problem.coupling is not None:
        model.C.store_values({index: float(problem.coupling[index]) for index in model.C})
    communication, sensing = angular(problem)
    diagonal = np.diagonal(communication + sensing)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    blind = np.diag(np.where(diagonal > 0, 0.0, 1.0))
    scaled = [matrix * np.outer(scale, scale) + blind for matrix in (communication, sensing)]
    for parameter, matrix in zip((model.Jc, model.Js), scaled, strict=True):
        parameter.store_values({index: float(matrix[index]) for index in model.entries})
    required = scale[:2] ** 2 / problem.crlb_limit
    model.required.store_values({0: float(required[0]), 1: float(required[1])})
    return scaled[0], scaled[1]


def solve_program(
    program: Any, start: FloatArray, tolerance: float, max_iterations: int, options: dict[str, Any] | None = None
) -> tuple[FloatArray, dict[str, Any]]:
    """Run IPOPT once, possibly with further options; return the unknowns (x, f, q) and IPOPT's report."""
    import cyipopt

    lower, upper, constraint_lower, constraint_upper = program.bounds()
    solver = cyipopt.Problem(
        n=len(lower),
        m=len(constraint_lower),
        problem_obj=program,
        lb=lower,
        ub=upper,
        cl=constraint_lower,
        cu=constraint_upper,
    )
    options = {
        **(options or {}),
        "print_level": 0,
        "sb": "yes",
        "tol": tolerance,
        "max_iter": max_iterations,
        "honor_original_bounds": "yes",
        # IPOPT's tolerances are absolute: without scaling, it stops immediately if the rate is tiny.
        "obj_scaling_factor": 1 / float(np.clip(abs(program.objective(start)), 1e-12, 1.0)),
    }
    if math.isfinite(left := seconds_left()):
        options["max_wall_time"] = left
    for name, value in options.items():
        solver.add_option(name, value)
    with interrupts_held_back() as due:
        program.stopped = due
        solution, info = solver.solve(start)
    return np.asarray(solution), info


def _outcome(
    problem: PowerAllocationProblem, solution: FloatArray, info: dict[str, Any], inner: InnerShares | None
) -> tuple[FloatArray, Status, float, str]:
    """Return the unknowns, their status, a value that is better if higher and, if relevant, IPOPT's message."""
    x, q = np.maximum(solution[: problem.users], 0.0), np.maximum(_streams(problem, solution), 0.0)
    code, words = info["status"], info["status_msg"]
    sentence = f"IPOPT: {words.decode() if isinstance(words, bytes) else words}"
    if inner is None:
        rate = float(problem.sum_rate(x, q))
    else:
        # IPOPT's tolerances are absolute, and those of requirements relative.
        x, q = within_requirements(problem, inner, x, q)
        solution = np.concatenate([x, [x.sum()], q])
        rate = float(problem.value(x, q)) * (1 if problem.objective.rises else -1)
    if code in (_SOLVED, _ACCEPTABLE):
        return solution, Status.LOCALLY_OPTIMAL, rate, "" if code == _SOLVED else sentence
    if code == _INFEASIBLE:
        return solution, Status.INFEASIBLE, rate, sentence
    if code == _ITERATIONS:
        return solution, Status.FEASIBLE, rate, sentence
    return solution, Status.FAILED, rate, sentence


@isacfw.hookimpl
def register_allocators() -> list[type[isacfw.Allocator]]:
    """Register the direct nonconvex solution."""
    return [Ipopt]
