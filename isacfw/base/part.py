"""Base classes of interchangeable parts."""

from __future__ import annotations

import inspect
import pickle
import sys
import threading
from abc import ABC
from collections.abc import Hashable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Self, SupportsIndex, cast

import attrs

from .errors import IsacError, one_line
from .guard import guard
from .validators import optional, text

ONE_AT_A_TIME = threading.RLock()
"""Held while a part runs code that is not thread-safe: one lock, since parts may share the library."""


@attrs.frozen(kw_only=True)
class Part(ABC):  # noqa: B024 - each kind of part has its own abstract methods
    """A part that plugins provide, such as an array or an allocator.

    A part is a frozen attrs class whose fields are its options and, in a scenario file, its keys.

    Attributes
    ----------
    name : str
        Class attribute: the name of the part in scenarios.
    expected_failures : mapping of str to str
        Class attribute: checks of :mod:`isacfw.testing` that the part is known to fail, each with the reason.
    """

    name: ClassVar[str] = ""
    expected_failures: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return parts of this class for the checks; by default one with all options at their defaults.

        A class with required options overrides this.
        """
        return (cls(),)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """Pickle the part; one defined in a plugin file carries the file's source, to be unpickled elsewhere."""
        module = sys.modules.get(type(self).__module__)
        source = getattr(module, "__isacfw_source__", None)
        if source is None:
            return super().__reduce_ex__(protocol)
        from .sources import revive

        options = {field.alias: getattr(self, field.name) for field in attrs.fields(type(self)) if field.init}
        return revive, (*source, type(self).__qualname__, options)

    @classmethod
    def source(cls) -> str | None:
        """Return the path of the plugin's file that the class comes from, or None for one in a package."""
        source = getattr(sys.modules.get(cls.__module__), "__isacfw_source__", None)
        return None if source is None else str(source[0])

    @classmethod
    def provider(cls) -> str:
        """Return the provider of the part: a distribution, or the stem of a plugin's file name."""
        module = sys.modules.get(cls.__module__)
        return getattr(module, "__isacfw_provider__", None) or owner(cls.__module__.partition(".")[0])

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the part's docstring."""
        lines = (inspect.getdoc(cls) or "").splitlines()
        return lines[0] if lines else ""

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why the part is not available and what to install, or None if it is available.

        A part with an optional dependency overrides this with a probe that uses the dependency for its purpose: a
        successful import does not show that it works.
        """
        return None

    @classmethod
    def libraries(cls) -> Mapping[str, str]:
        """Return versions, by name, of libraries that results depend on and that no Python package determines.

        They are part of a study's key, as the versions of the part's own distribution and of known solvers are.
        """
        return {}

    @classmethod
    def why_unavailable(cls) -> str | None:
        """Return :meth:`unavailable`, or that the probe itself failed."""
        try:
            with ONE_AT_A_TIME, guard("the probe of its availability", cls):
                reason = cls.unavailable()
                return None if reason is None else one_line(reason)
        except IsacError as error:
            return str(error)


@cache
def owner(package: str) -> str:
    """Return the distribution that a top-level package belongs to, or its own name if there is none."""
    from importlib.metadata import packages_distributions

    own = __name__.partition(".")[0]
    if package in (own, f"{own}_plugins"):
        return own
    return packages_distributions().get(package, [package])[0]


def key_of(value: Any) -> Hashable:
    """Return a part, or another value, as a key of mappings: itself, or its content if it has no hash."""
    try:
        hash(value)
    except Exception:
        try:
            return pickle.dumps(value)
        except Exception:
            return _Identity(value)
    return cast(Hashable, value)


@attrs.frozen(eq=False)
class _Identity:
    """Keeps a value that equals nothing else."""

    value: Any


def display_name(part: Part) -> str:
    """Return the label or name of a part, and its provider: ``"zf of isacfw"``."""
    title = part.title if isinstance(part, LabelledPart) else part.name
    return f"{title} of {part.provider()}"


@attrs.frozen(kw_only=True)
class LabelledPart(Part):
    """A part that may appear several times in one comparison, distinguished by its label.

    Parameters
    ----------
    label : str, optional
        Name of the part in results; by default the part's own name.
    """

    label: str | None = attrs.field(default=None, validator=optional(text))

    @property
    def title(self) -> str:
        """The label, or the part's name if it has none."""
        return self.label or self.name
