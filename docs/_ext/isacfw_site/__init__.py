"""Sphinx extension of the site: links to files of the repository, pages from them, and formulas as MathML."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from .api import list_names
from .command_line import list_commands, list_general
from .errors import list_messages
from .messages import ROOT
from .parts import list_parts, tabulate_parts
from .texts import measure, show_citation, show_table
from .tree import list_files

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "examples/plugin_package/README.md": "plugin_package.md",
    "tests/data/channels/README.md": "recorded_channels.md",
}
"""Pages of the site that stand for files of the repository."""
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_WHOLE = re.compile(r"^```\{whole-file\} (\S+)\n```$", re.MULTILINE)
_GENERATED = re.compile(r"^```\{generated\} (\S+) ?(.*)\n(?:.*\n)*?```$", re.MULTILINE)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
GENERATORS = {
    "api": list_names,
    "citation": show_citation,
    "commands": list_commands,
    "files": list_files,
    "general-options": list_general,
    "parts": list_parts,
    "readme-table": show_table,
    "table-of-parts": tabulate_parts,
    "validation": measure,
}
"""What a block ``generated NAME ARGUMENT`` of a page is replaced by."""


def read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Take in whole files of the repository, and lead links out of docs/ to pages or files."""
    if Path(app.env.doc2path(docname)).suffix != ".md":
        return
    page = f"docs/{docname}.md"
    whole = _WHOLE.search(source[0])
    if whole:
        page = posixpath.normpath(posixpath.join("docs", whole[1]))
        source[0] = (ROOT / page).read_text(encoding="utf-8")
    here = posixpath.dirname(f"docs/{docname}")
    if "```{generated}" in source[0]:
        source[0] = generate(source[0])
        app.env.note_reread()
    source[0] = rewrite_links(source[0], posixpath.dirname(page), here)


def generate(text: str) -> str:
    """Return a page with what its blocks ``generated`` stand for; that of errors needs the heading above it."""

    def fill(found: re.Match[str]) -> str:
        if found[1] == "errors":
            return list_messages(_HEADING.findall(text, 0, found.start())[-1])
        return GENERATORS[found[1]](found[2])

    return _GENERATED.sub(fill, text)


def rewrite_links(text: str, folder: str, here: str) -> str:
    """Return a page of `folder` with links as they are for a page in the folder `here` of the site."""

    def lead(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        page = f"docs/{PAGES[target]}" if target in PAGES else target
        if not page.startswith("docs/") and (ROOT / target).is_dir():
            page = "docs/files.md"
            return f"]({posixpath.relpath(page, here)}#{target.replace('/', '')})"
        return f"]({posixpath.relpath(page, here)}{found[2] or ''})"

    parts, end = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(lead, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(lead, text[end:])])


_FUNCTIONS = re.compile(r"(?<!<msub>)(?<!<msup>)(?<!<msubsup>)<mi>(sin|cos|tan|log|exp|min|max)</mi>")


def to_mathml(formula: str, display: str = "inline") -> str:
    """Return a formula in TeX as MathML, with a thin space between a function and its argument."""
    return _FUNCTIONS.sub(r'<mi>\1</mi><mspace width="0.16em"/>', convert(formula, display=display))


def visit_inline_math(translator: Any, node: nodes.math) -> None:
    """Write a formula of a line."""
    translator.body.append(to_mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula of its own paragraph."""
    formula = to_mathml(node.astext(), display="block")
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_lexer("csv", TextLexer)
    app.add_html_math_renderer("mathml", (visit_inline_math, None), (visit_math_block, None))
    app.connect("source-read", read_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
