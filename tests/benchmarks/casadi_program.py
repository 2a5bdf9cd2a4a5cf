"""The nonconvex problem written for CasADi, which hands it to IPOPT: what a user would write by hand."""

from __future__ import annotations

from typing import Any

import casadi
import numpy as np

from isacfw import FloatArray, PowerAllocationProblem


class CasadiProgram:
    """Problem (54) for an aligned beam, compiled once for a number of users; its numbers are parameters.

    Unknowns and constraints are those of the built-in allocator: x, f and q, the sum of the shares, the power,
    and a lower bound of the information on each angle.
    """

    def __init__(self, users: int, *, tolerance: float = 1e-9) -> None:
        x, f, q = casadi.SX.sym("x", users), casadi.SX.sym("f"), casadi.SX.sym("q")
        g, b, c = (casadi.SX.sym(name, users) for name in "gbc")
        communication, sensing = casadi.SX.sym("Jc", 3), casadi.SX.sym("Js", 3)
        azimuth, elevation, cross = casadi.vertsplit(communication * f + sensing * q)
        scale = casadi.SX.sym("scale")
        rate = casadi.sum1(casadi.log(1 + g * x / (b * q + c * f + 1)))
        program = {
            "x": casadi.vertcat(x, f, q),
            "p": casadi.vertcat(g, b, c, communication, sensing, scale),
            "f": -scale * rate,
            "g": casadi.vertcat(
                casadi.sum1(x) - f, f + q, azimuth - cross**2 / elevation, elevation - cross**2 / azimuth
            ),
        }
        options: dict[str, Any] = {
            "print_time": False,
            "ipopt": {"print_level": 0, "sb": "yes", "tol": tolerance, "honor_original_bounds": "yes"},
        }
        self.solver = casadi.nlpsol("solver", "ipopt", program, options)
        self.users = users

    def arguments(self, problem: PowerAllocationProblem) -> dict[str, FloatArray]:
        """Return a problem's numbers, the Fisher information scaled to a diagonal of order one."""
        communication, sensing = problem.fisher_communication[:2, :2], problem.fisher_sensing[:2, :2]
        scale = 1 / np.sqrt(np.diagonal(communication + sensing))
        entries = [(matrix * np.outer(scale, scale))[[0, 1, 0], [0, 1, 1]] for matrix in (communication, sensing)]
        start = np.append(np.full(self.users, 0.49 / self.users), [0.49, 0.49])
        rate = float(np.log1p(problem.sinr(start[:-2], start[-1])).sum())
        numbers = (problem.gain, problem.sensing_interference, problem.common_interference, *entries)
        return {
            "x0": start,
            "p": np.concatenate([*numbers, [1 / np.clip(rate, 1e-12, 1.0)]]),
            "lbx": np.zeros(self.users + 2),
            "ubx": np.ones(self.users + 2),
            "lbg": np.array([0.0, -np.inf, *(scale**2 / problem.crlb_limit)]),
            "ubg": np.array([0.0, 1.0, np.inf, np.inf]),
        }

    def solve(self, problem: PowerAllocationProblem) -> tuple[FloatArray, FloatArray]:
        """Return the shares x and q at which IPOPT ends."""
        solution = self.solver(**self.arguments(problem))
        if not self.solver.stats()["success"]:
            raise RuntimeError(self.solver.stats()["return_status"])
        shares = np.asarray(solution["x"]).ravel()
        return shares[: self.users], shares[self.users + 1]
