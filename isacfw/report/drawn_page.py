"""The report of results on drawn channels: a single file in HTML without references to others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from .drawn import DrawnResults
from .markup import citation, environment, shorten
from .sortable import HtmlTable
from .style import plain_text
from .svg import Drawing, inline_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS = 400
_MOST_REASONS = 60
_LONGEST_SCENARIO = 60_000


@attrs.frozen(kw_only=True)
class Part:
    """All that the report shows; see :class:`isacfw.report.page.Part`."""

    number: str = "d"
    verdict: tuple[str, ...]
    table: HtmlTable
    drawings: tuple[Drawing, ...]
    skipped: tuple[str, ...]
    unsolved: tuple[tuple[str, ...], ...]
    scenario: str
    rerun: str
    versions: dict[str, str]
    seed: str


def render_drawn_page(results: DrawnResults, figures: Mapping[str, Figure], skipped: Sequence[str]) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    results : DrawnResults
        The results.
    figures : mapping of str to matplotlib.figure.Figure
        Figures of their scenario by title.
    skipped : sequence of str
        Figures that are left out, with reasons.
    """
    attributes = results.dataset.attrs
    title, reasons = shorten(str(attributes["title"])), list(skipped)
    drawn = {"Means with standard errors": results.plot(), **figures}
    versions = json.loads(attributes.get("versions", "{}"))
    scenario = str(attributes.get("scenario", ""))
    if len(scenario) > _LONGEST_SCENARIO:
        scenario = scenario[:_LONGEST_SCENARIO]
        reasons.append("the end of the scenario, which is too long to be shown")
    unsolved = list(_without_result(results.records()))
    if len(unsolved) > _MOST_REASONS:
        reasons.append(f"reasons: the first {_MOST_REASONS} of {len(unsolved)} are shown")
    part = Part(
        verdict=tuple(shorten(sentence, 400) for sentence in results.verdict()[:_MOST_REASONS]),
        table=results.lines().sortable().first(_MOST_ROWS),
        drawings=tuple(_drawings(drawn)),
        skipped=tuple(reasons),
        unsolved=tuple(unsolved[:_MOST_REASONS]),
        scenario=scenario,
        rerun=str(attributes.get("rerun", "")),
        versions=versions,
        seed=str(attributes.get("seed", "")),
    )
    page: str = (
        environment()
        .get_template("drawn.html")
        .render(title=title, part=part, citation=citation(versions.get("isacfw", "")))
    )
    return page


def _drawings(figures: Mapping[str, Figure]) -> Iterator[Drawing]:
    with plain_text():
        for number, (title, figure) in enumerate(figures.items()):
            caption = " ".join(figure.get_suptitle().split())
            if caption:
                figure.suptitle("")
            yield Drawing(title=title, caption=caption, svg=inline_svg(figure, title, f"d-f{number}"))


def _without_result(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield where draws have no result, how many, and why."""
    for one in records:
        total = one.get("draws", one.get("channels", 0))
        if one["solved"] == total:
            continue
        if "title" in one:
            where = f"{one['title']} ({one['knows']}), rates of at least {one['target']:g} bit/s/Hz"
        else:
            where = f"{one['beamformer']}, SINR targets of {one['sinr_db']:g} dB"
        why = "; ".join(filter(None, one["messages"])) or "no reason was given"
        yield shorten(where), f"{total - one['solved']} of {total}", shorten(why, 500)
