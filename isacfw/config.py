"""Scenario files: TOML to attrs classes and back, with errors that name the key."""

from __future__ import annotations

import json
import operator
import tomllib
from collections.abc import Iterable, Mapping
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, cast, get_origin

import attrs
import cattrs
import tomli_w
from cattrs.errors import ForbiddenExtraKeysError

from .base.errors import InputError, IsacError, shown, suggestion
from .base.part import LabelledPart, Part
from .plugins import KINDS, PluginHost, ScenarioSource, default_host
from .scenario.scenario import Scenario

Document = dict[str, Any]


@attrs.frozen(kw_only=True)
class LoadedScenario:
    """A scenario, with the host that knows its parts.

    Parameters
    ----------
    scenario : Scenario
    host : PluginHost
        Built-in parts, installed ones and the scenario's own plugins.
    """

    scenario: Scenario
    host: PluginHost


def load_scenario(
    source: str | PathLike[str] | Mapping[str, Any],
    *,
    plugins: Iterable[str | PathLike[str]] = (),
    overrides: Iterable[str] = (),
) -> LoadedScenario:
    """Load a scenario from a file, by its registered name, or from a mapping with the same keys.

    Parameters
    ----------
    source : str, path or mapping
        Path of a TOML file, name of a registered scenario, or the content of a file.
    plugins : iterable of str or path
        Plugins beside those that the scenario names; paths are relative to the working directory.
    overrides : iterable of str
        TOML assignments such as ``"snr_db = 20"`` or ``"sensing.crlb_limit_db = -40"``, applied before
        anything is checked.

    Raises
    ------
    InputError
        If the source does not exist, is not TOML, or has a key or value that it cannot have.
    PluginError
        If a plugin that was asked for cannot be loaded.
    """
    if isinstance(plugins, str) or not isinstance(plugins, Iterable):
        raise InputError("plugins", f"must be a list of paths and modules, got {shown(plugins)}")
    names = [fspath(plugin) for plugin in plugins]
    asked = [str(Path.cwd() / name) if name.endswith(".py") else name for name in names]
    document, base = _document(source, asked)
    for override in overrides:
        _merge(document, _assignment(override))
    own = document.get("plugins", [])
    if not isinstance(own, list) or not all(isinstance(plugin, str) for plugin in own):
        raise InputError("plugins", f"must be a list of strings, got {shown(own)}")
    own = [str(base / plugin) if plugin.endswith(".py") else plugin for plugin in own]
    host = PluginHost([*own, *asked]) if own or asked else default_host()
    return LoadedScenario(scenario=structure(document, host), host=host)


def structure(document: Mapping[str, Any], host: PluginHost) -> Scenario:
    """Return the scenario that a mapping with the keys of a scenario file describes.

    A required key that is swept may be left out: the first of its values stands for it.

    Raises
    ------
    InputError
        Named after the path of the key.
    """
    content: Document = _plain(document)
    sweep = content.get("sweep", {})
    absent = set(sweep) if isinstance(sweep, dict) else set()
    converter = _converter(host)
    while True:
        try:
            return converter.structure(content, Scenario)
        except Exception as error:
            failure = _first(error, "")
        # A key may be required only because a swept key is absent, e.g. `users` when the fading is swept.
        missing = {failure.key} & absent or absent
        if not failure.missing or not missing:
            raise failure from None
        for path in sorted(missing):
            if isinstance(sweep[path], list) and sweep[path]:
                _merge(content, _nested(path.split("."), sweep[path][0]))
        absent -= missing


def to_toml(scenario: Scenario, host: PluginHost | None = None) -> str:
    """Return a scenario as TOML, with all keys that have a value; it reads back as the same scenario."""
    document = _unstructured(scenario, host or default_host())
    # Lists that are usually left out stay out where they are empty.
    absent = [key for key in ("beams", "targets") if document.get(key) == []]
    return tomli_w.dumps({key: value for key, value in document.items() if value != {} and key not in absent})


def part_to_table(part: Part, host: PluginHost) -> Document:
    """Return the table of a scenario file that stands for a part."""
    return {"kind": host.name_of(part), **_fields(part, host)}


def part_from_table(kind: str, table: Mapping[str, Any], host: PluginHost) -> Part:
    """Return the part of a kind (``"allocator"``, say) that a table of a scenario file stands for.

    Raises
    ------
    InputError
        Named after the key.
    """
    try:
        return _converter(host).structure(_plain(table), KINDS[kind])
    except Exception as error:
        raise _first(error, "") from None


def _document(source: str | PathLike[str] | Mapping[str, Any], plugins: list[str]) -> tuple[Document, Path]:
    if isinstance(source, Mapping):
        return _plain(source), Path.cwd()
    if not isinstance(source, (str, PathLike)):
        raise InputError("scenario", f"must be a file, a name or a mapping, got {shown(source)}")
    path = Path(source)
    if path.suffix != ".toml" and not path.exists():
        named = PluginHost(plugins).scenarios if plugins else default_host().scenarios
        if str(source) not in named:
            hint = suggestion(str(source), named)
            raise InputError("scenario", f"must be a file or the name of a scenario, got {str(source)!r}{hint}")
        return _named(named[str(source)])
    if path.suffix == ".nc":
        from .comparison import Comparison

        return _parsed(path, Comparison.load(path).dataset.attrs["scenario"]), path.resolve().parent
    return _read(path), path.resolve().parent


def _named(source: ScenarioSource) -> tuple[Document, Path]:
    if isinstance(source, Mapping):
        return _plain(source), Path.cwd()
    return _read(Path(source)), Path(source).parent


def _plain(value: Any) -> Any:
    """Return a copy made of the types that a TOML file gives."""
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _read(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "is not a UTF-8 text file") from None
    except ValueError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error}") from None
    return _parsed(path, text)


def _parsed(path: Path, text: Any) -> Document:
    try:
        return tomllib.loads(text)
    except (TypeError, ValueError) as error:
        raise InputError(str(path), f"is not valid TOML: {error}") from None


def _assignment(text: str) -> Document:
    """Read ``key=value``; a value that is no TOML is a string, so that words need no quotes."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError("--set", f"must be key=value, got {text!r}")
    for right in (value, json.dumps(value.strip())):
        try:
            return tomllib.loads(f"{key} = {right}")
        except tomllib.TOMLDecodeError:
            continue
    raise InputError("--set", f"must be key=value with a key of a scenario file, got {text!r}")


def _merge(document: Document, changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        table = document.get(key)
        # The options of a part of another kind are not those of the new one.
        same = (
            isinstance(table, dict) and isinstance(value, dict) and value.get("kind") in (None, table.get("kind"))
        )
        if same:
            _merge(document[key], value)
        else:
            document[key] = value


def _nested(keys: list[str], value: Any) -> Document:
    for key in reversed(keys):
        value = {key: value}
    return cast(Document, value)


_MISSING = "must be given"


def _exactly(kind: type, noun: str) -> Any:
    def hook(value: Any, _type: Any) -> Any:
        good = isinstance(value, (int, float) if kind is float else kind)
        if not good or (isinstance(value, bool) and kind is not bool):
            raise InputError("", f"must be {noun}, got {shown(value)}")
        return float(value) if kind is float else value

    return hook


def _converter(host: PluginHost) -> cattrs.Converter:
    """Return a converter that refuses unknown keys and wrong types, and finds parts by name."""
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind, noun in _NOUNS.items():
        converter.register_structure_hook(kind, _exactly(kind, noun))
    converter.register_structure_hook_factory(
        _is_tuple,
        lambda target: _list_hook(target, converter),
    )
    converter.register_structure_hook_factory(
        lambda target: attrs.has(target) and target not in KINDS.values(),
        lambda target: _table_hook(target, converter),
    )
    converter.register_structure_hook_func(_is_choice_of_types, _one_of_types)
    converter.register_structure_hook_func(_is_choice_of_words, _one_of_words)
    converter.register_structure_hook_factory(
        _is_dict, lambda target: partial(_structured_table, converter, target.__args__[1])
    )
    for kind, base in KINDS.items():
        converter.register_structure_hook_func(
            partial(operator.is_, base), partial(_structured_part, host, converter, kind)
        )
    return converter


_NOUNS: dict[Any, str] = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


def _is_choice_of_types(target: Any) -> bool:
    members = getattr(target, "__args__", ())
    return get_origin(target) in (Union, UnionType) and all(member in _NOUNS for member in members)


def _one_of_types(value: Any, target: Any) -> Any:
    for member in target.__args__:
        try:
            return _exactly(member, "")(value, member)
        except InputError:
            continue
    nouns = " or ".join(_NOUNS[member] for member in target.__args__)
    raise InputError("", f"must be {nouns}, got {shown(value)}")


def _is_choice_of_words(target: Any) -> bool:
    return get_origin(target) is Literal


def _is_dict(target: Any) -> bool:
    return get_origin(target) is dict


def _one_of_words(value: Any, target: Any) -> Any:
    if not any(value is word or (isinstance(value, str) and value == word) for word in target.__args__):
        listed = ", ".join(repr(word) for word in target.__args__)
        raise InputError("", f"must be one of {listed}, got {shown(value)}")
    return value


def _structured_table(converter: cattrs.Converter, member: Any, value: Any, _type: Any) -> Any:
    if not isinstance(value, Mapping):
        raise InputError("", f"must be a table, got {shown(value)}")
    found = {}
    for key, item in value.items():
        try:
            found[key] = converter.structure(item, member)
        except Exception as error:
            raise _first(error, "").within(key) from None
    return found


def _is_tuple(target: Any) -> bool:
    return get_origin(target) is tuple


def _list_hook(target: Any, converter: cattrs.Converter) -> Any:
    member = target.__args__[0]

    def hook(value: Any, _type: Any) -> Any:
        if not isinstance(value, list):
            raise InputError("", f"must be a list, got {shown(value)}")
        found = []
        for position, item in enumerate(value):
            try:
                found.append(item if member is Any else converter.structure(item, member))
            except Exception as error:
                raise _first(error, f"[{position}]") from None
        return tuple(found)

    return hook


def _table_hook(target: Any, converter: cattrs.Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn

    structured = make_dict_structure_fn(target, converter, _cattrs_forbid_extra_keys=True)

    def hook(value: Any, _type: Any) -> Any:
        if not isinstance(value, Mapping):
            raise InputError("", f"must be a table, got {shown(value)}")
        return structured(value, target)

    return hook


def _structured_part(host: PluginHost, converter: cattrs.Converter, kind: str, value: Any, _type: Any) -> Part:
    options = {"kind": value} if isinstance(value, str) else value
    if not isinstance(options, Mapping):
        raise InputError("", f"must be a name or a table with a kind, got {shown(value)}")
    options = dict(options)
    if "kind" not in options:
        raise InputError("kind", _MISSING, missing=True)
    name = options.pop("kind")
    if not isinstance(name, str):
        raise InputError("kind", f"must be a string, got {shown(name)}")
    try:
        cls = host.find(kind, name).cls
    except InputError as error:
        raise error if isinstance(value, str) else error.within("kind") from None
    return converter.structure(options, cls)


def _first(error: BaseException, path: str) -> InputError:
    """Return the first mistake in a tree of validation errors, named after its path.

    An unknown key comes before a missing one: the two together are one misspelling.
    """
    if isinstance(error, BaseExceptionGroup):
        unknown = [inner for inner in error.exceptions if isinstance(inner, ForbiddenExtraKeysError)]
        return _first((unknown or error.exceptions)[0], _joined(path, error))
    if isinstance(error, InputError):
        inner = error.within(_noted(error))
        return inner.within(path)
    if isinstance(error, ForbiddenExtraKeysError):
        key = sorted(error.extra_fields)[0]
        known = [field.name for field in attrs.fields(error.cl)]
        hint = suggestion(key, {*known, "kind"} if issubclass(error.cl, Part) else known)
        return InputError(key, f"is not a known key{hint}").within(path)
    key = _noted(error)
    if isinstance(error, KeyError) and key:
        return InputError(key, _MISSING, missing=True).within(path)
    if isinstance(error, IsacError):
        return InputError(key, f"is not valid: {error}").within(path)
    return InputError(key, f"is not valid: {' '.join(str(error).split())}").within(path)


def _joined(path: str, group: BaseException) -> str:
    key = _noted(group)
    return InputError(key, "").within(path).key if path else key


def _noted(error: BaseException) -> str:
    """Return the field, index or key that the converter noted on an error."""
    for note in getattr(error, "__notes__", ()):
        name = getattr(note, "name", None)
        if name is not None:
            return str(name)
        index = getattr(note, "index", None)
        if index is not None:
            return f"[{index}]" if isinstance(index, int) else str(index)
    return ""


def _unstructured(value: Any, host: PluginHost) -> Any:
    if isinstance(value, Part):
        table = part_to_table(value, host)
        return table["kind"] if isinstance(value, LabelledPart) and _has_defaults_only(value) else table
    if attrs.has(type(value)):
        return _fields(value, host)
    if isinstance(value, (tuple, list)):
        return [_unstructured(member, host) for member in value]
    if isinstance(value, dict):
        return {key: _unstructured(member, host) for key, member in value.items()}
    return _plain(value)


def _has_defaults_only(part: Part) -> bool:
    try:
        return part == type(part)()
    except Exception:  # It has an option that must be given.
        return False


def _fields(value: Any, host: PluginHost) -> Document:
    values = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    return {key: _unstructured(member, host) for key, member in values.items() if member is not None}
