"""New single-file plugins, ready to be changed: what ``isacfw new`` writes."""

from __future__ import annotations

import importlib.util
import keyword
import sys
from pathlib import Path

from ..base.errors import InputError, short_repr
from ..base.files import ensure_writable, not_writable_error
from ..host.kinds import KINDS
from .templates import BASES, BODIES, HEAD, TAIL


def new_part(kind: str, name: str, folder: Path) -> Path:
    """Write a plugin file with a part that works as it is, and return its path.

    Parameters
    ----------
    kind : str
        Kind of the part, one of `NEW_KINDS`.
    name : str
        Name of the part, and of the file.
    folder : Path
        Where the file goes.

    Raises
    ------
    InputError
        If the name is invalid, or the file exists or cannot be written.
    """
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise InputError("name", f"must be a word of letters, digits and underscores, got {short_repr(name)}")
    path = folder / f"{name}.py"
    if not path.exists() and (name in sys.modules or importlib.util.find_spec(name) is not None):
        raise InputError("name", f"must not be that of a module, which the file would hide, got {name!r}")
    ensure_writable(folder)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source(kind, name))
    except FileExistsError:
        raise InputError("name", f"must be that of a new file, got {path}, which exists") from None
    except OSError as error:
        raise not_writable_error(folder, error) from None
    return path


def source(kind: str, name: str) -> str:
    """Return the text of a plugin file with a part of a kind."""
    what, command, before, body = BODIES[kind]
    words = [word for word in name.split("_") if word]
    cls = "".join(word[:1].upper() + word[1:] for word in words) or name
    if not cls.isidentifier():
        cls = f"My{cls}"
    filled = {
        "name": name,
        "cls": cls,
        "kind": kind,
        "base": BASES.get(kind, KINDS[kind].__name__),
        "title": " ".join(words).capitalize() or name,
        "what": what,
        "command": command.format(name=name),
        "before": before.format(name=name),
    }
    text = HEAD.format(**filled) + body.format(**filled) + TAIL.format(**filled)
    return text if "np." in before + body else text.replace("import numpy as np\n", "")
