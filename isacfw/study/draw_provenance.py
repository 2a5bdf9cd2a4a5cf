"""Where results on drawn channels come from: scenario, versions, seed, and the command that gives them again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from ..base.part import Part
from ..beamforming.beamformer import Beamformer
from ..config.toml import has_defaults_only, to_changed_toml
from ..host.host import PluginHost
from ..scenario.scenario import Scenario
from .versions import library_versions


@attrs.frozen
class Call:
    """A command, the function behind it, and the options that both have."""

    command: str
    function: str
    options: Mapping[str, Any]

    def rerun(self, beamformers: Mapping[str, Beamformer], host: PluginHost) -> str:
        """Return the command; the call in Python, if beamformers have options or are not registered."""
        options = {name: _plain(value) for name, value in self.options.items()}
        if not all(_is_named(one, host) for one in beamformers.values()):
            given = [f"{name}={value!r}" for name, value in options.items()]
            return f"isacfw.{self.function}('scenario.toml', {[*beamformers.values()]!r}, {', '.join(given)})"
        words = ["isacfw", self.command, "scenario.toml"]
        options["beamformers"] = [host.name_of(one) for one in beamformers.values()]
        for name, value in options.items():
            words.append(f"--{name.replace('_', '-')}")
            if isinstance(value, list):
                words[-1] += f"={','.join(map(str, value))}"
            elif value is not True:
                words.append(str(value))
        return shlex.join([*words, "--out", "results"])


def provenance(
    scenario: Scenario | None,
    beamformers: Mapping[str, Beamformer],
    host: PluginHost,
    call: Call | None = None,
) -> dict[str, str]:
    """Return attributes of a data set: kind, versions, and of a scenario its TOML, its seed and a command."""
    classes = [*map(type, beamformers.values()), *([] if scenario is None else map(type, _parts_of(scenario)))]
    kind = "regimes" if call is not None and call.command == "regimes" else "beamforming"
    found = {"kind": kind, "versions": json.dumps(library_versions(classes) | host.versions(classes))}
    if scenario is None or call is None:
        return found
    plugins = [one if isinstance(one, str) else one[0] for one in host.sources]
    return found | {
        "scenario": to_changed_toml(scenario, host, {"plugins": list(map(str, plugins))}),
        "seed": str(scenario.seed),
        "rerun": call.rerun(beamformers, host),
    }


def _parts_of(scenario: Scenario) -> Iterator[Part]:
    for field in attrs.fields(type(scenario)):
        value = getattr(scenario, field.name)
        members = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else [value]
        yield from (one for one in members if isinstance(one, Part))


def _is_named(part: Beamformer, host: PluginHost) -> bool:
    """Return whether the name of a beamformer is all that a command needs."""
    known = {info.cls for info in host.parts("beamformer")}
    return type(part) in known and has_defaults_only(part)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
