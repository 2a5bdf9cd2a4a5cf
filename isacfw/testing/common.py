"""Checks that apply to all parts."""

from __future__ import annotations

import pickle
import random
import re
import tomllib
import types
from typing import Any

import attrs
import numpy as np
import tomli_w

from ..base.errors import PluginError
from ..base.part import LabelledPart, Part
from ..config.structure import part_from_table
from ..config.toml import part_to_table
from ..host.hookspecs import hookimpl
from ..host.host import PluginHost, default_host
from .checks import CheckFailed, check, kind_of, require
from .runs import Numbers, SampleRun, arrays_in, copies, make_sample_run, unlock


@check()
def frozen(part: Part) -> None:
    """A part is immutable."""
    names = [field.name for field in attrs.fields(type(part))] or ["name"]
    try:
        setattr(part, names[0], getattr(part, names[0]))
    except (attrs.exceptions.FrozenInstanceError, AttributeError):
        return
    raise CheckFailed(f"{names[0]} can be set; decorate the class with @attrs.frozen(kw_only=True)")


@check()
def keyword_only(part: Part) -> None:
    """Options are given by keyword, so that they can be added and reordered."""
    positional = [field.name for field in attrs.fields(type(part)) if field.init and not field.kw_only]
    require(
        not positional, f"{', '.join(positional)} can be positional; decorate with @attrs.frozen(kw_only=True)"
    )


@check()
def documented(part: Part) -> None:
    """The class has its own docstring, which begins with a summary and names every option."""
    text = vars(type(part)).get("__doc__") or ""
    require(text.strip(), "the class has no docstring")
    told = " ".join(filter(None, (vars(base).get("__doc__") for base in type(part).__mro__)))
    own = {field.name for base in (Part, LabelledPart) for field in attrs.fields(base)}
    missing = [
        field.name
        for field in attrs.fields(type(part))
        if field.name not in own and not re.search(rf"\b{field.name}\b", told)
    ]
    require(not missing, f"the docstring does not mention the option {', '.join(missing)}")


@check()
def equal_and_hashable(part: Part) -> None:
    """A part equals its copy and has the same hash, so that results can be shared between equal parts."""
    copied = attrs.evolve(part)
    require(copied == part, "a copy with the same options is not equal to it")
    try:
        same = hash(copied) == hash(part)
    except TypeError as error:
        raise CheckFailed(f"it has no hash ({error}); lists among its options must become tuples") from None
    require(same, "a copy with the same options has another hash")


@check()
def pickle_round_trip(part: Part) -> None:
    """A part survives pickling, so that it can be sent to a worker process."""
    require(pickle.loads(pickle.dumps(part)) == part, "the unpickled part differs from the original")


@check()
def toml_round_trip(part: Part) -> None:
    """A part survives being written to a scenario file and read back."""
    host = _host_with(type(part), kind_of(part))
    text = tomli_w.dumps({"part": part_to_table(part, host)})
    copied = part_from_table(kind_of(part), tomllib.loads(text)["part"], host)
    require(copied == part, f"what is read back is {copied!r}")


def _host_with(cls: type[Part], kind: str) -> PluginHost:
    """Return a host with a class: the default one, or one with a plugin that registers only this class."""
    if any(info.cls is cls for info in default_host().parts()):
        return default_host()
    plugin = types.SimpleNamespace(__name__="checked")
    setattr(plugin, f"register_{kind}s", hookimpl(lambda: [cls]))
    return PluginHost([plugin], discover=False)


@check()
def same_seed_same_bits(part: Part) -> None:
    """The same inputs and seeds give the same bits, regardless of calls in between."""
    first = make_sample_run(part).run()
    make_sample_run(part, 1).run()
    second = make_sample_run(part).run()
    for name, value in first.items():
        same = np.asarray(value).tobytes() == np.asarray(second[name]).tobytes()
        require(same, f"a second run gives another {name}")


@check()
def global_generators_untouched(part: Part) -> None:
    """No global generator is used: randomness comes from the given generator or seed."""
    before = _global_state()
    make_sample_run(part).run()
    require(_global_state() == before, "it changes the state of a global generator")


def _global_state() -> bytes:
    return pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002 - only compared


@check()
def finite_output(part: Part) -> None:
    """Ordinary inputs give finite numbers."""
    for name, value in make_sample_run(part).run().items():
        require(np.isfinite(np.asarray(value, dtype=np.complex128)).all(), f"{name} has NaN or infinite numbers")


@check()
def inputs_not_written_to(part: Part) -> None:
    """A part writes to none of its inputs: estimates, statistics, scene, problem, allocation or data."""
    case = make_sample_run(part)
    given = {name: unlock(value) for name, value in case.inputs.items()}
    before = {path: np.array(value) for path, value in arrays_in(given, "")}
    _call(case, given, (attrs.exceptions.FrozenError,))
    after = dict(arrays_in(given, ""))
    for path in sorted(before.keys() | after.keys()):
        same = path in before and path in after and _same(before[path], after[path])
        require(same, f"it writes to its input {path}")
    # Writing unchanged values is detected on read-only inputs; the part has just accepted writable copies.
    _call(case, case.inputs, (ValueError, PluginError, TypeError, AttributeError))


def _call(case: SampleRun, inputs: Numbers, signs: tuple[type[Exception], ...]) -> None:
    """Call a part, and fail the check if an exception shows that it writes to its inputs."""
    try:
        case.call(inputs)
    except signs as error:
        raise CheckFailed(f"it writes to its input ({type(error).__name__}: {error})") from None


def _same(first: Any, second: Any) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return bool((first == second).all()) if first.dtype == object else first.tobytes() == second.tobytes()


@check()
def returned_arrays_are_not_kept(part: Part) -> None:
    """Results do not depend on changes to arrays that the part returned before."""
    case = make_sample_run(part)
    returned = case.call(case.inputs)
    first = copies(returned)
    for value in returned.values():
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = 0
    second = copies(case.call(case.inputs))
    for name, value in first.items():
        require(_same(value, second[name]), f"writing to {name} after it was returned changes the next {name}")
