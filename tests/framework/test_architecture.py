"""The house: imports point down and close no circle, plugins use public modules, and every kind is complete."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import isacfw
from isacfw._moved import FORMER, RENAMED
from isacfw.cli.templates import NEW_KINDS
from isacfw.host import hookspecs
from isacfw.host.kinds import KINDS
from isacfw.study.observers import OBSERVER_HOOKS

ROOT = Path(isacfw.__file__).parents[1]
PACKAGE = ROOT / "isacfw"
FLOORS = {
    "base": 1,
    "signal": 2,
    "sensing": 3,
    "allocation": 4,
    "scenario": 5,
    "beamforming": 5,
    "results": 6,
    "host": 6,
    "simulation": 6,
    "report": 7,
    "config": 7,
    "study": 8,
    "testing": 8,
    "cli": 9,
}
TOP = 10
"""Floor of the modules of the package itself, which gather public names."""
VALIDATORS = 2
"""Floor of isacfw.validators, the public name of a module of the first floor."""
PUBLIC = {"isacfw", "isacfw.validators", "isacfw.simulation", "isacfw.testing"}
BY_NAME = {"import_module", "__import__", "resolve_name"}
"""Functions that import a module by its name."""
LONGEST_CHAIN, MOST_PACKAGES = 23, 9
LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.AST, name: str, *, package: bool) -> Iterator[str]:
    """Yield all modules of isacfw that a module imports: at run time, late, or for typing."""
    home = name.split(".") if package else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "isacfw")
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module.split(".") if node.module else [])])
            if source.partition(".")[0] == "isacfw":
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    yield inner if inner in MODULES else source
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and str(argument.value).startswith((".", "isacfw")):
                    relative = str(argument.value)
                    level = len(relative) - len(relative.lstrip("."))
                    base = home[: len(home) - level + 1] if level else []
                    yield ".".join([*base, relative.lstrip(".")])


@cache
def graph() -> dict[str, set[str]]:
    found = {}
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[name] = set(imported(tree, name, package=path.name == "__init__.py")) - {name}
    return found


def is_room(name: str) -> bool:
    """Return whether a module is no package's __init__."""
    return MODULES[name].name != "__init__.py"


def package_of(name: str) -> str:
    return name.split(".")[1] if name.count(".") else ""


def floor_of(name: str) -> int:
    if name == "isacfw.validators":
        return VALIDATORS
    return FLOORS.get(package_of(name), TOP)


def test_every_package_has_a_floor():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] != "_"} == set(FLOORS)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_point_down(name):
    for other in graph()[name]:
        assert other in MODULES, f"{name} imports {other}, which does not exist"
        inside = package_of(other) == package_of(name) and package_of(name) in FLOORS
        if floor_of(name) < TOP:
            assert inside or floor_of(other) < floor_of(name), f"{name} imports {other}, which is not below it"


def chains() -> dict[str, list[str]]:
    """Return the longest chain of imports from each module down, without the __init__ of packages.

    Raises
    ------
    AssertionError
        If imports close a circle.
    """
    found: dict[str, list[str]] = {}

    def follow(name: str, above: tuple[str, ...]) -> list[str]:
        assert name not in above, " imports ".join([*above[above.index(name) :], name])
        if name not in found:
            below = [follow(other, (*above, name)) for other in sorted(graph()[name]) if is_room(other)]
            found[name] = [name, *max(below, key=len, default=[])]
        return found[name]

    for name in MODULES:
        if is_room(name):
            follow(name, ())
    return found


def test_imports_close_no_circle_and_form_short_chains():
    longest = max(chains().values(), key=len)
    assert len(longest) <= LONGEST_CHAIN, longest
    for chain in chains().values():
        assert len({package_of(name) for name in chain} - {""}) <= MOST_PACKAGES, chain


def test_a_circle_and_an_upward_import_would_be_found(monkeypatch):
    plain = {name: set(others) for name, others in graph().items()}
    plain["isacfw.base.part"].add("isacfw.signal.array")
    monkeypatch.setattr(sys.modules[__name__], "graph", lambda: plain)
    with pytest.raises(AssertionError, match="not below it"):
        test_imports_point_down("isacfw.base.part")
    with pytest.raises(AssertionError, match=r"base\.part imports isacfw\.signal\.array"):
        chains()


def sources() -> Iterator[tuple[str, str]]:
    """Yield name and text of all that uses isacfw from outside: plugins, examples, and blocks of the pages."""
    for folder in ("plugins", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        blocks = re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        for number, block in enumerate(blocks):
            yield f"{path.relative_to(ROOT)}-{number}", block
    from isacfw.cli.new import source

    for kind in NEW_KINDS:
        yield f"isacfw new {kind}", source(kind, "mine")


@pytest.mark.parametrize(("where", "text"), [pytest.param(*one, id=one[0]) for one in sources()])
def test_what_is_outside_imports_public_modules_only(where, text):
    tree = ast.parse(text)
    assert set(imported(tree, "outside", package=False)) <= PUBLIC
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "isacfw":
            assert {alias.name for alias in node.names} <= {*isacfw.__all__, "__version__", *dir(isacfw)}
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "isacfw":
            assert node.attr in dir(isacfw), f"isacfw.{node.attr}"


@pytest.mark.parametrize(
    "statement",
    [
        "from isacfw.signal.array import Array",
        "from ..signal import array",
        "from .. import signal",
        "def late():\n    from ..signal.array import Array",
        "if TYPE_CHECKING:\n    from ..signal.array import Array",
        "importlib.import_module('isacfw.signal.array')",
        "import_module('..signal.array', __package__)",
    ],
)
def test_every_way_of_importing_is_seen(statement):
    found = set(imported(ast.parse(statement), "isacfw.base.part", package=False))
    assert {name for name in found if name.startswith("isacfw.signal")}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_and_functions_are_short(name):
    text = MODULES[name].read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = 0
            if ast.get_docstring(node) is not None:
                docstring = node.body[0].end_lineno - node.body[0].lineno + 1
            length = node.end_lineno - node.lineno + 1 - docstring
            assert length <= LONGEST_FUNCTION, f"{node.name}: {length} lines"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_complete_and_has_one_name(kind):
    cls = KINDS[kind]
    assert cls.__name__ == kind.capitalize()
    assert cls.__module__.rpartition(".")[2] == kind
    assert getattr(isacfw, cls.__name__) is cls
    hook = getattr(hookspecs, f"register_{kind}s")
    assert cls.__name__ in str(inspect.signature(hook).return_annotation)
    assert (PACKAGE / "testing" / f"{kind}s.py").is_file()
    assert kind in NEW_KINDS
    assert (ROOT / "docs" / "extending" / f"{kind}.md").is_file()


def test_the_public_names_and_nothing_else_are_shown():
    assert sorted(name for name in dir(isacfw) if not name.startswith("__")) == sorted(
        [*isacfw.__all__, "simulation", "testing", "validators"]
    )
    program = "import isacfw, isacfw.signal.array; print(*dir(isacfw))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == sorted(dir(isacfw))


def test_the_public_modules_are_attributes():
    program = "import isacfw; print(isacfw.validators.integer, isacfw.simulation.symbols, isacfw.testing.Check)"
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


@pytest.mark.parametrize("name", FORMER)
def test_a_former_module_can_be_imported_with_a_warning(name):
    sys.modules.pop(f"isacfw.{name}", None)
    with pytest.warns(DeprecationWarning, match="has moved"):
        former = importlib.import_module(f"isacfw.{name}")
    for home in FORMER[name]:
        present = importlib.import_module(f"isacfw.{home}")
        for each, value in vars(present).items():
            if not each.startswith("_") and getattr(value, "__module__", None) == present.__name__:
                assert getattr(former, each) is value
                assert each in former.__all__
    for each, present_name in RENAMED.get(name, {}).items():
        assert getattr(former, each).__name__ == present_name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        former.nothing  # noqa: B018


def test_other_former_names_are_usable_with_a_warning(scenario_file):
    scenario = isacfw.load_scenario(scenario_file()).scenario
    with pytest.warns(DeprecationWarning, match="isacfw.Figure"):
        assert isacfw.FigureRecipe is isacfw.Figure
    # As in a process that has not imported it before.
    sys.modules.pop("isacfw.array", None)
    vars(isacfw).pop("array", None)
    with pytest.warns(DeprecationWarning, match="has moved"):
        assert isacfw.array.Array is isacfw.Array
    with pytest.warns(DeprecationWarning, match="to_toml"):
        assert scenario.to_toml() == isacfw.to_toml(scenario)
    problem = scenario.problem(scenario.precoders[0])
    with pytest.warns(DeprecationWarning, match="with_drops"):
        assert problem.over(problem.batch_shape[-1]).batch_shape == problem.batch_shape
    with pytest.warns(DeprecationWarning, match="without_cache"):
        assert problem.unsolved().batch_shape == problem.batch_shape
    with pytest.warns(DeprecationWarning, match="allow_empty"):
        isacfw.validators.each(isacfw.validators.text, or_none=True)


def test_packages_that_were_modules_have_their_functions():
    program = (
        "from isacfw.study import compare; from isacfw.config import load_scenario, structure, to_toml;"
        " from isacfw.cli import main, run; from isacfw.scenario import Scenario;"
        " from isacfw.report import mean_and_interval;"
        " assert callable(structure) and callable(main) and callable(run) and callable(mean_and_interval);"
        " assert callable(compare) and callable(load_scenario) and callable(to_toml) and callable(Scenario)"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


def test_observers_of_a_study_are_the_hooks_that_register_nothing():
    hooks = {name for name, value in vars(hookspecs).items() if hasattr(value, "isacfw_spec")}
    assert {name for name in hooks if not name.startswith("register_")} == set(OBSERVER_HOOKS)
