"""Monte-Carlo simulation: rates and CRLBs from drawn channels, metrics of draws, echoes, and OFDM frames."""

from .draws import draw_signals
from .echoes import SquaredErrors, echoes, squared_errors, symbols
from .estimator import AngleGrid, MaximumLikelihood
from .metric import SimulatedMetric, mean_and_error, quantile
from .rates import simulated_crlb, simulated_rates
from .signals import SignalDraws
from .transmission import Simulated, Transmission, jackknife
from .uplink import RadarQuality, UplinkReception

__all__ = [
    "AngleGrid",
    "MaximumLikelihood",
    "RadarQuality",
    "SignalDraws",
    "Simulated",
    "SimulatedMetric",
    "SquaredErrors",
    "Transmission",
    "UplinkReception",
    "draw_signals",
    "echoes",
    "jackknife",
    "mean_and_error",
    "quantile",
    "simulated_crlb",
    "simulated_rates",
    "squared_errors",
    "symbols",
]
