"""The table of the peers: every peer that is registered is in it, has a figure, and a link to its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import isacfw

FOLDER = Path(__file__).parents[1] / "docs" / "peers"
HOST = isacfw.PluginHost(discover=False)
PEERS = sorted(name for name in HOST.scenarios if re.fullmatch(r"[a-z]+20\d\d", name))
TABLES = [table.splitlines() for table in (FOLDER / "README.md").read_text(encoding="utf-8").split("\n\n")]


def rows(table: int) -> dict[str, str]:
    """Return the rows of a table by the scenario in their first cell."""
    found = [lines for lines in TABLES if lines[0].startswith("| scenario")][table]
    return {match[1]: line for line in found if (match := re.match(r"\| \[?`(\w+)`", line))}


def test_peers_are_found() -> None:
    assert {"nguyen2025", "buzzi2019", "topal2024", "liu2022"} <= {*PEERS}


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_in_the_tables_with_its_page(name: str) -> None:
    assert name in rows(0)
    assert name in rows(1)
    if name != "nguyen2025":
        assert (FOLDER / f"{name}.md").exists()
        assert f"[`{name}`]({name}.md)" in rows(0)[name]


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_has_a_figure(name: str) -> None:
    figures = {part.name for part in HOST.parts("figure")}
    assert name in figures or f"{name}-fig5" in figures
    assert f"isacfw figure {name}" in rows(1)[name]


def test_every_page_is_that_of_a_scenario() -> None:
    pages = {page.stem for page in FOLDER.glob("*.md")} - {"README"}
    assert pages <= {*PEERS}
    assert rows(0).keys() == rows(1).keys()
