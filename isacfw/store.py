"""Finished chunks of a study on disk: what was solved once is never solved again, and never lost."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .chunk import Chunk, Outline, Solved, Work
from .errors import InputError
from .files import replacing, writable
from .part import Part

if TYPE_CHECKING:
    import xarray

FORMAT = 1
_WORDS = ("status", "message")
_AXES = ("precoder", "allocator", "point", "drop")


class ChunkStore:
    """The chunks of one study, a file each, in a folder named after all that determines their content.

    Parameters
    ----------
    folder : Path
        Where the studies are; made if need be.
    key : str
        What determines the results, see :func:`study_key`.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.key, self.folder = key, folder / key[:16]
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
        data.attrs |= {"format": FORMAT, "study": self.key, "digest": _digest(data)}
        with replacing(self._path(result.chunk)) as new:
            data.to_netcdf(new, engine="h5netcdf")
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
            if start < done.get(chunk.points, 0):
                continue
            if chunk not in self._whole and (result := self._read(chunk)) is not None:
                self._whole[chunk] = result.outline
            if chunk in self._whole:
                done[chunk.points] = stop
                chosen.append(self._whole[chunk])
        return chosen

    def results(self, outlines: Iterable[Outline], drops: int) -> Iterator[Solved]:
        """Yield chosen chunks with their values, without the drops from a number on.

        Raises
        ------
        InputError
            If one of them has been damaged since it was chosen.
        """
        for outline in outlines:
            result = self._read(outline.chunk)
            if result is None:
                raise InputError(
                    str(self._path(outline.chunk)), "must be as it was a moment ago, got a damaged file"
                )
            if (part := within(result, drops)) is not None:
                yield part

    def _path(self, chunk: Chunk) -> Path:
        first, last, start, stop = chunk.key
        return self.folder / f"points-{first}-{last}-drops-{start}-{stop}.nc"

    def _read(self, chunk: Chunk) -> Solved | None:
        import xarray

        try:
            data = xarray.load_dataset(self._path(chunk), engine="h5netcdf")
            whole = data.attrs["study"] == self.key and data.attrs["digest"] == _digest(data)
            result = _from_dataset(data)
            return result if whole and result.chunk == chunk else None
        except Exception:  # Whatever is wrong with a damaged file, the chunk is done again.
            return None


def _key_of(path: Path) -> tuple[int, ...] | None:
    """Return points and drops of a chunk from the name of its file."""
    found = re.fullmatch(r"points-(\d+)-(\d+)-drops-(\d+)-(\d+)", path.stem)
    return None if found is None else tuple(map(int, found.groups()))


def study_key(work: Work, toml: str, versions: str) -> str:
    """Return a digest of all that determines the results of a study, but for the number of drops.

    Parameters
    ----------
    work : Work
        The study: its parts count with the code that defines them.
    toml : str
        Its scenario, with the seed and all options.
    versions : str
        Of this package and of those that it computes with.
    """
    lines = [line for line in toml.splitlines() if not line.startswith(("drops = ", "name = "))]
    scenario = work.scenario
    parts: list[Part] = [*scenario.precoders, *scenario.allocators, *work.metrics, scenario.channel]
    parts += [scenario.transmit_array, scenario.receive_array]
    codes = {f"{part.provider()}:{part.name}": _code(type(part)) for part in parts}
    unavailable = {" ".join(key): reason for key, reason in work.unavailable.items()}
    content = json.dumps([FORMAT, lines, codes, _own_code(), unavailable, versions], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _code(cls: type[Part]) -> str:
    """Return a digest of the file that defines a class."""
    try:
        path = inspect.getsourcefile(cls)
        content = b"" if path is None else Path(path).read_bytes()
    except (OSError, TypeError):
        content = b""
    return hashlib.sha256(content).hexdigest()


def _own_code() -> str:
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _digest(data: xarray.Dataset) -> str:
    found = hashlib.sha256()
    for name in sorted(map(str, data.data_vars)):
        values = np.ascontiguousarray(data[name].to_numpy())
        found.update(f"{name} {values.shape} {values.dtype.str} {data[name].attrs.get('words', '')}".encode())
        found.update(values.tobytes())
    found.update(json.dumps([str(data.attrs[name]) for name in ("points", "drops", "warnings")]).encode())
    return found.hexdigest()


def _to_dataset(result: Solved) -> xarray.Dataset:
    """Return a chunk as a data set; words as numbers, with the words in an attribute."""
    import xarray

    variables: dict[str, Any] = {"users": (["point"], result.users)}
    for name, value in result.values.items():
        attributes = {}
        numbers = value
        if name in _WORDS:
            words, numbers = _coded(value)
            attributes["words"] = json.dumps(words)
        last = [f"{name}_axis"] * (numbers.ndim - len(_AXES))
        variables[name] = (
            [*_AXES, *last],
            numbers.astype(np.int8) if numbers.dtype == bool else numbers,
            attributes,
        )
    ranges = {
        name: json.dumps([one.start, one.stop])
        for name, one in (("points", result.chunk.points), ("drops", result.chunk.drops))
    }
    return xarray.Dataset(variables, attrs={**ranges, "warnings": json.dumps(result.warnings)})


def _coded(value: NDArray[Any]) -> tuple[list[str], NDArray[np.int32]]:
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(str(word), len(numbers)) for word in value.flat]
    return list(numbers), np.array(codes, dtype=np.int32).reshape(value.shape)


def _from_dataset(data: xarray.Dataset) -> Solved:
    values: dict[str, NDArray[Any]] = {}
    for name in map(str, data.data_vars):
        value = data[name].to_numpy()
        if name in _WORDS:
            value = np.array(json.loads(data[name].attrs["words"]), dtype=object)[value]
        values[name] = value.astype(np.bool_) if name == "feasible" else value
    users = values.pop("users")
    chunk = Chunk(points=range(*json.loads(data.attrs["points"])), drops=range(*json.loads(data.attrs["drops"])))
    return Solved(chunk=chunk, users=users, values=values, warnings=tuple(json.loads(data.attrs["warnings"])))


def within(result: Solved, drops: int) -> Solved | None:
    """Return the part of a chunk with drops below a number, or None for nothing."""
    chunk = result.chunk
    stop = min(chunk.drops.stop, drops)
    if stop <= chunk.drops.start:
        return None
    count = stop - chunk.drops.start
    return attrs.evolve(
        result,
        chunk=Chunk(points=chunk.points, drops=range(chunk.drops.start, stop)),
        values={name: value[:, :, :, :count] for name, value in result.values.items()},
    )
