"""Checks of requirements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from ..allocation.constraints import AngleLimits, Constraint, GainRatio, LinearFloors, RateFloors
from ..allocation.requirement import Requirement
from ..allocation.setting import Setting
from ..base.errors import InputError
from ..base.numbers import FloatArray
from ..scenario.goals import checked_constraint
from . import goals
from .checks import CheckSkipped, check, require
from .runs import Numbers, SampleRun, sample_run


def _accepts(part: Requirement, setting: Setting) -> bool:
    try:
        part.check(setting)
    except InputError:
        return False
    return True


def _settings(part: Requirement) -> dict[str, Setting]:
    """Return the settings that a requirement accepts, by their descriptions.

    Users are known only if angles have been limited.
    """
    known = {title: one for title, one in goals.settings().items() if part.limits_angles or one.users is not None}
    found = {title: one for title, one in known.items() if _accepts(part, one)}
    require(found, "it refuses all settings")
    return found


def tightness(constraint: Constraint) -> FloatArray:
    """Return how tight a constraint is: least rates or values, or weights of CRLBs by their limit; finite."""
    if isinstance(constraint, LinearFloors):
        return np.concatenate([constraint.least, -constraint.communication, -constraint.sensing])
    if isinstance(constraint, GainRatio):
        return np.array([constraint.least])
    if isinstance(constraint, RateFloors):
        return constraint.minimum
    if isinstance(constraint, AngleLimits):
        return np.asarray(1 / constraint.limit)
    return np.asarray(constraint.weights / constraint.limit)


@check("requirement")
def settings_are_accepted_or_refused(part: Requirement) -> None:
    """Any setting is accepted, or refused with an InputError that names an option; one is accepted."""
    keys = {field.name for field in attrs.fields(type(part))} | {"kind"}
    for title, setting in goals.settings().items():
        try:
            part.check(setting)
        except InputError as error:
            key = error.key.partition("[")[0]
            require(key in keys, f"with {title}, the key of its error is {error.key!r}, which is not an option")
    _settings(part)


@check("requirement")
def constraint_fits_the_setting(part: Requirement) -> None:
    """The constraint for every setting that is accepted has the right type and shapes, and valid limits."""
    for setting in _settings(part).values():
        found = checked_constraint(part, setting)
        quantities = getattr(found, "quantity", ())
        for quantity in quantities if isinstance(quantities, tuple) else (quantities,):
            text = quantity.explain(0.5)
            require(isinstance(text, str) and text, f"a quantity must explain itself by a string, got {text!r}")
            require("\n" not in text, f"the explanation {text!r} has more than one line")


@check("requirement")
def something_is_limited(part: Requirement) -> None:
    """In some setting, the constraint limits something."""
    found = [tightness(part.constraint(setting)) for setting in _settings(part).values()]
    require(any((one > 0).any() for one in found), "its constraint never limits anything")


@check("requirement")
def options_tighten_or_loosen(part: Requirement) -> None:
    """The larger a numeric option, the tighter the constraint for all users and angles, or the looser for all."""
    varied = 0
    for name, parts in _varied(part):
        for title, setting in _settings(part).items():
            if not all(_accepts(one, setting) for one in parts):
                continue
            varied += 1
            levels = [np.atleast_1d(tightness(one.constraint(setting))) for one in parts]
            steps = np.array(np.diff(levels, axis=0))
            slack = 1e-12 * np.max(np.abs(levels))
            require(
                (steps >= -slack).all() or (steps <= slack).all(),
                f"with {title}, raising {name} tightens the constraint in one place and loosens it in another",
            )
    if not varied:
        raise CheckSkipped("it has no numeric option")


def _varied(part: Requirement) -> Iterator[tuple[str, list[Requirement]]]:
    """Yield each option that is a real number, or a list of them, and parts with rising values of it."""
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        if isinstance(value, float):
            changed: list[Any] = [value + step * max(abs(value), 1e-3) for step in (-0.1, 0.0, 0.1)]
        elif isinstance(value, tuple) and value and all(isinstance(one, float) for one in value):
            changed = [tuple(one * (1 + step) for one in value) for step in (-0.1, 0.0, 0.1)]
        else:
            continue
        try:
            yield field.name, [attrs.evolve(part, **{field.name: one}) for one in changed]
        except InputError:
            continue


@sample_run("requirement")
def _of_requirement(part: Requirement, seed: int) -> SampleRun:
    accepted = tuple(_settings(part).values())
    setting = accepted[seed % len(accepted)]

    def direct(setting: Setting) -> Numbers:
        found = attrs.asdict(part.constraint(setting), recurse=False)
        return {name: value for name, value in found.items() if name != "quantity"}

    def by_framework(setting: Setting) -> Numbers:
        return {"constraint": tightness(checked_constraint(part, setting))}

    return SampleRun(inputs={"setting": setting}, direct=direct, framework=by_framework)
