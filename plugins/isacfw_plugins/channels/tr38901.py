"""Large-scale model of 3GPP TR 38.901 for urban cells and factories, with statistical covariances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Self, final

import attrs
import numpy as np

import isacfw
from isacfw import Array, ChannelStatistics, Drop, Drops, InputError, LinkBudget, UserRegion
from isacfw.validators import choice, number, optional, real

from ._scattering import check_size, steering_vectors
from ._tr38901_covariances import scattered_correlations
from ._tr38901_draws import LargeScale, large_scale_parameters
from ._tr38901_path_loss import Deployment, environment_heights, line_of_sight_probability, path_losses
from ._tr38901_tables import SCENARIOS, Scenario
from ._users import CellUsers, PlacedChannel, locate

_CARRIERS_HZ = 0.5e9, 100e9
_URBAN = ("uma", "umi")
_CLUTTER = ("clutter_density", "clutter_size_m", "clutter_height_m")
_DENSE = 0.4
"""Density from which clutter counts as dense, Table 7.2-4."""


def _optional(**bounds: float) -> float | None:
    found: float | None = attrs.field(default=None, converter=real, validator=optional(number(**bounds)))
    return found


@final
@attrs.frozen(kw_only=True)
class TR38901(PlacedChannel):
    r"""Large-scale model of 3GPP TR 38.901 (Releases 16 to 18) for UMa, UMi and InF.

    Parameters
    ----------
    scenario : {"uma", "umi", "inf_sl", "inf_dl", "inf_sh", "inf_dh", "inf_hh"}
        Urban macrocell, urban microcell in a street canyon, or indoor factory with sparse or dense clutter (S, D)
        and a low or high base station (L, H), or with base station and users high (HH).
    line_of_sight : {"random", "always", "never"}
        Whether users have a line of sight: with the report's probability, all, or none.
    carrier_hz : float, optional
        Carrier frequency, 0.5 to 100 GHz; that of the link budget, if there is one, and required otherwise.
    scale_db : float, optional
        Factor of all path gains in dB; required without a link budget, and not allowed with one.
    base_station_height_m, user_height_m : float, optional
        Heights of the base station and of all users; those of the report by default, which has none for the users
        of ``"inf_hh"``.
    cell_radius_m, min_distance_m : float, optional
        Largest and smallest horizontal distance of the users; by default half of the report's distance between
        base stations, and its smallest distance.
    clutter_density, clutter_size_m, clutter_height_m : float, optional
        Share of the area with clutter, size and effective height of the clutter in a factory; by default those
        of the report's calibration. The height has an effect with high base stations only.
    users, azimuths_deg, distances_m, sector_deg, pilot_length, coherence_length, pilot_snr_db, estimates
        As for `correlated`.

    Notes
    -----
    .. math:: h_k = \sqrt{\beta_k \kappa_k / (1 + \kappa_k)}\,a(\theta_k, \phi_k)
       + R_k^{1/2} z_k / \sqrt{1 + \kappa_k}, \quad
       [R_k]_{mn} = \beta_k E\,e^{j\pi (p_m - p_n) \cdot d}

    with :math:`10 \lg \beta_k = \mathrm{SF}_k - \mathrm{PL}_k` plus `scale_db`. Without line of sight,
    :math:`\kappa_k = 0`. Path loss PL and lines of sight are those of Tables 7.4.1-1 and 7.4.2-1; shadow fading
    SF, K factor and angular spreads are jointly Gaussian in logarithms, Tables 7.5-6 to 7.5-11. Directions d have
    wrapped Gaussian azimuths and Laplacian zenith angles about the user's direction, the latter with the
    report's offset. The base station knows the line of sight with its phase.
    """

    name: ClassVar[str] = "tr38901"

    scenario: str = attrs.field(default="uma", validator=choice(*SCENARIOS))
    line_of_sight: Literal["random", "always", "never"] = attrs.field(
        default="random", validator=choice("random", "always", "never")
    )
    carrier_hz: float | None = _optional(at_least=_CARRIERS_HZ[0], at_most=_CARRIERS_HZ[1])
    scale_db: float | None = _optional(at_least=-300, at_most=300)
    base_station_height_m: float | None = _optional(above=0)
    user_height_m: float | None = _optional(above=0)
    cell_radius_m: float | None = _optional(above=0)
    min_distance_m: float | None = _optional(above=0)
    clutter_density: float | None = _optional(above=0, below=1)
    clutter_size_m: float | None = _optional(above=0)
    clutter_height_m: float | None = _optional(above=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.scenario == "inf_hh" and self.line_of_sight == "never":
            raise InputError("line_of_sight", "must be 'random' or 'always' for 'inf_hh', got 'never'")
        if self.distances_m is not None:
            self._refuse("distances_m is given", "cell_radius_m")
        self._check_heights()
        self._check_clutter()
        self._check_distances()

    def _check_heights(self) -> None:
        if self._table.heights_m[1] is None and self.user_height_m is None:
            raise InputError("user_height_m", "is required for 'inf_hh', users above the clutter", missing=True)
        base, user = self.heights
        if self.scenario in _URBAN and not 1.5 <= user <= 22.5:
            raise InputError("user_height_m", f"must be 1.5 to 22.5 for {self.scenario!r}, got {user:g}")
        if self.scenario == "umi" and base <= 1:
            raise InputError("base_station_height_m", f"must be greater than 1 for 'umi', got {base:g}")
        if self.scenario in ("uma", "inf_sh", "inf_dh") and base <= user:
            problem = f"must be greater than user_height_m, which is {user:g}, for {self.scenario!r}"
            raise InputError("base_station_height_m", f"{problem}, got {base:g}")

    def _check_clutter(self) -> None:
        clutter, scenario = self._table.clutter, self.scenario
        if clutter is None:
            self._refuse(f"scenario is {scenario!r}", *_CLUTTER)
            return
        density, _, height = self.clutter
        dense = scenario in ("inf_dl", "inf_dh")
        if (density >= _DENSE) != dense:
            bound = f"{'at least' if dense else 'less than'} {_DENSE} for {scenario!r}"
            raise InputError("clutter_density", f"must be {bound}, got {density:g}")
        if scenario in ("inf_sl", "inf_dl"):
            self._refuse(f"scenario is {scenario!r}", "clutter_height_m")
            return
        base, user = self.heights
        if not user < height < base:
            problem = f"must lie between the heights of users and base station, {user:g} and {base:g}"
            raise InputError("clutter_height_m", f"{problem}, got {height:g}")

    def _check_distances(self) -> None:
        nearest, farthest = self.radii
        if self.distances_m is None and nearest >= farthest:
            raise InputError(
                "min_distance_m", f"must be less than cell_radius_m, which is {farthest:g}, got {nearest:g}"
            )
        for position, distance in enumerate(self.distances_m or ()):
            self._check_range(f"distances_m[{position}]", distance)
            if distance < nearest:
                raise InputError(
                    f"distances_m[{position}]",
                    f"must be at least min_distance_m, which is {nearest:g}, got {distance:g}",
                )
        self._check_range("min_distance_m", nearest)
        if self.distances_m is None:
            self._check_range("cell_radius_m", farthest)

    def _check_range(self, key: str, distance: float) -> None:
        """Check that the path loss of Table 7.4.1-1 applies to a horizontal distance."""
        base, user = self.heights
        if self.scenario in _URBAN:
            applies, limits = 10 <= distance <= 5000, "10 to 5000 m"
        else:
            applies = 1 <= math.hypot(distance, base - user) <= 600
            limits = "1 to 600 m, heights included"
        if not applies:
            raise InputError(key, f"must be within the range of {self.scenario!r}, {limits}, got {distance:g}")

    @property
    def _table(self) -> Scenario:
        return SCENARIOS[self.scenario]

    @property
    def heights(self) -> tuple[float, float]:
        """Heights of base station and users in metres."""
        base, user = self._table.heights_m
        given = self.base_station_height_m, self.user_height_m
        return given[0] or base, given[1] or user or math.nan

    def user_region(self) -> UserRegion | None:
        """Return the sector of the cell; None if all users have given places."""
        return self.region(*self.radii)

    @property
    def radii(self) -> tuple[float, float]:
        """Smallest and largest horizontal distance of the users in metres."""
        nearest, farthest = self._table.radii_m
        return self.min_distance_m or nearest, self.cell_radius_m or farthest

    @property
    def clutter(self) -> tuple[float, float, float]:
        """Density, size and height of the clutter; NaN if there is none."""
        density, size, height = self._table.clutter or (math.nan,) * 3
        return self.clutter_density or density, self.clutter_size_m or size, self.clutter_height_m or height

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return channels of several scenarios, with and without lines of sight."""
        return (
            cls(users=4, carrier_hz=3.5e9, scale_db=100.0),
            cls(
                azimuths_deg=(-35.0, 10.0, 50.0),
                distances_m=(30.0, 90.0, 60.0),
                scenario="umi",
                carrier_hz=28e9,
                scale_db=110.0,
                line_of_sight="never",
            ),
            cls(
                users=4,
                scenario="inf_dh",
                carrier_hz=3.5e9,
                scale_db=70.0,
                line_of_sight="always",
                pilot_length=2,
                estimates="physical",
            ),
        )

    def with_link_budget(self, budget: LinkBudget) -> Self:
        """Return the channel with the carrier and the pilots of the budget, and absolute path gains."""
        if self.scale_db is not None:
            raise InputError("scale_db", f"cannot be combined with link_budget, got {self.scale_db:g}")
        if self.carrier_hz not in (None, budget.carrier_hz):
            raise InputError(
                "carrier_hz",
                f"must be that of link_budget, which is {budget.carrier_hz:g}, got {self.carrier_hz:g}",
            )
        if not _CARRIERS_HZ[0] <= budget.carrier_hz <= _CARRIERS_HZ[1]:
            raise InputError(
                "carrier_hz",
                f"must be {_CARRIERS_HZ[0]:g} to {_CARRIERS_HZ[1]:g}, got {budget.carrier_hz:g} from link_budget",
            )
        return attrs.evolve(super().with_link_budget(budget), carrier_hz=budget.carrier_hz, scale_db=0.0)

    @property
    def deployment(self) -> Deployment:
        """What determines path losses and lines of sight, besides the distance.

        Raises
        ------
        InputError
            If the carrier is not known.
        """
        if self.carrier_hz is None:
            raise InputError("channel.carrier_hz", "is required without link_budget", missing=True)
        base, user = self.heights
        density, size, height = self.clutter
        return Deployment(
            scenario=self.scenario,
            carrier_ghz=self.carrier_hz / 1e9,
            base_height_m=base,
            user_height_m=user,
            clutter_density=density,
            clutter_size_m=size,
            clutter_height_m=height,
        )

    def place(self, drops: Sequence[Drop]) -> tuple[CellUsers, LargeScale]:
        """Return the users of drops and their large-scale parameters; (D, K).

        Raises
        ------
        InputError
            If the carrier or the scale is not known.
        """
        deployment = self.deployment
        if self.scale_db is None:
            problem = "is required without link_budget, since path gains are small; 100 means relative to -100 dB"
            raise InputError("channel.scale_db", problem, missing=True)
        # In this order, places are those of `correlated`.
        drawn = Drops.of(drops)
        places, normals = drawn.uniform((self.count, 2)), drawn.normal((self.count, 4))
        sights, others = drawn.uniform(self.count), drawn.uniform((self.count, 2))
        azimuth, distance = self.azimuths(places[..., 1]), self.distances(places[..., 0], *self.radii)
        elevation, positions = locate(azimuth, distance, deployment.descent)
        probability = line_of_sight_probability(deployment, distance)
        forced = {"always": 1.0, "never": 0.0}.get(self.line_of_sight)
        visible = sights < (probability if forced is None else forced)
        losses = path_losses(deployment, distance, environment_heights(deployment, distance, others))
        large = large_scale_parameters(self._table, deployment, distance, visible=visible, normals=normals)
        gain_db = self.scale_db + large.shadowing_db - np.where(visible, *losses)
        users = CellUsers(
            beta=10 ** (gain_db / 10),
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            distance_m=distance,
            positions=positions,
        )
        return users, large

    def statistics(self, drops: Sequence[Drop], array: Array) -> ChannelStatistics:
        """Return positions, means, covariances and estimation quality of each drop; (D, K)."""
        users, large = self.place(drops)
        check_size(users, array)
        scattered = users.beta / (1 + large.k_factor)
        means = np.sqrt(scattered * large.k_factor)[..., None] * steering_vectors(users, array)
        return self.estimate(
            users, scattered[..., None, None] * scattered_correlations(users, large, array), means
        )


@isacfw.hookimpl
def register_channels() -> list[type[isacfw.Channel]]:
    """Register the large-scale model of TR 38.901."""
    return [TR38901]
