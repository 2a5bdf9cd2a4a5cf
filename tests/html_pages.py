"""A reader of HTML pages that finds out what is wrong with them."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """A page: its elements, ids, references, texts and headings; elements must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def named(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def references(self) -> list[str]:
        """Return all that elements and styles refer to."""
        names = ("href", "src", "srcset", "xlink:href", "action", "data", "poster", "rdf:resource")
        found = [own[name] for _, own in self.elements for name in names if name in own]
        styles = [own.get("style", "") + own.get("clip-path", "") for _, own in self.elements]
        text = " ".join([*styles, *self.texts.get("style", [])])
        return found + ["".join(pair) for pair in re.findall(r"url\(([^)]*)\)|@import (\S*)", text)]

    def check(self) -> None:
        """Check that the page is complete, accessible and refers to nothing else."""
        for reference in self.references():
            assert reference.startswith(("#", "data:image/png")), reference
        ids = [own["id"] for _, own in self.elements if "id" in own]
        assert len(ids) == len(set(ids))
        targets = [own["href"][1:] for own in self.named("a")]
        assert set(targets) <= set(ids)
        assert not [own for _, own in self.elements if any(name.startswith("on") for name in own)]
        levels = [int(tag[1]) for tag, _ in self.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels
        assert self.named("html") == [{"lang": "en"}]
        assert len(self.named("title")) == 1
        assert len(self.named("caption")) == len(self.named("table"))
        assert all(own["scope"] in ("col", "row") for own in self.named("th"))
        assert all(own["role"] == "img" and own["aria-label"] for own in self.named("svg"))
