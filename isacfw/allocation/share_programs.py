"""Semidefinite programs of sensing problems, compiled once for all drops that share one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..sensing.hypotheses import stacked
from ..sensing.program import ShareProgram
from ..sensing.requirements import SensingLimits


@lru_cache(maxsize=32)
def compiled(
    content: tuple[tuple[str, tuple[int, ...], bytes], ...], counts: tuple[int, int] | None
) -> ShareProgram | None:
    """Return the programs of a sensing problem, which drops often share, from the bytes of its numbers.

    Parameters
    ----------
    content : tuple
        Name, shape and bytes of each of the fields that are given, and of the objective.
    counts : tuple of int, optional
        Numbers of users and streams if each is a signal of its own.
    """
    given = {name: np.frombuffer(numbers).reshape(shape) for name, shape, numbers in content}
    displaced = "displaced_jacobians" in given
    communication, sensing = (
        stacked(given[f"fisher_{name}"], given.get(f"displaced_{name}"), 2)
        for name in ("communication", "sensing")
    )
    jacobians = stacked(given["jacobians"], given.get("displaced_jacobians"), 3)
    if not displaced:
        communication, sensing, jacobians = communication[None], sensing[None], jacobians[None]
    users = given["fisher_users"][None] if "fisher_users" in given else communication[:, None]
    streams = given["fisher_streams"][None] if "fisher_streams" in given else sensing[:, None]
    if counts is not None:
        users = np.repeat(users, counts[0] // users.shape[1], axis=1)
        streams = np.repeat(streams, counts[1] // streams.shape[1], axis=1)
    sums: dict[str, Any] = {}
    if "crlb_sum_weights" in given:
        sums = {"sum_weights": given["crlb_sum_weights"], "sum_limit": given["crlb_sum_limit"]}
    linear: dict[str, Any] = {}
    if "linear_least" in given:
        columns = given["linear_users"][:, : users.shape[1]], given["linear_streams"][:, : streams.shape[1]]
        rows, least = np.concatenate(columns, axis=-1), given["linear_least"]
        linear = {"linear": rows[least > 0] / least[least > 0, None], "balances": rows[least == 0]}
    limits = SensingLimits(limit=given["crlb_limit"], jacobians=jacobians, known=given["known"], **sums, **linear)
    return ShareProgram.of(np.concatenate([users, streams], axis=1), limits, objective=given.get("objective"))
