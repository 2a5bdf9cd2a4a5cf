"""What notebooks show: results with all that explains them, and figures."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import attrs

from .html_table import html_table
from .markup import environment
from .overview_figures import fewer_points
from .places import sweep_of
from .style import COSTS

if TYPE_CHECKING:
    import xarray

    from .plain_figure import PlainFigure

_MOST_ROWS = 300
"""Number of rows of a table up to which all points of a sweep are shown."""

_OTHERS = {
    "status": "Status of an allocation",
    "feasible": "Whether all limits hold",
    "message": "Why there is no answer",
    "bound": "Bound of the objective",
    "users": "Number of users",
}
"""Meanings of variables that state none."""


class Figures(dict[str, Any]):
    """Figures by title, which notebooks show one below the other."""

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        images = [_Image.of(title, figure) for title, figure in self.items()]
        page = environment().get_template("figures.html").render(images=images)
        return {"text/html": page, "text/plain": f"figures: {', '.join(self) or 'none'}"}


@attrs.frozen(kw_only=True)
class _Image:
    """An image: title, width in pixels, and content."""

    title: str
    width: int
    content: str

    @classmethod
    def of(cls, title: str, figure: PlainFigure) -> _Image:
        content = base64.b64encode(figure.png()).decode("ascii")
        return cls(title=title, width=round(96 * figure.get_size_inches()[0]), content=content)


def comparison_html(dataset: xarray.Dataset) -> str:
    """Return results as HTML: table, variables and scenario."""
    rows = dataset["status"].sizes
    points = _product(rows[name] for name in sweep_of(dataset))
    each = max(1, _product(rows.values()) // rows.get("drop", 1) // points)
    thin = fewer_points(dataset, max(1, _MOST_ROWS // each))
    table = html_table(thin)
    left = points - _product(thin.sizes[name] for name in sweep_of(thin))
    if left:
        note = f"{left} of {points} points of the sweep are left out; comparison.table() has all"
        table = attrs.evolve(table, notes=(note, *table.notes))
    template = environment().get_template("notebook.html")
    scenario = dataset.attrs.get("scenario", "")
    return template.render(table=table, variables=_variables(dataset), scenario=scenario)


def _product(numbers: Any) -> int:
    found = 1
    for number in numbers:
        found *= number
    return found


def _variables(dataset: xarray.Dataset) -> list[tuple[str, str, str, str]]:
    """Return name, axes, unit and meaning of each variable."""
    meanings = COSTS | _OTHERS
    return [
        (
            str(name),
            ", ".join(map(str, one.dims)),
            str(one.attrs.get("units", "")),
            str(one.attrs.get("long_name") or meanings.get(str(name), "")),
        )
        for name, one in dataset.data_vars.items()
    ]
