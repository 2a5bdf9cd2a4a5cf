"""Malformed results files, and what commands do with them; run as a script in a process of limited memory."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SECRET = "the content of another file of this machine"

Mutation = Callable[[h5py.File, random.Random, Path], None]


def _replaced(file: h5py.File, name: str, make: Callable[[], Any], *, attributes: bool = True) -> Any:
    """Replace a data set by another, which keeps the attributes that can be copied."""
    kept = {}
    if attributes and name in file:
        own = file[name].attrs
        kept = {key: own[key] for key in own if key not in ("DIMENSION_LIST", "REFERENCE_LIST", "_FillValue")}
        dimensions = own.get("DIMENSION_LIST")
    else:
        dimensions = None
    if name in file:
        del file[name]
    made = make()
    for key, value in kept.items():
        made.attrs[key] = value
    if dimensions is not None and made.ndim == len(dimensions):
        made.attrs.create("DIMENSION_LIST", dimensions, dtype=h5py.vlen_dtype(h5py.ref_dtype))
    return made


def _any_data(file: h5py.File, rng: random.Random, *, rows: bool = False) -> str:
    names = [name for name in file if isinstance(file.get(name), h5py.Dataset)]
    if rows:
        names = [name for name in names if file[name].ndim >= 3]
    return rng.choice(names)


def delete(file: h5py.File, rng: random.Random, folder: Path) -> None:
    del file[_any_data(file, rng)]


def rename(file: h5py.File, rng: random.Random, folder: Path) -> None:
    file.move(
        _any_data(file, rng), rng.choice(["x", "../x", "a" * 300, "\x1b[2J", "tab\t", "é"]).replace("/", "_")
    )


def nest(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    file.create_group("group")
    file.move(name, f"group/{name}")


def group_in_place(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    del file[name]
    file.create_group(name)


def soft_link(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    file.move(name, f"{name}_")
    file[name] = h5py.SoftLink(f"/{name}_")


def cyclic_link(file: h5py.File, rng: random.Random, folder: Path) -> None:
    group = file.create_group("group")
    group["again"] = file if rng.random() < 0.5 else group


def second_link(file: h5py.File, rng: random.Random, folder: Path) -> None:
    file["again"] = file[_any_data(file, rng)]


def external_link(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    del file[name]
    file[name] = h5py.ExternalLink(str(folder / "other.nc"), f"/{name}")


def external_storage(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = rng.choice(["message", "status", "sum_rate", "seconds"])
    shape = file[name].shape
    if rng.random() < 0.5:
        width = len(SECRET) // 8
        axes = (*shape[: 4 if name in ("message", "status") else len(shape)], width)
        kind: Any = "S1"
    else:
        axes, kind = shape, "f8"
    many = int(np.prod(axes)) * np.dtype(kind).itemsize
    parts = [(str(folder / "secret.txt"), 0, many)]
    _replaced(file, name, lambda: file.create_dataset(name, axes, dtype=kind, external=parts))


def virtual(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng, rows=True)
    layout = h5py.VirtualLayout(file[name].shape, dtype="f8")
    layout[...] = h5py.VirtualSource(str(folder / "other.nc"), name, shape=file[name].shape)
    _replaced(file, name, lambda: file.create_virtual_dataset(name, layout))


TYPES: tuple[Any, ...] = (
    "f4",
    "i1",
    "u8",
    "S7",
    "c16",
    "V5",
    np.dtype([("a", "f8"), ("b", "i4")]),
    h5py.enum_dtype({"a": 0, "b": 1}, basetype="i4"),
    h5py.vlen_dtype(np.int32),
    h5py.ref_dtype,
    h5py.regionref_dtype,
    h5py.string_dtype(),
    h5py.string_dtype(length=9),
    np.dtype(np.bool_),
    np.dtype(("f8", (3,))),
)


def other_type(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    shape, kind = file[name].shape, rng.choice(TYPES)
    _replaced(file, name, lambda: file.create_dataset(name, shape, dtype=kind))


def other_shape(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    shape, kind = file[name].shape, file[name].dtype
    choice = rng.randrange(5)
    new = (
        shape[:-1],
        (*shape, 2),
        (*shape[:-1], shape[-1] + 3) if shape else (3,),
        tuple(0 for _ in shape),
        (3,) * 20,
    )[choice]
    if np.prod(new, dtype=float) > 1e6:
        new = (1,) * 20
    _replaced(file, name, lambda: file.create_dataset(name, new, dtype=kind))


def empty_space(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    _replaced(
        file, name, lambda: file.create_dataset(name, data=h5py.Empty(file[name].dtype if name in file else "f8"))
    )


def declare_much(file: h5py.File, rng: random.Random, folder: Path) -> None:
    """Declare 10^8 drops, of which none are in the file."""
    many = rng.choice([10**7, 10**8, 10**12, 2**60])
    compressed = rng.random() < 0.5
    for name in [name for name in file if isinstance(file.get(name), h5py.Dataset) and file[name].ndim >= 3]:
        shape, kind = file[name].shape, file[name].dtype
        at = 2 if "snr_db" not in file else 3
        new = (*shape[:at], many, *shape[at + 1 :])
        pieces = (*[1] * at, 2**16, *[max(1, one) for one in shape[at + 1 :]])
        with contextlib.suppress(ValueError, OSError):
            _replaced(
                file,
                name,
                lambda new=new, kind=kind, pieces=pieces, name=name: file.create_dataset(
                    name, new, dtype=kind, chunks=pieces, compression="gzip" if compressed else None
                ),
            )
        if rng.random() < 0.2:
            break


def bomb(file: h5py.File, rng: random.Random, folder: Path) -> None:
    """Hide gigabytes in the compressed text of one piece."""
    import zlib

    name, large = "message", rng.random() < 0.5
    shape = file[name].shape
    shape = shape if file[name].dtype == "S1" else (*shape, 5)
    made = _replaced(
        file,
        name,
        lambda: file.create_dataset(name, shape, dtype="S1", chunks=shape, compression="gzip"),
    )
    packer = zlib.compressobj(9)
    content = b"".join(packer.compress(bytes(2**20)) for _ in range(1024 if large else 64)) + packer.flush()
    made.id.write_direct_chunk((0,) * len(shape), content)


def filters(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng, rows=True)
    shape, kind = file[name].shape, file[name].dtype
    options: dict[str, Any] = rng.choice(
        [
            {"compression": "lzf"},
            {"scaleoffset": 3},
            {"shuffle": True},
            {"fletcher32": True},
            {"compression": "gzip"},
        ]
    )
    if kind.kind == "O":
        kind = np.dtype("f8")
    if kind.kind not in "fi":
        options.pop("scaleoffset", None)
    if 0 in shape:
        return
    _replaced(file, name, lambda: file.create_dataset(name, shape, dtype=kind, chunks=tuple(shape), **options))[
        ...
    ] = np.zeros(shape, kind)


def damaged_piece(file: h5py.File, rng: random.Random, folder: Path) -> None:
    for name in ("status", "message"):
        if file[name].chunks:
            file[name].id.write_direct_chunk((0,) * file[name].ndim, rng.randbytes(20))


def values(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng)
    data = file[name]
    if data.dtype.kind == "f" and data.size:
        data[...] = rng.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1.0, 0.0])
    elif data.dtype.kind in "iu" and data.size:
        data[...] = rng.choice([0, -1, 127, np.iinfo(data.dtype).max, np.iinfo(data.dtype).min])


def all_values(file: h5py.File, rng: random.Random, folder: Path) -> None:
    value = rng.choice([np.nan, np.inf, -np.inf, 1e308, 1e-308, -1.0, 0.0])
    for name in file:
        if file[name].dtype.kind == "f" and file[name].size and file[name].ndim >= 3:
            file[name][...] = value


TEXTS = (
    "",
    " ",
    "\x1b[2J\x1b]0;title\x07",
    "\u202egnp.exe",
    "../../x",
    "a/b\\c",
    "$\\frac{1}{0$",
    "[bold]x[/] [/link]",
    "<script>alert(1)</script>",
    "=1+1",
    "x" * 900,
    "é★中" * 20,
    "two\nlines\r\ttab",
    "CON",
    "{0} %s %(x)d",
    "\x00null",
)


def labels(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = rng.choice(["precoder", "allocator"])
    text = rng.choice(TEXTS)
    with contextlib.suppress(ValueError):
        file[name][0] = text


def words(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = rng.choice(["status", "message"])
    data = file[name]
    if data.dtype == "S1":
        data[...] = np.frombuffer(rng.randbytes(data.size), "S1").reshape(data.shape)
    else:
        data[...] = rng.choice([b"\xff\xfe", b"x" * 10000, b"\x1b[31m", b"optimal"])


ATTRIBUTES: tuple[Any, ...] = (
    0,
    -1.5,
    np.nan,
    np.arange(5),
    np.zeros(10**4),
    b"\xff\xfe",
    "x" * 60000,
    *TEXTS[:4],
    "days since 2000-01-01",
    "lower",
    "objective",
    "requirement",
    "metric",
    "margin",
    "limit",
    "status",
    "sum_rate",
    ["a", "b"],
    h5py.Empty("f8"),
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
)


def attribute(file: h5py.File, rng: random.Random, folder: Path) -> None:
    own = file[_any_data(file, rng)].attrs
    name = rng.choice(
        [*own, "units", "role", "scale_factor", "add_offset", "missing_value", "_Unsigned", "calendar"]
    )
    if name in own and rng.random() < 0.4:
        del own[name]
        return
    with contextlib.suppress(ValueError, TypeError, OSError):
        own[name] = rng.choice(ATTRIBUTES)


def references(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = _any_data(file, rng, rows=True)
    own = file[name].attrs
    count = file[name].ndim
    target = rng.choice([file.ref, file[_any_data(file, rng)].ref, h5py.Reference()])
    if "DIMENSION_LIST" in own:
        del own["DIMENSION_LIST"]
    content = np.empty(count, dtype=object)
    for position in range(count):
        content[position] = np.array([target], dtype=h5py.ref_dtype)
    own.create("DIMENSION_LIST", content, dtype=h5py.vlen_dtype(h5py.ref_dtype))


def root_attribute(file: h5py.File, rng: random.Random, folder: Path) -> None:
    name = rng.choice([*file.attrs, "coordinates"])
    if rng.random() < 0.3 and name in file.attrs:
        del file.attrs[name]
        return
    with contextlib.suppress(ValueError, TypeError, OSError):
        file.attrs[name] = rng.choice(ATTRIBUTES)


def scenario(file: h5py.File, rng: random.Random, folder: Path) -> None:
    text = file.attrs["scenario"]
    lines = text.splitlines()
    choice = rng.randrange(16)
    changed = {
        0: "[" * 5000,
        1: "x = " + "[" * 3000 + "]" * 3000,
        2: ".".join(["a"] * 3000) + " = 1",
        3: text.replace("seed = 3", "seed = " + "9" * 5000),
        4: text.replace("seed = 3", "seed = 0x" + "f" * 9000),
        5: text.replace("drops = 2", f"drops = {rng.choice([1, 10**9, -1, 0])}"),
        6: text.replace("plugins = []", f'plugins = ["{folder / "evil.py"}"]'),
        7: text.replace('kind = "rayleigh"', f'kind = "file"\npath = "{folder / "secret.txt"}"'),
        8: text.replace('name = "base"', 'name = "../../x"'),
        9: text.replace("horizontal = 4", "horizontal = 30000"),
        10: text.replace("users = 3", "users = 1000000"),
        11: "\n".join(line for number, line in enumerate(lines) if number != rng.randrange(len(lines))),
        12: "\n".join(rng.sample(lines, len(lines))),
        13: text.replace("[sweep]", "[other]").replace("snr_db = [", "snr = ["),
        14: text.replace('"mrt",', f'"{rng.choice(["x", "zf", "", "os.system"])}",'),
        15: text[: rng.randrange(len(text))],
    }[choice]
    with contextlib.suppress(OSError, ValueError):
        file.attrs["scenario"] = changed


STRUCTURAL: tuple[Mutation, ...] = (
    delete,
    rename,
    nest,
    group_in_place,
    soft_link,
    cyclic_link,
    second_link,
    external_link,
    external_storage,
    virtual,
    other_type,
    other_shape,
    empty_space,
    declare_much,
    bomb,
    filters,
    damaged_piece,
    values,
    all_values,
    labels,
    words,
    attribute,
    attribute,
    references,
    root_attribute,
    scenario,
    scenario,
)


def break_heap(content: bytes, rng: random.Random) -> bytes:
    """Return bytes in which objects of a heap, where attributes keep text, are overwritten."""
    changed = bytearray(content)
    heaps = [found.start() for found in re.finditer(b"GCOL", content)]
    start = rng.choice(heaps) + 16 + 8 * rng.randrange(300)
    length = 8 * rng.randrange(1, 9)
    changed[start : start + length] = bytes(length) if rng.random() < 0.7 else rng.randbytes(length)
    return bytes(changed[: len(content)])


def flip_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return bytes of which some are changed, missing or added."""
    changed = bytearray(content)
    kind = rng.randrange(7)
    if kind == 6:
        return break_heap(content, rng)
    if kind == 0:
        return bytes(changed[: rng.randrange(len(changed))])
    if kind == 1:
        return bytes(changed) + rng.randbytes(rng.randrange(1, 5000))
    if kind == 2:
        start = rng.randrange(len(changed))
        length = rng.choice([8, 64, 512])
        changed[start : start + length] = bytes(len(changed[start : start + length]))
        return bytes(changed)
    # Headers are small, so that changes anywhere would rarely meet one.
    most = len(changed) if kind < 5 else min(len(changed), 8192)
    for _ in range(rng.choice([1, 4, 32])):
        changed[rng.randrange(most)] = rng.choice([0, 1, 0x7F, 0xFF, rng.randrange(256)])
    return bytes(changed)


def mutate(base: Path, number: int, path: Path, folder: Path) -> str:
    """Write the malformed file of a number; return its name."""
    rng = random.Random(number)
    if number % 3 == 2:
        path.write_bytes(flip_bytes(base.read_bytes(), rng))
        return "bytes"
    shutil.copyfile(base, path)
    mutation = STRUCTURAL[(number // 3 * 2 + number % 3) % len(STRUCTURAL)]
    try:
        with h5py.File(path, "r+", locking=False) as file:
            mutation(file, rng, folder)
    except (KeyError, IndexError, OSError, ValueError, TypeError, RuntimeError):
        path.write_bytes(flip_bytes(base.read_bytes(), rng))  # It does not apply to this file.
        return "bytes"
    return mutation.__name__


def commands(path: Path, other: Path, out: Path, number: int) -> Iterator[list[str]]:
    """Yield command lines that read a file; a few of them for each number, all of them in turn."""
    kinds = ["mean", "difference", "cdf", "box", "convergence", "time"]
    yield ["show", str(path)]
    turns: list[list[str]] = [
        ["show", str(path), "--json"],
        ["show", str(path), "--out", str(out), "--kind", kinds[number % 6], "--format", "svg"],
        ["diff", str(other), str(path)],
        ["diff", str(path), str(other)],
        ["export", str(path), *(str(out / f"x{ending}") for ending in (".tex", ".md", ".csv", ".mat"))],
        ["report", str(path), "-o", str(out / "x.html")],
        ["report", str(other), str(path), "-o", str(out / "x.html")],
        ["plot", str(path), "--only", "arrays", "--out", str(out)],
    ]
    yield turns[number % len(turns)]
    yield turns[(number // len(turns)) % len(turns)]


def run_command(arguments: list[str]) -> tuple[Any, str, str]:
    """Run a command in this process; return its status or exception, and what it printed."""
    from isacfw.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            status: Any = main(arguments)
        except SystemExit as error:
            status = error.code
        except BaseException:
            status = traceback.format_exc()
    return status, out.getvalue(), err.getvalue()


def problem_of(status: Any, out: str, err: str) -> str | None:
    """Return what is wrong with the outcome of a command, None for nothing."""
    if SECRET in out + err or SECRET[:20] in out + err:
        return "shows the content of another file"
    if status not in (0, 1, 2):
        return str(status)
    if "Traceback" in err:
        return err
    said = [line for line in err.splitlines() if not line.startswith("wrote ")]
    if status == 2 and (len(said) != 1 or not said[0].startswith("isacfw: ") or out):
        return f"status 2 with {said!r}"
    return None


def main(base: Path, folder: Path, first: int, last: int, room: int) -> None:
    """Try the malformed files of a range of numbers; print a line of JSON for each."""
    import resource

    import matplotlib

    matplotlib.use("agg")
    run_command(["report", str(base), "-o", str(folder / "warm.html")])
    run_command(["show", str(base), "--out", str(folder)])
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))
    for number in range(first, last):
        path = folder / "mutant.nc"
        path.unlink(missing_ok=True)
        name = mutate(base, number, path, folder)
        print(json.dumps({"number": number, "name": name}), flush=True)
        for arguments in commands(path, base, folder, number):
            start = time.monotonic()
            status, out, err = run_command(arguments)
            wrong = problem_of(status, out, err)
            line = {"number": number, "name": name, "command": arguments[0], "wrong": wrong, "said": err[-300:]}
            line |= {"seconds": round(time.monotonic() - start, 2)}
            print(json.dumps(line | {"status": status if wrong is None else None}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
