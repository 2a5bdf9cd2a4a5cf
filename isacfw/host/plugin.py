"""Plugins: found by path, module or object, and validated before use."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Collection
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

from ..base.errors import PluginError, short_repr, suggestion
from ..base.part import Part
from ..base.sources import import_plugin, module_from_file


@attrs.frozen(kw_only=True)
class Plugin:
    """A plugin, its source, and its provider.

    Parameters
    ----------
    module : object
        Object with the hook implementations.
    source, provider, version : str
        Path or dotted name; distribution, module or file that provides it; and the version of the provider.
    """

    module: Any
    source: str
    provider: str
    version: str


def find_plugin(plugin: str | PathLike[str] | ModuleType | type, base: Path) -> Plugin:
    """Return the plugin for a path, a dotted name or an object.

    Raises
    ------
    PluginError
        If it cannot be loaded.
    """
    if isinstance(plugin, PathLike) or (isinstance(plugin, str) and plugin.endswith(".py")):
        path = Path(base / Path(plugin))
        return Plugin(module=module_from_file(path), source=str(path), provider=path.stem, version="")
    if not isinstance(plugin, str):
        name = getattr(plugin, "__isacfw_provider__", getattr(plugin, "__name__", type(plugin).__name__))
        version = str(getattr(plugin, "__version__", ""))
        return Plugin(module=plugin, source=name, provider=name, version=version)
    module = import_plugin(plugin, lambda: importlib.import_module(plugin))
    top = plugin.partition(".")[0]
    owners = importlib.metadata.packages_distributions().get(top, [])
    version = importlib.metadata.version(owners[0]) if owners else str(getattr(module, "__version__", ""))
    return Plugin(module=module, source=plugin, provider=owners[0] if owners else top, version=version)


def check_hooks(module: Any, source: str, known: Collection[str]) -> None:
    """Refuse a plugin without hooks, or with a hook that does not exist."""
    marked = []
    for name in dict.fromkeys([*dir(module), *getattr(module, "__all__", ())]):
        try:
            value = getattr(module, name)
        except AttributeError:
            raise PluginError(f"plugin {source} lists {short_repr(name)}, which cannot be imported") from None
        if hasattr(value, "isacfw_impl"):
            marked.append(name)
    for name in marked:
        if name not in known:
            raise PluginError(f"plugin {source} implements unknown hook {name!r}{suggestion(name, known)}")
    if not marked:
        raise PluginError(f"plugin {source} implements no hook; mark its functions with @isacfw.hookimpl")


def check_part_class(base: type[Part], cls: Any, source: str) -> None:
    """Refuse anything but a complete, frozen class of parts with a valid name."""
    if not inspect.isclass(cls) or not issubclass(cls, base):
        raise PluginError(f"{source} must return subclasses of isacfw.{base.__name__}, got {short_repr(cls)}")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise PluginError(f"{source} must return complete classes, got {cls.__name__} without {missing}")
    if "__attrs_attrs__" not in vars(cls):
        raise PluginError(
            f"{source} must return attrs classes, got {cls.__name__} without @attrs.frozen(kw_only=True)"
        )
    if not isinstance(cls.name, str) or not cls.name or not cls.name.isprintable() or set(cls.name) & set(": "):
        raise PluginError(
            f"{source} must return classes with a name without spaces and colons,"
            f" got {cls.__name__} with name {cls.name!r}"
        )
