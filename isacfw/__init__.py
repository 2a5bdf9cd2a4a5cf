"""Power allocation for massive-MIMO integrated sensing and communications.

A scenario is composed of parts that plugins provide: arrays, channels, precoders, beams, objectives,
requirements, metrics and allocators; beamformers solve beamforming problems on known channels.
:func:`load_scenario` reads a scenario, :func:`compare` runs it. Validators for the options of parts are in
:mod:`isacfw.validators`, simulations in :mod:`isacfw.simulation`, the conformance kit in :mod:`isacfw.testing`.
"""

from __future__ import annotations

from .base import interrupts as _interrupts  # noqa: F401 - before all others, see there
from .base import least_memory as _least_memory  # noqa: F401 - before those with libraries, see there

# isort: split
from typing import TYPE_CHECKING, Any

from . import _moved
from .allocation.allocation import Allocation, Shares
from .allocation.allocator import Allocator
from .allocation.any_problem import AnyProblem
from .allocation.constraints import AngleLimits, GainRatio, LinearFloors, RateFloors, SumLimit
from .allocation.information_limits import InformationLimits
from .allocation.inner_shares import InnerShares, inner_shares
from .allocation.least import LeastCRLB, LeastPower
from .allocation.linear import LinearQuantity
from .allocation.metric import Metric
from .allocation.objective import Fairness, Objective, Performance, Utility
from .allocation.problem import FEASIBILITY_TOLERANCE, PowerAllocationProblem
from .allocation.quantity import Quantity
from .allocation.requirement import Requirement
from .allocation.setting import Echoes, Radar, Setting
from .allocation.stationarity import STATIONARITY_TOLERANCE, first_order_rise
from .allocation.status import Status
from .allocation.uplink import UplinkProblem
from .allocation.uplink_form import ConcaveUplink, Multipliers
from .allocation.utilities import FairUtility, SumRate
from .allocation.water_filling import cache_blocks, water_filling
from .base.errors import IncompatibleError, InputError, IsacError, PluginError
from .base.guard import guard
from .base.hdf5 import hdf5_file
from .base.limits import check_memory
from .base.link import Link
from .base.numbers import ComplexArray, FloatArray
from .base.part import LabelledPart, Part
from .base.progress import Progress
from .base.services import provide
from .base.sources import guard_loading
from .base.time_limit import interrupts_held_back, limited_settings, seconds_left
from .beamforming.beamformer import Beamformer
from .beamforming.beams import Beamforming, Beams
from .beamforming.bound import Certificate, certificate, lower_bound
from .beamforming.extended import ExtendedTarget
from .beamforming.points import PointTargets
from .beamforming.problem import BeamformingProblem
from .beamforming.reduced import ReducedProblem
from .beamforming.verdict import OPTIMALITY_TOLERANCE
from .host.hookspecs import hookimpl
from .scenario.figure import Figure
from .scenario.scenario import Scenario
from .scenario.uplink import Uplink
from .sensing.beam import Beam, PointedBeam, Steered, SteeringBeam
from .sensing.beam_statistics import BeamStatistics
from .sensing.designed import Designed
from .sensing.fisher import fisher_information
from .sensing.information import crlb
from .sensing.noise import Clutter, SensingNoise
from .sensing.reduction import in_angles
from .sensing.target import Sensing, Target
from .signal.angular_region import AngularBox, AngularRegion, to_boxes
from .signal.array import Array, Direction
from .signal.channel import Channel
from .signal.drops import Drop, Drops
from .signal.gaussian import complex_normal
from .signal.link import LinkStatistics
from .signal.link_budget import LinkBudget
from .signal.precoder import Precoder
from .signal.scene import Scene
from .signal.statistics import ChannelStatistics
from .signal.user_region import UserRegion

if TYPE_CHECKING:
    from .config.load import LoadedScenario, load_scenario
    from .config.toml import to_toml
    from .host.host import PluginHost
    from .report.beamforming import BeamformingResults
    from .report.comparison import Comparison
    from .report.front import ParetoFront
    from .report.regimes import RegimeResults
    from .report.summary import mean_and_interval
    from .study.beamform import beamform
    from .study.compare import compare
    from .study.execution import Execution
    from .study.first import first_feasible
    from .study.pareto import pareto
    from .study.plot import plot_scenario
    from .study.regimes import compare_regimes
    from .study.report import write_report

_MODULES = ("simulation", "testing", "validators")
_ON_DEMAND = {
    "BeamformingResults": "report.beamforming",
    "Comparison": "report.comparison",
    "beamform": "study.beamform",
    "Execution": "study.execution",
    "LoadedScenario": "config.load",
    "compare": "study.compare",
    "first_feasible": "study.first",
    "load_scenario": "config.load",
    "mean_and_interval": "report.summary",
    "to_toml": "config.toml",
    "PluginHost": "host.host",
    "ParetoFront": "report.front",
    "pareto": "study.pareto",
    "RegimeResults": "report.regimes",
    "compare_regimes": "study.regimes",
    "plot_scenario": "study.plot",
    "write_report": "study.report",
}

__all__ = [
    "FEASIBILITY_TOLERANCE",
    "OPTIMALITY_TOLERANCE",
    "STATIONARITY_TOLERANCE",
    "Allocation",
    "Allocator",
    "AngleLimits",
    "AngularBox",
    "AngularRegion",
    "AnyProblem",
    "Array",
    "Beam",
    "BeamStatistics",
    "Beamformer",
    "Beamforming",
    "BeamformingProblem",
    "BeamformingResults",
    "Beams",
    "Certificate",
    "Channel",
    "ChannelStatistics",
    "Clutter",
    "Comparison",
    "ComplexArray",
    "ConcaveUplink",
    "Designed",
    "Direction",
    "Drop",
    "Drops",
    "Echoes",
    "Execution",
    "ExtendedTarget",
    "FairUtility",
    "Fairness",
    "Figure",
    "FloatArray",
    "GainRatio",
    "IncompatibleError",
    "InformationLimits",
    "InnerShares",
    "InputError",
    "IsacError",
    "LabelledPart",
    "LeastCRLB",
    "LeastPower",
    "LinearFloors",
    "LinearQuantity",
    "Link",
    "LinkBudget",
    "LinkStatistics",
    "LoadedScenario",
    "Metric",
    "Multipliers",
    "Objective",
    "ParetoFront",
    "Part",
    "Performance",
    "PluginError",
    "PluginHost",
    "PointTargets",
    "PointedBeam",
    "PowerAllocationProblem",
    "Precoder",
    "Progress",
    "Quantity",
    "Radar",
    "RateFloors",
    "ReducedProblem",
    "RegimeResults",
    "Requirement",
    "Scenario",
    "Scene",
    "Sensing",
    "SensingNoise",
    "Setting",
    "Shares",
    "Status",
    "Steered",
    "SteeringBeam",
    "SumLimit",
    "SumRate",
    "Target",
    "Uplink",
    "UplinkProblem",
    "UserRegion",
    "Utility",
    "beamform",
    "cache_blocks",
    "certificate",
    "check_memory",
    "compare",
    "compare_regimes",
    "complex_normal",
    "crlb",
    "first_feasible",
    "first_order_rise",
    "fisher_information",
    "hdf5_file",
    "hookimpl",
    "in_angles",
    "inner_shares",
    "interrupts_held_back",
    "limited_settings",
    "load_scenario",
    "lower_bound",
    "mean_and_interval",
    "pareto",
    "plot_scenario",
    "seconds_left",
    "to_boxes",
    "to_toml",
    "water_filling",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import names that need the plugin host or a file reader on first use."""
    if name == "__version__":
        from importlib.metadata import version

        return version("isacfw")
    if name in _ON_DEMAND:
        import importlib

        return getattr(importlib.import_module(f".{_ON_DEMAND[name]}", __name__), name)
    if name in _MODULES:
        import importlib

        return importlib.import_module(f".{name}", __name__)
    if (former := _moved.find_former(name)) is not None:
        return former
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, *_MODULES, "__version__"]


def _compare(*arguments: Any, **options: Any) -> Any:
    return __getattr__("compare")(*arguments, **options)


def _write_report(*arguments: Any, **options: Any) -> Any:
    return __getattr__("write_report")(*arguments, **options)


_moved.install()
guard_loading(guard)
provide("compare", _compare)
provide("write_report", _write_report)
