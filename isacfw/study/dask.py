"""Executors of Dask clusters."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from ..base.errors import InputError
from ..base.time_limit import TimeUp, time_limit

ANSWER_S = 10
"""Seconds within which the scheduler of a Dask cluster must respond."""


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Yield the executor of a Dask cluster.

    Parameters
    ----------
    address : str
        Address of its scheduler, such as ``"tcp://10.0.0.1:8786"``.

    Raises
    ------
    InputError
        If Dask is not installed, or no scheduler responds.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--scheduler", f"needs Dask ({error}): python -m pip install 'isacfw[dask]'") from None
    try:
        # A server that is not a Dask scheduler can make the client hang or raise any exception.
        with time_limit(ANSWER_S + 5):
            client = Client(address, timeout=ANSWER_S)
    except (Exception, TimeUp) as error:
        reason = str(error) or f"no answer within {ANSWER_S + 5} s"
        raise InputError(
            "--scheduler", f"must be the address of a Dask scheduler, got {address!r}: {reason}"
        ) from None
    with client:
        yield client.get_executor()
