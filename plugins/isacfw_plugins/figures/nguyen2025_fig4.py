"""Fig. 4: CRLBs and mean-squared error of the maximum-likelihood estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, Precoder, Progress, Scenario
from isacfw.simulation import AngleGrid, MaximumLikelihood, Transmission, simulated_crlb, squared_errors

from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

_SENSING_SNR_DB = np.arange(-20.0, 31.0, 5.0)
_STEP = np.pi / 256
_VARIABLES = ("crlb", "simulated_crlb", "mse_grid", "mse_refined", "mse_refined_error")


def _at_sensing_snr(scenario: Scenario, sensing_snr_db: float) -> Scenario:
    """Return the scenario with the power at which P_t L |α|² is a given value."""
    gain = scenario.sensing.frame_length * scenario.sensed[0].amplitude ** 2
    return attrs.evolve(scenario, snr_db=float(sensing_snr_db - 10 * np.log10(gain)))


@final
@attrs.frozen(kw_only=True)
class Figure4(isacfw.Figure):
    r"""CRLBs, and mean-squared error of the maximum-likelihood estimator, against the sensing SNR.

    Notes
    -----
    Fig. 4 of Nguyen et al. for half of the power in the beam: the estimator (27) on a grid of step π/256, as in
    the paper, and refined from its best point; the sensing SNR is :math:`P_t L |\alpha|^2`.
    """

    name: ClassVar[str] = "nguyen2025-fig4"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Estimate from simulated echoes."""
        import xarray

        estimator = MaximumLikelihood(scenario.transmit_array, scenario.receive_array, AngleGrid.regular(_STEP))
        shape = (len(_SENSING_SNR_DB), len(scenario.precoders), 2)
        values: dict[str, Any] = {name: np.zeros(shape) for name in _VARIABLES}
        steps = 0
        for i, level in enumerate(_SENSING_SNR_DB):
            point = _at_sensing_snr(scenario, float(level))
            for j, precoder in enumerate(point.precoders):
                seed = np.random.SeedSequence(scenario.seed, spawn_key=(i, j))
                for name, value in self._point(point, precoder, estimator, seed).items():
                    values[name][i, j] = value
                steps += 1
                progress(steps, shape[0] * shape[1])
        return xarray.Dataset(
            {
                name: (("sensing_snr_db", "precoder", "angle"), value, {"units": "rad^2"})
                for name, value in values.items()
            },
            {
                "sensing_snr_db": _SENSING_SNR_DB,
                "precoder": [precoder.title for precoder in scenario.precoders],
                "angle": ["azimuth", "elevation"],
            },
        )

    def _point(
        self, point: Scenario, precoder: Precoder, estimator: MaximumLikelihood, seed: np.random.SeedSequence
    ) -> dict[str, Any]:
        """Return bounds and errors at one sensing SNR."""
        trials = self.trials or 1000
        problem = point.problem(precoder, point.statistics([0]))[0]
        transmission = Transmission.of(point, precoder, 0, problem.equal_split / 2, 0.5)
        generator = np.random.default_rng(seed)
        errors = squared_errors(transmission, point, estimator, trials, generator)
        return {
            "crlb": problem.crlb(problem.equal_split / 2, 0.5),
            "simulated_crlb": simulated_crlb(transmission, point, trials, generator).value,
            "mse_grid": errors.grid.mean(axis=0),
            "mse_refined": errors.refined.mean(axis=0),
            "mse_refined_error": errors.refined.std(axis=0, ddof=1) / np.sqrt(trials),
        }

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw a panel for each angle."""
        figure, grid = _paper.new_figure(columns=2)
        for axes, angle, symbol in zip(grid[0], ("azimuth", "elevation"), (r"\theta", r"\phi"), strict=True):
            own = data.sel(angle=angle).map(lambda variance: 10 * np.log10(variance))
            x = data["sensing_snr_db"]
            axes.plot(x, own["crlb"].isel(precoder=0), color="black", label="CRLB, closed form")
            for precoder, marker in zip(data["precoder"].to_numpy(), ("o", "x"), strict=False):
                colour, name = _paper.COLOURS.get(str(precoder), "black"), str(precoder).upper()
                mine = own.sel(precoder=precoder)
                style: dict[str, Any] = {"color": colour, "marker": marker, "markerfacecolor": "none"}
                axes.plot(x, mine["simulated_crlb"], linestyle="", **style, label=f"CRLB, simulated, {name}")
                axes.plot(x, mine["mse_refined"], "--", color=colour, label=f"MSE, refined MLE, {name}")
                axes.plot(x, mine["mse_grid"], linestyle=":", color=colour, label=f"MSE, MLE on the grid, {name}")
            axes.set(xlabel="Sensing SNR [dB]", ylabel=rf"Error of ${symbol}$ [dB]")
        _paper.legend(figure, grid[0, 0], columns=3)
        return figure


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register Fig. 4."""
    return [Figure4]
