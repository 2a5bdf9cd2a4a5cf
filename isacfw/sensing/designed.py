"""The designed beam: the sensing covariance that meets the requirements on sensing with the least power."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self, final

import attrs
import numpy as np

from ..base.errors import IncompatibleError, InputError, short_repr
from ..base.numbers import ComplexArray, FloatArray
from ..base.validators import number
from ..signal.region_gains import fixed_gains
from ..signal.scene import Scene
from .beam import Beam, to_pairs
from .beam_statistics import BeamStatistics, Displaced
from .task import SensingTask

_OFFSET = number(at_least=-90, at_most=90)


def _check_offsets(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple):
        raise InputError(
            attribute.name, f"must be a list of [azimuth, elevation] in degrees, got {short_repr(value)}"
        )
    for position, pair in enumerate(value):
        key = f"{attribute.name}[{position}]"
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError(key, f"must be [azimuth, elevation] in degrees, got {short_repr(pair)}")
        for angle in pair:
            try:
                _OFFSET(instance, attribute, angle)
            except InputError as error:
                raise InputError(key, error.problem) from None


@final
@attrs.frozen(kw_only=True)
class Designed(Beam):
    r"""The best sensing covariance for the requirements, where interference does not depend on it.

    Parameters
    ----------
    robust_offsets_deg : list of [azimuth, elevation], optional
        Offsets in degrees from the directions of all targets at once; the limits hold at the targets and at each
        offset from them.

    Notes
    -----
    Among all :math:`S \succeq 0` of trace q, the one with which the limits on :math:`J = f J_c + J(S)` leave the
    largest communication share :math:`f = 1 - q`, a semidefinite program of order 3T per offset, whatever the
    number of antennas. If the objective is the least power, or the least CRLB, S depends on the users' minimum
    rates, and is taken from the frontier of f and q. It is one stream, :math:`R = S / \mathrm{tr}\, S`, which is
    shared by all allocators. It needs independent isotropic fading, and precoders that turn with the channel.
    """

    name: ClassVar[str] = "designed"

    robust_offsets_deg: tuple[tuple[float, float], ...] = attrs.field(
        default=(), converter=to_pairs, validator=_check_offsets
    )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return beams without and with offsets."""
        return cls(), cls(robust_offsets_deg=((1.0, 0.0), (-1.0, 0.0)))

    def depends_on_requirements(self) -> bool:
        """Return True."""
        return True

    def _task(self, scene: Scene) -> SensingTask:
        task = scene.sensing
        if not isinstance(task, SensingTask):
            raise IncompatibleError("a designed beam needs the requirements of a scenario")
        if not scene.statistics.isotropic:
            raise IncompatibleError(
                "a designed beam needs interference that does not depend on where the sensing power goes, that is"
                " independent isotropic fading"
            )
        return task

    def weights(self, scene: Scene, estimates: ComplexArray) -> ComplexArray:
        """Return the waveforms of the covariance; (N, 1, R)."""
        task = self._task(scene)
        covariance = task.covariance
        if covariance is None:
            if task.goal.aim != "share":
                raise IncompatibleError(
                    "the covariance of a designed beam depends on the users for this objective, so its weights"
                    " are not known without them"
                )
            covariance = task.design(self.robust_offsets_deg).mix
        return self._waveforms(scene, covariance)

    def beam_statistics(self, scene: Scene) -> BeamStatistics:
        """Return the moments: the interference of any beam on isotropic channels, and the form of the covariance.

        Where the covariance depends on the users, `choose` of the statistics returns those for given users.
        """
        task = self._task(scene)
        if task.goal.aim == "share":
            return self._statistics(scene, task.design(self.robust_offsets_deg).mix[None])
        space = task.space(self.robust_offsets_deg)
        isotropic = np.eye(space.order, dtype=np.complex128)[None] / space.order
        placeholder = self._statistics(scene, isotropic)
        return attrs.evolve(placeholder, choose=partial(self._for_users, scene))

    def _for_users(self, scene: Scene, sums: tuple[FloatArray, FloatArray, FloatArray]) -> BeamStatistics:
        """Return the moments for users whose minimum rates need f ≥ (A + B q) / (1 - C); (D,) each."""
        task = self._task(scene)
        if task.goal.aim == "worst" and task.goal.has_other_limits:
            raise IncompatibleError(
                "a designed beam needs all limits to be among those whose largest ratio is minimised"
            )
        return self._statistics(scene, task.covariances(sums, self.robust_offsets_deg))

    def _gains(self, scene: Scene, mixes: ComplexArray) -> FloatArray:
        """Return the mean gains of covariances over the regions of a scene; (D, 1, M)."""
        return np.stack([fixed_gains(scene, self._waveforms(scene, mix)) for mix in mixes])

    def _waveforms(self, scene: Scene, covariance: ComplexArray) -> ComplexArray:
        """Return the waveforms of a covariance; (N, 1, R)."""
        space = self._task(scene).space(self.robust_offsets_deg)
        directions = tuple(direction for model in space.models for direction in model.directions)
        return np.asarray((scene.basis_of(directions) @ space.waveforms(covariance))[:, None, :])

    def _statistics(self, scene: Scene, mixes: ComplexArray) -> BeamStatistics:
        space = self._task(scene).space(self.robust_offsets_deg)
        displaced = None
        if self.robust_offsets_deg:
            displaced = Displaced(
                communication=space.communication[1:],
                sensing=np.moveaxis(space.fisher(mixes)[1:], 0, 1),
                jacobians=space.jacobians[1:],
            )
        return BeamStatistics(
            interference=scene.statistics.beta,
            weight_power=np.ones((1, 1)),
            forms=space.forms(mixes)[0][:, None],
            gains=self._gains(scene, mixes) if scene.regions else None,
            displaced=displaced,
            covariance=mixes,
        )
