"""Angles of the targets that count as known, and targets that the arrays cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.errors import InputError, IsacError
from ..base.guard import guard
from ..base.numbers import FloatArray
from ..sensing.fisher import EchoModel
from ..sensing.reduction import ANGLES, angle_names
from ..sensing.target import Target
from ..signal.array import Array, Direction


def known_angles(targets: Sequence[Target], limits: FloatArray, model: EchoModel) -> FloatArray:
    """Return 1 for each angle that counts as known, 0 for the others; (2T,).

    Parameters
    ----------
    targets : sequence of Target
        The T targets.
    limits : ndarray, shape (2T,)
        Largest CRLBs; infinite for no limit.
    model : EchoModel
        Echo model, which determines whether the arrays can tell both angles apart.
    """
    unlimited = np.isinf(limits).reshape(-1, 2)
    known = np.zeros((len(targets), 2))
    for number, target in enumerate(targets):
        named = [name in target.known for name in ANGLES]
        known[number] = named
        if not any(named) and (angle := model.blurred(number, unlimited[number])) is not None:
            known[number, angle] = 1
    return known.reshape(-1)


def assumptions(targets: Sequence[Target], known: FloatArray) -> list[str]:
    """Return a message for each angle that counts as known without being declared known."""
    names = list(angle_names(len(targets)))
    named = [name in target.known for target in targets for name in ANGLES]
    return [
        f"{names[angle]} counts as known: it has no limit, and the arrays cannot tell both angles apart"
        for angle in np.flatnonzero(known)
        if not named[angle]
    ]


def check_directions(arrays: Sequence[Array], targets: Sequence[Target]) -> None:
    """Refuse targets that the arrays cannot tell apart, for which the Fisher information is singular.

    Raises
    ------
    InputError
        With the key of the second of the two targets.
    """
    for second, target in enumerate(targets):
        for first, other in enumerate(targets[:second]):
            if _same_direction(arrays, other.direction, target.direction):
                raise InputError(
                    f"targets[{second}]",
                    f"must not be in the same direction as targets[{first}] for these arrays:"
                    " the Fisher information of both is singular",
                )


def _same_direction(arrays: Sequence[Array], first: Direction, second: Direction) -> bool:
    """Return whether two directions are indistinguishable; faulty arrays are reported elsewhere."""
    try:
        with guard("an array", *arrays):
            products = [abs(array.inner_products(first, second)[0, 0]) / array.n_elements for array in arrays]
    except IsacError:
        return False
    return all(product > 1 - 1e-12 for product in products)
