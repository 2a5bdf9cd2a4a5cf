"""Former names, which keep working for one release, with a warning."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

from .scenario.scenario import Scenario

_PACKAGE = __name__.rpartition(".")[0]

FORMER: dict[str, tuple[str, ...]] = {
    "allocator": ("allocation.allocator", "allocation.allocation", "allocation.status", "allocation.verdict"),
    "array": ("signal.array", "base.numbers"),
    "assembly": ("results.layout", "results.memory", "results.netcdf"),
    "beam": ("sensing.beam", "sensing.beam_statistics"),
    "channel": ("signal.channel", "signal.statistics", "signal.gaussian"),
    "chunk": ("results.chunk", "study.plan", "study.solve"),
    "comparison": ("report.comparison",),
    "errors": ("base.errors", "base.guard"),
    "estimator": ("simulation.estimator",),
    "executors": ("study.executors", "study.dask", "study.processes", "study.queue"),
    "figures": ("report.figures", "study.figure"),
    "files": ("base.files",),
    "fisher": ("sensing.fisher", "sensing.information", "sensing.reduction"),
    "frontier": ("sensing.inequalities", "sensing.program"),
    "gaussian": ("signal.gaussian",),
    "hookspecs": ("host.hookspecs",),
    "metric": ("allocation.metric", "allocation.quantity"),
    "moments": ("signal.moments", "signal.precoder"),
    "part": ("base.part",),
    "plugins": ("host.host", "host.kinds", "host.plugin"),
    "precoder": ("signal.precoder", "signal.link"),
    "problem": ("allocation.problem",),
    "progress": ("cli.progress",),
    "recipe": ("scenario.figure", "base.progress"),
    "scaffold": ("cli.new", "cli.templates"),
    "scene": ("signal.scene",),
    "schema": ("results.schema",),
    "stationarity": ("allocation.stationarity",),
    "store": ("study.store", "study.key"),
    "target": ("sensing.target",),
    "time_limit": ("base.time_limit",),
    "testing.kit": ("testing.checks", "testing.run", "testing.pytest"),
    "testing.samples": ("testing.problems",),
    "testing.trials": ("testing.runs",),
    "testing.terminal": ("cli.check",),
}
"""Former modules, with the modules that now hold their content."""


RENAMED: dict[str, dict[str, str]] = {
    "allocator": {"verified": "verify"},
    "array": {"checked": "validate_positions"},
    "assembly": {"Extent": "ResultSizes"},
    "channel": {"checked": "validate_statistics"},
    "chunk": {
        "Work": "StudySpec",
        "Solved": "ChunkResult",
        "Outline": "ChunkSummary",
        "planned": "plan_chunks",
        "solved": "solve_chunk",
        "shortened": "trim_histories",
    },
    "errors": {"shown": "short_repr", "raised": "describe_exception", "blamed": "guard"},
    "executors": {"each_solved": "solve_chunks"},
    "figures": {"make": "make_figure"},
    "files": {
        "writable": "ensure_writable",
        "unwritable": "not_writable_error",
        "replacing": "atomic_write",
        "for_hdf5": "open_for_hdf5",
    },
    "part": {"described": "display_name"},
    "progress": {"Bars": "ProgressBars"},
    "recipe": {"FigureRecipe": "Figure"},
}
"""Present names of what former modules had under other ones."""


class _Finder:
    """Finds former modules, after all others; a finder and a loader of :mod:`importlib`."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None = None, _target: Any = None) -> ModuleSpec | None:
        """Return the spec of a former module, or None for any other."""
        package, _, last = name.partition(".")
        if package != _PACKAGE or last not in FORMER:
            return None
        return spec_from_loader(name, _Finder)  # type: ignore[arg-type]

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Let Python create the module."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Make a former module look up its names in their new modules."""
        last = module.__name__.partition(".")[2]
        homes = [f"{_PACKAGE}.{home}" for home in FORMER[last]]
        # The import itself is deprecated, so the warning points at it.
        warnings.warn(
            f"the module {module.__name__} is private and has moved to {' and '.join(homes)}; import the public"
            f" names from {_PACKAGE}",
            DeprecationWarning,
            stacklevel=2,
        )

        def find(name: str) -> Any:
            name = RENAMED.get(last, {}).get(name, name)
            if name == "__all__":
                everything = (vars(importlib.import_module(home)) for home in homes)
                return [each for names in everything for each in names if not each.startswith("_")]
            for home in homes:
                try:
                    return getattr(importlib.import_module(home), name)
                except AttributeError:
                    continue
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__dict__["__getattr__"] = find


FORMER_NAMES = {"FigureRecipe": "Figure"}
"""Former public names, with the present ones."""


def find_former(name: str) -> Any:
    """Return the object that a former name of the package refers to; None for any other name."""
    if name in FORMER:
        former = f"{_PACKAGE}.{name}"
        warnings.warn(f"the module {former} is private and has moved", DeprecationWarning, stacklevel=3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(former)
    if name not in FORMER_NAMES:
        return None
    present = FORMER_NAMES[name]
    warnings.warn(f"{_PACKAGE}.{name} is now {_PACKAGE}.{present}", DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(_PACKAGE), present)


def _to_toml(scenario: Scenario) -> str:
    """Return the scenario as a TOML file: the former method `Scenario.to_toml`."""
    warnings.warn(
        f"Scenario.to_toml() is now the function {_PACKAGE}.to_toml(scenario)", DeprecationWarning, stacklevel=2
    )
    text: str = importlib.import_module(_PACKAGE).to_toml(scenario)
    return text


def install() -> None:
    """Enable former names; repeated calls have no effect."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
        Scenario.to_toml = _to_toml  # type: ignore[attr-defined]
