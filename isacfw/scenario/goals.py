"""What a scenario asks for: its objective, and all requirements by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from ..allocation.constraints import AngleLimits, Constraint
from ..allocation.objective import Objective
from ..allocation.requirement import Constraints, Requirement
from ..allocation.setting import Echoes, Radar, Setting
from ..base.errors import InputError, PluginError, short_repr
from ..base.guard import guard
from ..base.numbers import FloatArray
from ..base.part import display_name
from ..sensing.reduction import ANGLES
from ..sensing.target import Sensing, Target

SHORT_FORM = "sensing"
"""Name of the CRLB limits that ``[sensing]`` and the targets give."""


def check_requirements(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Check that a field is a mapping of identifiers to requirements.

    Raises
    ------
    InputError
        With the name of the requirement in its key.
    """
    if not isinstance(value, Mapping):
        raise InputError(attribute.name, f"must be a table of requirements, got {short_repr(value)}")
    for name, requirement in value.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise InputError(
                f"{attribute.name}.{name}",
                f"must have a name of letters, digits and underscores, got {short_repr(name)}",
            )
        if name == SHORT_FORM:
            raise InputError(
                f"{attribute.name}.{name}", "must have another name, that of the limits of [sensing] is taken"
            )
        if not isinstance(requirement, Requirement):
            raise InputError(f"{attribute.name}.{name}", f"must be a requirement, got {short_repr(requirement)}")


@attrs.frozen(kw_only=True)
class Goals:
    """Objective and requirements of a scenario.

    Parameters
    ----------
    targets : tuple of Target
        All targets.
    sensing : Sensing
        CRLB limits of all targets without their own.
    objective : Objective
        What to maximise or minimise.
    requirements : mapping of str to Requirement
        Requirements by name.
    find_echoes : callable
        Returns :attr:`~isacfw.Setting.echoes`.
    find_radar : callable
        Returns :attr:`~isacfw.Setting.radar`.
    """

    targets: tuple[Target, ...]
    sensing: Sensing
    objective: Objective
    requirements: Mapping[str, Requirement]
    find_echoes: Callable[[], Echoes]
    find_radar: Callable[[], Radar]

    def _setting(self, users: int | None, known: FloatArray, limit: FloatArray, prelog: float = 1.0) -> Setting:
        required = bool(np.isfinite(limit).any() or self.requirements)
        return Setting(
            users=users,
            targets=len(self.targets),
            crlb_limit=limit,
            known=known,
            required=required,
            find_echoes=self.find_echoes,
            prelog=prelog,
            find_radar=self.find_radar,
        )

    def _short_form(self) -> FloatArray:
        return np.concatenate([self.sensing.limit_of(target) for target in self.targets])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all requirements, that of the limits of ``[sensing]`` first."""
        short = (SHORT_FORM,) if np.isfinite(self._short_form()).any() else ()
        return (*short, *self.requirements)

    def crlb_limit(self) -> FloatArray:
        """Return the tightest limit on each angle in rad², infinite for none; (2T,)."""
        limit = self._short_form()
        setting = self._setting(None, np.zeros(len(limit)), limit)
        for requirement in self.requirements.values():
            if requirement.limits_angles:
                found = self._constraint(requirement, setting)
                limit = np.minimum(limit, found.limit if isinstance(found, AngleLimits) else np.inf)
        return limit

    def _constraint(self, requirement: Requirement, setting: Setting) -> Constraint:
        """Return a requirement as a constraint, with limits on angles moved like those of ``[sensing]``."""
        found = checked_constraint(requirement, setting)
        return AngleLimits(limit=self.sensing.offset * found.limit) if isinstance(found, AngleLimits) else found

    def check(self, known: FloatArray | None = None, users: int | None = None, prelog: float = 1.0) -> Setting:
        """Refuse an objective, or a requirement, that does not fit the scenario, and return its setting.

        Parameters
        ----------
        known : ndarray, shape (2T,), optional
            1 for each angle that counts as known; by default those that are declared known.
        users : int, optional
            Number of users, if it is known.
        prelog : float
            See :class:`~isacfw.Setting`.

        Raises
        ------
        InputError
            With the path of the key.
        """
        if known is None:
            known = np.array([float(angle in target.known) for target in self.targets for angle in ANGLES])
        # Limits of requirements are checked before they are asked for.
        for name, requirement in self.requirements.items():
            _check(f"requirements.{name}", requirement, self._setting(users, known, self._short_form()))
        setting = self._setting(users, known, self.crlb_limit(), prelog)
        _check("objective", self.objective, setting)
        return setting

    def constraints(self, known: FloatArray, users: int | None = None, prelog: float = 1.0) -> Constraints:
        """Return all requirements as constraints; see :meth:`check`."""
        setting = self.check(known, users, prelog)
        named = {name: self._constraint(one, setting) for name, one in self.requirements.items()}
        short = self._short_form()
        if np.isfinite(short).any():
            named = {SHORT_FORM: AngleLimits(limit=short), **named}
        return Constraints(named=named, users=users, targets=len(self.targets))


def _check(key: str, part: Objective | Requirement, setting: Setting) -> None:
    with guard(f"{key.partition('.')[0].rstrip('s')} {display_name(part)}", part):
        try:
            part.check(setting)
        except InputError as error:
            raise error.within(key) from None


def checked_constraint(requirement: Requirement, setting: Setting) -> Constraint:
    """Return a requirement as a constraint whose shapes fit the setting.

    Raises
    ------
    PluginError
        If the requirement breaks its contract.
    """
    who = f"requirement {display_name(requirement)}"
    with guard(who, requirement):
        found = requirement.constraint(setting)
    if not isinstance(found, Constraint):
        raise PluginError(f"{who} must return a constraint, got {short_repr(found)}")
    if isinstance(found, AngleLimits) != requirement.limits_angles:
        raise PluginError(f"{who} must return AngleLimits if and only if its class sets limits_angles")
    return found.check(who, setting)
