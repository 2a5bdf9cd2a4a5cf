"""Every hook that a plugin may implement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import pluggy

from ..allocation.allocation import Allocation
from ..allocation.allocator import Allocator
from ..allocation.metric import Metric
from ..allocation.objective import Objective
from ..allocation.problem import PowerAllocationProblem
from ..allocation.requirement import Requirement
from ..beamforming.beamformer import Beamformer
from ..scenario.figure import Figure
from ..sensing.beam import Beam
from ..signal.array import Array
from ..signal.channel import Channel
from ..signal.precoder import Precoder

hookspec = pluggy.HookspecMarker("isacfw")
hookimpl = pluggy.HookimplMarker("isacfw")


@hookspec
def register_arrays() -> Iterable[type[Array]]:  # type: ignore[empty-body]
    """Return classes of antenna arrays."""


@hookspec
def register_channels() -> Iterable[type[Channel]]:  # type: ignore[empty-body]
    """Return classes of channels."""


@hookspec
def register_precoders() -> Iterable[type[Precoder]]:  # type: ignore[empty-body]
    """Return classes of precoders."""


@hookspec
def register_beams() -> Iterable[type[Beam]]:  # type: ignore[empty-body]
    """Return classes of sensing beams."""


@hookspec
def register_objectives() -> Iterable[type[Objective]]:  # type: ignore[empty-body]
    """Return classes of objectives."""


@hookspec
def register_requirements() -> Iterable[type[Requirement]]:  # type: ignore[empty-body]
    """Return classes of requirements."""


@hookspec
def register_metrics() -> Iterable[type[Metric]]:  # type: ignore[empty-body]
    """Return classes of metrics."""


@hookspec
def register_allocators() -> Iterable[type[Allocator]]:  # type: ignore[empty-body]
    """Return classes of allocators."""


@hookspec
def register_beamformers() -> Iterable[type[Beamformer]]:  # type: ignore[empty-body]
    """Return classes of beamformers."""


@hookspec
def register_figures() -> Iterable[type[Figure]]:  # type: ignore[empty-body]
    """Return classes of figures, each named after its scenario."""


@hookspec
def register_scenarios() -> Mapping[str, PathLike[str] | Mapping[str, Any]]:  # type: ignore[empty-body]
    """Return named scenarios: for each name the path of a TOML file, or its content as a mapping."""


@hookspec
def allocation_started(allocator: Allocator, problem: PowerAllocationProblem) -> None:
    """Observe that an allocator is about to solve a batch of problems."""


@hookspec
def allocation_finished(allocator: Allocator, problem: PowerAllocationProblem, allocation: Allocation) -> None:
    """Observe the verified result of a batch of problems."""
