"""Templates of HTML, in which all text is text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ..base.text import escape_controls

if TYPE_CHECKING:
    from jinja2 import Environment

_LONGEST = 200
"""Number of characters of a text; a longer one ends in an ellipsis."""


@cache
def environment() -> Environment:
    """Return the templates of reports, which escape all text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("isacfw", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_escape_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _escape_text(value: Any) -> Any:
    """Return a value that a template shows: text without characters that control anything; markup as it is."""
    return escape_controls(value, keep="\n\t") if type(value) is str else value


def shorten(text: str, most: int = _LONGEST) -> str:
    """Return a text of at most a number of characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def citation(version: str) -> str:
    """Return the BibTeX entries of a version of the framework, and of its model."""
    loader = environment().loader
    assert loader is not None
    source, *_ = loader.get_source(environment(), "citation.bib")
    return source.replace("@VERSION@", version)
