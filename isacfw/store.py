"""Checkpoints of finished chunks."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .base.errors import InputError
from .base.files import for_hdf5, replacing, writable, write_netcdf
from .base.part import Part
from .chunk import Chunk, Outline, Solved, Work, shortened

if TYPE_CHECKING:
    import xarray

FORMAT = 4
_WORDS = ("status", "message")
_AXES = ("precoder", "allocator", "point", "drop")
_DIGEST_SIZE = 32


class ChunkStore:
    """The chunks of one study, a file each, in a folder named after all that determines their content.

    Parameters
    ----------
    folder : Path
        Where the studies are; made if need be.
    key : str
        What determines the results, see :func:`study_key`.
    drops : int
        How many drops are wanted; a chunk may hold more.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, key: str, drops: int) -> None:
        self.key, self.folder, self.drops = key, folder / key[:16], drops
        self._whole: dict[Chunk, Outline] = {}
        writable(self.folder)

    def add(self, result: Solved) -> None:
        """Write a chunk, at once or not at all.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        data = _to_dataset(result)
        data.attrs |= {"format": FORMAT, "study": self.key}
        with replacing(self._path(result.chunk)) as new:
            with for_hdf5(new) as raw:
                write_netcdf(data, raw)
            with new.open("rb+") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
                file.write(digest)
        self._whole[result.chunk] = result.outline

    def chosen(self) -> list[Outline]:
        """Return the chunks that are whole, in order and no drop twice; damaged ones count as not there.

        A file that was found whole, or written here, is not read again.
        """
        chosen: list[Outline] = []
        paths = {key: path for path in self.folder.glob("points-*.nc") if (key := _key_of(path)) is not None}
        done: dict[range, int] = {}
        for first, last, start, stop in sorted(paths):
            chunk = Chunk(points=range(first, last), drops=range(start, stop))
            if not done.get(chunk.points, 0) <= start < self.drops:
                continue
            if chunk not in self._whole and (result := self._read(chunk)) is not None:
                self._whole[chunk] = attrs.evolve(_within(result, self.drops).outline, chunk=chunk)
            if chunk in self._whole:
                done[chunk.points] = stop
                chosen.append(self._whole[chunk])
        return chosen

    def results(self, outlines: Iterable[Outline]) -> Iterator[Solved]:
        """Yield chosen chunks with their values, without the drops that are not wanted.

        Raises
        ------
        InputError
            If one of them has been damaged since it was chosen.
        """
        for outline in outlines:
            result = self._read(outline.chunk)
            if result is None:
                raise InputError(str(self._path(outline.chunk)), "was damaged while the study was running")
            yield _within(result, self.drops)

    def _path(self, chunk: Chunk) -> Path:
        first, last, start, stop = chunk.key
        return self.folder / f"points-{first}-{last}-drops-{start}-{stop}.nc"

    def _read(self, chunk: Chunk) -> Solved | None:
        import h5py

        path = self._path(chunk)
        try:
            # Bytes first: the readers of HDF5 are not made for damaged files.
            if not _undamaged(path):
                return None
            with h5py.File(path, "r") as file:
                if file.attrs.get("study") != self.key or file.attrs.get("format") != FORMAT:
                    return None
                result = _from_file(file)
        except OSError:
            return None
        return result if result.chunk == chunk else None


def _undamaged(path: Path) -> bool:
    """Return whether a file ends in the digest of what stands before."""
    with path.open("rb") as file:
        content = memoryview(file.read())
    return hashlib.sha256(content[:-_DIGEST_SIZE]).digest() == content[-_DIGEST_SIZE:]


def _key_of(path: Path) -> tuple[int, ...] | None:
    """Return points and drops of a chunk from the name of its file."""
    found = re.fullmatch(r"points-(\d+)-(\d+)-drops-(\d+)-(\d+)", path.stem)
    return None if found is None else tuple(map(int, found.groups()))


class InputFiles:
    """The files that channels read, and their content when a study starts.

    Parameters
    ----------
    paths : iterable of path
        See :meth:`isacfw.Channel.inputs`.

    Raises
    ------
    InputError
        If one of them cannot be read.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._states = {path: _state(path) for path in dict.fromkeys(map(Path, paths))}
        self.digests = {str(path): _digest(path) for path in self._states}

    def check(self) -> None:
        """Raise an InputError if the content of a file has changed since the study started."""
        for path, state in self._states.items():
            if _state(path) != state and _digest(path) != self.digests[str(path)]:
                raise InputError(str(path), "was changed while the study was running; run the same command again")


def _state(path: Path) -> tuple[int, int, int]:
    """Return what changes with the content of a file, in all likelihood, at no cost."""
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(str(path), f"must be a file that can be read, got: {error.strerror}") from None


def study_key(work: Work, toml: str, versions: str, files: InputFiles | None = None) -> str:
    """Return a digest of all that determines the results of a study, but for the number of drops.

    Parameters
    ----------
    work : Work
        The study: its parts count with the code that defines them.
    toml : str
        Its scenario, with the seed and all options, whatever its name and number of drops.
    versions : str
        Of this package and of those that it computes with.
    files : InputFiles, optional
        What channels read; its content counts.
    """
    codes = {f"{part.provider()}:{part.__qualname__}": _code(part) for part in work.parts}
    unavailable = {" ".join(key): reason for key, reason in work.unavailable.items()}
    own = _of_package(Path(str(package_files(__name__.partition(".")[0]))))
    read = {} if files is None else files.digests
    content = json.dumps([FORMAT, toml, codes, own, unavailable, versions, read], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _code(cls: type[Part]) -> str:
    """Return a digest of the code that defines a class: its file, or the whole package that it is from."""
    module = sys.modules.get(cls.__module__)
    source = getattr(module, "__isacfw_source__", None)
    if source is not None:
        return hashlib.sha256(source[1]).hexdigest()
    package = sys.modules.get(cls.__module__.partition(".")[0])
    try:
        if folders := getattr(package, "__path__", None):
            return "".join(map(_of_package, map(Path, folders)))
        return hashlib.sha256(Path(inspect.getfile(cls)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        # Defined interactively, so changes to it cannot be detected.
        return uuid.uuid4().hex


@cache
def _of_package(folder: Path) -> str:
    """Return a digest of all modules in a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _to_dataset(result: Solved) -> xarray.Dataset:
    """Return a chunk as a data set of few variables, since each costs a file its time: columns side by side.

    ``numbers`` holds all that is a number, ``codes`` all that is whole or a word; the attribute ``columns`` names
    the columns and gives the width of those that are an axis of their own, ``words`` what the codes stand for.
    """
    import xarray

    numbers, codes, words = [], [], {}
    columns: list[tuple[str, int | None]] = []
    for name, value in result.values.items():
        if value.dtype.kind == "f":
            columns.append((name, value.shape[4] if value.ndim > 4 else None))
            numbers.append(value.reshape(*value.shape[:4], -1))
            continue
        if name in _WORDS:
            words[name], value = _coded(value)
        codes.append(value[..., None].astype(np.int64))
    ranges = {"points": result.chunk.points, "drops": result.chunk.drops}
    whole = [name for name, value in result.values.items() if value.dtype.kind != "f"]
    return xarray.Dataset(
        {
            "users": ("point", result.users),
            "numbers": ((*_AXES, "column"), np.concatenate(numbers, axis=-1), {"columns": json.dumps(columns)}),
            "codes": (
                (*_AXES, "code"),
                np.concatenate(codes, axis=-1),
                {"columns": json.dumps(whole), "words": json.dumps(words)},
            ),
        },
        attrs={name: json.dumps([one.start, one.stop]) for name, one in ranges.items()}
        | {"warnings": json.dumps(result.warnings)},
    )


def _coded(words: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    import pandas

    codes, known = pandas.factorize(words.ravel())
    return [str(word) for word in known], codes.reshape(words.shape)


def _from_file(file: Any) -> Solved:
    """Return a chunk from its file, read as HDF5: xarray takes twenty times as long, and there are many."""
    numbers, codes = file["numbers"][()], file["codes"][()]
    values: dict[str, NDArray[Any]] = {}
    first = 0
    for name, width in json.loads(file["numbers"].attrs["columns"]):
        last = first + (1 if width is None else width)
        values[name] = numbers[..., first] if width is None else numbers[..., first:last]
        first = last
    words = json.loads(file["codes"].attrs["words"])
    for column, name in enumerate(json.loads(file["codes"].attrs["columns"])):
        value = codes[..., column]
        values[name] = np.array(words[name], dtype=object)[value] if name in words else value
    values["feasible"] = values["feasible"].astype(np.bool_)
    points, drops = (range(*json.loads(file.attrs[name])) for name in ("points", "drops"))
    warnings = tuple(json.loads(file.attrs["warnings"]))
    return Solved(
        chunk=Chunk(points=points, drops=drops), users=file["users"][()], values=values, warnings=warnings
    )


def _within(result: Solved, drops: int) -> Solved:
    """Return a chunk without the drops from a number on, as if it had been solved so."""
    chunk = result.chunk
    if chunk.drops.stop <= drops:
        return result
    values = {name: value[:, :, :, : drops - chunk.drops.start] for name, value in result.values.items()}
    values["objective_history"] = shortened(values["objective_history"])
    return attrs.evolve(
        result, chunk=Chunk(points=chunk.points, drops=range(chunk.drops.start, drops)), values=values
    )
