"""Former names of modules, which can still be imported, with a warning, for one release."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

_PACKAGE = __name__.rpartition(".")[0]

FORMER: dict[str, tuple[str, ...]] = {}
"""Former modules, with the modules that their content is in now."""


class _Finder:
    """Finds former modules, after all others; a finder and a loader of :mod:`importlib`."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None = None, _target: Any = None) -> ModuleSpec | None:
        """Return the spec of a former module, or None for any other."""
        package, _, last = name.rpartition(".")
        if package != _PACKAGE or last not in FORMER:
            return None
        return spec_from_loader(name, _Finder)  # type: ignore[arg-type]

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Leave the making of the module to Python."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Let a former module look its names up where they are now."""
        last = module.__name__.rpartition(".")[2]
        homes = [f"{_PACKAGE}.{home}" for home in FORMER[last]]
        # Importing it is what is deprecated, so the warning points at the import.
        warnings.warn(
            f"the module {module.__name__} is private and has moved to {' and '.join(homes)}; import the public"
            f" names from {_PACKAGE}",
            DeprecationWarning,
            stacklevel=2,
        )

        def find(name: str) -> Any:
            for home in homes:
                try:
                    return getattr(importlib.import_module(home), name)
                except AttributeError:
                    continue
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__dict__["__getattr__"] = find


def install() -> None:
    """Make former names of modules importable, once."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
