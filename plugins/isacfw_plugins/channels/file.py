"""Channels from files: covariances, samples, paths or large-scale fading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, final

import attrs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import isacfw
from isacfw import Array, ChannelStatistics, ComplexArray, Drop, Drops, FloatArray, InputError
from isacfw.validators import absolute_path, choice, file_path, integer, number, optional, real

from ._file_content import Content, find_content, semidefinite
from ._file_fading import Fading, PathFading, PilotEstimation, SampledFading, collinear_pairs, plane_waves
from ._file_readers import error_of
from ._file_units import Units
from .rayleigh import Rayleigh

_EXAMPLES = Path(__file__).parent


@final
@attrs.frozen(kw_only=True)
class File(isacfw.Channel):
    r"""Channels from a file (NPZ, NetCDF, MATLAB, CSV), estimated from pilots by linear MMSE estimation.

    Parameters
    ----------
    path : path
        The file; its name ends in ``.npz``, ``.nc``, ``.mat`` or ``.csv``. In a scenario file, relative to the
        folder of that file, otherwise to the working directory.
    users : int, optional
        Number of users K, the first ones of the file; all by default.
    scale_db : float
        Factor in dB of all powers of the file, which then are relative to the noise like :math:`\beta_k`.
    positions_unit : {"half_wavelengths", "wavelengths", "metres"}, optional
        Unit of `positions`, unless the file states it.
    wavelength_m : float, optional
        Wavelength in metres, for positions in metres, unless the file states it.
    angle_unit : {"degrees", "radians"}, optional
        Unit of `path_azimuth` and `path_elevation`, unless the file states it.
    fading_unit : {"linear", "db"}, optional
        Unit of `large_scale_fading`, unless the file states it; linear by default.
    pilot_length, coherence_length : int
        :math:`\tau_p` and :math:`\tau_c` in symbols; user k uses pilot k mod :math:`\tau_p`.
    pilot_snr_db : float
        Pilot SNR :math:`p_p` in dB.
    estimates : {"independent", "physical"}
        Whether the disturbance by other users of a pilot is independent for each of them, or the same, as results
        from estimation with a shared pilot.

    Notes
    -----
    With :math:`E = \tau_p p_p`, the covariances :math:`R_k` of the file and the users :math:`P_k` of its pilot,
    the estimate of user k is :math:`\hat h_k = \bar h_k + E R_k (E \sum_{j \in P_k} R_j + I)^{-1} y` with
    :math:`y = \sum_{j \in P_k} (h_j - \bar h_j) + n / \sqrt{E}`. If samples of such users are correlated, and
    estimates physical, covariances between users enter too. Covariances describe Gaussian channels, large-scale
    fading independent Rayleigh fading; samples and paths are not Gaussian, so moments of precoders are sampled.
    """

    name: ClassVar[str] = "file"

    path: Path = attrs.field(converter=absolute_path, validator=file_path)
    users: int | None = attrs.field(default=None, validator=optional(integer(at_least=1, at_most=1_000_000)))
    scale_db: float = attrs.field(default=0.0, converter=real, validator=number(at_least=-300, at_most=300))
    positions_unit: Literal["half_wavelengths", "wavelengths", "metres"] | None = attrs.field(
        default=None, validator=optional(choice("half_wavelengths", "wavelengths", "metres"))
    )
    wavelength_m: float | None = attrs.field(default=None, converter=real, validator=optional(number(above=0)))
    angle_unit: Literal["degrees", "radians"] | None = attrs.field(
        default=None, validator=optional(choice("degrees", "radians"))
    )
    fading_unit: Literal["linear", "db"] | None = attrs.field(
        default=None, validator=optional(choice("linear", "db"))
    )
    pilot_length: int = attrs.field(default=10, validator=integer(at_least=1, at_most=10**9))
    coherence_length: int = attrs.field(default=100, validator=integer(at_least=2, at_most=10**9))
    pilot_snr_db: float = attrs.field(default=30.0, converter=real, validator=number(at_least=-300, at_most=300))
    estimates: Literal["independent", "physical"] = attrs.field(
        default="independent", validator=choice("independent", "physical")
    )

    def __attrs_post_init__(self) -> None:
        if self.pilot_length >= self.coherence_length:
            raise InputError(
                "pilot_length",
                f"must be less than coherence_length, which is {self.coherence_length}, got {self.pilot_length}",
            )

        for key in ("positions_unit", "wavelength_m", "angle_unit"):
            if self.path.suffix.lower() == ".csv" and getattr(self, key) is not None:
                raise InputError(
                    key, f"has no effect for a table, whose content is fading, got {getattr(self, key)!r}"
                )

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return channels of fading and of paths, for any array, with private and with shared pilots."""
        fading, paths = _EXAMPLES / "_example_fading.csv", _EXAMPLES / "_example_paths.npz"
        return (
            cls(path=fading, pilot_snr_db=0.0),
            cls(path=paths, pilot_snr_db=0.0),
            cls(path=paths, pilot_length=2, pilot_snr_db=3.0, estimates="physical"),
        )

    def inputs(self) -> tuple[Path, ...]:
        """Return the file."""
        return (self.path,)

    @property
    def _content(self) -> Content:
        return find_content(
            self.path,
            Units(
                positions_unit=self.positions_unit,
                angle_unit=self.angle_unit,
                fading_unit=self.fading_unit,
                wavelength_m=self.wavelength_m,
            ),
        )

    @property
    def _amplitude(self) -> float:
        """Factor of amplitudes."""
        return float(10 ** (self.scale_db / 20))

    @property
    def _rayleigh(self) -> dict[str, Any]:
        """Options in common with Rayleigh fading."""
        names = ("pilot_length", "coherence_length", "pilot_snr_db", "estimates")
        return {name: getattr(self, name) for name in names}

    def _pilots(self, users: int) -> NDArray[np.int64]:
        return np.arange(users) % self.pilot_length

    @property
    def _pilot_energy(self) -> float:
        return float(self.pilot_length * 10 ** (self.pilot_snr_db / 10))

    @property
    def _prelog(self) -> float:
        return (self.coherence_length - self.pilot_length) / self.coherence_length

    def _estimation(self, users: int) -> PilotEstimation:
        return PilotEstimation(
            pilots=tuple(self._pilots(users).tolist()),
            energy=self._pilot_energy,
            independent=self.estimates == "independent",
        )

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return the statistics of the rows of drops; (D, K), or (1, K) if all drops are alike.

        Raises
        ------
        InputError
            If the file cannot be read, its content is invalid, or does not fit the array, the number of users or
            the drops.
        """
        content = self._content
        if self.users is not None and self.users > content.users:
            problem = f"must be at most {content.users}, as many as {self.path} has, got {self.users}"
            raise InputError("users", problem)
        content.check_array(array)
        rows = content.rows(Drops.of(drops).numbers.tolist())
        if content.kind == "large_scale_fading":
            return self._of_fading(content, rows)
        if content.kind == "covariance":
            return self._of_covariances(content, rows)
        return self._of_others(content, rows, array)

    def _of_fading(self, content: Content, rows: list[int]) -> ChannelStatistics:
        """Return the statistics of independent Rayleigh fading."""
        fading = 10 ** (self.scale_db / 10) * content.arrays["large_scale_fading"][rows, : self.users]
        self._check_powers(content, rows, fading)
        return Rayleigh(large_scale_fading=tuple(fading[0].tolist()), **self._rayleigh).estimate(fading)

    def _of_covariances(self, content: Content, rows: list[int]) -> ChannelStatistics:
        """Return the statistics of Gaussian channels."""
        power = 10 ** (self.scale_db / 10)
        covariances = np.stack(
            [semidefinite(content, row, power * content.complex("covariance", row)[: self.users]) for row in rows]
        )
        means = None
        if "mean" in content.arrays:
            means = np.stack([self._amplitude * content.complex("mean", row)[: self.users] for row in rows])
        pilots = self._pilots(covariances.shape[1])
        found = ChannelStatistics.of_covariances(
            covariances,
            means=means,
            pilots=pilots,
            pilot_energy=self._pilot_energy,
            prelog=self._prelog,
            independent_estimates=self.estimates == "independent",
        )
        self._check_powers(content, rows, found.beta)
        if self.estimates == "independent":
            return found
        each = [found.of_drop(row).second_order for row in range(len(rows))]
        pairs = [collinear_pairs(one.filters, one.means, pilots) for one in each]
        return attrs.evolve(found, collinear=_any(pairs))

    def _of_others(self, content: Content, rows: list[int], array: Array) -> ChannelStatistics:
        """Return the statistics of channels that are not Gaussian, with the filters of their estimates."""
        each = [self._fading(content, row, array) for row in rows]
        means = np.stack([fading.mean for fading in each])
        estimation = self._estimation(means.shape[1])
        filters, xi, epsilon = (
            np.stack(values) for values in zip(*(estimation.filters(fading) for fading in each), strict=True)
        )
        covariances = np.stack([fading.covariances for fading in each])
        beta = np.einsum("dknn->dk", covariances).real / means.shape[-1] + (np.abs(means) ** 2).mean(axis=-1)
        self._check_powers(content, rows, beta)
        extra: dict[str, NDArray[Any]] = {"filters": filters}
        if content.kind == "paths":
            extra["waves"] = np.stack([fading.waves for fading in each if isinstance(fading, PathFading)])
        else:
            extra["row"] = np.array(rows)
        pilots, physical = np.array(estimation.pilots), self.estimates == "physical"
        pairs = [collinear_pairs(filters[row], means[row], pilots) for row in range(len(rows))]
        return ChannelStatistics(
            beta=beta,
            xi=xi,
            epsilon=epsilon,
            prelog=self._prelog,
            collinear=_any(pairs) if physical else None,
            means=means if content.kind == "samples" else None,
            covariances=covariances,
            extra=extra,
        )

    def _fading(self, content: Content, row: int, array: Array) -> Fading:
        if content.kind == "samples":
            return SampledFading.of(content.complex("samples", row)[..., : self.users], self._amplitude)
        azimuth, elevation = (
            content.take(name, row)[: self.users] for name in ("path_azimuth", "path_elevation")
        )
        gain = self._amplitude * content.complex("path_gain", row)[: self.users]
        return PathFading.of(plane_waves(array, gain, azimuth, elevation))

    def _check_powers(self, content: Content, rows: list[int], beta: FloatArray) -> None:
        """Check that every user has a channel."""
        if (beta > 0).all():
            return
        row, user = np.argwhere(~(beta > 0))[0]
        whose = f"user {user}" if content.alike else f"user {user} of drop {rows[row]}"
        key = {"paths": "path_gain"}.get(content.kind, content.kind)
        raise error_of(self.path, key, f"must give every user a channel, got power 0 for {whose}")

    def draw(
        self, statistics: ChannelStatistics, array: Array, draws: int, generator: Generator
    ) -> tuple[ComplexArray, ComplexArray]:
        """Draw channels and estimates; (M, ..., N, K) each."""
        if statistics.isotropic:
            alike = Rayleigh(large_scale_fading=(1.0,) * statistics.users, **self._rayleigh)
            return alike.draw(statistics, array, draws, generator)
        if statistics.beta.ndim > 1:
            drops = map(statistics.of_drop, range(len(statistics.beta)))
            each = [self.draw(one, array, draws, generator) for one in drops]
            channels, estimates = (np.stack(values, axis=1) for values in zip(*each, strict=True))
            return channels, estimates
        if statistics.correlated:
            return statistics.second_order.draw(draws, generator)
        fading: Fading
        if "waves" in statistics.extra:
            fading = PathFading.of(statistics.extra["waves"])
        else:
            assert statistics.means is not None
            samples = self._content.complex("samples", int(statistics.extra["row"]))[..., : self.users]
            fading = SampledFading(samples=samples, scale=self._amplitude, mean=statistics.means)
        return self._estimation(statistics.users).draw(fading, statistics.extra["filters"], draws, generator)


def _any(pairs: list[NDArray[np.bool_]]) -> NDArray[np.bool_] | None:
    """Return the pairs that are in any of several matrices, or None if there are none."""
    found = np.any(pairs, axis=0)
    return found if found.any() else None


@isacfw.hookimpl
def register_channels() -> list[type[isacfw.Channel]]:
    """Register channels from files."""
    return [File]
