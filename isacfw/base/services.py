"""Functions of upper floors that lower ones are given, rather than import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SERVICES: dict[str, Callable[..., Any]] = {}


def provide(name: str, function: Callable[..., Any]) -> None:
    """Provide a function under a name; the package does so when it is imported."""
    _SERVICES[name] = function


def service(name: str) -> Callable[..., Any]:
    """Return the function that is provided under a name."""
    return _SERVICES[name]
