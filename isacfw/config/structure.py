"""From documents to scenarios: unknown keys and wrong types are refused, and parts are found by name."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Protocol, Union, get_origin

import attrs
import cattrs

from ..base.errors import InputError, short_repr
from ..base.part import Part
from ..host.kinds import KINDS, PartInfo
from ..scenario.scenario import Scenario
from ..scenario.sweep import Sweep
from .document import Document, to_plain
from .messages import MISSING, first_error
from .sweep import fill, first_values, structure_sweep, sweep_tables

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)
"""Folder to which the paths of a document are relative; None for the working directory."""


class PartFinder(Hashable, Protocol):
    """Lookup of parts by name: a plugin host."""

    def find(self, kind: str, name: str) -> PartInfo:
        """Return the part of a kind with a name."""


def structure(document: Mapping[str, Any], host: PartFinder, folder: Path | None = None) -> Scenario:
    """Return the scenario for a mapping with the keys of a scenario file.

    A required key that is swept may be omitted; the first of its values is used instead. Options of parts that
    are annotated as :class:`~pathlib.Path`, and swept values of them, are relative to the folder.

    Parameters
    ----------
    document : mapping
        Keys and values.
    host : PartFinder
        Finds parts by name.
    folder : Path, optional
        The working directory by default.

    Raises
    ------
    InputError
        If a key or value is invalid; its key is the path.
    """
    token = _folder.set(folder)
    try:
        return _structure(to_plain(document), host)
    finally:
        _folder.reset(token)


def _structure(content: Document, host: PartFinder) -> Scenario:
    tables = sweep_tables(content.pop("sweep", {}))
    absent = first_values(tables)
    converter = make_converter(host)
    while True:
        try:
            scenario = converter.structure(content, Scenario)
            break
        except Exception as error:
            failure = first_error(error, "")
        # A key may be required only because a swept key is absent, e.g. `users` when the fading is swept.
        missing = {failure.key} & set(absent) or set(absent)
        if not failure.missing or not missing:
            raise failure from None
        for path in sorted(missing):
            fill(content, path, absent.pop(path))
    sweep = structure_sweep(tables, scenario, converter)
    try:
        return attrs.evolve(scenario, sweep=sweep) if sweep else scenario
    except Exception as error:
        raise first_error(error, "") from None


def part_from_table(kind: str, table: Mapping[str, Any], host: PartFinder) -> Part:
    """Return the part of a kind, such as ``"allocator"``, for a table of a scenario file.

    Raises
    ------
    InputError
        If a key or value is invalid.
    """
    try:
        return make_converter(host).structure(to_plain(table), KINDS[kind])
    except Exception as error:
        raise first_error(error, "") from None


def _in_folder(value: Any, _type: Any) -> Any:
    """Return a path relative to the folder of the document."""
    if not isinstance(value, str):
        raise InputError("", f"must be the path of a file, got {short_repr(value)}")
    folder = _folder.get()
    return value if folder is None or not value.strip() else str(folder / value)


def _exactly(kind: type, noun: str) -> Any:
    def hook(value: Any, _type: Any) -> Any:
        good = isinstance(value, (int, float) if kind is float else kind)
        if not good or (isinstance(value, bool) and kind is not bool):
            raise InputError("", f"must be {noun}, got {short_repr(value)}")
        return float(value) if kind is float else value

    return hook


@lru_cache(maxsize=8)
def make_converter(host: PartFinder) -> cattrs.Converter:
    """Return a converter that refuses unknown keys and wrong types, and finds parts by name.

    Made once per host, which does not change: it compiles code for each class that it meets.
    """
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind, noun in _NOUNS.items():
        converter.register_structure_hook(kind, _exactly(kind, noun))
    converter.register_structure_hook(Path, _in_folder)
    converter.register_structure_hook_func(partial(operator.eq, Path | None), _in_folder)
    converter.register_structure_hook_factory(
        _is_tuple,
        lambda target: _list_hook(target, converter),
    )
    converter.register_structure_hook_factory(
        lambda target: attrs.has(target) and target not in KINDS.values(),
        lambda target: _table_hook(target, converter),
    )
    converter.register_structure_hook_func(partial(operator.eq, Sweep), _keep)
    converter.register_structure_hook_func(_is_choice_of_types, _one_of_types)
    converter.register_structure_hook_func(_is_choice_of_words, _one_of_words)
    converter.register_structure_hook_factory(
        _is_dict, lambda target: partial(_structure_table, converter, target.__args__[1])
    )
    for kind, base in KINDS.items():
        converter.register_structure_hook_func(
            partial(operator.is_, base), partial(_structure_part, host, converter, kind)
        )
    return converter


_NOUNS: dict[Any, str] = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


def _keep(value: Any, _type: Any) -> Any:
    return value


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
    raise InputError("", f"must be {nouns}, got {short_repr(value)}")


def _is_choice_of_words(target: Any) -> bool:
    return get_origin(target) is Literal


def _is_dict(target: Any) -> bool:
    return get_origin(target) is dict


def _one_of_words(value: Any, target: Any) -> Any:
    if not any(value is word or (isinstance(value, str) and value == word) for word in target.__args__):
        listed = ", ".join(repr(word) for word in target.__args__)
        raise InputError("", f"must be one of {listed}, got {short_repr(value)}")
    return value


def _structure_table(converter: cattrs.Converter, member: Any, value: Any, _type: Any) -> Any:
    if not isinstance(value, Mapping):
        raise InputError("", f"must be a table, got {short_repr(value)}")
    found = {}
    for key, item in value.items():
        try:
            found[key] = converter.structure(item, member)
        except Exception as error:
            raise first_error(error, "").within(key) from None
    return found


def _is_tuple(target: Any) -> bool:
    return get_origin(target) is tuple


def _list_hook(target: Any, converter: cattrs.Converter) -> Any:
    member = target.__args__[0]

    def hook(value: Any, _type: Any) -> Any:
        if not isinstance(value, list):
            raise InputError("", f"must be a list, got {short_repr(value)}")
        found = []
        for position, item in enumerate(value):
            try:
                found.append(item if member is Any else converter.structure(item, member))
            except Exception as error:
                raise first_error(error, f"[{position}]") from None
        return tuple(found)

    return hook


def _table_hook(target: Any, converter: cattrs.Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn

    structured = make_dict_structure_fn(target, converter, _cattrs_forbid_extra_keys=True)

    def hook(value: Any, _type: Any) -> Any:
        if not isinstance(value, Mapping):
            raise InputError("", f"must be a table, got {short_repr(value)}")
        return structured(value, target)

    return hook


def _structure_part(host: PartFinder, converter: cattrs.Converter, kind: str, value: Any, _type: Any) -> Part:
    options = {"kind": value} if isinstance(value, str) else value
    if not isinstance(options, Mapping):
        raise InputError("", f"must be a name or a table with a kind, got {short_repr(value)}")
    options = dict(options)
    if "kind" not in options:
        raise InputError("kind", MISSING, missing=True)
    name = options.pop("kind")
    if not isinstance(name, str):
        raise InputError("kind", f"must be a string, got {short_repr(name)}")
    try:
        cls = host.find(kind, name).cls
    except InputError as error:
        raise error if isinstance(value, str) else error.within("kind") from None
    return converter.structure(options, cls)
