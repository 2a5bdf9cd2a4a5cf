"""The table of all ratios that a run of the benchmarks has measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("pytest_benchmark")

_ROWS = pytest.StashKey[list[tuple[str, str, float, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


@pytest.fixture
def record(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that puts a number into the table, beside the limit that is wanted of it."""

    def of(what: str, value: float, *, at_most: float | None = None, at_least: float | None = None) -> None:
        benchmark.extra_info[what] = float(value)
        wanted = f"at most {at_most:g}" if at_most is not None else ""
        wanted = f"at least {at_least:g}" if at_least is not None else wanted
        missed = (at_most is not None and value > at_most) or (at_least is not None and value < at_least)
        wanted += " (missed)" if missed else ""
        request.config.stash[_ROWS].append((request.node.name, what, value, wanted))

    return of


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    terminalreporter.section("ratios of what this run has measured")
    for line in _lines(rows):
        terminalreporter.write_line(line)


def _lines(rows: list[tuple[str, str, float, str]]) -> Iterator[str]:
    width = max(len(what) for _, what, _, _ in rows)
    previous = ""
    for name, what, value, wanted in rows:
        if name != previous:
            yield name.removeprefix("test_").replace("_", " ")
        previous = name
        number = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        yield f"    {what:<{width}}  {number:>8}  {wanted}".rstrip()
