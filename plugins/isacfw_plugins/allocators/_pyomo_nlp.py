"""A Pyomo model as a nonlinear program for cyipopt, in-process.

Objective and constraints are split into their summands. Summands with the same expression but different variables
and parameters are instances of one template: Pyomo differentiates the template twice, symbolically, and NumPy
evaluates all its instances at once. So the number of templates, not of users, sets the cost of compiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isacfw import FloatArray

IntArray = NDArray[np.int64]


def _summands(expression: Any) -> Iterator[Any]:
    from pyomo.core.expr.numeric_expr import NegationExpression, SumExpression

    if isinstance(expression, SumExpression):
        for argument in expression.args:
            yield from _summands(argument)
    elif isinstance(expression, NegationExpression):
        for argument in _summands(expression.args[0]):
            yield -argument
    else:
        yield expression


class _Leaves:
    """Names for the variables and parameters of an expression, in the order in which they appear."""

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.parameters: list[Any] = []

    def __call__(self, leaf: Any) -> str:
        if leaf.is_variable_type() and not leaf.fixed:
            self.variables.append(leaf)
            return f"v{len(self.variables) - 1}"
        self.parameters.append(leaf)
        return f"p{len(self.parameters) - 1}"


class _Template:
    """All summands that share an expression, and the compiled expression with its derivatives."""

    def __init__(self, expression: Any, leaves: _Leaves, symbols: Any) -> None:
        from pyomo.core.expr.calculus.derivatives import Modes, differentiate

        variables = leaves.variables
        self.pairs = list(combinations_with_replacement(range(len(variables)), 2))
        first = differentiate(expression, wrt_list=variables, mode=Modes.reverse_symbolic) if variables else []
        second = []
        for row, column in self.pairs:
            slope = first[row]
            constant = isinstance(slope, (int, float)) or not slope.is_potentially_variable()
            second.append(
                0.0 if constant else differentiate(slope, wrt=variables[column], mode=Modes.reverse_symbolic)
            )
        names = [f"v{i}" for i in range(len(variables))] + [f"p{i}" for i in range(len(leaves.parameters))]
        self._value = _compile([expression], names, symbols)
        self._first = _compile(list(first), names, symbols)
        self._second = _compile(second, names, symbols)
        self._instances: list[tuple[int, list[int], list[Any]]] = []
        self.rows: IntArray = np.zeros(0, dtype=np.int64)
        self.columns: IntArray = np.zeros((0, 0), dtype=np.int64)
        self._parameters: FloatArray = np.zeros((0, 0))

    def add(self, row: int, columns: list[int], parameters: list[Any]) -> None:
        """Add a summand of a row: 0 for the objective, 1 and above for the constraints."""
        self._instances.append((row, columns, parameters))

    def close(self) -> None:
        """Turn the instances into index arrays: `rows` (n,) and `columns` (slots, n)."""
        self.rows = np.array([row for row, _, _ in self._instances])
        self.columns = np.array([columns for _, columns, _ in self._instances], dtype=np.int64).T

    def read_parameters(self) -> None:
        """Read the present values of the model's parameters."""
        self._parameters = np.array(
            [[parameter.value for parameter in parameters] for _, _, parameters in self._instances],
            dtype=np.float64,
        ).T

    def value(self, x: FloatArray) -> FloatArray:
        """Return the value of each instance; (n,)."""
        return np.asarray(self._evaluate(self._value, x)[0])

    def first(self, x: FloatArray) -> FloatArray:
        """Return the first derivatives of each instance with respect to its slots; (slots, n)."""
        return self._evaluate(self._first, x)

    def second(self, x: FloatArray) -> FloatArray:
        """Return the second derivatives of each instance with respect to pairs of its slots; (pairs, n)."""
        return self._evaluate(self._second, x)

    def _evaluate(self, function: Callable[..., list[Any]], x: FloatArray) -> FloatArray:
        results = function(*x[self.columns], *self._parameters)
        filled = np.empty((len(results), len(self.rows)), dtype=np.float64)
        for row, result in zip(filled, results, strict=True):
            row[:] = result
        return filled


_FUNCTIONS = {
    name: getattr(np, name)
    for name in ("log", "log10", "exp", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")
}


def _compile(expressions: list[Any], names: list[str], symbols: Any) -> Callable[..., list[Any]]:
    from pyomo.core.expr import expression_to_string

    texts = [
        repr(float(item)) if isinstance(item, (int, float)) else expression_to_string(item, smap=symbols)
        for item in expressions
    ]
    source = f"lambda {', '.join(names)}: [{', '.join(texts)}]"
    function: Callable[..., list[Any]] = eval(source, dict(_FUNCTIONS))
    return function


class PyomoNLP:
    """The callbacks for cyipopt, from a Pyomo model with mutable parameters.

    Parameters
    ----------
    model : pyomo.environ.ConcreteModel
        Model with one objective. Its variables, bounds and active constraints make up the program; numbers that
        change between solutions are mutable parameters.
    """

    def __init__(self, model: Any) -> None:
        import pyomo.environ as pyo
        from pyomo.core.expr.symbol_map import SymbolMap

        self.model = model
        self.variables = [v for v in model.component_data_objects(pyo.Var) if not v.fixed]
        self._index = {id(variable): column for column, variable in enumerate(self.variables)}
        objective = next(model.component_data_objects(pyo.Objective, active=True))
        self._sign = 1.0 if objective.sense == pyo.minimize else -1.0
        self.constraint_data = list(model.component_data_objects(pyo.Constraint, active=True))
        self._templates: dict[str, _Template] = {}
        bodies = [objective.expr, *(constraint.body for constraint in self.constraint_data)]
        for row, body in enumerate(bodies):
            for summand in _summands(body):
                self._add(row, summand, SymbolMap)
        for template in self._templates.values():
            template.close()
        self.iterations = 0
        self.stopped: Callable[[], bool] = _never
        self._structures()
        self.refresh()

    def _add(self, row: int, summand: Any, symbol_map: Any) -> None:
        from pyomo.core.expr import expression_to_string

        leaves = _Leaves()
        symbols = symbol_map(leaves)
        key = expression_to_string(summand, smap=symbols)
        if key not in self._templates:
            self._templates[key] = _Template(summand, leaves, symbols)
        self._templates[key].add(row, [self._index[id(v)] for v in leaves.variables], leaves.parameters)

    def _structures(self) -> None:
        """Lay out the sparse Jacobian and the lower triangle of the Hessian; entries may repeat, and add up."""
        rows, columns, hessian_rows, hessian_columns = [], [], [], []
        for template in self._templates.values():
            constrained = template.rows > 0
            rows.append(np.broadcast_to(template.rows - 1, template.columns.shape)[:, constrained].ravel())
            columns.append(template.columns[:, constrained].ravel())
            for first, second in template.pairs:
                pair = template.columns[[first, second]]
                hessian_rows.append(pair.max(axis=0))
                hessian_columns.append(pair.min(axis=0))
        empty = [np.zeros(0, dtype=np.int64)]
        self._jacobian_structure = np.concatenate(rows + empty), np.concatenate(columns + empty)
        self._hessian_structure = (
            np.concatenate(hessian_rows + empty),
            np.concatenate(hessian_columns + empty),
        )

    def refresh(self) -> None:
        """Read the present values of the model's parameters."""
        for template in self._templates.values():
            template.read_parameters()

    def bounds(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return lower and upper bounds of the variables, then of the constraints; infinite for none."""
        import pyomo.environ as pyo

        def numbers(values: list[Any], missing: float) -> FloatArray:
            return np.array([missing if value is None else pyo.value(value) for value in values], float)

        return (
            numbers([variable.lb for variable in self.variables], -np.inf),
            numbers([variable.ub for variable in self.variables], np.inf),
            numbers([constraint.lower for constraint in self.constraint_data], -np.inf),
            numbers([constraint.upper for constraint in self.constraint_data], np.inf),
        )

    def _rows(self, x: FloatArray) -> FloatArray:
        values = np.zeros(1 + len(self.constraint_data))
        for template in self._templates.values():
            np.add.at(values, template.rows, template.value(x))
        return values

    def objective(self, x: FloatArray) -> float:
        """Return the objective, to be minimised."""
        return float(self._sign * self._rows(x)[0])

    def constraints(self, x: FloatArray) -> FloatArray:
        """Return the constraint bodies."""
        return self._rows(x)[1:]

    def gradient(self, x: FloatArray) -> FloatArray:
        """Return the gradient of the objective."""
        gradient = np.zeros(len(x))
        for template in self._templates.values():
            objective = template.rows == 0
            if objective.any():
                np.add.at(gradient, template.columns[:, objective], template.first(x)[:, objective])
        return self._sign * gradient

    def jacobianstructure(self) -> tuple[IntArray, IntArray]:
        """Return rows and columns of the Jacobian's entries."""
        return self._jacobian_structure

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return the Jacobian's entries."""
        entries = [t.first(x)[:, t.rows > 0].ravel() for t in self._templates.values()]
        return np.concatenate([*entries, np.zeros(0)])

    def hessianstructure(self) -> tuple[IntArray, IntArray]:
        """Return rows and columns of the Hessian's entries."""
        return self._hessian_structure

    def hessian(self, x: FloatArray, multipliers: FloatArray, objective_factor: float) -> FloatArray:
        """Return the entries of the Lagrangian's Hessian."""
        weights = np.concatenate([[self._sign * objective_factor], multipliers])
        entries = [(t.second(x) * weights[t.rows]).ravel() for t in self._templates.values()]
        return np.concatenate([*entries, np.zeros(0)])

    def intermediate(self, _mode: int, iteration: int, *_rest: float) -> bool:
        """Store the number of iterations; stop if an interrupt is due."""
        self.iterations = iteration
        return not self.stopped()


def _never() -> bool:
    return False
