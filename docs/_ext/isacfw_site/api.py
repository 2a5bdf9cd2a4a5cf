"""The reference of the public names, by the package that has them."""

from __future__ import annotations

import importlib
import inspect
import typing
from functools import cache

import isacfw

MODULES = ("simulation", "testing", "validators")
"""Public modules, each with a page of its own."""


@cache
def by_package() -> dict[str, tuple[str, ...]]:
    """Return the public names of `isacfw` by the package below it that defines them."""
    found: dict[str, list[str]] = {}
    for name in isacfw.__all__:
        found.setdefault(package_of(name), []).append(name)
    return {package: tuple(names) for package, names in found.items()}


def package_of(name: str) -> str:
    """Return the package that defines a public name."""
    value = getattr(isacfw, name)
    module = getattr(value, "__module__", "") if inspect.isclass(value) or inspect.isroutine(value) else ""
    if not module.startswith("isacfw."):
        module = _home_of_a_constant(name)
    return module.split(".")[1]


def _home_of_a_constant(name: str) -> str:
    """Return the module in which a constant is assigned."""
    from .messages import trees

    return next(
        module
        for module, tree in trees().items()
        for node in tree.body
        if name in {getattr(target, "id", "") for target in _targets(node)}
    )


def _targets(node: object) -> list[object]:
    return [*getattr(node, "targets", []), *([node.target] if hasattr(node, "target") else [])]  # type: ignore[attr-defined]


def list_names(package: str) -> str:
    """Return the documentation of the public names of a package."""
    if package in MODULES:
        module = importlib.import_module(f"isacfw.{package}")
        head = f"```{{eval-rst}}\n.. automodule:: isacfw.{package}\n   :no-members:\n```\n"
        return head + "\n".join(
            _entry(f"isacfw.{package}", name, getattr(module, name)) for name in module.__all__
        )
    return "\n".join(_entry("isacfw", name, getattr(isacfw, name)) for name in by_package()[package])


def _entry(module: str, name: str, value: object) -> str:
    if inspect.isclass(value):
        directive, options = "autoclass", "   :members:\n   :inherited-members: Exception, tuple, str, Enum\n"
    elif inspect.isroutine(value):
        directive, options = "autofunction", ""
    elif typing.get_args(value):
        text = _meaning(value)
        return f"```{{eval-rst}}\n.. py:data:: {module}.{name}\n\n   {text}\n```\n"
    else:
        directive, options = "autodata", ""
    return f"```{{eval-rst}}\n.. {directive}:: {module}.{name}\n{options}```\n"


def _meaning(alias: object) -> str:
    """Return what a name of a type stands for."""
    classes = [
        one for one in typing.get_args(alias) if inspect.isclass(one) and one.__module__.startswith("isacfw")
    ]
    if classes:
        return " or ".join(f":class:`isacfw.{one.__name__}`" for one in classes) + "."
    return f"The type ``{str(alias).replace('typing.', '').replace('numpy.', '')}``."
