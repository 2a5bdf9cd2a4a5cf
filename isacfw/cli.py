"""The command line."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn, TextIO

from .base.errors import IsacError, one_line, suggestion

DEFAULT_SCENARIO = "nguyen2025"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _count(text: str) -> int:
    """Parse an integer; `Scenario` validates its range."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, got {text!r}") from None


def _seconds(text: str) -> float:
    """Read a time; whether it is long enough is the scenario's to say."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, got {text!r}") from None


_SENTENCES = (
    (r"argument (\S+): (must .*)", r"\1 \2"),
    (r"argument (\S+): expected one argument", r"\1 requires a value"),
    (r"argument (\S+): ignored explicit argument (.*)", r"\1 takes no value, got \2"),
    (r"ambiguous option: (\S+) could match (.*)", r"ambiguous option \1: it could be \2"),
    (r"the following arguments are required: (.*)", r"\1 is required"),
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """End the process with an error in one line and exit status 2."""
        choice = re.match(r"argument COMMAND: invalid choice: ('.*?'|\".*?\")", message)
        if choice:
            hint = suggestion(choice[1][1:-1], _COMMANDS)
            message = f"unknown command {choice[1]}{hint}"
        for pattern, sentence in _SENTENCES:
            message = re.sub(f"^{pattern}$", sentence, message)
        self.exit(2, f"isacfw: {one_line(message)}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments of a command; what it does not know is an error."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._not_known(unknown))
        return found, unknown

    def _not_known(self, words: Sequence[str]) -> str:
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        if not options:
            return f"unexpected argument {words[0]!r} for {self.prog}"
        known = {"--help", *re.findall(r"(?<![\w-])--\w[\w-]*", self.format_usage())}
        return f"unknown option {options[0]!r} for {self.prog}{suggestion(options[0], known)}"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    main = _Parser(
        prog="isacfw",
        description="Power allocation for massive-MIMO integrated sensing and communications.",
    )
    main.add_argument("--version", action="store_true", help="print the version and exit")
    commands = main.add_subparsers(dest="command", metavar="COMMAND")
    compare = commands.add_parser(
        "compare",
        help="run the allocators of a scenario side by side",
        description="Run every allocator of a scenario on every precoder, sweep point and drop.",
        epilog="Exit status: 0 when every row has a result, 1 when one failed, 2 for a mistake in the input.",
    )
    compare.add_argument(
        "scenario",
        nargs="?",
        default=DEFAULT_SCENARIO,
        metavar="SCENARIO",
        help="a TOML file, the name of a registered scenario, or a results.nc (default: %(default)s)",
    )
    compare.add_argument(
        "--precoders", type=_names, action="extend", metavar="A,B", help="in place of the scenario's own"
    )
    compare.add_argument(
        "--beams", type=_names, action="extend", metavar="A,B", help="in place of the scenario's own"
    )
    compare.add_argument(
        "--allocators", type=_names, action="extend", metavar="A,B", help="in place of the scenario's own"
    )
    compare.add_argument("--drops", type=_count, metavar="N", help="number of random drops")
    compare.add_argument("--seed", type=_count, metavar="N", help="seed of the random drops")
    compare.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a key of the scenario, such as sensing.crlb_limit_db=-40 (may be repeated)",
    )
    compare.add_argument("--out", type=Path, metavar="DIR", help="write results, figures and scenario there")
    compare.add_argument("--json", action="store_true", help="print records as JSON and nothing else")
    compare.add_argument(
        "--workers", type=_count, default=1, metavar="N", help="processes that share the work (default: 1)"
    )
    compare.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that does the work in place of processes here"
    )
    compare.add_argument(
        "--time-limit", type=_seconds, metavar="S", help="longest time of an allocation, in seconds"
    )
    _add_plugin_option(compare)
    _add_debug_option(compare)
    show = commands.add_parser(
        "show",
        help="show the results of a comparison again",
        description="Print the table of a results.nc again, and with --out write its figures; compute nothing.",
    )
    show.add_argument("results", type=Path, metavar="FILE", help="a results.nc that compare --out has written")
    show.add_argument("--json", action="store_true", help="print records as JSON and nothing else")
    show.add_argument("--out", type=Path, metavar="DIR", help="write the figures there")
    _add_debug_option(show)
    figure = commands.add_parser(
        "figure",
        help="make a figure: data, PNG and PDF",
        description="Run a figure's scenario, and write its data (NetCDF), PNG and PDF. Any scenario will do:"
        " one without a figure of its own gives those of the comparison.",
    )
    figure.add_argument("name", metavar="NAME", help="name of a figure, such as nguyen2025-fig5, or a scenario")
    figure.add_argument("--drops", type=_count, metavar="N", help="number of random drops")
    figure.add_argument("--seed", type=_count, metavar="N", help="seed of the random drops")
    figure.add_argument("--trials", type=_count, metavar="N", help="simulated channels or echoes per point")
    figure.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder to write to (default: this one)"
    )
    _add_plugin_option(figure)
    _add_debug_option(figure)
    plugins = commands.add_parser(
        "plugins", help="list every part and scenario", description="List every part and scenario."
    )
    _add_plugin_option(plugins)
    _add_debug_option(plugins)
    check = commands.add_parser(
        "check",
        help="check that parts keep their contracts",
        description="Run the checks of isacfw.testing on parts: those of a plugin's file, or those with a name.",
        epilog="Exit status: 0 when all is well, 1 when a check failed or none ran, 2 for a mistake in input.",
    )
    check.add_argument("names", nargs="+", metavar="NAME|FILE", help="name of a part, or a .py file of a plugin")
    check.add_argument("--verbose", action="store_true", help="show the checks that passed, too")
    check.add_argument(
        "--time-limit",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="longest time of an allocation, in seconds (default: 60)",
    )
    _add_plugin_option(check)
    _add_debug_option(check)
    new = commands.add_parser(
        "new",
        help="write a plugin file with a part of your own, to start from",
        description="Write a single-file plugin with a part that works, its docstring and its test.",
    )
    new.add_argument("kind", metavar="KIND", help="array, channel, precoder, beam, metric or allocator")
    new.add_argument("name", metavar="NAME", help="name of the part; the file is NAME.py")
    new.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder to write to (default: this one)"
    )
    _add_debug_option(new)
    return main


def _add_plugin_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE|MODULE",
        help="load a plugin: a .py file or a module (may be repeated)",
    )


def _add_debug_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--debug", action="store_true", help="show the tracebacks of parts that break down")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line after the program's name; by default that of the process.
    """
    options = parser().parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"isacfw {version('isacfw')}")
        return 0
    if options.command is None:
        parser().print_help()
        return 0
    try:
        with _warnings_in_a_line(), _tracebacks(options.debug):
            return _COMMANDS[options.command](options)
    except IsacError as error:
        if options.debug:
            traceback.print_exception(error)
        print(f"isacfw: {error}", file=sys.stderr)
        return 2


def run() -> None:
    """Run the command line and end the process with its exit status."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The consumer closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        kept = "; run the same command with the same --out to resume" if "--out" in sys.argv else ""
        print(f"isacfw: interrupted{kept}", file=sys.stderr)
        status = 130
    sys.exit(status)


_OWN = re.compile(r"^metric \S+ of |of plugin ")


@contextmanager
def _tracebacks(wanted: bool) -> Iterator[None]:
    """Show what the framework logs of the exceptions of parts, each traceback once."""
    if not wanted:
        yield
        return
    seen: set[str] = set()

    class Handler(logging.StreamHandler[TextIO]):
        def emit(self, record: logging.LogRecord) -> None:
            text = self.format(record)
            if text not in seen:
                seen.add(text)
                super().emit(record)

    handler, logger = Handler(sys.stderr), logging.getLogger("isacfw")
    handler.setFormatter(logging.Formatter("isacfw: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Print the framework's warnings on one line and suppress all others."""

    def show(message: Warning | str, category: type[Warning], *_rest: Any) -> None:
        if issubclass(category, RuntimeWarning) and _OWN.search(str(message)):
            print(f"isacfw: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _compare(options: argparse.Namespace) -> int:
    from .base.files import writable
    from .config.load import load_scenario
    from .progress import Bars
    from .study.compare import compare

    loaded = load_scenario(options.scenario, plugins=options.plugin, overrides=options.set)
    _report_problems(loaded.host)
    if options.out is not None:
        writable(options.out)
    # Keep output printed by parts out of the JSON records.
    with (
        redirect_stdout(sys.stderr),
        _executor(options.scheduler) as executor,
        Bars(quiet=options.json) as bars,
    ):
        comparison = compare(
            loaded,
            precoders=options.precoders,
            beams=options.beams,
            allocators=options.allocators,
            drops=options.drops,
            seed=options.seed,
            time_limit_s=options.time_limit,
            workers=options.workers,
            executor=executor,
            out=options.out,
            progress=bars.of("allocations"),
            saving=bars.of("chunks saved"),
        )
    print(comparison.to_json() if options.json else _table(comparison.dataset))
    if options.out is not None:
        with Bars(quiet=options.json) as bars:
            files = comparison.save(options.out, progress=bars.of("files"))
        for path in files:
            print(f"wrote {path}", file=sys.stderr)
    return 1 if comparison.failed else 0


def _executor(address: str | None) -> AbstractContextManager[Any]:
    from .study.dask import dask_executor

    return nullcontext() if address is None else dask_executor(address)


def _show(options: argparse.Namespace) -> int:
    from .base.files import writable
    from .progress import Bars
    from .report.comparison import Comparison
    from .report.files import save_figures

    comparison = Comparison.load(options.results)
    print(comparison.to_json() if options.json else _table(comparison.dataset))
    if options.out is not None:
        writable(options.out)
        with Bars(quiet=options.json) as bars:
            files = save_figures(comparison.plot(), options.out, bars.of("files"))
        for path in files:
            print(f"wrote {path}", file=sys.stderr)
    return 0


def _figure(options: argparse.Namespace) -> int:
    from .base.files import writable
    from .config.load import load_scenario
    from .progress import Bars
    from .study.compare import compare
    from .study.figure import make_figure, save_figure

    keys = (("drops", options.drops), ("seed", options.seed))
    overrides = [f"{key} = {value}" for key, value in keys if value is not None]
    loaded = load_scenario(options.name, plugins=options.plugin, overrides=overrides)
    _report_problems(loaded.host)
    writable(options.out)
    with Bars() as bars:
        data, figures = make_figure(loaded, compare, options.trials, bars.of("steps"))
    for path in save_figure(loaded.scenario.name, data, figures, options.out):
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _check(options: argparse.Namespace) -> int:
    from .host.host import PluginHost
    from .progress import Bars
    from .testing.terminal import check_parts

    files = [name for name in options.names if name.endswith(".py")]
    host = PluginHost([*options.plugin, *files])
    _report_problems(host)
    with Bars() as bars:
        well = check_parts(
            host, options.names, verbose=options.verbose, time_limit_s=options.time_limit, bars=bars
        )
    return 0 if well else 1


def _new(options: argparse.Namespace) -> int:
    from .base.errors import InputError
    from .scaffold import NEW_KINDS, new_part

    if options.kind not in NEW_KINDS:
        hint = suggestion(options.kind, NEW_KINDS)
        raise InputError("", f"unknown kind {options.kind!r}{hint}")
    path = new_part(options.kind, options.name, options.out)
    print(f"wrote {path}\nNext: run `isacfw check {path}`, then try the commands at the top of the file.")
    return 0


def _table(dataset: Any) -> str:
    """Return the table, as wide as the terminal and in colour where there is one."""
    from shutil import get_terminal_size

    from .progress import Bars
    from .report.table import rendered

    options: dict[str, Any] = {}
    if sys.stdout.isatty():
        colour = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        options = {"colour": colour, "width": get_terminal_size().columns}
    with Bars() as bars:
        return rendered(dataset, progress=bars.of("rows of the table"), **options)


def _report_problems(host: Any) -> None:
    for problem in host.problems:
        print(f"isacfw: {problem}", file=sys.stderr)


def _plugins(options: argparse.Namespace) -> int:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from .host.host import PluginHost

    host = PluginHost(options.plugin)
    _report_problems(host)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("kind", "name", "provider", "version", "available"):
        table.add_column(heading, no_wrap=True)
    table.add_column("summary")
    for part in host.parts():
        reason = part.cls.why_unavailable()
        cells = (
            part.kind,
            part.name,
            part.provider,
            part.version or "-",
            "yes" if reason is None else "no",
            part.cls.summary() if reason is None else reason,
        )
        table.add_row(*map(Text, cells))
    for name in host.scenarios:
        cells = ("scenario", name, host.scenario_provider(name), "-", "yes", host.scenario_summary(name))
        table.add_row(*map(Text, cells))
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)
    return 0


_COMMANDS = {
    "compare": _compare,
    "show": _show,
    "figure": _figure,
    "plugins": _plugins,
    "check": _check,
    "new": _new,
}


if __name__ == "__main__":
    run()
