"""Plugins that files name: which of them may run."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from ..base.errors import PluginError, one_line

Origin = Literal["own", "file", "results"]
"""Where a scenario is from: the user's own program or an installed plugin, a scenario file, or a results file."""


def trusted_plugins(
    named: Sequence[str], asked: Sequence[str], folder: Path, *, source: str, origin: Origin
) -> tuple[list[str], list[str]]:
    """Return the plugins of a scenario that are loaded in addition to those asked for, and a note on each.

    A scenario file may name plugins in its own folder, and installed ones; a results file none.

    Parameters
    ----------
    named : sequence of str
        Plugins that the scenario names.
    asked : sequence of str
        Plugins that the user has asked for: absolute paths of files, and names of modules.
    folder : Path
        Folder of the file, to which paths are relative.
    source : str
        The file, for messages.
    origin : {"own", "file", "results"}
        Where the scenario is from.

    Raises
    ------
    PluginError
        If a plugin is named that needs the user's consent; the message says which file would run.
    """
    if origin == "own":
        return [_absolute(one, folder) for one in named], []
    files = {Path(one).name for one in asked if one.endswith(".py")}
    found, notes, refused = [], [], []
    for one in named:
        path = Path(_absolute(one, folder))
        if one in asked or (one.endswith(".py") and path.name in files):
            continue
        if origin == "file" and (is_within(path, folder) if one.endswith(".py") else _is_installed(one, folder)):
            found.append(_absolute(one, folder))
            notes.append(one_line(f"plugin {found[-1]} is loaded, which {source} names"))
        else:
            refused.append((one, _would_run(one, path)))
    if refused:
        listed = " and ".join(file for _, file in refused)
        options = " ".join(
            f"--plugin {one if not one.endswith('.py') else _absolute(one, folder)}" for one, _ in refused
        )
        outside = "" if origin == "results" else ", which is not in its folder and not installed"
        raise PluginError(f"{source} would run {listed}{outside}: allow it with {options}, or all with --trust")
    return found, notes


def _absolute(plugin: str, folder: Path) -> str:
    return str(folder / plugin) if plugin.endswith(".py") else plugin


def is_within(path: Path, folder: Path) -> bool:
    """Return whether a file, after all links, is in a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _is_installed(module: str, folder: Path) -> bool:
    """Return whether a module is from an installed distribution, or in a folder; nothing is imported."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return False
    if top in importlib.metadata.packages_distributions():
        return True
    entries = importlib.metadata.entry_points(group="isacfw")
    if any(entry.module.partition(".")[0] == top for entry in entries):
        return True
    installed = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")]
    return any(is_within(place, root) for place in _places(top) for root in (*installed, folder))


def _places(top: str) -> Iterable[Path]:
    """Return the files of a module or the folders of a package, without importing it."""
    if top in sys.modules:
        names = [getattr(sys.modules[top], "__file__", None), *getattr(sys.modules[top], "__path__", [])]
        return [Path(name) for name in names if name]
    try:
        spec = importlib.machinery.PathFinder.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    return [Path(one) for one in ([spec.origin] if spec.origin else spec.submodule_search_locations or [])]


def _would_run(plugin: str, path: Path) -> str:
    if plugin.endswith(".py"):
        return f"the plugin {path}"
    place = next(iter(_places(plugin.partition(".")[0])), None)
    return f"the module {plugin}" + ("" if place is None else f" ({place})")
