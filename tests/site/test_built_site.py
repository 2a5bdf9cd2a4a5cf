"""The built site is complete by itself: links, anchors, files, and nothing from outside; in a browser too."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "srcset")}
LOADED |= {("audio", "src"), ("video", "src"), ("object", "data"), ("embed", "src")}
LOOKED_AT = (
    *("index", "five_minutes", "concepts", "model", "errors", "faults", "gallery/index", "validation"),
    *("gallery/1_comparisons/plot_sweep", "parts/channel", "api/allocation", "cli", "search", "changelog"),
)
WIDTHS = (400, 900, 1600)
THEME = "/_static/scripts/pydata-sphinx-theme.js"


class Page(HTMLParser):
    """Links, loaded addresses and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.loaded += [value for name, value in values.items() if (tag, name) in LOADED]
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def pages(site: Path) -> list[Path]:
    found = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    assert len(found) > 80
    return found


def test_no_page_loads_anything_from_outside(site: Path) -> None:
    outside = [
        (path.relative_to(site), address)
        for path in pages(site)
        for address in read(path).loaded
        if urlsplit(address).scheme not in ("", "data") or address.startswith("//")
    ]
    assert not outside
    styles = [*site.rglob("*.css")]
    assert styles
    for style in styles:
        text = style.read_text(encoding="utf-8")
        assert not re.findall(r"url\(\s*['\"]?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*", text), style


def test_links_files_and_anchors_of_all_pages_exist(site: Path) -> None:
    broken = []
    for path in pages(site):
        for address in (*read(path).links, *read(path).loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or not target.is_relative_to(site):
                broken.append((str(path.relative_to(site)), address))
            elif parts.fragment and target.suffix == ".html" and path.stem != "search":
                anchors = read(target).anchors
                if unquote(parts.fragment) not in anchors and parts.fragment not in anchors:
                    broken.append((str(path.relative_to(site)), address))
    assert not broken


def test_a_broken_link_would_be_found() -> None:
    page = Page('<a href="x.html#y">x</a><img src="https://a.b/c.png"><h1 id="z">z</h1>')
    assert (page.links, page.loaded, page.anchors) == (["x.html#y"], ["https://a.b/c.png"], {"z"})


def test_messages_parts_and_names_are_in_the_search_index(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("tr38901", "clutter_dens", "load_scenario", "suggest", "inverse_fad"):
        assert word in index, word
    # Messages stand on the page as text, not as a picture or script.
    errors = re.sub(r"<[^>]*>", "", (site / "errors.html").read_text(encoding="utf-8"))
    assert "is not a known key" in errors


@pytest.mark.skipif(not BROWSER, reason="needs Chromium")
@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_page_in_a_browser_has_no_errors_and_asks_for_nothing_outside(
    site: Path, name: str, tmp_path: Path
) -> None:
    log = tmp_path / "network.json"
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
    flags += ("--disable-component-update", "--enable-logging=stderr", f"--log-net-log={log}")
    flags += (f"--user-data-dir={tmp_path / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND")
    command = [BROWSER, *flags, "--virtual-time-budget=3000", "--dump-dom", (site / f"{name}.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "</html>" in done.stdout
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    # The theme reports what it does.
    assert not [line for line in console if THEME not in line or re.search("Uncaught|Failed|[Ee]rror", line)]
    asked = set(re.findall(r'"url":"((?:https?|wss?):[^"]*)"', log.read_text(encoding="utf-8", errors="replace")))
    own = {address for address in asked if not re.search(r"google|gstatic|gvt1|chrome", address)}
    assert not own


MEASURE = """
addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  const found = frames.map(frame => {
    const page = frame.contentDocument.documentElement;
    return [frame.clientWidth, page.scrollWidth - page.clientWidth, frame.contentDocument.title];
  });
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


@pytest.mark.skipif(not BROWSER, reason="needs Chromium")
@pytest.mark.parametrize("name", [name for name in LOOKED_AT if name != "search"])
def test_a_page_is_as_wide_as_the_window(site: Path, name: str, tmp_path: Path) -> None:
    address = (site / f"{name}.html").as_uri()
    frames = "".join(
        f'<iframe width="{width}" height="800" style="border: 0" src="{address}"></iframe>' for width in WIDTHS
    )
    page = tmp_path / "frames.html"
    page.write_text(f'<!DOCTYPE html><pre id="found"></pre>{frames}<script>{MEASURE}</script>', encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files")
    command = [BROWSER, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    (text,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    found = json.loads(text.replace("&amp;", "&"))
    assert [width for width, _, _ in found] == list(WIDTHS)
    assert all(title for _, _, title in found)
    assert [over for _, over, _ in found] == [0, 0, 0]
