"""The commands about parts."""

from __future__ import annotations

import argparse

from ..base.errors import suggestion
from .options import report_problems
from .streams import has_colour, text_width

_PIPE_WIDTH = 160
"""Width of the list of parts in a file or pipe."""

_HEADINGS = ("kind", "name", "provider", "version", "available", "summary")


def _plugins(options: argparse.Namespace) -> int:
    from ..host.host import PluginHost
    from ..report.text_table import align, write_parts

    host = PluginHost(options.plugin)
    report_problems(host)
    rows = []
    for part in host.parts():
        reason = part.cls.why_unavailable()
        available = ("yes", part.cls.summary()) if reason is None else ("no", reason)
        rows.append((part.kind, part.name, part.provider, part.version or "-", *available))
    rows += [
        ("scenario", name, host.scenario_provider(name), "-", "yes", host.scenario_summary(name))
        for name in host.scenarios
    ]
    table = align(_HEADINGS, rows, words=range(len(_HEADINGS)), heads=2)
    print(write_parts([table], text_width(_PIPE_WIDTH), colour=has_colour()))
    return 0


def _info(options: argparse.Namespace) -> int:
    from ..host.host import PluginHost
    from .info import print_info

    host = PluginHost(options.plugin)
    report_problems(host)
    print_info(host, options.name)
    return 0


def _schema(options: argparse.Namespace) -> int:
    import json

    from ..config.json_schema import json_schema
    from ..host.host import PluginHost

    host = PluginHost(options.plugin)
    report_problems(host)
    print(json.dumps(json_schema(host), indent=2))
    return 0


def _check(options: argparse.Namespace) -> int:
    from ..base.guard import part_time_limit
    from ..base.process_end import process_end
    from ..host.host import PluginHost
    from .check import check_parts
    from .progress import ProgressBars

    files = [name for name in options.names if name.endswith(".py")]
    with part_time_limit(options.time_limit), process_end(CHECK_GRACE_S):
        host = PluginHost([*options.plugin, *files])
        report_problems(host)
        with ProgressBars() as bars:
            well = check_parts(
                host, options.names, verbose=options.verbose, time_limit_s=options.time_limit, bars=bars
            )
    return 0 if well else 1


CHECK_GRACE_S = 5.0
"""Time after a time limit at which compiled code that goes on ends the command, and shows where it is."""


def _new(options: argparse.Namespace) -> int:
    from ..base.errors import InputError
    from .new import new_part
    from .templates import NEW_KINDS

    if options.kind not in NEW_KINDS:
        hint = suggestion(options.kind, NEW_KINDS)
        raise InputError("", f"unknown kind {options.kind!r}{hint}")
    path = new_part(options.kind, options.name, options.out)
    print(f"wrote {path}\nNext: run `isacfw check {path}`, then try the commands at the top of the file.")
    return 0


PART_COMMANDS = {
    "plugins": _plugins,
    "info": _info,
    "schema": _schema,
    "check": _check,
    "new": _new,
}
