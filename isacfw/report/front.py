"""Pareto fronts: an objective against the CRLB, the power or the minimum rate, along a limit."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..allocation.problem import FEASIBILITY_TOLERANCE
from ..base.errors import InputError
from ..base.progress import Progress
from ..results.open import open_results
from ..results.schema import ANGLES_GROUP, Variable, margin_variable, roles_in
from .dominance import ABSCISSA, AGAINST, DOMINATED, dominated, exact_allocators
from .places import paths_along, sweep_of
from .summary import Columns

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

_LABELS = {
    "crlb": ("CRLB of the worst angle", "dB rad^2"),
    "sum_crlb": ("Sum of the CRLBs", "dB rad^2"),
    "power": ("Transmit power over noise", "dB"),
    "rate": ("Smallest rate of a user", "bit/s/Hz"),
}


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ParetoFront:
    r"""Allocations along a limit: an objective against what the limit holds down.

    Parameters
    ----------
    dataset : xarray.Dataset
        The data set of the comparison along the limit, see :class:`~isacfw.Comparison`, with two further
        variables: ``abscissa``, what an allocation achieves, and ``dominated``, whether another allocation with
        the same precoder and beam in the same drop is better by more than 0.1 % of the objective, and no worse
        in its abscissa. The abscissa is missing where there is no allocation, or one that violates anything but
        the limit that is followed.

    Notes
    -----
    For the CRLBs of single angles, the abscissa is :math:`10 \log_{10} \max_i [J^{-1}]_{ii} L / L_i`, with the
    limits :math:`L_i` and the tightest of them, L: the worst CRLB, if all limits are the same. For a sum, it is
    :math:`10 \log_{10} \sum_i w_i [J^{-1}]_{ii}`; for the power, :math:`10 \log_{10} P_t (f + q)`; for the rate,
    :math:`\min_k R_k`. An optimal allocation under a limit is on the front: every allocation whose abscissa is no
    worse meets the same limit, so its objective is no better.
    """

    dataset: xarray.Dataset

    @classmethod
    def of(cls, dataset: xarray.Dataset, *, against: str = "crlb", along: str) -> ParetoFront:
        """Return the front of a comparison that sweeps a limit.

        Parameters
        ----------
        dataset : xarray.Dataset
            The data set of the comparison, see :class:`~isacfw.Comparison`.
        against : {"crlb", "sum_crlb", "power", "rate"}
            The quantity that the limit holds down, or up for a rate.
        along : str
            The swept path of the limit, such as ``"sensing.crlb_limit_db"``.

        Raises
        ------
        InputError
            If the comparison does not sweep the path, or there is no such limit.
        """
        if against not in AGAINST:
            raise InputError("against", f"must be one of {', '.join(map(repr, AGAINST))}, got {against!r}")
        if along not in sweep_of(dataset):
            raise InputError("along", f"must be a path that the comparison sweeps, got {along!r}")
        if linked := paths_along(dataset, along)[1:]:
            named = " and ".join(linked)
            raise InputError(
                "along", f"must be a path that is swept alone, got {along!r}, which moves with {named}"
            )
        values = _abscissa(dataset, against, along)
        values = values.where(_is_answer(dataset, _followed(dataset, against, along)))
        values = values.transpose(*dataset["status"].dims)
        label, unit = _LABELS[against]
        own = Variable(name=ABSCISSA, unit=unit, label=label, role="derived", better=_better(against))
        new = dataset.assign({ABSCISSA: values.assign_attrs(own.attributes)})
        new = new.assign_attrs(against=against, along=along)
        flag = Variable(name=DOMINATED, dtype="bool", role="derived", label="Whether another one is better")
        return cls(dataset=new.assign({DOMINATED: _dominated(new).assign_attrs(flag.attributes)}))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> ParetoFront:
        """Return the front in a file ``front.nc`` written by :meth:`save`.

        Raises
        ------
        InputError
            If the file cannot be read, or holds no front.
        """
        dataset = open_results(path)
        if ABSCISSA not in dataset:
            raise InputError(str(path), "holds results, but no front")
        return cls(dataset=dataset)

    @property
    def along(self) -> str:
        """The swept path of the limit, a dimension of the data set."""
        return str(self.dataset.attrs["along"])

    @property
    def objective(self) -> str:
        """The variable of the objective, the ordinate."""
        return Columns.of(self.dataset).objective

    @property
    def exact(self) -> list[str]:
        """Allocators whose allocations are all proved optimal: they form the front."""
        return exact_allocators(self.dataset)

    def plot(self, *, style: str = "screen", size: tuple[float, float] | None = None) -> matplotlib.figure.Figure:
        """Return the figure of all precoders and beams: fronts as lines, other allocators as points.

        Means over the drops with 95 % intervals; the points of dominated allocations are open. A panel for each
        combination of further swept values, for the first twelve of them.

        Parameters
        ----------
        style : {"screen", "paper-column", "paper-wide", "slides"}
            Widths and fonts, as those of :meth:`isacfw.Comparison.plot`.
        size : tuple of float, optional
            Width and height in inches instead of those of the style.

        Raises
        ------
        InputError
            If the style is not known, or the size is not one.
        """
        return next(iter(self.figures(style=style, size=size).values()))

    def figures(
        self, *, style: str = "screen", size: tuple[float, float] | None = None
    ) -> dict[str, matplotlib.figure.Figure]:
        """Return figures like that of :meth:`plot`: ``front``, and ``front-2`` to ``front-4`` for further panels.

        Parameters
        ----------
        style, size
            See :meth:`plot`.
        """
        from .figures import check_size, find_style
        from .front_figure import front_figures
        from .notebook import Figures

        found = find_style(style)
        return Figures(front_figures(self.dataset, None if style == "screen" else found, check_size(size)))

    def save(self, folder: str | PathLike[str], *, progress: Progress | None = None) -> list[Path]:
        """Write data set (NetCDF), records (CSV), scenario (TOML) and figures (PNG, PDF) into a folder.

        Parameters
        ----------
        folder : str or path
            Folder to write to; created if necessary.
        progress : callable, optional
            Called with the numbers of written and of all files of figures.

        Returns
        -------
        list of Path
            The files in order of writing: numbers first.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        from .files import save_figures
        from .folder import save_numbers

        files = save_numbers(self.dataset, Path(folder), name="front")
        return files + save_figures(self.figures(), Path(folder), progress)

    def __str__(self) -> str:
        from .table import render

        return render(self.dataset)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {size}" for name, size in self.dataset["status"].sizes.items())
        return f"<isacfw.ParetoFront {self.dataset.attrs['title']!r} along {self.along} ({sizes})>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        from .notebook import comparison_html

        return comparison_html(self.dataset)


def _better(against: str) -> str:
    return "higher" if against == "rate" else "lower"


def _abscissa(dataset: xarray.Dataset, against: str, along: str) -> xarray.DataArray:
    """Return what allocations achieve."""
    if against == "power":
        power = dataset["communication_power"] + dataset["sensing_power"]
        return _in_db(power)
    if against == "rate":
        return dataset["rates"].min("user")
    if against == "sum_crlb":
        followed = _followed(dataset, against, along)
        if not followed:
            raise InputError("along", f"must lead to the limit of a requirement, got {along!r}")
        return dataset[along] + _in_db(1 - dataset[followed[0]])
    bounds = Columns.of(dataset).requirements
    limits = {name: dataset[limit] for name, limit in bounds.items() if np.isfinite(dataset[limit]).all()}
    if not limits:
        raise InputError("against", "must be a quantity with a limit, and no CRLB has one")
    tightest = _concatenated(list(limits.values())).min("limit")
    return tightest + _concatenated([dataset[name] - limit for name, limit in limits.items()]).max("limit")


def _concatenated(arrays: list[xarray.DataArray]) -> xarray.DataArray:
    import xarray

    return xarray.concat(arrays, "limit", coords="minimal", compat="override")


def _in_db(values: xarray.DataArray) -> xarray.DataArray:
    positive = values.where(values > 0)
    return positive.copy(data=10 * np.log10(positive.to_numpy()))


def _followed(dataset: xarray.Dataset, against: str, along: str) -> list[str]:
    """Return the margins of the requirements whose limit is followed."""
    margins = roles_in(dataset).get("margin", [])
    if against == "crlb":
        return [name for name in margins if dataset[name].attrs.get("group") == ANGLES_GROUP]
    table, _, rest = along.partition(".")
    name = margin_variable(rest.partition(".")[0]).name
    return [name] if table == "requirements" and name in margins and against != "power" else []


def _is_answer(dataset: xarray.Dataset, followed: list[str]) -> xarray.DataArray:
    """Return whether an allocation violates at most the limits that are followed."""
    excess = dataset["max_violation"]
    explained = excess * 0
    for name in followed:
        margin = dataset[name].fillna(0)
        explained = explained.where(explained >= -margin, -margin)
    good = excess <= explained + FEASIBILITY_TOLERANCE
    for name in roles_in(dataset).get("margin", []):
        if name not in followed:
            good &= ~(dataset[name] < -FEASIBILITY_TOLERANCE)
    return good


def _dominated(dataset: xarray.Dataset) -> xarray.DataArray:
    columns = Columns.of(dataset)
    along = str(dataset.attrs["along"])
    sides = dataset[ABSCISSA], dataset[columns.objective]
    signs = (-1 if dataset[ABSCISSA].attrs["better"] == "lower" else 1, columns.better)
    costs, values = (
        (sign * side).transpose(..., "allocator", along) for sign, side in zip(signs, sides, strict=True)
    )
    shape = costs.shape
    flat = [side.to_numpy().reshape(*shape[:-2], -1) for side in (-costs, values)]
    found = dominated(*flat, scale=columns.scale).reshape(shape)
    return costs.copy(data=found).transpose(*dataset["status"].dims)
