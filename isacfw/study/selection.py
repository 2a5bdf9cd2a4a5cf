"""Selection of parts for a comparison: by label, by name, or as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import attrs

from ..base.errors import InputError, short_repr
from ..base.part import LabelledPart
from ..host.host import PluginHost
from ..scenario.labels import by_label
from ..scenario.scenario import Scenario


def with_parts(
    scenario: Scenario,
    host: PluginHost,
    *,
    drops: int | None = None,
    precoders: Sequence[Any] | None = None,
    beams: Sequence[Any] | None = None,
    allocators: Sequence[Any] | None = None,
) -> Scenario:
    """Return a scenario with other parts and drops than its own; None keeps what it has.

    See :func:`select_parts`.
    """
    changes: dict[str, Any] = {} if drops is None else {"drops": drops}
    for kind, wanted, own in (
        ("precoder", precoders, scenario.precoders),
        ("beam", beams, scenario.compared_beams),
        ("allocator", allocators, scenario.allocators),
    ):
        if wanted is not None:
            changes[f"{kind}s"] = select_parts(kind, wanted, own, host)
    # All points of a sweep are validated anew.
    return attrs.evolve(scenario, **changes) if changes else scenario


def select_parts(
    kind: str, wanted: Sequence[Any], own: Sequence[LabelledPart], host: PluginHost
) -> tuple[LabelledPart, ...]:
    """Return the parts given as parts, as labels of the scenario's own parts, or as names."""
    if isinstance(wanted, str):
        raise InputError(f"{kind}s", f"must be a list, got the string {wanted!r}")
    if not isinstance(wanted, Iterable):
        raise InputError(f"{kind}s", f"must be a list, got {short_repr(wanted)}")
    by_title = {part.name: part for part in reversed(own)} | by_label(own)
    parts: list[LabelledPart] = []
    for item in wanted:
        if not isinstance(item, str):
            parts.append(item)
        elif item in by_title:
            parts.append(by_title[item])
        else:
            try:
                parts.append(cast(LabelledPart, host.find(kind, item).cls()))
            except InputError as error:
                raise error.within(f"{kind}s") from None
            except TypeError as error:
                raise InputError(
                    f"{kind}s", f"{item!r} has required options; pass a part instead of its name: {error}"
                ) from None
    return tuple(parts)
