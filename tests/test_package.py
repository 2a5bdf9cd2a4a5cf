"""The wheel and the sdist: the same bytes every time, and what is in them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hatchling.builders.plugin.interface import BuilderInterface
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
TOP = {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "noxfile.py", "pyproject.toml"}


def tracked() -> set[str]:
    """Return the files that the repository keeps."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        pytest.skip("it is not a repository")
    return set(done.stdout.splitlines())


def built(builder: type[BuilderInterface], folder: Path) -> Path:
    (path,) = builder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(path)


@pytest.mark.parametrize("builder", [WheelBuilder, SdistBuilder], ids=["wheel", "sdist"])
def test_two_builds_have_the_same_bytes(builder: type[BuilderInterface], tmp_path: Path) -> None:
    digests = [hashlib.sha256(built(builder, tmp_path / name).read_bytes()).digest() for name in ("a", "b")]
    assert digests[0] == digests[1]


def test_wheel_has_both_packages_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(built(WheelBuilder, tmp_path)) as wheel:
        names = set(wheel.namelist())
    own = {name for name in names if ".dist-info/" not in name}
    expected = {name for name in tracked() if name.startswith("isacfw/")}
    plugins = "plugins/isacfw_plugins/"
    expected |= {name.removeprefix("plugins/") for name in tracked() if name.startswith(plugins)}
    assert own == expected
    assert {PurePosixPath(name).name for name in names - own} >= {
        "METADATA",
        "RECORD",
        "entry_points.txt",
        "LICENSE",
    }


def test_sdist_has_what_the_repository_keeps_but_for_its_own_tools(tmp_path: Path) -> None:
    with tarfile.open(built(SdistBuilder, tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    own = {name for name in tracked() if not name.startswith(".ci/")}
    assert names - {"PKG-INFO"} == own
    assert {name for name in names if "/" not in name} - {"PKG-INFO", ".gitignore"} == TOP


def test_every_minor_version_that_is_tested_is_a_classifier() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = {one.rpartition(" ")[2] for one in project["classifiers"] if one.startswith("Programming Language")}
    session = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert {one for one in stated if "." in one} == set(re.findall(r'"(3\.\d+)"', session))
    assert project["requires-python"] == ">=3.11"
