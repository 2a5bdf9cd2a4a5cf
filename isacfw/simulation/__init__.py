"""Monte-Carlo simulation: rates and CRLBs from drawn channels, and echoes of a target."""

from .echoes import SquaredErrors, echoes, squared_errors, symbols
from .estimator import AngleGrid, MaximumLikelihood
from .rates import simulated_crlb, simulated_rates
from .transmission import Simulated, Transmission, jackknife

__all__ = [
    "AngleGrid",
    "MaximumLikelihood",
    "Simulated",
    "SquaredErrors",
    "Transmission",
    "echoes",
    "jackknife",
    "simulated_crlb",
    "simulated_rates",
    "squared_errors",
    "symbols",
]
