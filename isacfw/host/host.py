"""The plugin host: discovery and validation of plugins, and lookup of their parts by name."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from ..base.environment import FOREIGN
from ..base.errors import InputError, IsacError, PluginError, one_line, short_repr, suggestion
from ..base.guard import call_guarded, guard
from ..base.part import Part
from ..base.sources import Sources, import_plugin, module_from_source
from . import hookspecs
from .kinds import BUILT_INS, KINDS, PartInfo
from .plugin import Plugin, check_hooks, check_part_class, find_plugin

ENTRY_POINT_GROUP = "isacfw"


ScenarioSource = PathLike[str] | Mapping[str, Any]


HOOKS = tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "isacfw_spec"))
"""Names of all hooks."""


class PluginHost:
    """All parts and named scenarios of a set of plugins; immutable.

    Parameters
    ----------
    plugins : iterable of str, path or module
        Plugins requested in addition to the built-in and the installed ones: a path that ends in ``.py``, the
        dotted name of a module, or any object with hook implementations.
    base : path, optional
        Folder for relative paths; the working directory by default.
    discover : bool
        Whether to load installed distributions with the entry-point group ``isacfw``.

    Attributes
    ----------
    problems : list of str
        One line for each discovered plugin that could not be loaded and was skipped.

    Raises
    ------
    PluginError
        If a requested plugin cannot be loaded.
    """

    def __init__(
        self,
        plugins: Iterable[str | PathLike[str] | ModuleType | type] = (),
        *,
        base: Path | None = None,
        discover: bool = True,
    ) -> None:
        self.problems: list[str] = []
        self._parts: list[PartInfo] = []
        self._sources: dict[int, str] = {}
        self._scenarios: dict[str, tuple[str, ScenarioSource]] = {}
        self._manager = pluggy.PluginManager("isacfw")
        self._manager.add_hookspecs(hookspecs)
        version = importlib.metadata.version("isacfw")
        for name in BUILT_INS:
            module = importlib.import_module(name)
            self._add(Plugin(module=module, source=name, provider="isacfw", version=version))
        if discover:
            self._discover()
        self._asked: list[Any] = []
        for plugin in plugins:
            with guard(f"plugin {plugin if isinstance(plugin, str) else short_repr(plugin)}", FOREIGN):
                asked = find_plugin(plugin, base or Path.cwd())
                self._add(asked)
            self._asked.append(asked.module)

    @classmethod
    def of_sources(cls, sources: Sources) -> PluginHost:
        """Return the host with these plugins in addition to the built-in and the installed ones."""
        return cls([one if isinstance(one, str) else module_from_source(Path(one[0]), one[1]) for one in sources])

    @property
    def sources(self) -> Sources:
        """The requested plugins, in a form that can be sent to another process.

        Objects that are not modules are left out, with their observers; their parts are pickled with a scenario.
        """
        found: list[tuple[str, bytes] | str] = []
        for plugin in self._asked:
            source = getattr(plugin, "__isacfw_source__", None)
            if source is not None:
                found.append(source)
            elif isinstance(plugin, ModuleType):
                found.append(plugin.__name__)
        return tuple(found)

    def _discover(self) -> None:
        for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
            provider = entry.value.partition(".")[0]
            try:
                with guard(f"plugin {entry.value}", FOREIGN):
                    distribution = entry.dist
                    provider = distribution.name if distribution else provider
                    plugin = Plugin(
                        module=import_plugin(entry.value, entry.load),
                        source=entry.value,
                        provider=provider,
                        version=distribution.version if distribution else "",
                    )
                    self._add(plugin)
            except IsacError as error:
                self.problems.append(f"plugin {entry.name!r} of {provider} was skipped: {error}")

    def _add(self, plugin: Plugin) -> None:
        if self._manager.is_registered(plugin.module):
            return
        source = plugin.source
        check_hooks(plugin.module, source, HOOKS)
        try:
            self._manager.register(plugin.module)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f"plugin {source} cannot be registered: {error}") from error
        try:
            parts = [part for kind in KINDS for part in self._collect_parts(kind, plugin, source)]
            scenarios = self._collect_scenarios(plugin, source)
        except PluginError:
            self._manager.unregister(plugin.module)
            raise
        self._sources[id(plugin.module)] = source
        self._parts.extend(parts)
        self._scenarios.update(scenarios)

    def _call(self, hook: str, plugin: Plugin, source: str) -> Any:
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if implementation.plugin is plugin.module:
                return call_guarded(f"{hook} of plugin {source}", implementation.function)
        return ()

    def _collect_parts(self, kind: str, plugin: Plugin, source: str) -> list[PartInfo]:
        offered = self._call(f"register_{kind}s", plugin, source)
        if not isinstance(offered, (list, tuple, set, frozenset)):
            raise PluginError(
                f"register_{kind}s of plugin {source} must return a list of classes, got {short_repr(offered)}"
            )
        taken = {part.name for part in self._parts if (part.kind, part.provider) == (kind, plugin.provider)}
        infos = []
        for cls in offered:
            check_part_class(KINDS[kind], cls, f"register_{kind}s of plugin {source}")
            if cls.name in taken:
                raise PluginError(f"plugin {source} offers {kind} {cls.name!r} twice")
            taken.add(cls.name)
            infos.append(
                PartInfo(kind=kind, name=cls.name, cls=cls, provider=plugin.provider, version=plugin.version)
            )
        return infos

    def _collect_scenarios(self, plugin: Plugin, source: str) -> dict[str, tuple[str, ScenarioSource]]:
        offered = self._call("register_scenarios", plugin, source)
        if not offered:
            return {}
        if not isinstance(offered, Mapping):
            raise PluginError(
                f"register_scenarios of plugin {source} must return a mapping, got {short_repr(offered)}"
            )
        for name, value in offered.items():
            if not isinstance(name, str) or not isinstance(value, (str, PathLike, Mapping)):
                raise PluginError(
                    f"register_scenarios of plugin {source} must return paths or mappings by name,"
                    f" got {short_repr(value)} for {short_repr(name)}"
                )
            if name in self._scenarios:
                raise PluginError(f"plugin {source} offers scenario {name!r}, which exists already")
        return {name: (plugin.provider, value) for name, value in offered.items()}

    def parts(self, kind: str | None = None) -> list[PartInfo]:
        """Return the parts of one kind, or of all, in the order in which they were found."""
        return [part for part in self._parts if kind is None or part.kind == kind]

    def find(self, kind: str, name: str) -> PartInfo:
        """Return the part with a name or a qualified name ``provider:name``.

        Raises
        ------
        InputError
            If there is none, or if two providers offer a part with this bare name.
        """
        known = self.parts(kind)
        found = [part for part in known if name in (part.name, part.qualified_name)]
        if not found:
            hint = suggestion(name, {part.name for part in known})
            raise InputError("", f"must name a known {kind}, got {name!r}{hint}")
        if len(found) > 1:
            qualified = " or ".join(repr(part.qualified_name) for part in found)
            raise InputError("", f"must name one {kind}, got {name!r}, which stands for {qualified}")
        return found[0]

    def versions(self, classes: Iterable[type[Part]]) -> dict[str, str]:
        """Return the version of each distribution or module that provides classes, if it has one."""
        wanted = set(classes)
        return {info.provider: info.version for info in self._parts if info.cls in wanted and info.version}

    def name_of(self, part: Part) -> str:
        """Return the shortest name under which :meth:`find` finds the class of a part."""
        kind = next(kind for kind, base in KINDS.items() if isinstance(part, base))
        same = [info for info in self.parts(kind) if info.name == part.name]
        own = [info for info in same if info.cls is type(part)]
        return own[0].qualified_name if own and len(same) > 1 else part.name

    @property
    def scenarios(self) -> dict[str, ScenarioSource]:
        """Named scenarios: path of a TOML file, or its content."""
        return {name: value for name, (_, value) in self._scenarios.items()}

    def scenario_provider(self, name: str) -> str:
        """Return the provider of a named scenario."""
        return self._scenarios[name][0]

    def scenario_summary(self, name: str) -> str:
        """Return the origin of a named scenario in one line."""
        source = self._scenarios[name][1]
        return "a mapping" if isinstance(source, Mapping) else Path(source).name

    def observed(self, hook: str) -> bool:
        """Return whether any plugin implements an observer hook."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def observe(self, hook: str, **arguments: Any) -> list[str]:
        """Call an observer hook of every plugin; return a message for each one that raises."""
        problems = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            who = f"{hook} of plugin {self._sources[id(implementation.plugin)]}"
            given = [arguments[name] for name in implementation.argnames]
            try:
                call_guarded(who, implementation.function, *given)
            except IsacError as error:
                problems.append(str(error) if str(error).startswith(who) else one_line(f"{who} {error}"))
        return problems


@lru_cache(maxsize=1)
def default_host() -> PluginHost:
    """Return the cached host of the built-in and the installed plugins."""
    return PluginHost()
