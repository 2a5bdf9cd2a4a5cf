"""Fig. 2: CRLBs against the misalignment of the sensing beam."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, final

import attrs
import numpy as np

import isacfw
from isacfw import Comparison, Progress, Scenario
from isacfw.simulation import Transmission, simulated_crlb

from . import _paper

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

_OFFSETS = np.linspace(0, 10, 11)


def _misalign(scenario: Scenario, offset: float) -> Scenario:
    target = scenario.sensed[0]
    sensing = attrs.evolve(
        scenario.sensing,
        beam_azimuth_deg=target.azimuth_deg + offset,
        beam_elevation_deg=target.elevation_deg + offset,
    )
    return attrs.evolve(scenario, sensing=sensing)


@final
@attrs.frozen(kw_only=True)
class Figure2(isacfw.Figure):
    """CRLBs of both angles when the sensing beam misses the target by the same offset in both.

    Notes
    -----
    Fig. 2 of Nguyen et al., for half of the power in the beam, with the full 4 x 4 Fisher information instead of
    (37)-(45); simulations by (36).
    """

    name: ClassVar[str] = "nguyen2025-fig2"
    style: ClassVar[Mapping[str, Any]] = _paper.STYLE

    def collect(
        self, scenario: Scenario, compare: Callable[..., Comparison], progress: Progress
    ) -> xarray.Dataset:
        """Evaluate the bounds, and simulate them for each precoder."""
        import xarray

        closed = np.zeros((len(_OFFSETS), 2))
        simulated = np.zeros((len(_OFFSETS), len(scenario.precoders), 2))
        errors = np.zeros_like(simulated)
        for i, offset in enumerate(_OFFSETS):
            point = _misalign(scenario, float(offset))
            for j, precoder in enumerate(scenario.precoders):
                problem = point.problem(precoder, point.statistics([0]))[0]
                closed[i] = problem.crlb(problem.equal_split / 2, 0.5)
                transmission = Transmission.of(point, precoder, 0, problem.equal_split / 2, 0.5)
                generator = np.random.default_rng(np.random.SeedSequence(scenario.seed, spawn_key=(i, j)))
                result = simulated_crlb(transmission, point, self.trials or 1000, generator)
                simulated[i, j], errors[i, j] = result.value, result.standard_error
            progress(i + 1, len(_OFFSETS))
        return xarray.Dataset(
            {
                "crlb": (("offset_deg", "angle"), closed, {"units": "rad^2"}),
                "simulated_crlb": (("offset_deg", "precoder", "angle"), simulated, {"units": "rad^2"}),
                "standard_error": (("offset_deg", "precoder", "angle"), errors, {"units": "rad^2"}),
            },
            {
                "offset_deg": _OFFSETS,
                "precoder": [precoder.title for precoder in scenario.precoders],
                "angle": ["azimuth", "elevation"],
            },
        )

    def draw(self, data: xarray.Dataset) -> Figure:
        """Draw both bounds as lines, and the simulated ones as markers."""
        figure, grid = _paper.new_figure()
        axes = grid[0, 0]
        for angle, symbol, line in (("azimuth", r"\theta", "-"), ("elevation", r"\phi", "--")):
            own = data.sel(angle=angle)
            axes.plot(
                own["offset_deg"], 10 * np.log10(own["crlb"]), line, color="black", label=rf"CRLB of ${symbol}$"
            )
            for precoder, marker in zip(data["precoder"].to_numpy(), ("o", "x"), strict=False):
                axes.plot(
                    own["offset_deg"],
                    10 * np.log10(own["simulated_crlb"].sel(precoder=precoder)),
                    marker,
                    color=_paper.COLOURS.get(str(precoder), "black"),
                    markerfacecolor="none",
                    label=f"simulation, {str(precoder).upper()}" if angle == "azimuth" else None,
                )
        axes.set(xlabel=r"Misalignment $\epsilon$ in both angles [degrees]", ylabel="CRLB [dB]")
        axes.legend()
        return figure


@isacfw.hookimpl
def register_figures() -> list[type[isacfw.Figure]]:
    """Register Fig. 2."""
    return [Figure2]
