"""Scenario files: TOML to attrs classes and back, with errors that name the key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import attrs

from ..base.errors import InputError, short_repr, suggestion
from ..base.inputs import exists, is_pipe
from ..host.host import PluginHost, ScenarioSource, default_host
from ..results.open import open_results
from ..scenario.scenario import Scenario
from .document import Document, assigned_path, check_document, parse, parse_assignment, read_document, to_plain
from .paths import place_paths
from .structure import structure
from .sweep import check_effect, merge_assignment, paths_of
from .trust import Origin, trusted_plugins


@attrs.frozen(kw_only=True)
class LoadedScenario:
    """A scenario, with the host of its parts.

    Parameters
    ----------
    scenario : Scenario
    host : PluginHost
        Built-in parts, installed ones and the scenario's own plugins.

    notes : tuple of str
        One line for each plugin that was loaded because a file names it.
    """

    scenario: Scenario
    host: PluginHost
    notes: tuple[str, ...] = ()


def load_scenario(
    source: str | PathLike[str] | Mapping[str, Any],
    *,
    plugins: Iterable[str | PathLike[str]] = (),
    overrides: Iterable[str] = (),
    trust: bool = False,
) -> LoadedScenario:
    """Load a scenario from a file, by its registered name, or from a mapping with the keys of a file.

    Parameters
    ----------
    source : str, path or mapping
        Path of a TOML file or of a pipe, name of a registered scenario, or the content of a file. Paths in a file
        are relative to its folder, all others to the working directory.
    plugins : iterable of str or path
        Plugins in addition to those that the scenario names; paths are relative to the working directory.
    overrides : iterable of str
        TOML assignments such as ``"snr_db = 20"`` or ``"sensing.crlb_limit_db = -40"``, applied before
        validation.
    trust : bool
        Whether to run all plugins that a file names. Otherwise those of a scenario file must be in its folder or
        installed, and a results file may name only those in `plugins`.

    Raises
    ------
    InputError
        If the source does not exist, is not TOML, or has an invalid key or value; if a sweep makes an override
        ineffective.
    PluginError
        If a requested plugin cannot be loaded, or a file names one that needs consent.
    """
    if isinstance(plugins, str) or not isinstance(plugins, Iterable):
        raise InputError("plugins", f"must be a list of paths and modules, got {short_repr(plugins)}")
    names = [fspath(plugin) for plugin in plugins]
    asked = [str(Path.cwd() / name) if name.endswith(".py") else name for name in names]
    document, base, origin = _load_document(source, asked)
    folder = base if isinstance(source, (str, PathLike)) and exists(source) else None
    overrides = list(overrides)
    swept = paths_of(document)
    for override in overrides:
        merge_assignment(document, assignment := parse_assignment(override))
        swept -= paths_of(assignment)
    for override in overrides:
        check_effect(assigned_path(override), swept & paths_of(document))
    own = document.get("plugins", [])
    if not isinstance(own, list) or not all(isinstance(plugin, str) for plugin in own):
        raise InputError("plugins", f"must be a list of strings, got {short_repr(own)}")
    if trust or any(parse_assignment(override).get("plugins") is not None for override in overrides):
        origin = "own"
    own, notes = trusted_plugins(own, asked, base, source=str(source), origin=origin)
    host = PluginHost([*own, *asked]) if own or asked else default_host()
    scenario = structure(document, host, folder)
    if folder is not None:
        placed = [place_paths(document, parse_assignment(override), scenario) for override in overrides]
        scenario = structure(document, host, folder) if any(placed) else scenario
    return LoadedScenario(scenario=scenario, host=host, notes=tuple(notes))


ScenarioLike = Scenario | LoadedScenario | str | PathLike[str] | Mapping[str, Any]


def to_loaded(scenario: ScenarioLike, plugins: Iterable[str | PathLike[str]] = ()) -> LoadedScenario:
    """Return a scenario in any accepted form with its host."""
    if isinstance(scenario, LoadedScenario):
        return scenario
    if isinstance(scenario, Scenario):
        return LoadedScenario(scenario=scenario, host=default_host())
    return load_scenario(scenario, plugins=plugins)


def _load_document(
    source: str | PathLike[str] | Mapping[str, Any], plugins: list[str]
) -> tuple[Document, Path, Origin]:
    if isinstance(source, Mapping):
        return to_plain(check_document(source)), Path.cwd(), "own"
    if not isinstance(source, (str, PathLike)):
        raise InputError("scenario", f"must be a file, a name or a mapping, got {short_repr(source)}")
    path = Path(source)
    if path.suffix != ".toml" and not exists(path):
        named = PluginHost(plugins).scenarios if plugins else default_host().scenarios
        if str(source) not in named:
            hint = suggestion(str(source), named)
            raise InputError("scenario", f"must be a file or the name of a scenario, got {str(source)!r}{hint}")
        return *_load_named(named[str(source)]), "own"
    if path.suffix == ".nc":
        return parse(path, open_results(path).attrs["scenario"]), path.resolve().parent, "results"
    # The folder of a pipe, such as that of a shell, is not that of the user.
    base = Path.cwd() if is_pipe(path) else path.resolve().parent
    return read_document(path), base, "file"


def _load_named(source: ScenarioSource) -> tuple[Document, Path]:
    if isinstance(source, Mapping):
        return to_plain(source), Path.cwd()
    return read_document(Path(source)), Path(source).parent
