"""The pages of docs/extending, channels and peers: every block runs, in order, and shows what that prints.

``python tests/test_extending.py [PAGE ...]`` writes into the pages what their commands print now.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_documentation import same_word, without_times

from isacfw.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [page for folder in ("extending", "channels", "peers") for page in sorted((DOCS / folder).glob("*.md"))]
PAGES += [DOCS / "five_minutes.md", DOCS / "concepts.md"]
LANGUAGES = {"python", "toml", "csv", "console", "text"}
NOT_RUN = {"sh", "{raw}"}
"""Blocks that a reader follows outside the working directory of the tests, and pictures."""
KINDS = (
    "precoder",
    "beam",
    "objective",
    "requirement",
    "allocator",
    "beamformer",
    "metric",
    "channel",
    "array",
    "figure",
)
LONGEST_PLUGIN = 15
FAST = {"docs/five_minutes", "docs/concepts", "extending/metric", "channels/README", "channels/file"}
ELSEWHERE = {"channels/correlated", "channels/tr38901", "peers/buzzi2019", "peers/topal2024"}
"""Pages whose commands test_documentation.py runs, that of the figure with fewer values."""
RECORDED = {
    "from_sionna_rt.py": "sionna_rt.npz",
    "from_quadriga.py": "quadriga.npz",
    "from_matlab.m": "matlab.mat",
}
"""Scripts for software that may be absent, and what they wrote, which a page's numbers are those of."""

_BLOCK = re.compile(r"^```([\w{}]*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`([\w./-]+\.(?:py|toml|csv))`")
_SWEEP = re.compile(r"^(sweep\.[^=]*=\[[^,]*,[^,]*),.*\]$")
_STATUS = re.compile(r"exit status (\d)")
_PYTEST_TIME = re.compile(r"\bin [\d.]+s\b( \(\d+:\d+:\d+\))?")


class Block(NamedTuple):
    """A fenced block, and the paragraph that introduces it."""

    language: str
    text: str
    introduction: str

    @property
    def file(self) -> str | None:
        """The file that the line above it names last, if it names one."""
        names = _FILE.findall(self.introduction.rpartition("\n")[2])
        return names[-1] if names else None

    @property
    def status(self) -> int:
        """The exit status that the paragraph above it names, or 0."""
        named = _STATUS.search(self.introduction)
        return int(named[1]) if named else 0


def name_of(page: Path) -> str:
    """Return folder and stem of a page."""
    return f"{page.parent.name}/{page.stem}"


def blocks_of(page: str) -> Iterator[tuple[Block, re.Match[str]]]:
    """Yield the fenced blocks of a page, each with its match."""
    end = 0
    for found in _BLOCK.finditer(page):
        introduction = page[end : found.start()].strip().rpartition("\n\n")[2]
        yield Block(found[1], found[2], introduction), found
        end = found.end()


def commands(block: Block) -> list[list[str]]:
    """Return the words of each line of a console block; a line that ends in a backslash goes on."""
    return [shlex.split(line) for line in block.text.replace("\\\n", " ").splitlines() if line.strip()]


class Reader:
    """Someone who follows a page to the letter, in the working directory, with the files of the repository."""

    def __init__(self, name: str) -> None:
        self.namespace: dict[str, Any] = {"__name__": "page"}
        self.name, self.printed = name, ""
        for folder in ("examples", "tests"):
            Path(folder).symlink_to(ROOT / folder)

    def follow(self, block: Block, shown: bool = True) -> None:
        """Do what a block says; a text block must be what was printed last.

        Sweeps are short where the page does not show what is printed, but a picture.
        """
        if block.language in NOT_RUN:
            return
        if block.language == "text":
            assert agrees(block.text, self.printed), f"printed instead:\n{self.printed}"
        elif block.language == "console":
            self.printed = ""
            for words in commands(block):
                status, printed = run(words if shown else shortened(words))
                self.printed += printed
                assert status == block.status, printed
        elif block.file is not None:
            Path(block.file).write_text(block.text, encoding="utf-8")
        else:
            assert block.language == "python", "a block of data needs the name of its file on the line above it"
            with redirect_stdout(StringIO()) as stream:
                exec(compile(block.text, self.name, "exec"), self.namespace)
            self.printed = stream.getvalue()


def shortened(words: list[str]) -> list[str]:
    """Return the words of a command with the first two values of each sweep, and few simulations of a figure."""
    short = [_SWEEP.sub(r"\1]", word) for word in words]
    return [*short, "--trials", "2"] if words[:2] == ["isacfw", "figure"] else short


def run(words: list[str]) -> tuple[int, str]:
    """Return exit status and output of a command, both streams as a terminal shows them, with short paths."""
    if words[0] == "isacfw":
        stream = StringIO()
        with redirect_stdout(stream), redirect_stderr(stream):
            try:
                status = main(words[1:])
            except SystemExit as stop:
                status = int(stop.code or 0)
        printed = stream.getvalue()
    elif (recorded := RECORDED.get(Path(words[1]).name)) is not None:
        assert (ROOT / words[1]).exists(), words
        shutil.copy(ROOT / "tests" / "data" / "channels" / recorded, recorded)
        status, printed = 0, ""
    else:
        assert words[0] == "python", words
        done = subprocess.run(
            [sys.executable, *words[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
        status, printed = done.returncode, done.stdout
    # Pages say once that a scenario file may load plugins of its folder.
    printed = "".join(line for line in printed.splitlines(keepends=True) if "is loaded, which" not in line)
    return status, printed.replace(f"{Path.cwd()}{os.sep}", "")


def words_of(text: str) -> list[str]:
    """Return the words of an output without its times."""
    return _PYTEST_TIME.sub("", "\n".join(without_times(text))).split()


def agrees(shown: str, printed: str) -> bool:
    """Compare word by word, numbers up to a little in the last digit; a line of ``...`` stands for any lines."""
    *firsts, last = (words_of(part) for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE))
    rest, anywhere = words_of(printed), False
    for part in firsts:
        place = next((at for at in range(len(rest) + 1) if _begins(rest[at:], part)), None) if anywhere else 0
        if place is None or not _begins(rest[place:], part):
            return False
        rest, anywhere = rest[place + len(part) :], True
    return _begins(rest[len(rest) - len(last) :] if anywhere else rest, last, whole=not anywhere)


def _begins(words: list[str], part: list[str], *, whole: bool = False) -> bool:
    enough = len(words) == len(part) if whole else len(words) >= len(part)
    return enough and all(a == b or same_word(a, b) for a, b in zip(part, words, strict=False))


@pytest.mark.parametrize(
    "page",
    [
        page if name_of(page) in FAST else pytest.param(page, marks=pytest.mark.slow)
        for page in PAGES
        if name_of(page) not in ELSEWHERE
    ],
    ids=name_of,
)
def test_page_does_what_it_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    reader, before = Reader(page.name), ""
    steps = list(blocks_of(page.read_text(encoding="utf-8")))
    for (block, found), following in itertools.zip_longest(steps, steps[1:]):
        try:
            reader.follow(block, shown=following is not None and following[0].language == "text")
        except AssertionError as error:
            raise AssertionError(f"{page.name}, after\n{before}\n{found[0]}\n{error}") from None
        before = found[0]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_of_a_language_that_is_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = [block for block, _ in blocks_of(text)]
    assert {block.language for block in blocks} <= LANGUAGES | NOT_RUN
    assert len(re.findall(r"^\s*(```|~~~)", text, re.MULTILINE)) == 2 * len(blocks)


@pytest.mark.parametrize("kind", ["precoder", "beam", "allocator"])
def test_plugin_is_short(kind: str) -> None:
    page = next(page for page in PAGES if page.stem == kind).read_text(encoding="utf-8")
    plugin = next(block for block, _ in blocks_of(page) if block.language == "python" and block.file)
    lines = [line for line in plugin.text.splitlines() if line.strip()]
    assert f"register_{kind}s" in plugin.text
    assert len(lines) <= LONGEST_PLUGIN, len(lines)


@pytest.mark.parametrize("kind", KINDS)
def test_page_takes_its_part_all_the_way(kind: str) -> None:
    page = next(page for page in PAGES if page.stem == kind).read_text(encoding="utf-8")
    lines = [words for block, _ in blocks_of(page) if block.language == "console" for words in commands(block)]
    assert any(words[:2] == ["isacfw", "check"] for words in lines)
    made_by = {"figure": "figure", "beamformer": "beamform"}.get(kind, "compare")
    assert any(words[:2] == ["isacfw", made_by] and "--out" in words for words in lines)
    assert any(words[:3] == ["python", "-m", "pytest"] for words in lines)
    assert f"../figures/extending-{kind}.png" in page


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_images_exist(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    assert links
    assert not [link for link in links if not (page.parent / link).exists()]


def test_other_output_is_noticed() -> None:
    assert agrees("a 1.0000\n...\nz", "a 1.0001\nb c\nz")
    assert agrees("a\n...\nc\n...\n", "a\nb\nc\nd")
    assert agrees("3 passed in 0.50s", "3 passed in 1.25s")
    assert agrees("3 passed in 0.50s", "3 passed in 65.81s (0:01:05)")
    assert not agrees("a\n...\nc", "a\nb")
    assert not agrees("a\n...\nc\n...\nz", "a\nb\nz")
    assert agrees("got NaN", "got NaN")
    assert not agrees("a b", "a b c")
    assert not agrees("1.0000", "1.0010")


def rewritten(page: str, name: str) -> str:
    """Return a page with what its commands print, where that is another text and none has lines left out."""
    reader, parts, end = Reader(name), [], 0
    for block, found in blocks_of(page):
        parts.append(page[end : found.start()])
        end = found.end()
        kept = block.language == "text" and ("..." in block.text.split() or agrees(block.text, reader.printed))
        if block.language == "text" and not kept:
            printed = "\n".join(line.rstrip() for line in reader.printed.strip("\n").splitlines())
            parts.append(f"```text\n{printed}\n```")
        else:
            reader.follow(block)
            parts.append(found[0])
    return "".join([*parts, page[end:]])


if __name__ == "__main__":
    for path in PAGES:
        if not sys.argv[1:] or {path.stem, name_of(path)} & set(sys.argv[1:]):
            with tempfile.TemporaryDirectory() as folder, chdir(os.path.realpath(folder)):
                text = rewritten(path.read_text(encoding="utf-8"), path.name)
            path.write_text(text, encoding="utf-8")
