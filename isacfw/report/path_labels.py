"""Readable labels of the keys of a scenario, and short ones of their values, for figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .places import short_labels

_LABELS = {
    "snr_db": "Transmit SNR [dB]",
    "uplink.user_snr_db": "Power of a user [dB]",
    "uplink.radar_snr_db": "Power of the radar [dB]",
    "target.distance_m": "Distance of the target [m]",
    "target.azimuth_deg": "Azimuth of the target [°]",
    "target.elevation_deg": "Elevation of the target [°]",
    "sensing.crlb_limit_db": "CRLB limit [dB]",
    "sensing.crlb_limit_offset_db": "Offset of the CRLB limits [dB]",
    "channel.users": "Number of users",
    "channel.large_scale_fading": "Large-scale fading",
    "channel.pilot_snr_db": "Pilot SNR [dB]",
    "transmit_array.horizontal": "Horizontal transmit antennas",
    "transmit_array.vertical": "Vertical transmit antennas",
    "receive_array.horizontal": "Horizontal receive antennas",
    "receive_array.vertical": "Vertical receive antennas",
    "transmit_array.elements": "Transmit antennas",
    "receive_array.elements": "Receive antennas",
    "objective.alpha": "α of the objective",
}
"""Labels that do not follow from the words of a key."""

_UNITS = {
    "db": "dB",
    "dbm": "dBm",
    "deg": "°",
    "hz": "Hz",
    "mhz": "MHz",
    "m": "m",
    "m2": "m²",
    "s": "s",
}
"""Units at the end of a key."""

_WORDS = {"crlb": "CRLB", "snr": "SNR", "sinr": "SINR", "masr": "MASR", "nmse": "NMSE", "rzf": "RZF"}
_SELF_EXPLANATORY = ("channel", "sensing", "link_budget")
"""Tables whose name says nothing beyond their keys."""

_SHORT = 8
"""Number of characters up to which a value is kept with its name in a line."""

_OPTIONS = re.compile(r"^(\w+)\((.*)\)$")


def label_path(path: str) -> str:
    """Return the label of a key: ``"Number of users"`` for ``"channel.users"``, with the unit in brackets.

    Keys without an entry are put into words: ``"target.noise_figure_db"`` is ``"Target: noise figure [dB]"``.
    """
    if path in _LABELS:
        return _LABELS[path]
    *tables, key = path.split(".")
    words = key.split("_")
    unit = _UNITS.get(words[-1], "") if len(words) > 1 else ""
    name = _in_words(words[:-1] if unit else words)
    heads = [_in_words(table.split("_")) for table in tables if table not in _SELF_EXPLANATORY]
    text = ": ".join(filter(None, (" ".join(heads), name)))
    return text[:1].upper() + text[1:] + (f" [{unit}]" if unit else "")


def _in_words(words: Iterable[str]) -> str:
    return " ".join(_WORDS.get(word, word) for word in words)


def short_values(values: Iterable[Any]) -> dict[Any, str]:
    """Return a short text for each value of a sweep, distinct for distinct values.

    Of parts of one kind, options that they share are left out; long text, such as that of a list, is shortened.
    """
    distinct = list(dict.fromkeys(values))
    parsed = {value: found for value in distinct if isinstance(value, str) and (found := _split(value))}
    texts: dict[Any, str] = {}
    for value, found in parsed.items():
        kind, options = found
        same = [own for other, own in parsed.values() if other == kind]
        if len(same) > 1:
            own = [one for one in options if not all(one in others for others in same)]
            texts[value] = f"{kind}({', '.join(own)})" if own else kind
    shortened = [texts.get(value, value) for value in distinct]
    if len({str(text) for text in shortened}) < len(distinct):
        shortened = distinct
    labels = short_labels(shortened)
    return {value: labels[text] for value, text in zip(distinct, shortened, strict=True)}


def _split(text: str) -> tuple[str, list[str]] | None:
    """Return kind and options of the label of a part: ``"upa(horizontal=4, vertical=8)"``."""
    found = _OPTIONS.match(text)
    if found is None or any(bracket in found[2] for bracket in "([{"):
        return None
    return found[1], found[2].split(", ")


def title_place(place: Mapping[str, Any], labels: Mapping[str, Mapping[Any, str]]) -> str:
    """Return the values of swept keys at a point as a title: ``"Number of users = 4, CRLB limit = -30 dB"``."""
    return ", ".join(_assign(label_path(path), labels[path][value]) for path, value in place.items())


def _assign(label: str, value: str) -> str:
    """Return a value with its unit; titles are not folded between them."""
    name, _, unit = label.partition(" [")
    unit = unit.removesuffix("]")
    between = "" if unit in ("", "°") else "\N{NO-BREAK SPACE}"
    gap = "\N{NO-BREAK SPACE}" if len(value) <= _SHORT else " "
    return f"{name}{gap}={gap}{value}{between}{unit}"
