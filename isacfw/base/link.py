"""The two directions of the users' link."""

from __future__ import annotations

from typing import Literal

from .errors import IncompatibleError
from .part import Part, display_name

Link = Literal["downlink", "uplink"]
"""Whether the base station sends to the users, or they send to it."""

LINKS: tuple[Link, ...] = ("downlink", "uplink")


def refuse_link(kind: str, part: Part, links: tuple[Link, ...], link: Link) -> None:
    """Refuse a part that is not for a link.

    Parameters
    ----------
    kind : str
        Kind of the part, for messages.
    part : Part
        The part.
    links : tuple of {"downlink", "uplink"}
        What it is for.
    link : {"downlink", "uplink"}
        The link of the scenario.

    Raises
    ------
    IncompatibleError
        If the link is not among them.
    """
    if link not in links:
        raise IncompatibleError(f"{kind} {display_name(part)} is for the {' and '.join(links)} alone")
