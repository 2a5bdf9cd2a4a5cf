"""What is imported by whom and when, and that everything public says what it is."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import isacfw
import isacfw_plugins
from isacfw.host import hookspecs
from isacfw.host.kinds import BUILT_INS

FRAMEWORK = Path(isacfw.__file__).parent
PLUGINS = Path(isacfw_plugins.__file__).parent
HEAVY = [
    "scipy",
    "cvxpy",
    "pyomo",
    "cyipopt",
    "clarabel",
    "pyscipopt",
    "unopy",
    "matplotlib",
    "xarray",
    "pandas",
    "rich",
    "cattrs",
    "jinja2",
]
SOLVERS = {"cvxpy", "pyomo", "cyipopt", "clarabel", "pyscipopt", "unopy"}
OPTIONAL = {"h5py", "matplotlib", "xarray", "pandas", "scipy"}


def _imported_by(program: str) -> set[str]:
    """Return the top-level modules that a program leaves imported in a process of its own."""
    program += "\nimport sys\nprint('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.splitlines()[-1].split())


HELP = """
from isacfw.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
"""


@pytest.mark.parametrize("program", ["import isacfw", HELP], ids=["import isacfw", "isacfw --help"])
def test_nothing_heavy_is_imported(program):
    modules = _imported_by(program)
    assert "isacfw" in modules
    assert not modules & {*HEAVY, "isacfw_plugins"}


def test_allocators_that_need_no_solver_import_none():
    program = (
        "import isacfw\nisacfw.compare('nguyen2025', drops=1, allocators=['exact', 'equal_com', 'equal_cs'])"
    )
    modules = _imported_by(program)
    assert "xarray" in modules
    assert not modules & {*SOLVERS, "matplotlib"}


def test_every_public_name_is_there():
    assert len(set(isacfw.__all__)) == len(isacfw.__all__)
    for name in isacfw.__all__:
        assert getattr(isacfw, name) is not None
    assert isacfw.__version__
    with pytest.raises(AttributeError, match="no attribute 'comparee'"):
        isacfw.comparee  # noqa: B018


def _imports(path: Path):
    """Yield the modules that a file imports, and whether at its top level: a function's imports are not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checking = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    local = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in checking:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in local
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module, id(node) not in local


def _files(folder: Path):
    return [pytest.param(path, id=str(path.relative_to(folder))) for path in sorted(folder.rglob("*.py"))]


@pytest.mark.parametrize("path", _files(FRAMEWORK))
def test_the_framework_never_imports_a_plugin(path):
    names = {name.partition(".")[0] for name, _ in _imports(path)}
    assert "isacfw_plugins" not in names
    # Certificates of infeasibility are semidefinite programs; the solver is imported where one is solved.
    late = {"clarabel"} if path.name in ("conic.py", "region.py") else set()
    assert names & SOLVERS == late
    assert not SOLVERS & {name.partition(".")[0] for name, top_level in _imports(path) if top_level}


@pytest.mark.parametrize("path", _files(PLUGINS))
def test_a_built_in_part_imports_what_a_third_party_s_could(path):
    for name, top_level in _imports(path):
        top = name.partition(".")[0]
        allowed = {"isacfw", "numpy", "attrs", "scipy", *sys.stdlib_module_names}
        # A private module is itself imported in a function only, as the test of what a comparison imports shows.
        late = not top_level or re.fullmatch(r"_[a-z]\w*\.py", path.name)
        assert top in allowed or (top in SOLVERS | OPTIONAL and late), name
        assert "._" not in name, name


def test_every_built_in_module_is_loaded_or_private():
    files = {
        path.relative_to(PLUGINS.parent).with_suffix("")
        for path in PLUGINS.rglob("*.py")
        if not path.name.startswith("_")
    }
    assert {".".join(path.parts) for path in files} == set(BUILT_INS)


PUBLIC = [
    name
    for name in isacfw.__all__
    if inspect.isfunction(getattr(isacfw, name)) or inspect.isclass(getattr(isacfw, name))
]


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_says_what_it_is(name):
    thing = getattr(isacfw, name)
    doc = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    assert doc
    first = doc.strip().splitlines()[0]
    assert first.endswith((".", "?", ":")), first
    if inspect.isclass(thing):
        for key, member in vars(thing).items():
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if not key.startswith("_") and inspect.isfunction(function):
                assert inspect.getdoc(getattr(thing, key)), f"{name}.{key}"


def test_every_hook_says_what_it_is():
    hooks = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "isacfw_spec")}
    assert {
        "register_arrays",
        "register_channels",
        "register_precoders",
        "register_beams",
        "register_metrics",
        "register_allocators",
        "register_scenarios",
        "allocation_started",
        "allocation_finished",
    } <= set(hooks)
    for name, hook in hooks.items():
        assert len(inspect.getdoc(hook) or "") > 20, name


def _described(cls: type) -> set[str]:
    """Return the names that the sections Parameters and Attributes of a class and its bases describe."""
    names: set[str] = set()
    for base in cls.__mro__:
        for line in inspect.cleandoc(vars(base).get("__doc__") or "").splitlines():
            if match := re.fullmatch(r"([a-z]\w*(?:, \w+)*) : .+", line):
                names |= {name.strip() for name in match[1].split(",")}
    return names


ATTRS_CLASSES = [getattr(isacfw, name) for name in PUBLIC if attrs.has(getattr(isacfw, name))]
ATTRS_CLASSES += [part.cls for part in isacfw.PluginHost(discover=False).parts()]


@pytest.mark.parametrize("cls", ATTRS_CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_is_described(cls):
    fields = {field.name for field in attrs.fields(cls) if not field.name.startswith("_")}
    assert fields <= _described(cls)


@pytest.mark.parametrize("cls", ATTRS_CLASSES, ids=lambda cls: cls.__name__)
def test_every_part_is_abstract_or_final_and_frozen(cls):
    assert (
        inspect.isabstract(cls)
        or getattr(cls, "__final__", False)
        or not issubclass(cls, isacfw.Part)
        or (cls in (isacfw.Part, isacfw.LabelledPart))
    )
    assert cls.__setattr__ is not object.__setattr__
