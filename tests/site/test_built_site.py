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
    *("gallery/1_comparisons/plot_sweep", "parts/channel", "api/allocation", "cli", "changelog", "search"),
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


Looked = tuple[list[tuple[str, int, int, int]], list[str], set[str]]

MEASURE = """
const results = frame => frame.contentDocument.querySelectorAll("#search-results > ul > li").length;
// Results appear one after another; the summary counts them when all are there.
const summary = frame => frame.contentDocument.querySelector(".search-summary")?.textContent ?? "";
const finish = left => {
  const frames = [...document.querySelectorAll("iframe")];
  if (left && !/ found /.test(summary(frames.at(-1)))) { setTimeout(() => finish(left - 1), 100); return; }
  const found = frames.map(frame => {
    const page = frame.contentDocument.documentElement;
    return [frame.dataset.page, frame.clientWidth, page.scrollWidth - page.clientWidth, results(frame)];
  });
  document.getElementById("found").textContent = JSON.stringify(found);
};
addEventListener("load", () => finish(100));
"""


@pytest.fixture(scope="module")
def looked_at(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Looked:
    """Return measures of pages at all widths, the console, and addresses outside that were asked for."""
    if not BROWSER:
        pytest.skip("needs Chromium")
    folder = tmp_path_factory.mktemp("browser")
    frames = "".join(
        f'<iframe data-page="{name}" width="{width}" height="800" style="border: 0"'
        f' src="{(site / f"{name}.html").as_uri()}{"?q=tr38901" if name == "search" else ""}"></iframe>'
        for name in LOOKED_AT
        for width in WIDTHS
    )
    page, log = folder / "frames.html", folder / "network.json"
    page.write_text(f'<!DOCTYPE html><pre id="found"></pre>{frames}<script>{MEASURE}</script>', encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--allow-file-access-from-files")
    flags += ("--enable-logging=stderr", f"--log-net-log={log}", f"--user-data-dir={folder / 'profile'}")
    flags += ("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=60000", "--dump-dom")
    done = subprocess.run(
        [BROWSER, *flags, page.as_uri()], capture_output=True, text=True, timeout=240, check=True
    )
    (text,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    network = log.read_text(encoding="utf-8", errors="replace")
    asked = set(re.findall(r'"url":"((?:https?|wss?):[^"]*)"', network))
    return json.loads(text), console, asked


def test_pages_are_as_wide_as_the_window(looked_at: Looked) -> None:
    found, _, _ = looked_at
    assert [(name, width) for name, width, _, _ in found] == [
        (name, width) for name in LOOKED_AT for width in WIDTHS
    ]
    assert not [(name, width, over) for name, width, over, _ in found if over]


def test_the_search_finds_pages_offline(looked_at: Looked) -> None:
    assert [results for name, _, _, results in looked_at[0] if name == "search"][-1] > 1


def test_pages_have_no_errors_in_the_console(looked_at: Looked) -> None:
    # The theme reports what it does.
    _, console, _ = looked_at
    own = [line for line in console if THEME not in line and "[PST]" not in line]
    assert not own
    assert not [line for line in console if re.search("Uncaught|Failed|[Ee]rror", line)]


def test_pages_ask_for_nothing_outside(looked_at: Looked) -> None:
    # The browser itself looks for updates of its own.
    _, _, asked = looked_at
    assert not {address for address in asked if not re.search(r"//[\w.-]*(google|gstatic|gvt1)[\w.-]*/", address)}
