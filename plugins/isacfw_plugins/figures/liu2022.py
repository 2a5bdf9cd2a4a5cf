"""CRB against the SINR target, on channels that are known: point and extended target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, Progress, Scenario

from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

USERS = (4, 6)
SINR_DB = (0.0, 5.0, 10.0, 15.0, 20.0)
BEAMFORMERS = {"crb_beams": "best beams", "fixed_beams": "fixed beams"}
_COLOURS = {4: "#0072B2", 6: "#D55E00"}
_LINES = {"crb_beams": "-", "fixed_beams": "--"}


@final
@attrs.frozen(kw_only=True)
class LiuFigure(isacfw.Figure):
    r"""Mean CRB against the SINR target, with standard errors, for a point target and for an extended one.

    Notes
    -----
    The quantities of the simulations of Liu et al., "Cramér-Rao bound optimization for joint radar-communication
    beamforming", IEEE Trans. Signal Process. 70, 2022: :math:`\sqrt{CRB(\theta)}` in degrees, and
    :math:`(N_r / L)\, \mathrm{tr}\, R_x^{-1}` in dB. All points use the same draws of the channels.
    """

    name: ClassVar[str] = "liu2022"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Run the beamformers on draws of the channels, for each number of users and each kind of target."""
        import xarray

        found, done = [], 0
        for users in USERS:
            changed = scenario.with_value("channel.large_scale_fading", (1.0,) * users)
            each = []
            for extended in (False, True):
                each.append(self._solve(changed, extended))
                done += 1
                progress(done, 2 * len(USERS))
            found.append(xarray.merge(each))
        axis = xarray.DataArray(list(USERS), dims="users", name="users")
        data = xarray.concat(found, axis, join="exact")
        units = {name: "rad^2" if str(name).startswith("point") else "" for name in data.data_vars}
        return data.assign({name: data[name].assign_attrs(units=unit) for name, unit in units.items()})

    def _solve(self, scenario: Scenario, extended: bool) -> xarray.Dataset:
        results = isacfw.beamform(
            scenario, list(BEAMFORMERS), sinr_db=SINR_DB, draws=self.trials or 20, extended=extended
        )
        data = results.dataset.stack(channel=("drop", "draw")).reset_index("channel", drop=True)
        names = ["crb", "bound"]
        solved = data[names].where(data["feasible"])
        title = "extended" if extended else "point"
        return solved.rename({name: f"{title}_{name}" for name in names})

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw (a) the root CRB of the azimuth and (b) the CRB of the response."""
        figure, grid = _paper.new_figure(columns=2)
        for users in data["users"].to_numpy():
            for part in data["beamformer"].to_numpy():
                own = data.sel(users=users, beamformer=part).transpose("sinr_db", ...)
                roots = 1e4 * np.degrees(np.sqrt(own["point_crb"].to_numpy()))
                response = own["extended_crb"].to_numpy()
                style = {
                    "color": _COLOURS[int(users)],
                    "linestyle": _LINES[str(part)],
                    "marker": "o",
                    "markerfacecolor": "none",
                    "capsize": 2,
                    "label": f"{BEAMFORMERS[str(part)]}, K = {users}",
                }
                grid[0][0].errorbar(own["sinr_db"], roots.mean(axis=1), yerr=_error(roots), **style)
                mean, error = response.mean(axis=1), _error(response)
                width = 10 / np.log(10) * error / mean
                grid[0][1].errorbar(own["sinr_db"], 10 * np.log10(mean), yerr=width, **style)
        grid[0][0].set(ylabel=r"Root CRB of $\theta$ [$10^{-4}$ °]", title="(a) point target")
        grid[0][1].set(ylabel="CRB of the response [dB]", title="(b) extended target")
        for axes in grid[0]:
            axes.set_xlabel("SINR target [dB]")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
        return figure


def _error(values: Any) -> Any:
    """Return the standard error of the mean of each row."""
    return values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register the figure."""
    return [LiuFigure]
