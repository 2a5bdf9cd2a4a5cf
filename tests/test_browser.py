"""Reports and tables of notebooks in a browser: width, sorting and contrast; skipped without Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import isacfw
from isacfw import Comparison

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
WIDTHS = (400, 900, 1600)
LABELS = ["<script>x</script>", "[bold]b[/bold]", "a label of an allocator that is rather long, number three"]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="needs Chromium")]

MEASURE = """
const TEXTS = "p, td, th, a, summary, code, pre, li";
const luminance = text => {
  const parts = text.match(/[\\d.]+/g).slice(0, 3).map(one => one / 255);
  const [r, g, b] = parts.map(one => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const contrast = (doc, element) => {
  const own = luminance(doc.defaultView.getComputedStyle(element).color);
  const paper = luminance(doc.defaultView.getComputedStyle(doc.body).backgroundColor);
  return (Math.max(own, paper) + .05) / (Math.min(own, paper) + .05);
};
const measure = frame => {
  const doc = frame.contentDocument, table = doc.querySelector("table.isacfw-table");
  const heads = [...table.tHead.rows[0].cells];
  const cells = column => [...table.tBodies[0].rows].map(row => row.cells[column]);
  const column = heads.findIndex(head => head.textContent.includes("Sum rate"));
  const sorted = () => {
    heads[column].querySelector("button").click();
    return [heads[column].getAttribute("aria-sort"), cells(column).map(cell => cell.dataset.key)];
  };
  const texts = [...doc.querySelectorAll("svg text")].map(text => {
    const matrix = text.getScreenCTM();
    return parseFloat(doc.defaultView.getComputedStyle(text).fontSize) * Math.hypot(matrix.a, matrix.b);
  });
  const first = heads[0].querySelector("button");
  first.focus();
  return {
    width: frame.clientWidth,
    overflow: doc.documentElement.scrollWidth - doc.documentElement.clientWidth,
    sorts: [sorted(), sorted()],
    marked: heads.filter(head => head.hasAttribute("aria-sort")).length,
    words: (heads[1].querySelector("button").click(), cells(1).map(cell => cell.textContent)),
    focused: doc.activeElement === first,
    scripts: doc.scripts.length,
    text: Math.min(...texts, 99),
    contrast: Math.min(...[...doc.querySelectorAll(TEXTS)].map(one => contrast(doc, one))),
    paper: doc.defaultView.getComputedStyle(doc.body).backgroundColor,
  };
};
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(measure);
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


def measured(text: str, folder: Path, *options: str) -> list[dict[str, Any]]:
    """Return what a browser measures of a page at all widths, in the order of :data:`WIDTHS`."""
    frames = "".join(
        f'<iframe width="{width}" height="800" style="border: 0" srcdoc="{html.escape(text)}"></iframe>'
        for width in WIDTHS
    )
    page = folder / "frames.html"
    page.write_text(f'<!DOCTYPE html><pre id="found"></pre>{frames}<script>{MEASURE}</script>', encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}")
    command = [BROWSER, *flags, *options, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    result: list[dict[str, Any]] = json.loads(html.unescape(found))
    assert [one["width"] for one in result] == list(WIDTHS)
    return result


@pytest.fixture(scope="module")
def comparison(variant: Any) -> Comparison:
    """Return a comparison of twelve allocators, one of which has no answers."""
    kinds = ["exact", "equal_com", "equal_cs"]
    named = [{"kind": kind, "label": label} for kind, label in zip(kinds, LABELS, strict=True)]
    more = [{"kind": kinds[number % 3], "label": f"other {number}"} for number in range(6)]
    document = variant({"name": LABELS[0], "allocators": [*kinds, *named, *more], "precoders": ["mrt"]})
    found = isacfw.compare(isacfw.load_scenario(document))
    data = found.dataset.copy(deep=True)
    data["sum_rate"].loc[{"allocator": "other 0"}] = float("nan")
    return Comparison(dataset=data)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_in_a_browser(comparison: Comparison, scheme: str, tmp_path: Path) -> None:
    text = comparison.report(tmp_path / "report.html").read_text(encoding="utf-8")
    dark = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0") if scheme == "dark" else ()
    for found in measured(text, tmp_path, *dark):
        assert found["overflow"] <= 0
        assert found["scripts"] == 1
        assert found["text"] >= 6.5
        assert found["contrast"] >= 4.5
        assert (found["paper"] == "rgb(255, 255, 255)") == (scheme == "light")
        check_sorting(found)


def test_a_table_of_a_notebook_in_a_browser(comparison: Comparison, tmp_path: Path) -> None:
    # The same twice: each table has its own state.
    fragment = comparison._repr_html_()
    page = f'<!DOCTYPE html><body style="background: white">{fragment}{fragment}</body>'
    for found in measured(page, tmp_path):
        assert found["overflow"] <= 0
        assert found["contrast"] >= 4.5
        check_sorting(found)


@pytest.mark.parametrize(
    ("theme", "paper", "ink"),
    [
        ('data-jp-theme-light="true"', "#ffffff", "#212121"),
        ('data-jp-theme-light="false"', "#111111", "#e0e0e0"),
        ('class="vscode-light"', "#ffffff", "#3b3b3b"),
        ('class="vscode-dark"', "#1f1f1f", "#cccccc"),
    ],
)
@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_a_table_of_a_notebook_has_the_colours_of_its_theme(
    comparison: Comparison, theme: str, paper: str, ink: str, scheme: int, tmp_path: Path
) -> None:
    # The theme of a notebook need not be that of the system.
    page = comparison._repr_html_().replace("<details>", "<details open>")
    page = f'<!DOCTYPE html><body {theme} style="background: {paper}; color: {ink}">{page}</body>'
    for found in measured(page, tmp_path, f"--blink-settings=preferredColorScheme={scheme}"):
        assert found["overflow"] <= 0
        assert found["contrast"] >= 4.5


def check_sorting(found: dict[str, Any]) -> None:
    (up, rising), (down, falling) = found["sorts"]
    assert (up, down) == ("ascending", "descending")
    numbers = [[float(one) for one in column if one] for column in (rising, falling)]
    assert len(numbers[0]) == 11
    assert numbers[0] == sorted(numbers[0])
    assert numbers[1] == sorted(numbers[1], reverse=True)
    # A missing number is last in both.
    assert rising[-1] == falling[-1] == ""
    assert found["marked"] == 1
    assert found["focused"]
    assert set(LABELS) <= {word.removesuffix(" ★") for word in found["words"]}


def test_a_page_that_is_too_wide_would_be_noticed(comparison: Comparison, tmp_path: Path) -> None:
    wide = comparison._repr_html_().replace("overflow-x: auto", "")
    assert any(found["overflow"] > 0 for found in measured(f"<!DOCTYPE html><body>{wide}</body>", tmp_path))
