"""Plugin files as modules: loaded from a path, or revived from their content in another process."""

from __future__ import annotations

import hashlib
import inspect
import operator
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from .environment import FOREIGN
from .errors import PluginError, describe_exception, one_line
from .time_limit import TimeUp

_LOADING = threading.RLock()
"""Held while a plugin file is run, so that no other thread of a worker sees a partially executed module."""


Sources = tuple[tuple[str, bytes] | str, ...]
"""Plugins in transferable form: path and content of a file, or the name of a module."""


class _Loading:
    """What guards the loading of a plugin: :func:`guard_loading` sets it."""

    guard: Callable[..., AbstractContextManager[None]] = staticmethod(lambda *_: nullcontext())


def guard_loading(guard: Callable[..., AbstractContextManager[None]]) -> None:
    """Set the guard around the loading of plugins."""
    _Loading.guard = staticmethod(guard)


def import_plugin(source: str, load: Callable[[], Any]) -> Any:
    """Return the result of `load`; turn any exception into a :class:`PluginError` that names the source."""
    with _Loading.guard(f"plugin {source}", FOREIGN):
        try:
            return load()
        except (KeyboardInterrupt, TimeUp):
            raise
        except BaseException as error:
            line = next(
                (f" (line {frame.lineno})" for frame in reversed(inspect.trace()) if frame.filename == source), ""
            )
            told, _, text = describe_exception(error).partition(":")
            raise PluginError(one_line(f"plugin {source} {told}{line}:{text}")) from error


def module_from_file(path: Path) -> ModuleType:
    """Return the module of a plugin's file.

    Raises
    ------
    PluginError
        If it cannot be read, or raises.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise OSError("a pipe or a device")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PluginError(f"plugin {path} must be a Python file that can be read, got: {reason}") from None
    return module_from_source(path.resolve(), content)


def module_from_source(path: Path, content: bytes) -> ModuleType:
    """Return the module of a plugin's file, which need not exist on this machine, or any more."""
    # Named after path and content, so that two files never share a module and a changed file is read again.
    digest = hashlib.sha256(str(path).encode() + content).hexdigest()[:8]
    name = f"isacfw_plugin_{path.stem}_{digest}"
    with _LOADING:
        if name in sys.modules:
            return sys.modules[name]
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__dict__["__isacfw_provider__"] = path.stem
        module.__dict__["__isacfw_source__"] = (str(path), content)
        sys.modules[name] = module
        try:
            import_plugin(str(path), lambda: exec(compile(content, path, "exec"), module.__dict__))
        except PluginError:
            del sys.modules[name]
            raise
        return module


def revive(path: str, content: bytes, name: str, options: Mapping[str, Any]) -> Any:
    """Return a part of a plugin's file from the file's content, in any process; used to unpickle such parts."""
    cls = operator.attrgetter(name)(module_from_source(Path(path), content))
    return cls(**options)
